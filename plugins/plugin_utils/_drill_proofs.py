# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What proves the recovery: fencing, traffic, steady state, return, backup, forecast. Pure.

One function a section of the report: record in, blocks out.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_recovery import NOT_IN_COPY
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_blocks import (
    Cell,
    Record,
    bullets,
    cell,
    code,
    facts,
    figure,
    note,
    part,
    parts,
    pill,
    result,
    seconds_cell,
    section,
    table,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import (
    clock,
    count,
    moment,
    number,
    size,
)

__all__ = ["backup", "failback", "fencing", "forecast", "steady_state", "traffic"]


def fencing(record: Record) -> dict[str, Any]:
    """The proofs that the old primary could not write any more, and what the observer saw."""
    observer = part(record, "observer")
    rows = parts(record, "fencing")
    copied = record.get("mode") == "copy" and not rows
    seen = observer.get("two_writers_seen")
    return section(
        "fencing",
        "Fencing proofs",
        note(NOT_IN_COPY)
        if copied
        else table(
            ("Proof", "Host", "How it was proved", "Observed", "At (UTC)", "Proved"),
            [
                (
                    row.get("proof"),
                    code(row.get("host")),
                    row.get("method"),
                    row.get("observed"),
                    cell(clock(row.get("at")), "time"),
                    pill("ok", "proved") if row.get("proved") is True else pill("bad", "not proved"),
                )
                for row in rows
            ],
        ),
        None
        if copied
        else facts(
            ("Observer saw two writers at once", cell(f"{count(seen)} times" if number(seen) is not None else seen)),
            ("Witness beside each database", cell(_witnesses(observer))),
        ),
        lead=None if copied else "The new primary is promoted only after all three proofs hold.",
    )


def _witnesses(observer: Record) -> str | None:
    """Write how often each witness looked, ``db1 412 looks, db2 397 looks``."""
    told = [f"{host} {count(looks)} looks" for host, looks in sorted(part(observer, "hosts").items())]
    return ", ".join(told) or (f"{count(observer['samples'])} looks" if observer.get("samples") else None)


def traffic(record: Record) -> dict[str, Any]:
    """Where clients were sent before and after."""
    rows = parts(record, "traffic")
    copied = record.get("mode") == "copy" and not rows
    return section(
        "traffic",
        "Traffic redirection",
        note(NOT_IN_COPY)
        if copied
        else table(
            ("Host", "Before", "After", "At (UTC)"),
            [
                (
                    code(row.get("host")),
                    code(_target(row.get("before"))),
                    code(_target(row.get("after"))),
                    cell(clock(row.get("at")), "time"),
                )
                for row in rows
            ],
        ),
    )


def _target(value: Any) -> Any:
    """Write what a pooler says about its databases as ``name → host:port``; anything else stays as it is."""
    if not isinstance(value, dict) or not all(isinstance(entry, dict) and "host" in entry for entry in value.values()):
        return value
    told = [f"{name} → {entry['host']}:{entry.get('port', '')}".rstrip(":") for name, entry in sorted(value.items())]
    return "; ".join(told)


def steady_state(record: Record) -> dict[str, Any]:
    """The steady state, before and after, side by side."""
    state = part(record, "steady_state")
    before, after = parts(state, "before"), parts(state, "after")
    names = list(dict.fromkeys(str(row.get("name")) for row in [*before, *after]))
    first = {str(row.get("name")): row for row in before}
    last = {str(row.get("name")): row for row in after}
    rows = []
    for name in names:
        one, two = first.get(name, {}), last.get(name, {})
        expected = one.get("expected", two.get("expected"))
        rows.append(
            (name, expected, one.get("observed"), _known(one), two.get("observed"), _known(two)),
        )
    return section(
        "steady-state",
        "Steady state, before and after",
        table(("Condition", "Expected", "Before", "", "After", ""), rows),
    )


def _known(row: Record) -> Cell:
    return result(row.get("result") if row else None)


def failback(record: Record) -> dict[str, Any]:
    """The return to the primary site."""
    found = part(record, "failback")
    if not found:
        copied = record.get("mode") == "copy"
        return section("failback", "Return to the primary site", note(NOT_IN_COPY if copied else None))
    known = ("method", "lost", "client_errors", "gap_s", "ledger")
    more = [(key.replace("_", " ").capitalize(), code(value)) for key, value in found.items() if key not in known]
    target = number(part(record, "targets").get("failback_gap_s"))
    return section(
        "failback",
        "Return to the primary site",
        facts(
            ("Method", found.get("method")),
            ("Pause that clients saw", seconds_cell(found.get("gap_s"))),
            ("Target for the pause", seconds_cell(target)),
            ("Acknowledged writes lost", figure(count(found.get("lost")))),
            ("Client errors", figure(count(found.get("client_errors")))),
            *more,
        ),
    )


def backup(record: Record) -> dict[str, Any]:
    """Where the data came from."""
    found = part(record, "backup")
    told = number(part(record, "achieved").get("backup_age_s"))
    age = number(found.get("age_s")) if told is None else told
    bound = number(part(record, "targets").get("backup_age_s"))
    return section(
        "backup",
        "Backup provenance",
        facts(
            ("Backup", code(found.get("label"))),
            ("Restored", code(found.get("restored_label") or found.get("label"))),
            ("Type", found.get("type")),
            ("Repository", code(found.get("repository") or found.get("source"))),
            ("Taken", cell(moment(found.get("started") or found.get("start")), "time")),
            ("Completed", cell(moment(found.get("stopped") or found.get("stop")), "time")),
            ("Age when restored", seconds_cell(age)),
            *([("Bound of its age", seconds_cell(bound))] if record.get("mode") == "copy" else []),
            ("Size of the database", cell(size(found.get("size_bytes")))),
            ("Size in the repository", cell(size(found.get("repo_size_bytes")))),
            ("Encrypted", cell(found.get("encrypted"))),
            ("Cipher", code(found.get("cipher"))),
            ("Timeline", code(found.get("timeline"))),
            ("LSN, first and last", code(_pair(found.get("lsn_start"), found.get("lsn_stop")))),
            ("Log segments, first and last", code(_pair(found.get("wal_min"), found.get("wal_max")))),
            ("Kept by the repository", code(found.get("retention"))),
            ("Digest", code(found.get("digest"))),
        ),
    )


def _pair(first: Any, last: Any) -> str | None:
    return f"{first} … {last}" if first and last else None


def forecast(record: Record) -> dict[str, Any]:
    """What the measured throughput means for the real size of the data."""
    found = part(record, "forecast")
    rate, replay = (number(found.get(f"{what}_bytes_per_s")) for what in ("restore", "replay"))
    return section(
        "forecast",
        "Forecast for the real size",
        facts(
            ("Size of the real data", cell(size(found.get("data_bytes")))),
            ("Restore throughput", cell(f"{rate / 1e6:,.0f} MB/s" if rate is not None else None)),
            ("Fixed part of the recovery", seconds_cell(found.get("fixed_s"))),
            ("Log replayed", cell(size(found.get("wal_bytes")))),
            ("Replay", seconds_cell(found.get("replay_s"))),
            ("Replay throughput", cell(f"{replay / 1e6:,.0f} MB/s" if replay is not None else None)),
            ("Forecast of the recovery time", seconds_cell(found.get("forecast_s"))),
            ("Bound", seconds_cell(found.get("bound_s"))),
            ("Largest database inside the bound", cell(size(found.get("largest_database_bytes")))),
            ("Verdict", result(found.get("verdict"))),
        ),
        bullets(found.get("assumes") or [], title="It assumes") if found else None,
    )
