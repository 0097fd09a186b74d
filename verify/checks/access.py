# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ACCESS: who may write where - production, pipelines, monitoring, security tools, documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts.grants import beyond_questions, beyond_windows, verifier
from verify.facts.host_uses import born, uses
from verify.facts.plans import times_open
from verify.facts.records import everything
from verify.facts.systems import declared_systems, each_system, listing
from verify.facts.verdicts import span

DAY = 86400.0
_MONITORING = ("prometheus", "alertmanager")
_REFUSED = (401, 403)
_FIRST_LINES_S = 900.0


@control("ACCESS-01")
def verification_cannot_write(host: Any, bounds: Any) -> Iterator[Said]:
    """Let the account that verifies look for anything that it could write to in /boot, /etc, /opt, /root, /srv, /usr,
    /var/lib and /var/backups and in the directories right below them, and ask sudo for a command that is not on its
    list: nothing is found, and sudo refuses. What lies deeper is not looked at.

    sudo refuses also whoever has a password and did not give it; so its rules are read too, and give the account
    nothing but the questions of verification.
    """
    account = verifier(host)
    yield expect(
        host.connection.uid != 0, f"{account}, who verifies {host.name}, is not root", observed=host.connection.uid
    )
    yield expect(host.root_refused, f"sudo refuses {account} on {host.name} what is not on its list")
    more = beyond_questions(host)
    yield expect(
        len(more) <= bounds.write_max_count,
        f"sudo on {host.name} gives {account} nothing but the questions of verification",
        observed=more[:20],
        expected=bounds.write_max_count,
    )
    found = host.own_writable
    yield expect(
        len(found) <= bounds.write_max_count,
        f"{account} can write to nothing that matters on {host.name}",
        observed=found[:20],
        expected=bounds.write_max_count,
    )


