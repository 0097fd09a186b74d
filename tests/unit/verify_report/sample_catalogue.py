# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items, facts and controls of the made-up estate: enough of each to look like a working day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# A line of the file: control, title, severity, frequency, owner, method, claim, observed, expected, facts, kind.
_LINES = (Path(__file__).parent / "sample_controls.jsonl").read_text(encoding="utf-8").splitlines()
CONTROLS: list[list[Any]] = [json.loads(line) for line in _LINES]
for number in range(1, 42):
    name = f"EFFICIENCY-{number:02d}" if number < 6 else f"SECURITY-{number:02d}"
    about = [f"Setting {number} of the baseline holds", "medium", "daily", "security", "test"]
    CONTROLS.append([name, *about, f"{{s}} keeps setting {number}", number, number, "sysctl", "host"])
GAPS = [
    (
        "COMMS-01",
        "Incidents are announced in time",
        "operations",
        "No system of record for announcements is connected.",
    ),
    ("BREACH-01", "A breach is declared in time", "security", "Proved by a game day, which is due in January."),
    ("RELEASE-03", "Releases are announced to customers", "release", "The mailing system has no export."),
]
COMMANDS = {
    "packages": "dpkg-query -W -f '${Package} ${Version}\\n'",
    "apt": "apt-get --simulate --no-download dist-upgrade",
    "kernel": "uname -r",
    "sysctl": "sysctl -a",
    "sshd": "sshd -T",
    "mounts": "df --output=source,size,used,pcent,target -x tmpfs",
    "sockets": "ss -Hltnup",
    "firewall": "nft list ruleset",
    "accounts": "getent passwd",
    "keys": "cat /etc/ssh/authorized_keys.d/*",
    "sudoers": "cat /etc/sudoers.d/*",
    "certificates": "openssl x509 -noout -enddate",
    "journal": "journalctl -k --since -24h -o short-iso",
    "clock": "chronyc -c tracking",
    "timers": "systemctl list-timers --all",
    "targets": "GET /api/v1/targets",
    "rules": "GET /api/v1/rules",
    "retention": "GET /api/v1/status/flags",
    "alerts": "GET /api/v2/alerts",
    "probes": "GET /api/v1/query?query=avg_over_time(probe_success[30d])",
}
REMEDIES = {
    "INFRA-02": ("Install the pending security updates in the next window, one host at a time.", "site", ["base"]),
    "ACCESS-01": ("Apply the settings of sshd; an open session stays open.", "site", ["base"]),
    "MORNING-03": ("Run the backup that is missing, then read why it was missed.", "backup", []),
    "SECURITY-01": ("Renew the certificate and reload what serves it.", "site", ["haproxy"]),
}
