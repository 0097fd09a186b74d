# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as checks read them: typed by the schema of their type, instants as seconds since the epoch.

    for incident in records(estate).of("incident"):
        yield expect(incident.restored - incident.impact_start <= bounds.critical_s, f"{incident.id} was over in time")

A key that a record does not say is None; a key that its type does not have raises, so that a misspelt one never passes.
Only records of this environment come from `Records.of`; those of another one are asked for by name.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import PROCEDURES, SCHEMAS
from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.instants import epoch

__all__ = ["SLACK_S", "Record", "Records", "everything", "parse_records", "records", "runs_of"]

PEOPLE, MACHINES = "records", "runs"

# What these keys tell has happened. One that lies ahead comes from a clock that is off or a slip of the pen, and would
# look fresh for as long as it lies ahead.
_HAPPENED = (
    *("acknowledged", "answered", "at", "blocked_since", "checked", "closed", "confirmed", "delivered", "detected"),
    *("ended", "fired", "impact_start", "made", "opened", "performed", "produced", "raised", "read", "released"),
    *("resolved", "responded", "restored", "reviewed", "scanned", "started", "submitted"),
)
SLACK_S = 300.0


class Record(Mapping[str, Any]):
    """A record, or a part of one: its keys as attributes and as a mapping.

    ``klass`` is ``machine``, ``attested`` or ``declared``, ``signed_by`` the principal of an attested one and ``file``
    where it stands; parts of a record carry those of the whole.
    """

    __slots__ = ("_known", "_values", "file", "klass", "signed_by")

    def __init__(
        self, values: Mapping[str, Any], known: Iterable[str], *, klass: str, signed_by: str, file: str
    ) -> None:
        self._values = dict(values)
        self._known = frozenset(known)
        self.klass, self.signed_by, self.file = klass, signed_by, file

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        if key in self._values:
            return self._values[key]
        if key not in self._known:
            raise AttributeError(f"a record of this type has no key {key!r}")
        return None

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Record({self._values.get('id', '')!s} of {self.file})"


class Records:
    """The records of one subject: ``records`` (people's) or ``runs`` (what playbooks left)."""

    def __init__(self, estate: Estate, subject: str) -> None:
        self._estate = estate
        self._subject = subject

    def of(self, record_type: str, environment: str | None = None) -> list[Record]:
        """Return the records of a type, the oldest first, of this environment or of a named one.

        Raises `NoEvidence` when they could not be read as a whole, a chain of them is broken, or one of them says that
        something has happened which lies more than five minutes ahead.
        """
        broken = self.faults(record_type)
        if broken:
            more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
            raise NoEvidence(f"The chain of {self._subject}/{record_type} is broken: {broken[0].rstrip('.')}{more}.")
        wanted = environment or self._estate.name
        body = self._body(record_type)
        latest, key, file = body.latest.get(wanted, (0.0, "", ""))
        if latest - self._estate.now > SLACK_S:
            raise NoEvidence(
                f"{key} in {self._subject}/{file} lies in the future; correct it, or the clock it is from."
            )
        rows = [row for row in body.rows if row["environment"] == wanted]
        return sorted(rows, key=when)

    def files(self, record_type: str) -> int:
        """Return how many files of a type were read, of all environments."""
        return self._body(record_type).files

    def faults(self, record_type: str) -> tuple[str, ...]:
        """Return a sentence for each break of the chain of a type; people's records have no chain."""
        return self._body(record_type).faults

    def _body(self, record_type: str) -> Body:
        if record_type not in SCHEMAS:
            raise ValueError(f"there is no record type {record_type!r}")
        return self._estate.read(self._subject, record_type, parse_records)


class Body:
    """What the fact of a record type says: its records, the files they came from, the breaks of their chain.

    ``latest`` is, by environment, the last instant at which something is said to have happened, with its key and file.
    """

    __slots__ = ("faults", "files", "latest", "rows")

    def __init__(self, rows: tuple[Record, ...], files: int, faults: tuple[str, ...]) -> None:
        self.rows, self.files, self.faults = rows, files, faults
        self.latest: dict[str, tuple[float, str, str]] = {}
        for row in rows:
            for key in _HAPPENED:
                at = row.get(key)
                if isinstance(at, float) and at > self.latest.get(row["environment"], (0.0,))[0]:
                    self.latest[row["environment"]] = (at, key, row.file)


def records(estate: Estate) -> Records:
    """Return the records that people wrote."""
    return Records(estate, PEOPLE)


def runs_of(estate: Estate) -> Records:
    """Return the records that playbooks left; `verify.facts.runs` knows more of them."""
    return Records(estate, MACHINES)


def everything(estate: Estate, record_type: str, environment: str | None = None) -> list[Record]:
    """Return a type's records of both people and playbooks, the oldest first.

    That something was backed up, restored or drilled is told by playbooks alone (`PROCEDURES`): what is written by hand
    says nothing of it. A source that the environment declares has to answer; one that it does not declare has nothing
    to say. Raises `NoEvidence` when none is declared, or a declared one cannot be read.
    """
    machines = ("verify_runs_dir", runs_of(estate))
    sources = [machines] if record_type in PROCEDURES else [("verify_records_dir", records(estate)), machines]
    declared = [(variable, source) for variable, source in sources if estate.declared(variable)]
    if not declared:
        names = [variable for variable, _source in sources]
        told = f"neither {' nor '.join(names)}" if len(names) > 1 else f"no {names[0]}"
        raise NoEvidence(f"The environment declares {told}.")
    rows = [row for _variable, source in declared for row in source.of(record_type, environment)]
    return sorted(rows, key=when)


def when(record: Record) -> float:
    """Return by which instant records are put in order: ``at``, else ``started``."""
    for key in ("at", "started"):
        if isinstance(record.get(key), float):
            return float(record[key])
    return 0.0


def parse_records(text: str) -> Body:
    """Read the fact of a record type. Raises ValueError, KeyError or TypeError for what is no such fact."""
    body = json.loads(text)
    schema = SCHEMAS[body["type"]]
    rows = []
    for row in body["records"]:
        about = {"klass": row["class"], "signed_by": row.get("signed_by") or "", "file": row["file"]}
        rows.append(_typed(row["record"], schema, about))
    return Body(tuple(rows), int(body["files"]), tuple(body.get("faults") or ()))


def _typed(value: Any, schema: Mapping[str, Any], about: Mapping[str, str]) -> Any:
    """Return a value as its schema says: instants as seconds, objects with known keys as records, lists as tuples."""
    if value is None:
        return None
    for option in schema.get("anyOf", ()):
        if option.get("type") != "null":
            return _typed(value, option, about)
    if schema.get("instant"):
        return epoch(value)
    if isinstance(value, Mapping) and "properties" in schema:
        known = schema["properties"]
        return Record({key: _typed(one, known.get(key, {}), about) for key, one in value.items()}, known, **about)
    if isinstance(value, list):
        return tuple(_typed(one, schema.get("items", {}), about) for one in value)
    return value
