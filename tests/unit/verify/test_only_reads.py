# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a user's test is sent to a host: everything testinfra asks, and nothing that could change the host."""

from __future__ import annotations

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._only_reads import refusal

READS = [
    "uname -s",
    "command -v systemctl",
    "test -e /etc/passwd",
    "stat -c %U /etc/passwd",
    "cat -- /etc/os-release",
    "cat /etc/os-release | grep ^ID= | cut -d= -f2",
    "grep -qs -- root /etc/passwd",
    "dpkg-query -f '${Status} ${Version}' -W openssh-server",
    "systemctl is-active ssh",
    "systemctl is-enabled ssh 2>/dev/null",
    "ss --numeric --listening --tcp",
    "getent passwd root",
    "ps -A -o pid,comm",
    "/sbin/sysctl -n kernel.pid_max",
    "readlink -f /bin/sh",
    "LC_ALL=C ls -1 /etc",
    "(test -d /proc && echo yes) || echo no",
    "python3 -c 'import locale;print(locale.getpreferredencoding())'",
    "find /etc -name '*.conf' -newer /etc/passwd",
    "ip addr show",
    "ip a",
    "nft list ruleset",
    "openssl x509 -in /etc/ssl/x.pem -noout -enddate",
    "date +%s",
    "echo '$(touch /x)'",
    "journalctl -u ssh --no-pager -n 5",
    "iptables -S",
    "sort /etc/passwd | uniq -c",
    "sort -rn -k2 -t: /etc/passwd",
    "ss -tulnp",
    "dmesg -T",
    "nft -j list ruleset",
    """echo "it's" 'and $(nothing)'""",
]

CHANGES = [
    "",
    "rm -rf /",
    "touch /x",
    "echo x > /etc/motd",
    "echo x >> /etc/motd",
    "cat /etc/passwd | tee /x",
    "echo $(touch /x)",
    "echo `touch /x`",
    'echo "$(touch /x)"',
    # An apostrophe between double quotes opens nothing, so what follows it is no text.
    """echo "it's $(touch /x) it's" """,
    """echo "it's" `touch /x` "it's" """,
    r"echo \'$(touch /x)\'",
    "sort -uo /x /etc/passwd",
    "sort --outpu=/x /etc/passwd",
    "dmesg -Tc",
    "ss -tK dst 10.0.0.1",
    "nft -jf/tmp/x list ruleset",
    "true; touch /x",
    "true && touch /x",
    "true\ntouch /x",
    "sleep 9 & true",
    "sudo cat /etc/shadow",
    "sh -c 'touch /x'",
    "env touch /x",
    "systemctl restart ssh",
    "systemctl --user daemon-reload",
    "find / -delete",
    "find / -exec touch {} +",
    "find / -fprintf /x %p",
    "sysctl -w vm.swappiness=1",
    "sysctl vm.swappiness=1",
    "sysctl --system",
    "sed -i s/a/b/ /etc/motd",
    "awk 'BEGIN{system(\"touch /x\")}'",
    "ip link set eth0 down",
    "ip a a 10.0.0.1/8 dev eth0",
    "ip addr del 10.0.0.1/8 dev eth0",
    "ip -batch /tmp/x",
    "ip netns exec x touch /x",
    "ss -K dst 10.0.0.1",
    "date 010100002026",
    "date -s 2020-01-01",
    "hostname other",
    "mount -o remount,rw /",
    "nft flush ruleset",
    "nft -f /tmp/x list ruleset",
    "iptables -L -Z",
    "iptables -F",
    "openssl x509 -in a -out b",
    "openssl enc -in a",
    "sort -o /x /etc/passwd",
    "sort --output=/x /etc/passwd",
    "uniq /etc/passwd /x",
    "journalctl --vacuum-time=1s",
    "journalctl --cursor-file=/x",
    "rpm -q --pipe 'touch /x' bash",
    "rpm -e bash",
    "apt install x",
    "apt list -o Dir::Cache=/x",
    "dpkg -i x.deb",
    "crontab -r",
    "dmesg -C",
    "docker run x",
    "service ssh restart",
    "/tmp/cat /etc/passwd",
    "./cat /etc/passwd",
    "PATH=/tmp cat /etc/passwd",
    "$SHELL -c x",
    "python3 -c 'import os'",
    "curl http://x",
    "if true; then touch /x; fi",
    "cat <<E\nx\nE",
    "cat <(touch /x)",
    "echo 'unclosed",
    "cat /etc/passwd >| /x",
    "cat /etc/passwd &> /x",
    "echo ${X:=1}",
]


@pytest.mark.parametrize("command", READS)
def test_what_reads_is_sent(command: str) -> None:
    assert refusal(command) is None


@pytest.mark.parametrize("command", CHANGES)
def test_what_may_change_something_is_refused_in_words(command: str) -> None:
    why = refusal(command)
    assert why is not None
    assert len(why.split()) >= 2
