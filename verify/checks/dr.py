# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DR: what has to be done in a disaster. Each line: done in every disaster, and exercised within 90 days."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable
from verify.facts.documents import reviewed, runbooks
from verify.facts.metrics import metrics
from verify.facts.records import everything
from verify.facts.recovery import Recovery, disasters, done_and_ready, recoveries, returns_from
from verify.facts.registers import register
from verify.facts.verdicts import percent, span

DAY = 86400.0


@control("DR-01")
def the_loss_is_measured(estate: Any, bounds: Any) -> Iterator[Said]:
    """Open the sealed packs of drills and disasters of the last 90 days and find the steps that assess the loss.

    They ended within half an hour of the declaration, and a drill's record states what was lost as a number of rows
    and a span of time. A drill on a copy takes nothing away: where that is the newest, one beside it in the same time
    has to state a loss.
    """
    yield from done_and_ready(estate, bounds, "DR-01", drill=_loss_is_stated)
    known = recoveries(estate, estate.now - bounds.exercise_max_age_s)
    if known and known[-1].pack.mode == "copy":
        told = [one for one in known if one.pack.mode != "copy"]
        claim = f"{known[-1].name} worked on a copy, and one that took something away stands beside it"
        yield expect(told, claim, observed=[one.pack.name for one in told], expected="1 or more")
        for one in told[-1:]:
            yield from _loss_is_stated(one)


