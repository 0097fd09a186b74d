# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that talks to podman: right settings for this machine, clear errors, parallel work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from ._console import LabError, LabRefused
from ._estate import LABEL, Estate

T = TypeVar("T")
R = TypeVar("R")

MINIMUM_FREE_BYTES = 6 * 1000**3
# More at once only makes the two cores of a small machine fight.
WORKERS = 6

# With cgroup version 1 (also in hybrid mode) crun cannot hand systemd its hierarchy; runc with cgroupfs can.
CGROUP1_CONF = """[containers]
default_ulimits = []
[engine]
runtime = "runc"
events_logger = "file"
cgroup_manager = "cgroupfs"
"""

# Without a running systemd nobody answers podman's wish for a scope.
NO_SYSTEMD_CONF = """[containers]
default_ulimits = []
[engine]
events_logger = "file"
cgroup_manager = "cgroupfs"
"""

REQUIRED_PROGRAMS = {
    "podman": "podman",
    "nft": "nftables",
    "iptables": "iptables",  # netavark calls it, but its package does not ask for it
    "mmdebstrap": "mmdebstrap",
    "openssl": "openssl",
    "ssh-keygen": "openssh-client",
    "ip": "iproute2",
}


def cgroup_version() -> int:
    """Return 2 on a unified hierarchy, else 1 (hybrid counts as 1: the controllers are there)."""
    return 2 if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 1


def own_settings() -> str:
    """Return the containers.conf this machine needs, empty where podman's own settings do."""
    if cgroup_version() == 1:
        return CGROUP1_CONF
    return "" if Path("/run/systemd/system").exists() else NO_SYSTEMD_CONF


def check_machine(*, programs: Iterable[str] = tuple(REQUIRED_PROGRAMS)) -> None:
    """Refuse a machine that cannot carry the lab.

    Raises: LabRefused naming what is missing and the mend.
    """
    wanted = list(programs)
    if cgroup_version() == 1 and "podman" in wanted and not shutil.which("runc"):
        raise LabRefused(
            "This machine has cgroup version 1, where systemd containers need runc; run: apt-get install runc"
        )
    missing = [name for name in wanted if not shutil.which(name)]
    if missing:
        packages = " ".join(sorted({REQUIRED_PROGRAMS[name] for name in missing}))
        raise LabRefused(
            f"The lab needs {', '.join(missing)}, not found on this machine; run: apt-get install {packages}"
        )
    if os.geteuid() != 0:
        raise LabRefused(
            "Rootless podman cannot give hosts fixed addresses and cut links; run the lab as root or through sudo."
        )


def check_disk(*paths: Path) -> None:
    """Refuse when one of the paths has less than 6 GB left.

    Raises: LabRefused with the figures.
    """
    for path in paths:
        existing = next(parent for parent in (path, *path.parents) if parent.exists())
        free = shutil.disk_usage(existing).free
        if free < MINIMUM_FREE_BYTES:
            raise LabRefused(f"Only {free / 1000**3:.1f} GB are free at {existing}; make room, the lab needs 6 GB.")


def foreign(prefix: str, root: str) -> str:
    """Return why a lab of another checkout is left alone, and how to be rid of it when that checkout is gone."""
    if Path(root).exists():
        return f"The lab '{prefix}' belongs to the checkout {root}; use another --prefix."
    hosts = f"$(podman ps --all --quiet --filter label={LABEL}={prefix})"
    return (
        f"The lab '{prefix}' belongs to the checkout {root}, which is gone; use another --prefix, or remove its hosts "
        f"with: podman rm --force {hosts}"
    )


class Podman:
    """Runs podman with the settings this machine needs.

    Raises from every method: LabError with the last line podman printed.
    """

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.environment = dict(os.environ)
        if text := own_settings():
            self.environment["CONTAINERS_CONF"] = str(self._own_configuration(text))

    def _own_configuration(self, text: str) -> Path:
        path = self.estate.state.parent / "containers.conf"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as handle:
                handle.write(text)
            Path(handle.name).replace(path)
        return path

    def try_run(
        self, *arguments: str, data: bytes | None = None, timeout: float = 600
    ) -> subprocess.CompletedProcess[bytes]:
        """Run podman and return the completed process whatever its exit code."""
        command = ["podman", *arguments]
        try:
            return subprocess.run(
                command, input=data, capture_output=True, timeout=timeout, check=False, env=self.environment
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(
                f"podman {arguments[0]} did not finish within {timeout:.0f} s; look at: podman ps -a"
            ) from error

    def run(self, *arguments: str, data: bytes | None = None, timeout: float = 600) -> str:
        """Run podman, insist on success and return its standard output."""
        done = self.try_run(*arguments, data=data, timeout=timeout)
        if done.returncode != 0:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
            raise LabError(f"podman {' '.join(arguments[:2])} failed: {lines[-1].removeprefix('Error: ')}")
        return done.stdout.decode(errors="replace")

    def execute(self, host: str, *command: str, data: bytes | None = None, timeout: float = 600) -> str:
        """Run a command as root on a host, insist on success and return its standard output.

        Raises: LabError naming the host, the command and the last line it printed.
        """
        flags = ["-i"] if data is not None else []
        done = self.try_run("exec", *flags, self.estate.container(host), *command, data=data, timeout=timeout)
        if done.returncode != 0:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
            raise LabError(f"On {host}, {command[0]} failed: {lines[-1]}")
        return done.stdout.decode(errors="replace")

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return the containers of this lab by host name, as podman lists them.

        Raises: LabRefused when another checkout made them: it alone knows their keys and their faults.
        """
        output = self.run("ps", "--all", "--filter", f"label={LABEL}={self.estate.prefix}", "--format", "json")
        found: dict[str, dict[str, Any]] = {}
        for entry in json.loads(output or "[]"):
            root = entry["Labels"].get(f"{LABEL}.root", "")
            if root != str(self.estate.root):
                raise LabRefused(foreign(self.estate.prefix, root))
            found[entry["Labels"][f"{LABEL}.host"]] = entry
        return found

    def states(self) -> dict[str, str]:
        """Return running, paused, exited, created ... by host name."""
        return {host: str(entry["State"]) for host, entry in self.containers().items()}

    def init_pid(self, host: str) -> int:
        """Return the process id of a host's init as this machine sees it, 0 when it is off."""
        return int(self.run("inspect", "--format", "{{.State.Pid}}", self.estate.container(host)))


def in_parallel(work: Callable[[T], R], items: Sequence[T], *, workers: int = WORKERS) -> list[R]:
    """Do the same work for all items at once; results keep the order of the items.

    Raises: LabError joining the messages of all failures, after every item has ended.
    """
    errors: list[str] = []
    results: list[R] = []
    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(items)))) as pool:
        for future in [pool.submit(work, item) for item in items]:
            try:
                results.append(future.result())
            except LabError as error:
                errors.append(str(error))
    if errors:
        raise LabError("; ".join(dict.fromkeys(errors)))
    return results
