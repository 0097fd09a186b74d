# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks left as a source: chained records below ``<runs>/<type>``, and the sealed packs of drills.

A chain that was edited and a seal that does not hold are facts, not errors: they are what the reader has to learn. A
record that cannot be read, or a folder that is no type, is a fault, as among people's records.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import plain
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import parse, state_of
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import at_work
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, now, seconds_between
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._pack_people import signatures
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import TYPES, validate
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_text import entries_of, read_text
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._records import chain_faults
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_records import Found, Reading

__all__ = ["DrillPack", "Runs", "read_packs", "read_runs"]

VERIFIER = Path(__file__).resolve().parents[2] / "verify" / "verify_pack.py"
_VERIFIER_S = 120
# A drill that works writes when it enters a step and when it leaves it; a step may be late, but not by days.
_SILENCE_S = 86400.0


@dataclass
class Runs(Reading):
    """A reading of the records of runs, with a sentence for each break of a chain, by type."""

    chains: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DrillPack:
    """A pack of a drill: its name, whether its seal holds, what is wrong with it, and its record (None: unreadable).

    ``signed`` are the signatures of people that the record tells of, as `_pack_people.signatures` found them;
    ``begun`` is when a drill without a readable record began, by its journal.
    """

    name: str
    intact: bool
    faults: tuple[str, ...]
    record: dict[str, Any] | None
    signed: tuple[dict[str, Any], ...] = ()
    begun: str | None = None


def read_runs(folder: Path) -> Runs:
    """Read the records that playbooks left, of every environment that they were run for.

    Raises `OpsError` when the directory is missing; a type without a folder has no records.
    """
    if not folder.is_dir():
        raise OpsError(f"There is no directory of runs at {folder}; run a playbook, or correct verify_runs_dir.")
    runs = Runs(folder)
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.name not in TYPES or not path.is_dir():
            runs.fault(path, None, f"{path} is no folder of a record type; move it away.")
            continue
        runs.chains[path.name] = chain_faults(path)
        for file in sorted(path.glob("*.json")):
            _read_file(runs, file, path.name)
    return runs


def _read_file(runs: Runs, path: Path, kind: str) -> None:
    try:
        (row,) = entries_of(path, read_text(path))
        record = plain(row)
        validate(record, kind)
    except ValueError:
        runs.fault(path, kind, f"{path} holds several records; a run leaves one file each.")
        return
    except OpsError as exc:
        runs.fault(path, kind, f"{path}: {exc.message}")
        return
    runs.files[kind] += 1
    runs.found[kind].append(Found(kind, runs.name(path), "machine", "", record))


def read_packs(folder: Path, *, allowed_signers: Path | None, program: Path = VERIFIER) -> list[DrillPack]:
    """Return the drills that were sealed below a directory, oldest first, each checked by the verifier as a program.

    A drill that still runs is none; one that ended has to have its seal, and is not intact without it. Neither is one
    that ended without closing its journal: it was killed, and nobody ran it again. Raises `OpsError` when the directory
    or the verifier is missing, or a pack cannot be checked at all.
    """
    if not folder.is_dir():
        raise OpsError(f"There is no directory of drills at {folder}; run a drill, or correct verify_drills_dir.")
    if not program.is_file():
        raise OpsError(f"The verifier of packs is missing at {program}; run from a checkout of the collection.")
    journals = {path.parent: _read_journal(path) for path in sorted(folder.glob("*/journal.jsonl"))}
    ended = {pack for pack, journal in journals.items() if journal.closed and not _given_up(pack, journal)}
    packs = sorted({path.parent for path in folder.glob("*/MANIFEST")} | ended)
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = list(pool.map(lambda pack: _checked(pack, allowed_signers, program), packs))
    dead = [DrillPack(pack.name, False, (told,), None) for pack, told in _silent(journals) if pack not in packs]
    begun = {pack.name: journal.begun for pack, journal in journals.items()}
    rows = [one if one.record else replace(one, begun=begun.get(one.name)) for one in (*found, *dead)]
    return sorted(rows, key=lambda one: one.name)


class _Journal(NamedTuple):
    """What a journal tells of its drill: begun, last written to, closed, verdict, deadline of its step, what is wrong.

    Instants are text in UTC, the deadline is in seconds.
    """

    begun: str | None
    last: str | None
    closed: bool
    verdict: str | None
    deadline_s: float
    fault: str


def _read_journal(path: Path) -> _Journal:
    data = path.read_bytes()
    lines = data.splitlines()
    closed = bool(lines) and b'"event":"close"' in lines[-1]
    try:
        entries = parse(data, name=path.name).entries
        state = state_of(entries)
    except (OpsError, KeyError) as exc:
        return _Journal(None, None, closed, None, 0.0, exc.message if isinstance(exc, OpsError) else f"It lacks {exc}.")
    if not entries:
        return _Journal(None, None, closed, None, 0.0, "It is empty.")
    deadlines = {step["id"]: step["deadline_s"] for step in state["steps"]}
    deadline_s = float(deadlines.get(state["current"]) or _SILENCE_S)
    return _Journal(state["started"], entries[-1]["at"], closed, state["verdict"], deadline_s, "")


def _given_up(pack: Path, journal: _Journal) -> bool:
    """Return whether a journal was closed by hand, or by the disaster that overtook its drill: such a one is no drill,
    and never gets a record."""
    return journal.verdict == "aborted" and not (pack / "drill.json").exists()


def _silent(journals: Mapping[Path, _Journal]) -> Iterator[tuple[Path, str]]:
    """Yield the drills that are neither closed nor at work any more, each with a sentence that says how it is ended."""
    mend = "Run the command of the drill again, which goes on with it, or take it back with -e dr_drill_abort=true."
    for pack, journal in journals.items():
        if journal.closed:
            continue
        if journal.last is None:
            yield pack, f"{pack.name} has a journal without its end, and it cannot be read. {journal.fault}"
            continue
        silent_s = seconds_between(journal.last, iso_ms(now()))
        if silent_s > _SILENCE_S or (silent_s > journal.deadline_s and not at_work(pack)):
            told = f"{pack.name} ended without a record: {pack / 'journal.jsonl'} has no end"
            yield pack, f"{told}, and nothing was written to it since {journal.last}. {mend}"


def _checked(pack: Path, signers: Path | None, program: Path) -> DrillPack:
    words = [sys.executable, "-I", str(program), str(pack), "--json"]
    if signers is not None:
        words += ["--allowed-signers", str(signers)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_VERIFIER_S)
        report = json.loads(done.stdout) if done.returncode in (0, 12) else None
    except (OSError, ValueError, subprocess.TimeoutExpired) as exc:
        raise OpsError(f"The seal of {pack} cannot be checked: {exc}.") from exc
    if report is None:
        raise OpsError(f"The seal of {pack} cannot be checked: {done.stderr.strip()[:200] or 'the verifier failed'}.")
    faults = tuple(f"{fault['pack']}: {fault['text']}" for fault in report["faults"])
    record = _record(pack)
    people = signatures(pack, record, allowed_signers=signers or pack / "allowed_signers") if record else ()
    return DrillPack(pack.name, bool(report["intact"]), faults, record, tuple(people))


def _record(pack: Path) -> dict[str, Any] | None:
    """Return the record of a drill; None when it is gone or no record, which the seal tells too."""
    try:
        (row,) = entries_of(pack / "drill.json", read_text(pack / "drill.json"))
        found: dict[str, Any] = plain(row)
        validate(found, "drill")
    except (OpsError, ValueError):
        return None
    return found