@control("DR-01", "events")
def each_disaster_has_its_record(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the incidents of the last 90 days that are marked as a disaster (``disaster``): the sealed record of an
    activation overlaps each of them, so that the lines of the plan have something to be judged by."""
    since = estate.now - bounds.exercise_max_age_s
    found = register(estate, "incident")
    marked = [one for one in found if one.disaster and (one.restored is None or one.restored >= since)]
    known = disasters(estate, since) if marked else []
    for one in marked:
        over = estate.now if one.restored is None else one.restored
        own = [row.pack.name for row in known if (row.pack.started or 0.0) <= over and row.ended >= one.impact_start]
        yield expect(own, f"an activation is on record for the disaster {one.id} ({one.title})", observed=own)
    if not marked:
        yield not_applicable(
            f"none of the {len(found)} incidents on record is marked as a disaster of the last quarter"
        )


def _loss_is_stated(one: Recovery) -> Iterator[Said]:
    if one.pack.mode == "copy":
        return  # Nothing is lost where nothing was taken away.
    yield expect(
        one.pack.lost_rows is not None and one.pack.rpo_s is not None,
        f"{one.name} states how many acknowledged writes were lost, and of what span of time",
        observed={"rows": one.pack.lost_rows, "seconds": one.pack.rpo_s},
    )


@control("DR-02")
def the_team_is_called(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the steps that call the team and begin the plan: in time, signed by the ones who did."""
    yield from done_and_ready(estate, bounds, "DR-02")


@control("DR-03")
def business_and_executives_are_told(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the step that tells the business and the executives: in time, signed by the one who told them."""
    yield from done_and_ready(estate, bounds, "DR-03")


@control("DR-04")
def the_recovery_site_is_activated(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the steps that open the recovery site: in time, and the old primary was proved closed before.

    Two sites that both take writes lose more than one that takes none, so activation without the proofs of fencing
    does not count.
    """
    yield from done_and_ready(estate, bounds, "DR-04", drill=_fenced, disaster=_fenced)


def _fenced(one: Recovery) -> Iterator[Said]:
    proofs = one.record.get("fencing") or []
    open_ones = [f"{row.get('host')}: {row['proof']}" for row in proofs if not row["proved"]]
    yield expect(proofs, f"{one.name} proved that the old primary is closed", observed=len(proofs))
    yield expect(not open_ones, f"every proof of the fence holds in {one.name}", observed=open_ones)


@control("DR-05")
def critical_systems_are_restored(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the steps that restore: in time, and the record names the backup that was used and how old it was."""
    yield from done_and_ready(estate, bounds, "DR-05", drill=_backup_is_named, disaster=_backup_is_named)


def _backup_is_named(one: Recovery) -> Iterator[Said]:
    backup = one.record.get("backup") or {}
    yield expect(backup.get("label"), f"{one.name} names the backup that it used", observed=backup.get("label"))
    if not one.in_earnest:
        yield expect(
            backup.get("age_s") is not None,
            f"{one.name} says how old its backup was",
            observed=backup.get("age_s"),
            expected="seconds",
        )


@control("DR-06")
def clients_reach_the_recovery_site(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the steps that move the traffic: in time, and a client outside had a write acknowledged afterwards."""
    yield from done_and_ready(estate, bounds, "DR-06", drill=_client_saw_it, disaster=_client_saw_it)


def _client_saw_it(one: Recovery) -> Iterator[Said]:
    first = one.step("first_write") or {}
    yield expect(
        first.get("status") == "done" and first.get("actor") == "canary",
        f"a client outside wrote at the recovery site in {one.name}",
        observed={"status": first.get("status"), "actor": first.get("actor")},
    )


@control("DR-07")
def what_came_back_is_proved(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the step that verifies: in time, every check of data and function holds, and the acknowledged writes that
    are missing were counted."""
    yield from done_and_ready(estate, bounds, "DR-07", drill=_whole_and_counted, disaster=_whole)


def _whole(one: Recovery) -> Iterator[Said]:
    checks = one.record.get("integrity") or []
    differing = [f"{row['name']}: {row['result']}" for row in checks if row["result"] != "verified"]
    yield expect(checks, f"{one.name} checked what came back", observed=len(checks), expected="1 or more")
    yield expect(not differing, f"all {len(checks)} checks of data and function hold in {one.name}", observed=differing)


def _whole_and_counted(one: Recovery) -> Iterator[Said]:
    yield from _whole(one)
    lost = (one.record.get("ledger") or {}).get("lost")
    yield expect(lost is not None, f"{one.name} counted the acknowledged writes that are missing", observed=lost)


@control("DR-08")
def the_business_agrees(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the step in which the business agrees to the order of return: in time, signed."""
    yield from done_and_ready(estate, bounds, "DR-08")


@control("DR-09")
def the_recovery_site_is_watched(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the steps that watch the recovery site, with the steady state proved at the end of a drill.

    In a disaster that lasts beyond the window's beginning, the probes of each critical service have samples for the
    whole time.
    """
    lasting = partial(_watched_on, estate=estate, bounds=bounds)
    yield from done_and_ready(estate, bounds, "DR-09", drill=_steady, disaster=lasting)


def _steady(one: Recovery) -> Iterator[Said]:
    rows = (one.record.get("steady_state") or {}).get("after") or []
    differing = [f"{row['name']}: {row.get('observed')}" for row in rows if row["result"] != "verified"]
    yield expect(rows and not differing, f"{one.name} ended in the steady state", observed=differing or len(rows))


def _watched_on(one: Recovery, *, estate: Any, bounds: Any) -> Iterator[Said]:
    back = min((pack.ended or estate.now for pack in returns_from(estate, one)), default=estate.now)
    if back - one.declared < bounds.window_from_s:
        return
    days = max(1, min(90, round((estate.now - one.declared) / DAY)))
    for service in estate.environment.subjects("service"):
        if service.get("critical") and service.get("probe"):
            coverage = metrics(estate).uptime(service.probe, days).coverage or 0.0
            yield expect(
                coverage >= bounds.coverage_min_ratio,
                f"{service.name} was probed all the time since {one.name}",
                observed=percent(coverage),
                expected=percent(bounds.coverage_min_ratio),
            )


@control("DR-10")
def the_return_is_planned(estate: Any, bounds: Any) -> Iterator[Said]:
    """A drill carries the return out and loses nothing on the way. A disaster that lasts 8 hours has a return on
    record, or a change that plans it and names the disaster among its links."""
    planned = partial(_return_is_planned, estate=estate, bounds=bounds)
    yield from done_and_ready(estate, bounds, "DR-10", drill=_lossless_return, disaster=planned, apart=True)


def _lossless_return(one: Recovery) -> Iterator[Said]:
    lost = (one.record.get("failback") or {}).get("lost")
    yield expect(lost == 0, f"{one.name} returned to the primary site without a lost write", observed=lost, expected=0)


def _return_is_planned(one: Recovery, *, estate: Any, bounds: Any) -> Iterator[Said]:
    if estate.now - one.declared < bounds.window_from_s:
        return
    plans = [change.id for change in everything(estate, "change") if one.pack.name in (change.links or ())]
    yield expect(
        plans or returns_from(estate, one),
        f"a plan to return from {one.name} is on record, or the return itself",
        observed=plans,
        expected=f"within {span(bounds.window_from_s)}",
    )


@control("DR-11")
def the_recovery_is_written_up(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the step that writes the recovery up: signed, under the seal, with what people had to say of it."""
    yield from done_and_ready(estate, bounds, "DR-11", drill=_told, disaster=_told)


def _told(one: Recovery) -> Iterator[Said]:
    signature = one.signature("document") or {}
    yield expect(
        signature.get("statement"), f"the report of {one.name} carries a statement", observed=signature.get("statement")
    )


@control("DR-12")
def the_plan_learns(estate: Any, bounds: Any) -> Iterator[Said]:
    """Find the step that improves the plan: signed, and each corrective action has an owner and a day.

    After a disaster the page of the procedure was changed or confirmed since it was declared.
    """
    renewed = partial(_plan_is_renewed, estate=estate, bounds=bounds)
    yield from done_and_ready(estate, bounds, "DR-12", drill=_actions_are_owned, disaster=renewed)


def _actions_are_owned(one: Recovery) -> Iterator[Said]:
    actions = one.record.get("corrective_actions") or []
    loose = [row.get("text") for row in actions if not row.get("owner") or not row.get("due")]
    yield expect(not loose, f"all {len(actions)} corrective actions of {one.name} have owner and day", observed=loose)


def _plan_is_renewed(one: Recovery, *, estate: Any, bounds: Any) -> Iterator[Said]:
    yield from _actions_are_owned(one)
    plans = [page for page in runbooks(estate) if page.names & {"dr_activate.yml", "dr_drill.yml", "dr-drill.yml"}]
    newest = max((reviewed(estate, page, 0.0)[0] for page in plans), default=None)
    if estate.now - one.declared >= bounds.window_from_s:
        yield expect(
            newest is not None and newest >= one.declared,
            f"the page of the recovery was changed or confirmed since {one.name}",
            observed=newest,
            expected=one.declared,
        )
