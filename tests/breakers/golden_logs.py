# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Central logs of the green world, as the host that receives them shows them."""

from __future__ import annotations

from _world import DAY, MINUTE, NOW, World, golden

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc

STORE = "/var/log/remote"


def newest(host: str, ago: float) -> str:
    """Return what ``tail -v`` prints of a host's logs of sshd and sudo, whose newest lines are so many seconds old."""
    stamp = _utc.iso_ms(_utc.from_epoch(NOW - ago)).replace("Z", "000+00:00")
    said = "Accepted publickey for verify from 192.0.2.9 port 50122 ssh2: ED25519 SHA256:9pB"
    became = "verify : PWD=/var/lib/verify ; USER=root ; COMMAND=/usr/sbin/sshd -T"
    return (
        f"==> {STORE}/{host}/sshd.log <==\n{stamp} {host} sshd[4711]: {said}\n\n"
        f"==> {STORE}/{host}/sudo.log <==\n{stamp} {host} sudo[4712]:   {became}\n"
    )


def arrives(world: World, host: str, program: str, line: str) -> None:
    """Let a line that a program of a host logged be the newest of its file on the host that receives it."""
    shown = world.body("mon1", "central_logs")
    world.set("mon1", "central_logs", f"{shown}\n==> {STORE}/{host}/{program}.log <==\n{line}\n")


@golden
def central(world: World) -> None:
    """The newest line of each host, left by our own visit, and its files of the last 90 days."""
    world.set("mon1", "central_logs", "\n".join(newest(host, MINUTE - 1) for host in world.hosts))
    lines = [f"{NOW - 30:.4f} 20480 {STORE}/{host}/sshd.log" for host in world.hosts]
    for host in world.hosts:
        for back in range(1, 90):
            ended = NOW - back * DAY
            day = _utc.from_epoch(ended).strftime("%Y%m%d")
            lines.append(f"{ended:.4f} 4096 {STORE}/{host}/sshd.log-{day}.gz")
    world.set("mon1", "central_log_files", "\n".join(lines) + "\n")