@control("ACCESS-01", "windows")
def root_works_inside_windows_only(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take each command that somebody but verification ran as another account by sudo or su during the last day, and
    each login of root, and lay them over the maintenance windows and the approved changes on record: each falls into
    one of them. A trail that was cut off before the day's beginning decides nothing.

    A window opens nothing before it was put on record, and a change nothing before it was approved or outside of the
    time that was planned for it: what was written down afterwards allowed nobody in. A window that names services opens
    their hosts only, and what is planned for longer than ``window_max_s`` opens nothing. A freeze takes its time from
    all of them but emergency changes.

    An environment that is declared as not protected may be written to at any time.
    """
    if estate.declared("ops_protected", True) is False:
        yield _open_at_any_time(estate, len(host.admin_lines))
        return
    own = verifier(host)
    since = estate.now - DAY
    known = uses(host)
    acts = [(at, f"{who} ran {command[:80]}") for at, who, _as, command in known.commands if who != own and at > since]
    acts += [(at, "root logged in") for at, who in known.logins if who == "root" and at > since]
    opened = times_open(estate, host.name, bounds.window_max_s)
    outside = [{"at": at, "what": what} for at, what in acts if not any(begin <= at <= end for begin, end in opened)]
    yield expect(host.admin_lines, f"{host.name} keeps a trail of administration", observed=len(host.admin_lines))
    yield expect(
        len(outside) <= bounds.write_max_count,
        f"each of {len(acts)} administrative acts of the last day on {host.name} fell into an open window",
        observed=outside[:20],
        expected=bounds.write_max_count,
    )
    # A host has no trail from before it existed.
    if known.since > max(since, born(host) + _FIRST_LINES_S):
        reach = span(estate.now - known.since)
        yield unknown(f"What was done on {host.name} is known for {reach} of the last day only.", observed=known.since)


@control("ACCESS-01", "standing")
def root_is_granted_inside_windows_only(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Read the rules of sudo that let an account do everything: each has an end (``NOTAFTER``) within ``window_max_s``,
    and a maintenance window or an approved change is open while it is in force; or a line of ``verify_sudo`` says that
    it stands (``standing``), for all to see. Rules that name their commands are SECURITY-01's.

    An environment that is declared as not protected may be written to at any time.
    """
    count = len(host.sudo_rules)
    if estate.declared("ops_protected", True) is False:
        yield _open_at_any_time(estate, count)
        return
    yield expect(count, f"the rules of sudo on {host.name} are known", observed=count)
    found = list(beyond_windows(estate, host, bounds.window_max_s))
    yield expect(
        len(found) <= bounds.write_max_count,
        f"nobody may do everything on {host.name} outside of an open window, unless it is declared as standing",
        observed=found[:20],
        expected=bounds.write_max_count,
    )


def _open_at_any_time(estate: Any, seen: int) -> Said:
    return not_applicable(f"{estate.name} is not protected, so it may be written to at any time", observed=seen)


@control("ACCESS-02")
def pipelines_are_administered_by_those_declared(estate: Any, bounds: Any) -> Iterator[Said]:
    """Compare, for each pipeline system, the newest list of who can enter it with ``verify_systems``: nobody can do
    more than declared, and nobody who is declared is missing."""
    yield from each_system(estate, "pipelines", bounds)


@control("ACCESS-02", "pipeline")
def the_pipeline_has_no_other_administrator(pipeline: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Read whom the pipeline itself names as its administrators, and expect each of them among the declared ones of the
    pipeline systems. One that says nothing of them decides nothing, and neither does what was told too long ago."""
    state = pipeline.state
    if state is None:
        yield unknown(f"The system that runs the pipeline {pipeline.name} never told of it.")
        return
    age = estate.now - state.at
    if age > bounds.listing_max_age_s:
        allowed = span(bounds.listing_max_age_s)
        yield unknown(f"Who administers the pipeline {pipeline.name} was told {span(age)} ago; {allowed} are allowed.")
        return
    if state.administrators is None:
        yield unknown(f"The pipeline {pipeline.name} does not say who administers it; an empty list says nobody.")
        return
    named = list(state.administrators)
    if not named:
        yield not_applicable(f"the pipeline {pipeline.name} names no administrators of its own", observed=named)
        return
    systems = [one for one in estate.declared("verify_systems") or [] if one["kind"] == "pipelines"]
    declared = {who for one in systems for who in one.get("administrators") or ()}
    extra = sorted(set(named) - declared)
    yield expect(
        not extra, f"all administrators of the pipeline {pipeline.name} are declared", observed=extra, expected=[]
    )


@control("ACCESS-03")
def monitoring_is_administered_by_those_declared(estate: Any, bounds: Any) -> Iterator[Said]:
    """Compare who can enter each monitoring system with ``verify_systems``. Where a system is entered through the
    accounts of its host, those are read from the host itself."""
    yield from each_system(estate, "monitoring", bounds)


@control("ACCESS-03", "anonymous")
def nobody_enters_monitoring_without_a_name(estate: Any, bounds: Any) -> Iterator[Said]:
    """For each system of monitoring that verification itself asks: it listens on the loopback of its host only, which
    one enters under a name, or it turns down a request without credentials. And no list on record says that it lets
    anybody in."""
    sources = estate.declared("verify_sources") or {}
    asked = [name for name in _MONITORING if name in sources]
    yield expect(asked, f"{estate.name} has a monitoring system that can be asked", observed=asked)
    for name in asked:
        yield _closed(estate, name, sources[name])
    systems = {one["name"] for one in estate.declared("verify_systems") or [] if one["kind"] == "monitoring"}
    newest = {one.system: one for one in everything(estate, "access_listing") if one.system in systems}
    wide = sorted(name for name, one in newest.items() if one.anonymous)
    yield expect(
        len(wide) <= bounds.anonymous_max_count, "no monitoring system lets anybody in", observed=wide, expected=[]
    )
    untold = sorted(name for name, one in newest.items() if one.anonymous is None)
    if untold:
        yield unknown(f"The lists of {', '.join(untold)} do not say whether they let anybody in.", observed=untold)


def _closed(estate: Any, name: str, source: Any) -> Said:
    via, port = source.get("via"), urlsplit(source["url"]).port
    if via:
        host = next((one for one in estate.views("host") if one.name == via), None)
        places = [one.address for one in host.sockets if one.port == port] if host else []
        inside = bool(places) and all(one.loopback for one in host.sockets if one.port == port) if host else False
        return expect(inside, f"{name} on {via} listens on the loopback only", observed=places, expected="127.0.0.1")
    tried = estate.json(name, "anonymous")
    claim = f"{name} turns down a request without credentials"
    return expect(tried["status"] in _REFUSED, claim, observed=tried["status"], expected=list(_REFUSED))


@control("ACCESS-04")
def security_tools_are_open_to_those_declared(estate: Any, bounds: Any) -> Iterator[Said]:
    """Compare, for each security tool, the newest list of its readers and administrators with ``verify_systems``: the
    two are the same set, and it lets nobody in without a name. What such a tool knows is worth reading, so its readers
    have to be declared."""
    for system in declared_systems(estate, "security"):
        yield expect("readers" in system, f"the readers of {system['name']} are declared", observed=sorted(system))
        if "hosts" not in system:
            yield _named(system["name"], listing(estate, system["name"], bounds.listing_max_age_s))
    yield from each_system(estate, "security", bounds)


def _named(name: str, kept: Any) -> Said:
    if kept.anonymous is None:
        return unknown(f"The list of who can enter {name} does not say whether it lets anybody in.")
    return expect(not kept.anonymous, f"{name} lets nobody in without a name", observed=kept.anonymous, expected=False)


@control("ACCESS-05")
def documentation_is_written_by_the_team(estate: Any, bounds: Any) -> Iterator[Said]:
    """Compare, for each documentation system, who can write there with ``verify_systems``: the team, and nobody
    else."""
    yield from each_system(estate, "documentation", bounds)


@control("ACCESS-05", "repository")
def the_repository_is_closed_to_the_world(repository: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """For each repository of documentation: its directory cannot be written to by everybody, and whoever committed in
    the last 30 days belongs to the declared team (``verify_committers``)."""
    if repository.get("kind") != "documentation":
        yield not_applicable(f"{repository.name} holds no documentation", observed=repository.get("kind"))
        return
    mode = repository.mode
    wide = int(bool(mode & 0o002))
    yield expect(
        wide <= bounds.world_max_count, f"{repository.name} cannot be written to by everybody", observed=f"{mode:04o}"
    )
    team = estate.declared("verify_committers") or []
    yield expect(team, f"the team of {estate.name} is declared in verify_committers", observed=len(team))
    recent = repository.commits(30)
    known = {address.lower() for address in team}
    strange = sorted({one.email for one in recent if one.email.lower() not in known})
    yield expect(
        len(strange) <= bounds.undeclared_max_count,
        f"all {len(recent)} commits of the last {span(30 * DAY)} in {repository.name} are the team's",
        observed=strange,
        expected=bounds.undeclared_max_count,
    )
