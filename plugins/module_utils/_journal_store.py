# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a drill on disk: one folder a drill, one writer at a time, nothing lost when the writer is killed.

``<reports>/<environment>/drills/<drill_id>/journal.jsonl``. Each line is on disk (fsync) before the action returns. The
lock names the process of the run (its id, start time and boot), so a lock left by a killed run is recognised as such.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import socket
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json, sha256_bytes
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import Parsed, chain, parse, state_of
from ansible_collections.ccobservatory.ops.plugins.module_utils._orphans import marks_of, workers_of
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import compact, iso_ms, now

__all__ = [
    *("JOURNAL", "Owner", "Store"),
    *("at_work", "drills_dir", "expected_seconds", "foreign", "is_sealed", "unfinished", "unsealed"),
]

JOURNAL = "journal.jsonl"
_SAFE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
_HISTORY = 20


@dataclass(frozen=True)
class Owner:
    """A process that lives or lived: enough to tell it from another one with the same id."""

    pid: int
    start: str
    boot: str
    host: str

    @classmethod
    def of(cls, pid: int) -> Owner:
        """Describe a running process of this machine."""
        return cls(pid=pid, start=_start_time(pid), boot=_boot_id(), host=socket.gethostname())

    def lives(self) -> bool:
        """Tell whether this very process still runs; a process of another machine counts as running."""
        if self.host != socket.gethostname():
            return True
        return self.boot == _boot_id() and bool(self.start) and _start_time(self.pid) == self.start


