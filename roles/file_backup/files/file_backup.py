#!/usr/bin/python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up the files of this host with restic: `backup`, `ensure` (the first one only), `prove` (restore and compare),
`list` (print the backups as JSON; changes nothing, neither here nor in the repository) or `sizes` (print what the
newest backup takes, restored and in the repository).

Each backup writes a line of its own into a probe file first, and `prove` restores that file from the newest backup:
what comes back must be what the last backup saved.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SETTINGS = Path("/etc/ccobservatory/file_backup/settings.json")
PROBE = Path("/var/lib/ccobservatory/file_backup/probe")
LOCK = Path("/run/file_backup.lock")
METRICS = Path("/var/lib/prometheus/node-exporter/file_backup.prom")
_NO_REPOSITORY = "Is there a repository at the following location?"


class Failed(Exception):
    """A step failed; the message says which and what restic said."""


class Restic:
    """Runs restic on the repository of this host."""

    def __init__(self, settings: dict[str, Any], *options: str) -> None:
        self._settings = settings
        self._options = options
        self.host = socket.gethostname()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command of restic and return how it ended. Raises OSError."""
        base = ["restic", "--quiet", *self._options, "-o", f"sftp.command={self._settings['sftp_command']}"]
        environment = os.environ | {
            "RESTIC_REPOSITORY": self._settings["repository"],
            "RESTIC_PASSWORD_FILE": self._settings["password_file"],
            "RESTIC_CACHE_DIR": "/var/cache/restic",
        }
        return subprocess.run([*base, *arguments], env=environment, capture_output=True, text=True, check=False)

    def must(self, *arguments: str) -> str:
        """Run one command and return what it printed. Raises Failed."""
        ended = self.run(*arguments)
        if ended.returncode != 0:
            raise Failed(f"restic {arguments[0]} ended with {ended.returncode}: {_last_line(ended.stderr)}")
        return ended.stdout

    def snapshots(self) -> list[dict[str, Any]] | None:
        """Return the backups of this host, oldest first, or None when there is no repository yet. Raises Failed."""
        ended = self.run("snapshots", "--json", "--host", self.host)
        if ended.returncode == 0:
            return list(json.loads(ended.stdout) or [])
        if _NO_REPOSITORY in ended.stderr:
            return None
        raise Failed(f"the repository does not answer: {_last_line(ended.stderr)}")


def backup(restic: Restic, settings: dict[str, Any]) -> str:
    """Save, forget what is no longer kept, and check the repository. Raises Failed, also for files left unread."""
    sources = [source for source in settings["sources"] if Path(source).exists()]
    if not sources:
        raise Failed("none of the sources exists on this host")
    PROBE.parent.mkdir(parents=True, exist_ok=True)
    PROBE.write_text(f"{restic.host} {time.time_ns()}\n", encoding="utf-8")
    excludes = [f"--exclude={pattern}" for pattern in settings["excludes"]]
    restic.must("unlock")
    restic.must("backup", f"--host={restic.host}", *excludes, *sources, str(PROBE))
    keep = [f"--keep-{period}={count}" for period, count in settings["keep"].items()]
    restic.must("forget", f"--host={restic.host}", "--group-by=host", "--prune", *keep)
    restic.must("check", f"--read-data-subset={settings['check_subset']}")
    return f"saved {', '.join(sources)}"


def ensure(restic: Restic, settings: dict[str, Any]) -> str:
    """Make the repository and the first backup where they are missing. Raises Failed."""
    snapshots = restic.snapshots()
    if snapshots is None:
        restic.must("init")
    if snapshots:
        return f"{len(snapshots)} backups exist"
    return "created: " + backup(restic, settings)


def prove(restic: Restic) -> str:
    """Restore the probe of the newest backup and compare it. Raises Failed."""
    snapshots = restic.snapshots()
    if not snapshots:
        raise Failed("there is no backup of this host")
    with tempfile.TemporaryDirectory(prefix="file_backup.") as target:
        restic.must("restore", snapshots[-1]["id"], "--include", str(PROBE), "--target", target)
        restored = Path(target, *PROBE.parts[1:])
        if not restored.exists() or restored.read_bytes() != PROBE.read_bytes():
            raise Failed(f"the probe of the backup {snapshots[-1]['short_id']} differs from what the last backup saved")
    return f"restored the probe of {snapshots[-1]['short_id']}, taken at {snapshots[-1]['time']}"


def listing(settings: dict[str, Any]) -> str:
    """Return the backups of this host, oldest first, as JSON, with where they lie. Raises Failed."""
    restic = Restic(settings, "--no-lock", "--no-cache")
    found = {"host": restic.host, "repository": settings["repository"], "sources": settings["sources"]}
    return json.dumps({**found, "snapshots": restic.snapshots()}, sort_keys=True)


def sizes(settings: dict[str, Any]) -> str:
    """Return what the newest backup takes, restored and, shared parts included, in the repository. Raises Failed."""
    restic = Restic(settings, "--no-lock")
    snapshots = restic.snapshots()
    if not snapshots:
        raise Failed("there is no backup of this host")
    newest = snapshots[-1]["id"]
    size, raw = (
        json.loads(restic.must("stats", "--json", "--mode", mode, newest))["total_size"]
        for mode in ("restore-size", "raw-data")
    )
    return json.dumps({"id": newest, "size_bytes": size, "repo_size_bytes": raw}, sort_keys=True)


def report(ok: bool, started: float) -> None:
    """Leave figures for the node exporter where there is one; the last success outlives a failure."""
    if not METRICS.parent.is_dir():
        return
    lines = [f"ops_file_backup_ok {int(ok)}", f"ops_file_backup_duration_seconds {time.time() - started:.0f}"]
    if ok:
        lines.append(f"ops_file_backup_last_success_timestamp_seconds {time.time():.0f}")
    elif METRICS.exists():
        lines += [line for line in METRICS.read_text(encoding="utf-8").splitlines() if "last_success" in line]
    handle, name = tempfile.mkstemp(dir=METRICS.parent, prefix=".file_backup.")
    with os.fdopen(handle, "w") as stream:
        stream.write("\n".join(lines) + "\n")
    Path(name).chmod(0o644)
    Path(name).replace(METRICS)


def act(action: str, settings: dict[str, Any]) -> str:
    """Carry one action out and return what came of it. Raises Failed, OSError or ValueError."""
    restic = Restic(settings)
    if action == "prove":
        return prove(restic)
    started = time.time()
    try:
        told = backup(restic, settings) if action == "backup" else ensure(restic, settings)
    except (Failed, OSError, ValueError):
        report(False, started)
        raise
    if action == "backup" or told.startswith("created"):
        report(True, started)
    return told


def main() -> int:
    """Return 0 when the action succeeded, 1 when it failed, 2 for another command line."""
    if len(sys.argv) != 2 or sys.argv[1] not in {"backup", "ensure", "prove", *_READERS}:
        print("usage: file_backup.py backup | ensure | prove | list | sizes", file=sys.stderr)
        return 2
    try:
        settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
        read = _READERS.get(sys.argv[1])
        print(read(settings) if read else locked(sys.argv[1], settings))
    except (Failed, OSError, ValueError) as error:
        print(f"file_backup: {error}", file=sys.stderr)
        return 1
    return 0


def locked(action: str, settings: dict[str, Any]) -> str:
    """Carry one action out while no other one runs. Raises Failed, OSError or ValueError."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return act(action, settings)


_READERS = {"list": listing, "sizes": sizes}


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


if __name__ == "__main__":
    sys.exit(main())
