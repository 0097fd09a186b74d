# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a PostgreSQL data directory and its server process, and what the server's log tells about a recovery.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import os
import re
import typing as t
from datetime import UTC, datetime

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import iso

__all__ = [
    "RecoveryLog",
    "control_facts",
    "history",
    "parse_control",
    "postmaster_pid",
    "postmaster_status",
    "process_state",
    "process_titles",
]

Runner = t.Callable[..., tuple[int, str, str]]

_STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?:UTC|GMT) ")
_SEVERE = re.compile(r" (?:FATAL|PANIC): +(.*)")


def parse_control(text: str) -> dict[str, str]:
    """Names and values as C(pg_controldata) prints them."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def control_facts(run: Runner, bin_dir: str, data_dir: str) -> dict[str, t.Any]:
    """State, timeline and positions from the control file.

    Raises:
        OpsError: there is no readable control file, so there is no cluster.
    """
    command = [os.path.join(bin_dir, "pg_controldata"), "-D", data_dir]
    rc, out, err = run(command, environ_update={"LC_ALL": "C"})
    if rc != 0:
        raise OpsError(f"{data_dir} holds no readable cluster ({err.strip() or out.strip()}); restore one first.")
    values = parse_control(out)
    try:
        return {
            "state": values["Database cluster state"],
            "system_identifier": values["Database system identifier"],
            "timeline": int(values["Latest checkpoint's TimeLineID"]),
            "checkpoint_lsn": values["Latest checkpoint location"],
            "min_recovery_timeline": int(values["Min recovery ending loc's timeline"]),
        }
    except (KeyError, ValueError) as exc:
        raise OpsError(
            f"{command[0]} printed no {exc} for {data_dir}; use the programs of the cluster's version."
        ) from exc


def postmaster_pid(data_dir: str) -> int | None:
    """Process id of the running server of this data directory; a stale file counts as none."""
    try:
        with open(os.path.join(data_dir, "postmaster.pid"), encoding="ascii", errors="replace") as file:
            pid = int(file.readline())
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return pid if b"postgres" in file.read() else None
    except (OSError, ValueError):
        return None


def postmaster_status(data_dir: str) -> str:
    """What the running server says of itself: C(starting), C(standby), C(ready), C(stopping), or nothing."""
    try:
        with open(os.path.join(data_dir, "postmaster.pid"), encoding="ascii", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return ""
    return lines[7].strip() if len(lines) > 7 else ""


def history(data_dir: str, timeline: int) -> list[dict[str, t.Any]]:
    """Ancestors of a timeline, oldest first: C(timeline), C(lsn) where it was left, C(reason); empty without a file."""
    path = os.path.join(data_dir, "pg_wal", f"{timeline:08X}.history")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.split(None, 2) for line in file if line.strip() and not line.startswith("#")]
    except OSError:
        return []
    return [
        {"timeline": int(parts[0]), "lsn": parts[1], "reason": parts[2].strip() if len(parts) > 2 else ""}
        for parts in lines
        if len(parts) >= 2 and parts[0].isdigit()
    ]


def process_titles(parent: int) -> list[str]:
    """Titles of the server's processes, for a sentence that says what a server is busy with."""
    titles = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and _parent_of(int(entry)) == parent:
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    titles.append(file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip())
            except OSError:
                continue
    return sorted(title.removeprefix("postgres: ") for title in titles if title)


def process_state(pid: int) -> str:
    """One letter as the kernel has it (R, S, D, T, Z), empty for a process that is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def _parent_of(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


class RecoveryLog:
    """What a server's log says from now on. A log that is not there, or grows elsewhere, says nothing."""

    def __init__(self, path: str | None, offset: int | None = None) -> None:
        self._path = path
        try:
            self._offset = offset if offset is not None else os.stat(path).st_size if path else 0
        except OSError:
            self._offset = 0

    def lines(self) -> list[str]:
        """Lines written since this object was made, or since the offset."""
        if not self._path:
            return []
        try:
            with open(self._path, encoding="utf-8", errors="replace") as file:
                file.seek(self._offset)
                return file.read().splitlines()
        except OSError:
            return []

    def last_fatal(self) -> str | None:
        """The last line that ended the server or one of its processes, unless it only refused a session."""
        found = [match[1] for match in map(_SEVERE.search, self.lines()) if match]
        found = [text for text in found if not text.startswith(("the database system is", "terminating "))]
        return found[-1] if found else None

    def recovery(self) -> dict[str, t.Any]:
        """Figures of the recovery: instants of its ends, segments from the archive, and what stopped it.

        Empty where the log says nothing, as when the server logs elsewhere: that is no figure of zero.
        """
        lines = self.lines()
        facts: dict[str, t.Any] = {"segments_restored": 0} if lines else {}
        for line in lines:
            if 'restored log file "' in line:
                facts["segments_restored"] += 1
                continue
            for text, name in _MARKS.items():
                if text in line:
                    facts[name] = _instant(line)
            if "recovery stopping" in line:
                facts["stopped"] = line.split("LOG:", 1)[-1].strip()
            if "last completed transaction was at log time" in line:
                facts["last_transaction"] = line.rsplit("log time", 1)[1].strip()
        return facts


_MARKS = {
    " redo starts at ": "replay_start",
    "consistent recovery state reached": "consistent",
    " redo done at ": "replay_end",
    "selected new timeline ID": "timeline_chosen",
    "ready to accept connections": "ready",
}


def _instant(line: str) -> str | None:
    match = _STAMP.search(line)
    if not match:
        return None
    stamp = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    return iso(int(stamp.timestamp()) * 1_000_000_000 + stamp.microsecond * 1000)
