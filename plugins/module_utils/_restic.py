# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a snapshot of restic into a scratch directory and hold what came back against what the snapshot lists.

Nothing is written to the repository, not even a lock: a test that dies must never keep the next backup out.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import stat
from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._command import Phases, Run, clean
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, now, parse_iso

__all__ = ["PROBE_WITHIN_S", "Restic", "check", "compare", "last_line", "probe_check", "prove"]

PROBE_WITHIN_S = 3600
"""A backup writes its probe right before its snapshot begins; one that is older than this is of another backup."""

_NO_REPOSITORY = "Is there a repository at the following location?"
_KINDS = {"file": stat.S_ISREG, "dir": stat.S_ISDIR, "symlink": stat.S_ISLNK}
_NAMED = 3


class Restic:
    """The restic of this host on one repository."""

    def __init__(
        self,
        run: Run,
        *,
        repository: str,
        sftp_command: str | None,
        cache_dir: str,
        timeout_s: int,
        executable: str = "restic",
    ) -> None:
        self._run = run
        self._executable, self._timeout_s = executable, timeout_s
        self._base = [
            "timeout",
            "--kill-after=5",
            str(timeout_s),
            executable,
            "--quiet",
            "--no-lock",
            "--cache-dir",
            cache_dir,
            "--repo",
            repository,
        ]
        self._base += ["-o", f"sftp.command={sftp_command}"] if sftp_command else []

    def execute(self, *words: str) -> tuple[int, str, str]:
        """Run one command; return exit code, standard output, standard error.

        Raises OpsError without the program, and for a command that does not end in time.
        """
        code, out, err = self._run([*self._base, *words])
        if code in (126, 127):
            raise OpsError(
                f"{self._executable} cannot be run on this host: install restic there, or name another host."
            )
        if code in (124, 137):
            raise OpsError(
                f"restic {words[0]} did not end within {self._timeout_s} s; allow it more time.", timed_out=True
            )
        return code, out, err

    def must(self, *words: str) -> str:
        """Run one command and return its standard output; raises OpsError with restic's own words when it fails."""
        code, out, err = self.execute(*words)
        if code != 0:
            raise OpsError(f"restic {words[0]} ended with {code}: {last_line(err + out)}.", rc=code)
        return out

    def newest(self) -> dict[str, Any]:
        """Return the newest snapshot. Raises OpsError when the repository does not answer or holds none."""
        code, out, err = self.execute("snapshots", "--json")
        if code != 0:
            why = "there is none, or it cannot be reached" if _NO_REPOSITORY in err else last_line(err + out)
            raise OpsError(f"The repository does not answer: {why}; check its host, the password and the key.", rc=code)
        try:
            rows = list(json.loads(out) or [])
            found: dict[str, Any] = max(rows, key=lambda row: parse_iso(row["time"]), default={})
        except (ValueError, KeyError, TypeError) as exc:
            raise OpsError(f"restic snapshots did not answer with JSON: {clean(out, limit=200)}.") from exc
        if not found:
            raise OpsError("The repository holds no snapshot; take a backup first.")
        return found

    def entries(self, snapshot: str) -> list[dict[str, Any]]:
        """Return what a snapshot lists, a dictionary with type, path and size each. Raises OpsError."""
        rows = [json.loads(line) for line in self.must("ls", "--json", snapshot).splitlines() if line.strip()]
        return [row for row in rows if row.get("struct_type") == "node"]

    def raw_bytes(self, snapshot: str) -> int:
        """Return the bytes that a snapshot takes in the repository, with what it shares with others."""
        return int(json.loads(self.must("stats", "--json", "--mode", "raw-data", snapshot))["total_size"])

    def indexes(self) -> set[str]:
        """Return the names of the indexes; every backup adds some, a pruning puts others in their places."""
        return set(self.must("list", "index").split())


def last_line(text: str) -> str:
    """Return the last line that says something, fit for a message."""
    said = [line for line in text.splitlines() if line.strip()]
    return clean(said[-1], limit=300).rstrip(".") if said else "it said nothing"


def check(name: str, *, expected: str, observed: str, verified: bool, command: str | None = None) -> dict[str, Any]:
    """Return one check as a record takes it."""
    result = "verified" if verified else "differs"
    return {"name": name, "command": command, "expected": expected, "observed": observed, "result": result}


