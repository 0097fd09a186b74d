# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report is made from: one run as plain data, read from its folder and from nowhere else.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso
from verify.engine.catalogue import Item, Remedy
from verify.engine.coverage import coverage
from verify.engine.evidence import Fact
from verify.engine.judge import Row, finding_id
from verify.engine.remedy import remedy_of
from verify.engine.results import row_of
from verify.engine.words import GREEN, EvidenceClass, Status

__all__ = ["DEADLINES_S", "ControlRows", "Finding", "Hosts", "ReportData", "item_row", "read_pack"]


DEADLINES_S = {"critical": 86_400.0, "high": 7 * 86_400.0, "medium": 30 * 86_400.0, "low": 90 * 86_400.0}
"""How long a finding may stay open, in seconds, by the severity of its item, where the run does not say otherwise."""


@dataclass(frozen=True, slots=True)
class ControlRows:
    """What one control found: a row a subject. ``procedure`` tells what the check does, ``bounds`` its limits."""

    control: str
    item: str
    status: Status
    rows: tuple[Row, ...]
    procedure: str = ""
    bounds: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """A cell that needs somebody, or that a waiver excuses: its lasting name, its control and its row."""

    id: str
    control: ControlRows
    row: Row


@dataclass(frozen=True)
class Hosts:
    """What became of the hosts in scope; ``unreachable`` and ``excluded`` say why, by name."""

    expected: int
    reached: int
    unreachable: Mapping[str, str]
    excluded: Mapping[str, str]


