# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power switch of each host: off like pulling the plug, on with the same address, and the proof of both."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from . import _network
from ._console import LabError
from ._estate import Estate
from ._lifecycle import forget_connections
from ._podman import Podman, in_parallel

OFF_SECONDS = 20.0
POLL_SECONDS = 0.05


def processes_of(init: int) -> list[int]:
    """Return all processes in the process-id namespace of a host's init, as this machine numbers them."""
    try:
        namespace = Path(f"/proc/{init}/ns/pid").readlink()
    except OSError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "ns" / "pid").readlink() == namespace:
                found.append(int(entry.name))
        except OSError:
            continue  # it ended while we looked
    return found


def power_off(podman: Podman, estate: Estate, host: str) -> bool:
    """Take the power from a host and return whether it was on; ends only when the host is proved off.

    A frozen host is killed before it is thawed: no instruction of it runs again.
    Raises: LabError when the host still runs after 20 s.
    """
    state = podman.states().get(host)
    if state is None:
        raise LabError(f"The host {host} does not exist in the lab '{estate.prefix}'; build it with: lab up")
    if state not in ("running", "paused"):
        return False
    init = podman.init_pid(host)
    if state == "paused":
        for process in processes_of(init):
            os.kill(process, signal.SIGKILL)
        podman.try_run("unpause", estate.container(host))
    podman.try_run("kill", "--signal", "KILL", estate.container(host))
    deadline = time.monotonic() + OFF_SECONDS
    while Path(f"/proc/{init}").exists() or podman.states().get(host) in ("running", "paused"):
        if time.monotonic() > deadline:
            raise LabError(f"{host} is still on {OFF_SECONDS:.0f} s after its power was cut; look with: podman ps -a")
        time.sleep(POLL_SECONDS)
    return True


def power_on(podman: Podman, estate: Estate, host: str) -> bool:
    """Give a host its power back and return whether it was off.

    Raises: LabError when podman cannot start it.
    """
    state = podman.states().get(host)
    if state == "running":
        return False
    if state is None:
        raise LabError(f"The host {host} does not exist in the lab '{estate.prefix}'; build it with: lab up")
    if state == "paused":
        podman.run("unpause", estate.container(host))
        return True
    forget_connections(estate, [host])
    podman.run("start", estate.container(host))
    _network.pin_bridges(estate)
    return True


def power_status(podman: Podman, host: str) -> str:
    """Return 'on' or 'off'; a frozen host still has power and is on."""
    return "on" if podman.states().get(host) in ("running", "paused") else "off"


def kill_hosts(podman: Podman, estate: Estate, hosts: Sequence[str]) -> list[str]:
    """Take the power from several hosts at once and return those that were on."""
    were_on = in_parallel(lambda host: power_off(podman, estate, host), hosts)
    return [host for host, was_on in zip(hosts, were_on, strict=True) if was_on]
