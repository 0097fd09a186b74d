# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts on the client, outside the estate, who is told of alerts: a small service that keeps every message.

It stands in for the pager of people and for the system that notices when the dead-man's switch falls silent. What it
took lies on that host in /var/lib/lab-receiver/people.jsonl and deadman.jsonl.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from ._estate import OUTSIDE, Estate, hosts_of
from ._podman import Podman

PROGRAM = Path(__file__).resolve().parent / "_alert_receiver.py"
PORT = 9095
UNIT = "lab-receiver.service"
UNIT_TEXT = f"""# Written by the lab.
[Unit]
Description=Receiver of alerts, outside the estate
After=network.target

[Service]
ExecStart=/usr/bin/python3 -B /usr/local/lib/lab-receiver.py {PORT} /var/lib/lab-receiver
DynamicUser=yes
StateDirectory=lab-receiver
ProtectSystem=strict
ProtectHome=yes
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


def host() -> str:
    """Return the host that carries it."""
    return hosts_of(OUTSIDE)[0]


def url(name: str) -> str:
    """Return the address that takes messages of a name: people or deadman."""
    return f"http://{host()}:{PORT}/{name}"


def files() -> bytes:
    """Return a tar file with the program and its unit."""
    wanted = {
        "usr/local/lib/lab-receiver.py": PROGRAM.read_bytes(),
        f"etc/systemd/system/{UNIT}": UNIT_TEXT.encode(),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in wanted.items():
            member = tarfile.TarInfo(name)
            member.mode, member.size = 0o644, len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def ensure(podman: Podman, estate: Estate) -> None:
    """Bring the running client's receiver to what stands here; it is started anew only when that differs.

    Raises: LabError with what podman said.
    """
    container = estate.container(host())
    present = podman.try_run("exec", container, "cat", "/usr/local/lib/lab-receiver.py", f"/etc/systemd/system/{UNIT}")
    if present.stdout != PROGRAM.read_bytes() + UNIT_TEXT.encode():
        podman.run("cp", "--archive=false", "-", f"{container}:/", data=files())
        podman.run("exec", container, "systemctl", "daemon-reload")
        podman.run("exec", container, "systemctl", "restart", UNIT)
    podman.run("exec", container, "systemctl", "enable", "--now", "--quiet", UNIT)