class Store:
    """The journal of one drill. Writing needs the lock of the environment, which belongs to the run ``owner``."""

    def __init__(self, folder: Path, *, owner: Owner) -> None:
        self.folder = folder
        self.path = folder / JOURNAL
        self._owner = owner

    def read(self) -> Parsed:
        """Return the entries on disk; raise `OpsError` when there is no journal or its chain is broken."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError as exc:
            raise OpsError(f"There is no journal at {self.path}; open the drill first.") from exc
        return parse(data, name=str(self.path))

    def create(self, bodies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Write a new journal with its first entries, all or nothing."""
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                raise OpsError(f"There is a journal at {self.path} already; open it to resume.")
            entries = chain([], bodies, at=iso_ms(now()))
            self._replace(entries)
            return entries

    def append(self, bodies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Add entries after those on disk and return all of them; a closed journal takes none."""
        with self._writing():
            parsed = self.read()
            if parsed.torn:
                raise OpsError(f"The last line of {self.path} is cut short; open the drill again, which records it.")
            if any(entry["event"] == "close" for entry in parsed.entries[-1:]):
                raise OpsError(f"The journal {self.path} is closed; a closed drill takes no more entries.")
            added = chain(parsed.entries, bodies, at=iso_ms(now()))
            self._write_lines(added)
            return parsed.entries + added

    def resume(self, *, plan: list[dict[str, Any]] | None, header: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Record that a run ended without closing and that this one goes on; mend a last line cut short.

        The cut line is replaced and described by the interruption in one atomic step, so it never vanishes unrecorded.
        """
        with self._writing():
            parsed = self.read()
            entries = parsed.entries + chain(parsed.entries, _resume_bodies(parsed, plan, header), at=iso_ms(now()))
            self._replace(entries)
            return entries

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with locked(self.folder.parent, owner=self._owner, drill=self.folder.name):
            yield

    def _write_lines(self, entries: list[dict[str, Any]]) -> None:
        data = b"".join(canonical_json(entry) + b"\n" for entry in entries)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND)
        try:
            size = os.fstat(descriptor).st_size
            # A whole last line that lacks only its newline is an entry: the newline comes first.
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                data = b"\n" + data
            written = os.write(descriptor, data)
            if written != len(data):
                raise OpsError(
                    f"Only {written} of {len(data)} bytes could be written to {self.path}; make room on its disk."
                )
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _replace(self, entries: list[dict[str, Any]]) -> None:
        fresh = self.path.with_suffix(".new")
        with fresh.open("wb") as handle:
            handle.write(b"".join(canonical_json(entry) + b"\n" for entry in entries))
            handle.flush()
            os.fsync(handle.fileno())
        fresh.replace(self.path)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _resume_bodies(
    parsed: Parsed, plan: list[dict[str, Any]] | None, header: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    state = state_of(parsed.entries)
    interrupt: dict[str, Any] = {
        "event": "interrupt",
        "step": state["current"],
        "last_seen": parsed.entries[-1]["at"],
    }
    if parsed.torn:
        excerpt = parsed.torn[:200].decode("utf-8", "backslashreplace")
        interrupt["torn"] = {"bytes": len(parsed.torn), "sha256": sha256_bytes(parsed.torn), "excerpt": excerpt}
    resume: dict[str, Any] = {"event": "resume", "step": state["current"], "header": dict(header)}
    if plan and [item["id"] for item in plan] != [item["id"] for item in state["plan"]]:
        resume["plan"] = plan
    return [interrupt, resume]


@contextlib.contextmanager
def locked(base: Path, *, owner: Owner, drill: str) -> Iterator[None]:
    """Hold the environment's drill lock for ``owner`` while the body runs; the lock stays with the run afterwards.

    Raises `OpsError` naming the run that holds it, when that run lives.
    """
    base.mkdir(parents=True, exist_ok=True)
    with (base / ".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        holder, held_drill = _holder(base / ".lock")
        if holder is not None and holder != owner and holder.lives():
            raise OpsError(
                f"Process {holder.pid} on {holder.host} runs the drill {held_drill} in this environment; wait "
                "until it has "
                f"ended, or end it, then start again (lock: {base / '.lock'})."
            )
        if holder != owner or held_drill != drill:
            fresh = base / ".lock.new"
            fresh.write_bytes(canonical_json({**asdict(owner), "drill": drill, **marks_of(owner.pid)}) + b"\n")
            fresh.replace(base / ".lock")
        yield


def outlived(base: Path, *, owner: Owner) -> list[int]:
    """Return the workers of the run that held the lock and was killed; they still go on with its last task."""
    holder, _drill = _holder(base / ".lock")
    if holder is None or holder == owner or holder.lives() or holder.boot != owner.boot:
        return []
    return workers_of(json.loads((base / ".lock").read_bytes()), besides=owner.pid)


def release(base: Path, *, owner: Owner) -> None:
    """Give the lock back when it is ours; a lock of somebody else stays."""
    with (base / ".guard").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if _holder(base / ".lock")[0] == owner:
            (base / ".lock").unlink()


def at_work(folder: Path) -> bool:
    """Tell whether the run that holds the lock lives, and carries out this drill; one of another machine counts."""
    with contextlib.suppress(OpsError):
        holder, drill = _holder(folder.parent / ".lock")
        return holder is not None and drill == folder.name and holder.lives()
    return False


def _holder(path: Path) -> tuple[Owner | None, str]:
    try:
        found = json.loads(path.read_bytes())
        return Owner(**{key: found[key] for key in ("pid", "start", "boot", "host")}), str(found.get("drill"))
    except FileNotFoundError:
        return None, ""
    except (ValueError, KeyError, TypeError) as exc:
        raise OpsError(f"The lock {path} is unreadable; remove it when no drill runs.") from exc


def drills_dir(reports_dir: str, environment: str) -> Path:
    """Return the folder that holds the drills of an environment; raise `OpsError` for an unsafe environment name."""
    if not _SAFE.match(environment or ""):
        raise OpsError(
            f"The environment name {environment!r} cannot be a folder; use letters, digits, '.', '_' and '-'."
        )
    return Path(reports_dir).expanduser().absolute() / environment / "drills"


def new_drill_folder(base: Path, scenario: str) -> Path:
    """Return a folder name for a new drill that no drill has yet."""
    if not _SAFE.match(scenario or ""):
        raise OpsError(f"The scenario name {scenario!r} cannot be a folder; use letters, digits, '.', '_' and '-'.")
    wanted = f"{compact(now())}-{scenario}"
    names = (wanted, *(f"{wanted}-{count}" for count in range(2, 100)))
    return next(base / name for name in names if not (base / name).exists())


def is_sealed(folder: Path) -> bool:
    """Tell whether the pack of a drill has been sealed."""
    return (folder / "MANIFEST").exists()


def unfinished(base: Path, *, scenario: str | None, others: bool = False) -> Path | None:
    """Return the folder of the drill to go on with: one without its end, or ended with a verdict but not sealed.

    Without a scenario any drill counts. Raises `OpsError` when a drill of another scenario has no end, unless
    ``others`` may have none.
    """
    found: Path | None = None
    for folder in _folders(base):
        last, first = _last_entry(folder / JOURNAL), _first_entry(folder / JOURNAL)
        if first is None:
            continue
        ended = last is not None and last.get("event") == "close"
        if ended and (is_sealed(folder) or last is None or last.get("verdict") == "aborted"):
            continue
        if scenario in (None, first.get("scenario")):
            found = folder
        elif not ended and not others:
            raise OpsError(
                f"The drill {folder.name} (scenario {first.get('scenario')}) was never ended, so {scenario} cannot "
                "start: run "
                f"the scenario {first.get('scenario')} again to finish it, or take it back with "
                "-e dr_drill_abort=true.",
                unfinished=str(folder),
            )
    return found


def unsealed(base: Path) -> list[Path]:
    """Return the folders of the drills that were closed as aborted and have no pack yet, oldest first."""
    open_packs = [folder for folder in _folders(base) if not is_sealed(folder)]
    return [folder for folder in open_packs if (_last_entry(folder / JOURNAL) or {}).get("verdict") == "aborted"]


def foreign(base: Path, *, scenario: str) -> list[Path]:
    """Return the folders of the drills of other scenarios that have no end."""
    firsts = {folder: _first_entry(folder / JOURNAL) for folder in _folders(base)}
    others = [folder for folder, first in firsts.items() if first and first.get("scenario") != scenario]
    return [folder for folder in others if (_last_entry(folder / JOURNAL) or {}).get("event") != "close"]


def expected_seconds(base: Path, *, scenario: str) -> dict[str, float]:
    """Return the median seconds of each step over the newest drills of a scenario; damaged journals are left out."""
    seen: dict[str, list[float]] = {}
    same = [f for f in _folders(base) if (_first_entry(f / JOURNAL) or {}).get("scenario") == scenario]
    for folder in same[-_HISTORY:]:
        with contextlib.suppress(OpsError, OSError, KeyError):
            parsed = parse((folder / JOURNAL).read_bytes(), name=folder.name)
            for step in state_of(parsed.entries)["steps"]:
                if step["status"] == "done" and step["attempts"] == 1 and step["seconds"] is not None:
                    seen.setdefault(step["id"], []).append(step["seconds"])
    return {step: round(statistics.median(values), 1) for step, values in seen.items()}


def _folders(base: Path) -> list[Path]:
    if not base.is_dir():
        return []
    return sorted(path for path in base.iterdir() if (path / JOURNAL).is_file())


def _first_entry(path: Path) -> dict[str, Any] | None:
    with path.open("rb") as handle:
        return _entry_or_none(handle.readline())


def _last_entry(path: Path) -> dict[str, Any] | None:
    """Return the last line when it can be read; None when it was cut short."""
    with path.open("rb") as handle:
        handle.seek(max(0, path.stat().st_size - 65536))
        lines = handle.read().split(b"\n")
    return _entry_or_none(lines[-1] or (lines[-2] if len(lines) > 1 else b""))


def _entry_or_none(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    """Return when a process started, as the system writes it; empty when there is no such process."""
    proc = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            # The command name stands in brackets and may hold blanks: fields are counted after the last bracket.
            fields = proc.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] == "Z" else fields[19]
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
