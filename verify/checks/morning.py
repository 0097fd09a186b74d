# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MORNING: what a person looks at between half past eight and nine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts.alerting import ASKED_S, answered, watched
from verify.facts.alerts import alerts
from verify.facts.history import last_whole_run
from verify.facts.metrics import metrics
from verify.facts.registers import register
from verify.facts.verdicts import clock, percent, span

DAY = 86400.0


@control("MORNING-01")
def alerts_of_the_night_are_answered(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take every alert that Prometheus saw firing in the window and look for a person's answer in the records.

    The window reaches back to the last run of an earlier day that looked at everything, so that a run that comes later
    than that of yesterday, or after days without one, leaves no hole; it is never shorter than the bound says.
    An alert is in order when somebody acknowledged it in time, or it has ended. Before that, prove that there was
    something to fire: rules are loaded and evaluated, and Prometheus watched during the window.
    """
    before = last_whole_run(estate)
    window = bounds.window_s if before is None else max(bounds.window_s, estate.now - before)
    window = min(window, ASKED_S)
    yield from watched(estate, window)
    for one in alerts(estate).answers(estate.now - window):
        yield expect(
            answered(one, bounds.ack_max_s) or one.episode.ended is not None,
            f"{one.episode.name} of {one.episode.labels.get('host', estate.name)} was acknowledged within "
            f"{span(bounds.ack_max_s)} or is over",
            observed={"fired": clock(one.episode.started), "acknowledged": clock(one.acknowledged), "by": one.by},
            expected=f"an answer within {span(bounds.ack_max_s)}",
        )


@control("MORNING-01", "incidents")
def open_incidents_have_an_owner(estate: Any) -> Iterator[Said]:
    """Read the register of incidents and expect an owner for each one that is not closed."""
    found = register(estate, "incident")
    open_ones = [incident for incident in found if incident.closed is None]
    for incident in open_ones:
        yield expect(incident.owner, f"{incident.id} ({incident.title}) has an owner", observed=incident.owner)
    if not open_ones:
        yield not_applicable(f"none of the {len(found)} incidents on record is open")


@control("MORNING-01", "silences")
def silences_are_short_and_explained(estate: Any, bounds: Any) -> Iterator[Said]:
    """Ask Alertmanager for the silences that are active or yet to begin: each says who made it and why, and ends within
    a day of its beginning. What a longer one swallows, nobody sees fire, and nobody answers."""
    found = alerts(estate).silences
    told = [f"{one.told}, until {clock(one.ends)}" for one in found]
    for one in found:
        lasts = one.ends - one.starts
        claim = f"the silence of {', '.join(one.matchers)} is over within {span(bounds.silence_max_s)}"
        yield expect(lasts <= bounds.silence_max_s, claim, observed=lasts, expected=bounds.silence_max_s)
        named = one.created_by.strip() and one.comment.strip()
        yield expect(named, f"the silence of {', '.join(one.matchers)} says who made it and why", observed=one.told)
    yield expect(True, f"Alertmanager told its silences ({len(found)})", observed=told)


@control("MORNING-02")
def the_host_answers_and_is_not_saturated(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Ask Prometheus whether the host's exporter answers, and hold its use of each resource against the limits.

    Processor, memory, every file system with its inodes, and every link: its faulty packets, and its use where the
    kernel knows the speed of the link. A host that lost a process to a lack of memory during the day is saturated too.
    That the verification itself reached the host is shown by the facts of the host.
    """
    seen = metrics(estate)
    probes = {sample.labels.get("instance") for sample in seen.vector("probe_success")}
    exporters = [one for one in seen.targets if one.host == host.name and one.instance not in probes]
    yield expect(exporters, f"Prometheus watches {host.name}", observed=len(exporters), expected="1 or more")
    down = sum(target.health != "up" for target in exporters)
    yield expect(
        down <= bounds.unreachable_max_count,
        f"every exporter of {host.name} answers",
        observed=[f"{target.job}: {target.error}" for target in exporters if target.health != "up"],
        expected=bounds.unreachable_max_count,
    )
    yield expect(host.connection.address, f"the verification reached {host.name}", observed=host.connection.address)
    yield _below(host, "its processors", seen.host("cpu_used_ratio", host.name), bounds.cpu_max_ratio)
    yield _below(host, "its memory", seen.host("memory_used_ratio", host.name), bounds.memory_max_ratio)
    yield from _storage(host, seen, bounds)
    yield from _network(host, seen, bounds)
    killed = seen.host("oom_kills_1d", host.name)
    yield expect(killed == 0, f"{host.name} killed no process for lack of memory", observed=killed, expected=0)


def _below(host: Any, what: str, value: float, limit: float) -> Said:
    claim = f"{host.name} uses at most {percent(limit)} of {what}"
    # What is no number was not measured; an idle processor may seem to be used a little less than not at all.
    return expect(math.isfinite(value) and value <= limit, claim, observed=value, expected=limit)


def _storage(host: Any, seen: Any, bounds: Any) -> Iterator[Said]:
    for name, what, limit in (
        ("filesystem_used_ratio", "space", bounds.disk_max_ratio),
        ("filesystem_inodes_used_ratio", "inodes", bounds.inode_max_ratio),
    ):
        samples = seen.hosts(name).get(host.name, [])
        yield expect(
            samples, f"Prometheus knows the {what} of {host.name}", observed=len(samples), expected="1 or more"
        )
        for sample in samples:
            yield _below(host, f"the {what} on {sample.labels['mountpoint']}", sample.value, limit)


def _network(host: Any, seen: Any, bounds: Any) -> Iterator[Said]:
    errors = seen.hosts("network_error_ratio").get(host.name, [])
    yield expect(errors, f"Prometheus counts the packets of {host.name}", observed=len(errors))
    for sample in errors:
        yield expect(
            math.isfinite(sample.value) and sample.value <= bounds.error_max_ratio,
            f"at most {percent(bounds.error_max_ratio)} of the packets on {sample.labels['device']} of {host.name} are "
            "faulty",
            observed=sample.value,
            expected=bounds.error_max_ratio,
        )
    used = seen.hosts("network_used_ratio").get(host.name, [])
    if not used:
        yield not_applicable(f"no link of {host.name} knows its speed, so only its faulty packets are judged")
    for sample in used:
        yield _below(host, f"the link {sample.labels['device']}", sample.value, bounds.network_max_ratio)


@control("MORNING-03")
def backups_are_good_young_and_proved(asset: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Ask the repository for the asset's backups: the newest ended without error, is not older than the asset's period,
    and was proved to be intact.

    The proof is the record of the procedure that audited the repository or restored the backup, or the word of the
    program that checks the repository after each backup. An asset whose backups are taken more often than they are
    checked declares how often that is (``check_every_s``); the newest that was checked then counts while it is younger
    than that. A record that found the newest backup damaged counts always, and one that could not run decides nothing.
    """
    newest, period = asset.newest, asset.get("period_s", bounds.max_age_s)
    yield expect(newest is not None, f"the repository holds a backup of {asset.name}", observed=len(asset.backups))
    if newest is None:
        return
    yield expect(newest.ok, f"the backup {newest.label} of {asset.name} ended without error", observed=newest.ok)
    yield expect(
        asset.age_s <= period,
        f"the newest backup of {asset.name} is younger than {span(period)}",
        observed=asset.age_s,
        expected=period,
    )
    yield _integrity(asset, newest, min(period, asset.get("check_every_s", 0)))


def _integrity(asset: Any, newest: Any, check_every_s: float) -> Said:
    """Say whether the newest backup passed its check, or one that is younger than the declared time between checks."""
    standing = asset.standing(newest)
    claim = f"the newest backup of {asset.name}, {newest.label}, passed its integrity check"
    if standing is None:
        young = [one for one in asset.backups if one.ok and asset.estate.now - one.stopped <= check_every_s]
        proved = [one.label for one in young if asset.verified(one)]
        if check_every_s:
            claim = f"a backup of {asset.name} that is younger than {span(check_every_s)} passed its integrity check"
        return expect(proved, claim, observed=proved[-1] if proved else f"none of {len(young)}", expected="1 or more")
    if standing == "could_not_run":
        return unknown(f"Whether {claim} cannot be told: the check could not run.", observed=standing)
    return expect(standing == "verified", claim, observed=standing, expected="verified")