def prove(restic: Restic, params: Mapping[str, Any], phases: Phases) -> dict[str, Any]:
    """Restore the newest snapshot into ``target``, check it, and return the facts of a record.

    What is damaged is a check that differs. Raises OpsError for what keeps anything from being said: no repository, no
    snapshot, one that is too old, a target that is not empty, too little disk, and a difference in a repository that
    was changed meanwhile, because a pruning takes away what is read without a lock.
    """
    target, started = params["target"], now()
    with phases.phase("read"):
        snapshot = restic.newest()
        told = _told(snapshot, started)
        _refuse_age(told, params["max_age_s"])
        entries = restic.entries(snapshot["id"])
        size = sum(int(row.get("size") or 0) for row in entries)
        _refuse_target(target, size, told)
        raw, indexes = restic.raw_bytes(snapshot["id"]), restic.indexes()
    with phases.phase("check"):
        checks = [_ran(restic, "the repository is whole", "check", f"--read-data-subset={params['check_subset']}")]
    with phases.phase("restore"):
        name = "every restored file has the content that was saved"
        checks.append(_ran(restic, name, "restore", snapshot["id"], "--target", target, "--verify"))
    with phases.phase("compare"):
        checks.append(compare(target, entries))
        checks += [probe_check(target, params["probe"], snapshot)] if params["probe"] else []
    whole = all(row["result"] == "verified" for row in checks)
    if not whole and restic.indexes() != indexes:
        raise OpsError(
            "The repository was changed while it was read, so that what differs proves nothing; run the test again "
            "while no backup of the host runs.",
            snapshot=told,
        )
    return {
        "snapshot": told,
        "size_bytes": size,
        "repo_size_bytes": raw,
        "files": sum(row["type"] == "file" for row in entries),
        "checks": checks,
        "result": "verified" if whole else "differs",
        "started": iso_ms(started),
        "ended": iso_ms(now()),
        "phases": phases.rows,
    }


def _told(snapshot: Mapping[str, Any], at: datetime.datetime) -> dict[str, Any]:
    """Return a snapshot as a record needs it; the clock of the host that saved may be ahead of this one's."""
    taken = parse_iso(snapshot["time"])
    return {
        "id": snapshot["id"],
        "short_id": snapshot["short_id"],
        "tree": snapshot["tree"],
        "time": iso_ms(taken),
        "hostname": snapshot.get("hostname"),
        "age_s": max(0.0, round((at - taken).total_seconds(), 3)),
    }


def _refuse_age(told: Mapping[str, Any], bound_s: int) -> None:
    if told["age_s"] > bound_s:
        raise OpsError(
            f"The newest snapshot {told['short_id']} is {told['age_s']:.0f} s old, the bound is {bound_s} s; take a "
            "backup first.",
            snapshot=told,
        )


def _refuse_target(target: str, size: int, snapshot: Mapping[str, Any]) -> None:
    """Raise OpsError for a target that is no empty directory, or on whose disk the files do not fit."""
    try:
        there = os.listdir(target)
        free = shutil.disk_usage(target).free
    except OSError as exc:
        raise OpsError(f"{target} cannot be used: {exc.strerror}; make an empty directory.", snapshot=snapshot) from exc
    if there:
        raise OpsError(f"{target} is not empty; a test restores into an empty directory.", snapshot=snapshot)
    if free < size:
        raise OpsError(
            f"{target} has room for {free // 2**20} MiB, the snapshot has {size // 2**20} MiB; free some, or name "
            "another host.",
            snapshot=snapshot,
        )


def _ran(restic: Restic, name: str, *words: str) -> dict[str, Any]:
    """Return the check of a command of restic whose exit code is its judgement."""
    code, out, err = restic.execute(*words)
    observed = f"exit {code}" if code == 0 else f"exit {code} {last_line(err + out)}"
    return check(
        name,
        expected="exit 0 and no finding",
        observed=observed,
        verified=code == 0,
        command="restic " + " ".join(words),
    )


def compare(target: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the check that each file, directory and link that a snapshot lists is there, files with their size.

    Sockets and devices are left out: what makes them makes them anew.
    """
    wanted = [row for row in entries if row["type"] in _KINDS]
    wrong = [row["path"] for row in wanted if not _is_there(os.path.join(target, row["path"].lstrip("/")), row)]
    files = [row for row in wanted if row["type"] == "file"]
    size = sum(int(row.get("size") or 0) for row in files)
    expected = f"{len(wanted)} entries, of them {len(files)} files with {size} bytes"
    named = ", ".join(clean(path, limit=100) for path in wrong[:_NAMED])
    observed = f"{len(wrong)} missing or of another size: {named}" if wrong else expected
    return check(
        "every entry of the snapshot is there",
        expected=expected,
        observed=observed if files else "the snapshot lists no file",
        verified=bool(files) and not wrong,
    )


def _is_there(path: str, row: Mapping[str, Any]) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    same = row["type"] != "file" or found.st_size == int(row.get("size") or 0)
    return _KINDS[row["type"]](found.st_mode) and same


def probe_check(target: str, probe: str, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """Return the check that the probe, which each backup writes anew, came back as that of this very backup."""
    host = str(snapshot.get("hostname"))
    expected = f"of {host}, at most {PROBE_WITHIN_S} s before the snapshot"
    try:
        with open(os.path.join(target, probe.lstrip("/")), encoding="utf-8") as file:
            wrote, written_ns = file.read().split()
        before_s = parse_iso(snapshot["time"]).timestamp() - int(written_ns) / 1e9
    except (OSError, ValueError) as exc:
        observed, verified = f"it cannot be read: {clean(str(exc), limit=200)}", False
    else:
        observed = f"of {clean(wrote, limit=80)}, {before_s:.1f} s before the snapshot"
        verified = wrote == host and 0 <= before_s <= PROBE_WITHIN_S
    return check("the probe is that of this backup", expected=expected, observed=observed, verified=verified)
