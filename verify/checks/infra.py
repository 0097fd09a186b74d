# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""INFRA: looking after the infrastructure - growth, patches, cost, drawings, drills and restores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import from_epoch
from verify.engine.control import Said, control, expect, unknown
from verify.facts import capacity, inventory_page
from verify.facts.backups import differing, proved
from verify.facts.costs import costs
from verify.facts.foresight import failovers
from verify.facts.metrics import metrics
from verify.facts.patching import no_old_process, no_overdue_reboot, no_overdue_update, searched
from verify.facts.pools import members
from verify.facts.runs import Pack, runs
from verify.facts.verdicts import judged, span


@control("INFRA-01")
def the_pool_can_grow(pool: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Read the least and the largest size that the inventory declares for the pool, count its hosts that Prometheus
    sees answering, and those that it saw hour by hour in the window: they were as many as the largest size for no
    longer in all than the bound allows.

    A pool that is at its largest size now has been so since its youngest host joined, by that host's first sample.
    Where Prometheus itself remembers less than the window, a host that looks young proves no growth. A host that
    answered and left the inventory may have belonged to any pool, unless one of them names it in ``left``.
    """
    size = pool.get("size") or {}
    declared = isinstance(size.get("min"), int) and isinstance(size.get("max"), int) and 0 < size["min"] <= size["max"]
    yield expect(declared, f"the pool {pool.name} declares its least and largest size", observed=size)
    if not declared:
        return
    hosts = members(estate, pool)
    seen = metrics(estate)
    answering = [one for one in hosts if any(t.host == one and t.health == "up" for t in seen.targets)]
    observed = {"hosts": len(hosts), "answering": len(answering), **size}
    yield expect(
        len(answering) >= size["min"], f"at least {size['min']} hosts of the pool {pool.name} answer", observed=observed
    )
    yield expect(len(hosts) <= size["max"], f"the pool {pool.name} is not above its largest size", observed=observed)
    yield from _not_pinned(pool, estate, bounds, observed)


def _not_pinned(pool: Any, estate: Any, bounds: Any, observed: dict[str, Any]) -> Iterator[Said]:
    seen, most = metrics(estate), observed["max"]
    stood = capacity.sizes(estate, pool, most, bounds.window_s)
    now = observed["hosts"] >= most
    youngest = min(seen.host("history_s", one) for one in members(estate, pool)) if now else 0.0
    pinned = max(stood.sure_s, youngest)
    told = f"the pool {pool.name} has stood at its largest size for no more than {span(bounds.pinned_max_s)}"
    shown, wanted = {**observed, "seconds": pinned}, f"fewer than {most} hosts"
    if pinned <= bounds.pinned_max_s and now and not _prometheus_saw(seen, bounds.window_s):
        yield unknown(f"The pool {pool.name} is at its largest size, and samples reach back {span(youngest)} only.")
    elif pinned <= bounds.pinned_max_s < stood.possible_s:
        gone = ", ".join(stood.gone)
        yield unknown(f"Whether {told} cannot be told: {gone} left the inventory, and no pool names it in left.")
    else:
        yield expect(pinned <= bounds.pinned_max_s, told, observed=shown, expected=wanted)


def _prometheus_saw(seen: Any, window_s: float) -> bool:
    """Return whether any host has samples from before the window: then a host without them is a new one."""
    return any(sample.value >= window_s for samples in seen.hosts("history_s").values() for sample in samples)


@control("INFRA-02")
def no_update_and_no_restart_is_overdue(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Read apt's fresh lists for pending security updates, the sign that asks for a reboot, and the processes that
    still use files which an update replaced; hold the age of each against its bound.

    The bound of an update follows the severity that the newest scan gives its package; without one it counts as
    critical. Its age counts from when its archive first offered it, as earlier runs prove: a package that upgrades keep
    back grows old, and an age that nothing bounds is unknown.
    """
    yield from searched(host, bounds)
    yield from no_overdue_update(host, estate, bounds)
    yield no_overdue_reboot(host, bounds)
    yield from no_old_process(host, bounds)


@control("INFRA-03")
def nothing_is_paid_for_that_nobody_uses(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take from the newest inventories of resources on record the volumes, addresses, snapshots and machines that
    nothing uses; and compare the cost of the month so far with the budget for the same time.

    What costs less than the floor, a share of the month's budget, is left out; what does not tell its cost is not.
    """
    seen = costs(estate)
    amount, start, end = seen.budget(estate.now)
    month = amount * 30 * 86400 / (end - start)
    for source, listing in sorted(seen.inventories().items()):
        age = estate.now - listing.at
        yield expect(
            age <= bounds.listing_max_age_s,
            f"the inventory of {source} was taken within {span(bounds.listing_max_age_s)}",
            observed=age,
            expected=bounds.listing_max_age_s,
        )
        yield expect(listing.resources, f"the inventory of {source} lists resources", observed=len(listing.resources))
    orphans = seen.orphans(month * bounds.floor_ratio)
    told = [f"{one.kind} {one.id}" for one in orphans]
    yield expect(
        len(orphans) <= bounds.orphan_max_count,
        f"no resource that costs more than {month * bounds.floor_ratio:.2f} {seen.currency} a month is without use",
        observed=told,
        expected=bounds.orphan_max_count,
    )
    yield judged(seen.month(estate.now, tolerance=bounds.deviation_max_ratio), "the cost follows its budget")


@control("INFRA-04")
def the_page_shows_the_host_as_it_is(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Write the host's line of the inventory page anew from this run's evidence (addresses, groups, system, processors,
    memory, listening ports) and compare it with the line that the documentation keeps."""
    kept = inventory_page.page(estate)
    wanted = inventory_page.host_line(host)
    found = kept.hosts.get(host.name)
    differs = int(found != wanted)
    claim = f"{kept.path} shows {host.name} as it is"
    yield expect(differs <= bounds.difference_max_count, claim, observed=found, expected=wanted)


@control("INFRA-04", "page")
def the_page_shows_nothing_else(estate: Any, bounds: Any) -> Iterator[Said]:
    """Expect that the page lists no host that the inventory does not have, and that its diagram has the declared
    services and data on their hosts, no more and no less."""
    kept = inventory_page.page(estate)
    gone = sorted(set(kept.hosts) - set(estate.environment.hosts) - set(estate.environment.excluded))
    yield expect(kept.hosts, f"{kept.path} lists hosts", observed=len(kept.hosts), expected="1 or more")
    yield expect(
        len(gone) <= bounds.difference_max_count, f"{kept.path} lists no host that is gone", observed=gone, expected=[]
    )
    drawn, wanted = set(kept.diagram), set(inventory_page.diagram(estate))
    difference = {"only on the page": sorted(drawn - wanted), "not on the page": sorted(wanted - drawn)}
    yield expect(
        len(drawn ^ wanted) <= bounds.difference_max_count,
        f"the diagram of {kept.path} shows each service and data asset on its hosts",
        observed=difference,
        expected=bounds.difference_max_count,
    )


@control("INFRA-04", "machines")
def each_name_is_a_machine_of_its_own(estate: Any, bounds: Any) -> Iterator[Said]:
    """Read the machine id of every host (machine-id(5)): no two names of the inventory lead to the same machine, so
    that none is proved by the evidence of another."""
    names: dict[str, list[str]] = {}
    for host in estate.views("host"):
        names.setdefault(host.machine_id, []).append(host.name)
    same = [" and ".join(found) for found in names.values() if len(found) > 1]
    yield expect(names, f"the machines of {estate.name} told their ids", observed=len(names), expected="1 or more")
    yield expect(
        len(same) <= bounds.difference_max_count,
        f"the names of {estate.name} lead to {len(names)} machines, each to one of its own",
        observed=same,
        expected=bounds.difference_max_count,
    )


@control("INFRA-05")
def recovery_was_rehearsed(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the newest drill on file: its seal holds, it is recent, it passed, and the measured recovery time and data
    loss are inside the targets that were set for it, and inside the bounds in any case.

    A drill that failed after one that passed counts, because it is what is known of today. So does a drill that was
    changed since it was sealed; and none may hide how it ended behind a record that cannot be read, or that it never
    got because it was killed and nobody ran it again. A live environment may be drilled on a copy beside it: that loses
    nothing and measures no loss, so the newest live drill has to tell it; and it is said when the switch itself was
    last proved, which AUTOMATION-04 asks for.
    """
    packs = runs(estate).drills
    yield expect(packs, f"a drill of {estate.name} is on file", observed=len(packs), expected="1 or more")
    if not packs:
        return
    unread = {one.name: list(one.faults) for one in packs if one.record is None}
    claim = f"each drill of {estate.name} ended with a record that can be read"
    yield expect(not unread, claim, observed=unread, expected={})
    last = packs[-1]
    yield expect(last.intact, f"the seal of the drill {last.name} holds", observed=list(last.faults))
    if last.ended is None:
        yield unknown(f"The drill {last.name} has no end on record.")
        return
    yield expect(
        estate.now - last.ended <= bounds.exercise_max_age_s,
        f"the drill {last.name} is younger than {span(bounds.exercise_max_age_s)}",
        observed=estate.now - last.ended,
        expected=bounds.exercise_max_age_s,
    )
    claim = f"the drill {last.name} passed{_on_a_copy(estate, last)}"
    yield expect(last.passed, claim, observed=last.verdict, expected="pass")
    yield from _inside(last, "time to recover", last.rto_s, last.rto_target_s, bounds.rto_max_s)
    # A copy takes nothing away and measures no loss: the newest other drill tells it, and AUTOMATION-04 its age.
    live = next((one for one in reversed(packs) if one.mode == "live"), None)
    if live is not None and live is not last:
        yield expect(
            live.intact and live.passed,
            f"the newest drill that measured a loss, {live.name}, is intact and passed",
            observed={"faults": list(live.faults), "verdict": live.verdict},
        )
    told = live or last
    yield from _inside(told, "loss of data", live.rpo_s if live else None, told.rpo_target_s, bounds.rpo_max_s)


def _inside(pack: Any, what: str, measured: float | None, target: float | None, most: float) -> Iterator[Said]:
    limit = most if target is None else min(target, most)
    claim = f"the {what} of the drill {pack.name} was measured and is within {span(limit)}"
    yield expect(measured is not None and measured <= limit, claim, observed=measured, expected=limit)


def _on_a_copy(estate: Any, last: Pack) -> str:
    """Return what has to be said of a drill on a copy, in which no client was moved; nothing for a live one."""
    if last.mode != "copy":
        return ""
    ended, name = max(failovers(estate, since=0.0), default=(0.0, ""))
    told = f"last proved on {from_epoch(ended):%Y-%m-%d} by {name}" if name else "never proved"
    return f", on a copy; the switch itself was {told}"


@control("INFRA-06")
def the_newest_backup_was_restored(asset: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Look for the restore test of the asset's data: a scratch host took a backup in within the bound, and each check
    of its content there ended as expected.

    A test is of the newest backup when no backup that could have been taken was newer as the test began; where none of
    that time is kept, nobody can tell. The host that serves the data is no scratch host for it: that of the files, or
    the primary of the database.
    """
    test = asset.last_restore_test
    yield expect(test is not None, f"a restore of {asset.name} was tested", observed=len(asset.restore_tests))
    if test is None:
        return
    age = estate.now - test.ended
    yield expect(
        age <= bounds.restore_max_age_s,
        f"the restore of {asset.name} was tested within {span(bounds.restore_max_age_s)}",
        observed=age,
        expected=bounds.restore_max_age_s,
    )
    yield expect(
        proved(test),
        f"each of {len(test.checks)} checks of {asset.name} after its restore on {test.host} ended as expected",
        observed={"result": test.result, "checks": len(test.checks), "differ": differing(test)},
        expected="verified, by 1 check or more",
    )
    claim = f"{asset.name} was restored to another host than the one that serves it"
    yield expect(test.host and not asset.served_by(test.host), claim, observed=test.host)
    then = [one for one in asset.backups if one.ok and one.stopped <= test.started]
    newest = max(then, key=lambda one: one.stopped, default=None)
    if newest is None:
        yield unknown(f"No backup of {asset.name} from before its test is kept, so nobody knows which was the newest.")
        return
    yield expect(
        test.backup.label == newest.label,
        f"the backup that was restored was the newest of {asset.name} then",
        observed=test.backup.label,
        expected=newest.label,
    )