@dataclass(frozen=True)
class ReportData:
    """One run.

    Args:
        run: the header of the run (``run.json``).
        items: the whole catalogue, in the order of the guide.
        controls: what each control found, in the order in which it was judged.
        facts: the index of the evidence by key ``subject/name``.
        bodies: by digest, the bodies of the facts that findings use (passes need none).
        close: the last line of the results: exit code and totals; None when the run did not come to its end.
        changes: what differs from the last comparable run; None when nobody compared.
        strips: item -> (date, status) of up to 90 days, oldest first.
        kpis: name -> (date, value or None, target or None), oldest first.
        kpi_words: name -> title, unit (``s``, ``ratio``, ``count``), better (``lower``, ``higher``), note.
        torn: whether the last line of the results was cut short.
    """

    run: Mapping[str, Any]
    items: Mapping[str, Item]
    controls: Sequence[ControlRows]
    facts: Mapping[str, Fact] = field(default_factory=dict)
    bodies: Mapping[str, str] = field(default_factory=dict)
    close: Mapping[str, Any] | None = None
    changes: Mapping[str, Any] | None = None
    waivers: Sequence[Mapping[str, Any]] = ()
    attestations: Sequence[Mapping[str, Any]] = ()
    strips: Mapping[str, Sequence[Sequence[Any]]] = field(default_factory=dict)
    kpis: Mapping[str, Sequence[Sequence[Any]]] = field(default_factory=dict)
    kpi_words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    torn: bool = False

    @property
    def complete(self) -> bool:
        """Return whether the run came to its end."""
        return self.close is not None

    @property
    def signed(self) -> bool:
        """Return whether the pack is sealed with a signature; a run of before that was said had a key."""
        return self.run.get("signed") is not False

    @property
    def overrides(self) -> Sequence[Mapping[str, Any]]:
        """Return the bounds that the environment set over the guide's, as the header of the run tells them."""
        return self.run.get("bounds") or ()

    @property
    def waiver_days(self) -> Sequence[Mapping[str, Any]]:
        """Return where a waiver may hold longer or shorter than the guide's days, as the header of the run tells it."""
        return self.run.get("waiver_days") or ()

    @property
    def left_out(self) -> Sequence[Mapping[str, Any]]:
        """Return the exceptions of the environment from rules of the baseline, each with its state."""
        return self.run.get("left_out") or ()

    @property
    def hosts(self) -> Hosts:
        """Return what became of the hosts."""
        population = self.run.get("population") or {}
        told = population.get("hosts") or {key[6:]: value for key, value in population.items() if key[:6] == "hosts_"}
        unreachable, expected = dict(told.get("unreachable") or {}), int(told.get("expected") or 0)
        reached = told.get("reached")
        missing = expected - len(unreachable) if reached is None else int(reached)
        return Hosts(expected, missing, unreachable, dict(told.get("excluded") or {}))

    @property
    def close_exit(self) -> int | None:
        """Return the exit code with which the run closed; None when it did not."""
        return None if self.close is None else int(self.close.get("exit", 10))

    @functools.cached_property
    def totals(self) -> dict[Status, int]:
        """Return the number of cells by status, counted from the rows, every status present."""
        found = dict.fromkeys(Status, 0)
        for control in self.controls:
            for row in control.rows:
                found[row.status] += 1
        return found

    @property
    def decided(self) -> int:
        """Return how many cells have a row."""
        return sum(self.totals.values())

    @property
    def expected(self) -> int | None:
        """Return how many cells the run had to decide; None when it did not say."""
        said = (self.close or {}).get("expected", self.run.get("expected"))
        return int(said) if isinstance(said, int) else None

    @functools.cached_property
    def coverage(self) -> dict[str, int]:
        """Return what the items of the catalogue rest on, counted from the rows (`verify.engine.coverage`)."""
        known = self.run.get("catalogue") or {}
        gap = known.get("gap", sum(bool(item.gap) for item in self.items.values()))
        return coverage(int(known.get("items") or len(self.items)), int(gap), ((c.item, c.rows) for c in self.controls))

    @functools.cached_property
    def moment(self) -> float:
        """Return the instant as of which was judged, or the end of the run, or its newest evidence (epoch, s)."""
        for key in ("collected", "ended"):
            if self.run.get(key):
                return parse_iso(str(self.run[key])).timestamp()
        started = parse_iso(str(self.run["started"])).timestamp()
        return max([started, *(fact.collected for fact in self.facts.values())])

    @functools.cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Return the cells that are not green, and those that a waiver makes green, in the order of the controls."""
        return tuple(
            Finding(finding_id(control.control, row.kind, row.subject), control, row)
            for control in self.controls
            for row in control.rows
            if row.status not in GREEN or row.status is Status.WAIVED
        )

    @functools.cached_property
    def open_findings(self) -> tuple[Finding, ...]:
        """Return the cells that need somebody."""
        return tuple(finding for finding in self.findings if finding.row.status not in GREEN)

    @functools.cached_property
    def host_names(self) -> frozenset[str]:
        """Return the names of the hosts that the run decided about."""
        return frozenset(row.subject for control in self.controls for row in control.rows if row.kind == "host")

    @functools.cached_property
    def began(self) -> dict[str, float]:
        """Return since when findings have been open (epoch, s), for those that were open in the run before."""
        rows = (self.changes or {}).get("still") or ()
        return {str(row["finding"]): parse_iso(str(row["since"])).timestamp() for row in rows if row.get("since")}

    def due(self, finding: Finding) -> float:
        """Return until when a finding has to be mended (epoch, s): from its beginning, by the severity of its item."""
        limits = {**DEADLINES_S, **(self.run.get("deadlines_s") or {})}
        started = parse_iso(str(self.run["started"])).timestamp()
        return self.began.get(finding.id, started) + float(limits[self.item(finding.control.item).severity])

    def by_item(self) -> dict[str, list[ControlRows]]:
        """Return the controls of each item of the catalogue; an empty list for an item without any."""
        found: dict[str, list[ControlRows]] = {item: [] for item in self.items}
        for control in self.controls:
            found.setdefault(control.item, []).append(control)
        return found

    def item(self, item_id: str) -> Item:
        """Return an item of the catalogue; one that says so in place of an item the pack lacks."""
        known = self.items.get(item_id)
        if known is not None:
            return known
        text = f"The catalogue of this pack lacks {item_id}."
        blank: dict[str, Any] = {
            "severity": "high",
            "frequency": "daily",
            "owner": "operations",
            "method": "test",
            "sources": (),
        }
        section = item_id.rpartition("-")[0]
        return Item(
            id=item_id, section=section, title=text, objective=text, remedy=Remedy(text), freshness_s=0, **blank
        )


def item_row(item: Item) -> dict[str, Any]:
    """Return an item as a row of ``catalogue.json``."""
    row = dataclasses.asdict(item)
    row["bounds"], row["references"] = dict(item.bounds), {key: list(value) for key, value in item.references.items()}
    row["sources"], row["remedy"]["tags"] = list(item.sources), list(item.remedy.tags)
    row["remedy"]["playbook"] = item.remedy.playbook or None
    return row


def read_pack(folder: Path) -> ReportData:
    """Read a run from its folder.

    Raises `OpsError` naming the file and what is wrong with it. A missing file of history, changes, waivers or
    attestations is none; run.json, catalogue.json and results.jsonl have to be there.
    """
    lines, torn = _results(folder / "results.jsonl")
    run = _json(folder / "run.json")
    controls = [_control(line, folder) for line in lines if line.get("event") == "control"]
    facts = {fact.key: fact for fact in _facts(folder / "evidence" / "index.jsonl")}
    history = _json(folder / "history.json", missing={})
    data = ReportData(
        run=run,
        items={row["id"]: _item(row) for row in _json(folder / "catalogue.json")},
        controls=controls,
        facts=facts,
        close=next((line for line in reversed(lines) if line.get("event") == "close"), None),
        changes=_json(folder / "changes.json", missing=None),
        waivers=_json(folder / "waivers.json", missing=[]),
        attestations=_json(folder / "attestations.json", missing=[]),
        strips=history.get("strips", {}),
        kpis=history.get("kpis", {}),
        kpi_words=history.get("kpi_words", {}),
        torn=torn,
    )
    wanted = {facts[key].digest for finding in data.findings for key in finding.row.evidence if key in facts}
    return dataclasses.replace(data, bodies=_bodies(folder / "evidence" / "blobs.jsonl", wanted))


def _json(path: Path, **default: Any) -> Any:
    if not path.is_file() and "missing" in default:
        return default["missing"]
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise OpsError(f"{path} cannot be read ({exc}); a report is made from a whole pack.") from exc


def _results(path: Path) -> tuple[list[dict[str, Any]], bool]:
    """Return the lines of the results, and whether the last one was cut short by a crash."""
    lines: list[dict[str, Any]] = []
    try:
        raw = path.read_bytes().split(b"\n")
    except OSError as exc:
        raise OpsError(f"{path} cannot be read ({exc}); a report is made from a whole pack.") from exc
    tail = raw.pop()
    for number, line in enumerate(raw, start=1):
        try:
            lines.append(json.loads(line))
        except ValueError as exc:
            raise OpsError(f"{path}: line {number} is no JSON; verify the pack with verify_pack.py.") from exc
    return lines, bool(tail)


def _control(line: Mapping[str, Any], folder: Path) -> ControlRows:
    try:
        return ControlRows(
            control=line["control"],
            item=line["item"],
            status=Status(line["status"]),
            rows=tuple(row_of(row) for row in line["rows"]),
            procedure=line.get("procedure", ""),
            bounds=line.get("bounds") or {},
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise OpsError(f"{folder}/results.jsonl: the line of {line.get('control')} is not a result: {exc}.") from exc


def _item(row: Mapping[str, Any]) -> Item:
    return Item(
        **{
            **{key: row[key] for key in ("id", "section", "title", "objective", "severity", "frequency", "owner")},
            **{key: row[key] for key in ("method", "bounds", "gap")},
            "sources": tuple(row["sources"]),
            "freshness_s": float(row["freshness_s"]),
            "remedy": remedy_of(row["remedy"]),
            "references": {name: tuple(values) for name, values in row["references"].items()},
        }
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        return
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            if not line.endswith(b"\n"):
                # A killed run cut its last line short.
                return
            try:
                yield json.loads(line)
            except ValueError as exc:
                raise OpsError(f"{path}: line {number} is no JSON; verify the pack with verify_pack.py.") from exc


def _facts(path: Path) -> Iterator[Fact]:
    names = {one.name for one in dataclasses.fields(Fact)}
    for row in _lines(path):
        klass = row.get("class") or row.get("klass") or EvidenceClass.MACHINE
        yield Fact(
            **{key: value for key, value in row.items() if key in names and key != "klass"}, klass=EvidenceClass(klass)
        )


def _bodies(path: Path, wanted: Iterable[str | None]) -> dict[str, str]:
    digests = set(wanted)
    return {row["digest"]: row["body"] for row in _lines(path) if row["digest"] in digests}
