# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recovery time in its phases, and whether they account for the gap that clients saw. Pure.

Two instruments measure the same outage: the client's ledger its length, and the journal of the controller the phases,
each with a beginning and an end of its own. The gap is therefore not the sum of the phases by construction: time that
no phase covers, time that two phases cover, and clocks that disagree all show as a difference.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, parse_iso
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_outage import outage_of

__all__ = ["LARGEST_DIFFERENCE_S", "PHASES", "difference_of", "phases_of"]

# Phase of the client-seen recovery time -> step of the journal that carries its deadline.
PHASES = {
    "detect": "detect",
    "decide": "decide",
    "fence": "fence",
    "restore": "restore",
    "replay": "promote",
    "promote": "promote",
    "redirect": "redirect",
    "first_write": "first_write",
}
LARGEST_DIFFERENCE_S = 0.5

Instant = datetime.datetime


def phases_of(state: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Return the gap that the clients saw, and the phases of the recovery as the journal timed them.

    Instants of other hosts are moved to the controller's clock by the offsets that were measured before. A phase keeps
    its own ``started`` and ``ended``; its ``seconds`` are those that fell into the gap, because the fault is being made
    while clients are still served, and the last answer is noticed a little after it came.
    """
    bounds = _gap(state)
    if bounds is None:
        return None, []
    gap, begin, end = bounds
    deadlines = {step["id"]: step.get("deadline_s") for step in state["steps"]}
    phases: list[dict[str, Any]] = [
        {
            "name": name,
            "started": iso_ms(started),
            "ended": iso_ms(ended),
            # For the drawing, which has no room outside of the gap.
            "offset_s": round(max(0.0, (min(started, end) - begin).total_seconds()), 3),
            "seconds": round(max(0.0, (min(ended, end) - max(started, begin)).total_seconds()), 3),
            "expected_s": None,
            "deadline_s": deadlines.get(PHASES[name]),
        }
        for name, started, ended in _spans(state)
    ]
    total = round(sum(phase["seconds"] for phase in phases), 3)
    return {**gap, "sum_of_phases_s": total}, phases


def difference_of(gap: Mapping[str, Any] | None) -> float | None:
    """Return the length of the gap less the sum of the phases: positive where no phase accounts for time, negative
    where two do; None where there is no gap."""
    return round(gap["seconds"] - gap["sum_of_phases_s"], 3) if gap else None


def _gap(state: Mapping[str, Any]) -> tuple[dict[str, Any], Instant, Instant] | None:
    """Return the gap as the client saw it, and its edges by the controller's clock.

    Where nobody was served any more when the canary began, as in a disaster, clients have waited longer than the
    ledger can tell: the gap is then counted from the outage, where somebody could tell its beginning, else from the
    declaration, which is no recovery time.
    """
    found = state["results"].get("first_write", {})
    gap, first_ack = found.get("gap") or {}, found.get("first_ack")
    offset = _offset(state, "canary")
    declared = state["entered"].get("decide")
    outage = outage_of(state["results"]) or {}
    if first_ack and outage.get("started"):
        begin, end = parse_iso(outage["started"]), _moved(first_ack, offset)
        told = {key: outage.get(key) for key in ("started", "source")}
        gap = {"last_ack": None, "first_ack": first_ack, "outage": told}
    elif first_ack and declared and (gap.get("last_ack") or first_ack) >= first_ack:
        begin, end = parse_iso(declared), _moved(first_ack, offset)
        gap = {"last_ack": None, "declared": declared, "first_ack": first_ack}
    elif gap.get("last_ack") and gap.get("first_ack"):
        begin, end = _moved(gap["last_ack"], offset), _moved(gap["first_ack"], offset)
    else:
        return None
    return {**gap, "seconds": round((end - begin).total_seconds(), 3), "clock_offset_s": offset}, begin, end


def _spans(state: Mapping[str, Any]) -> Iterator[tuple[str, Instant, Instant]]:
    """Yield each phase that was timed, with its own beginning and end by the controller's clock.

    A phase is the time of its step in the journal. An outage begins while the fault is being made, so noticing it
    begins with that step. Within the step promote the server tells when the replay ended and when a write was proved;
    from then on traffic can be redirected.
    """
    entered, left = state["entered"], state["left"]
    promote, ahead = state["results"].get("promote", {}), _offset(state, "target")
    replayed, proved = (
        _moved(promote[key], ahead) if promote.get(key) else None for key in ("replay_end", "first_write")
    )
    # In a disaster nobody makes the fault: it is noticed when the survey begins, and decided upon until the fence.
    surveyed = _known(entered.get("survey"))
    outage = (outage_of(state["results"]) or {}).get("started")
    if surveyed and outage:
        yield "detect", min(parse_iso(outage), surveyed), surveyed
    begins = {
        "decide": surveyed if outage else None,
        "detect": _known(entered.get("fault")),
        "promote": replayed,
        "redirect": proved,
    }
    ends = {"replay": replayed, "promote": proved}
    for name, step in PHASES.items():
        started = begins.get(name) or _known(entered.get(step))
        ended = ends.get(name) or (None if name == "replay" else _known(left.get(step)))
        if started and ended:
            yield name, started, ended


def _known(instant: str | None) -> Instant | None:
    return parse_iso(instant) if instant else None


def _offset(state: Mapping[str, Any], role: str) -> float:
    """Return by how many seconds the clock of a host was ahead of the controller's; 0 where nobody measured it."""
    offsets = state["results"].get("assess", {}).get("clock_offsets_s", {})
    return float(offsets.get(state["header"].get(role)) or 0.0)


def _moved(instant: str, offset_s: float) -> Instant:
    return parse_iso(instant) - datetime.timedelta(seconds=offset_s)
