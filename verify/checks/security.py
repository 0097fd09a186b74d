# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SECURITY: as few rights as declared, encryption, reviews, patches, a trail of administration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts.declarations import lines
from verify.facts.grants import (
    keys_differ,
    missing_accounts,
    missing_grants,
    only_known_ways_in,
    undeclared_grants,
    unused_grant,
    verifier,
    wildcards,
)
from verify.facts.host_uses import born, entrances, grants, uses
from verify.facts.patching import kernel_is_newest, no_overdue_reboot, no_overdue_update, searched
from verify.facts.registers import register
from verify.facts.systems import declared_systems, entrants
from verify.facts.verdicts import span


@control("SECURITY-01")
def sudo_gives_what_was_declared(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Read the rules of sudo with groups and aliases resolved, and compare the commands that each account may run with
    ``verify_sudo``: nothing more, and no command of a declared grant missing.

    No rule gives everything to anybody: not to everybody, not by a pattern, and as a whole only to a single account
    that was declared for it with a reason. Each grant was used within the bound, as the journal shows.
    """
    rules = host.sudo_rules
    yield expect(rules, f"the rules of sudo on {host.name} were read", observed=len(rules), expected="1 or more")
    extra = sorted(set(undeclared_grants(estate, host)))
    yield expect(
        len(extra) <= bounds.undeclared_max_count, f"each grant of sudo on {host.name} is declared", observed=extra
    )
    gone = missing_grants(estate, host)
    yield expect(not gone, f"each declared grant of sudo is there on {host.name}", observed=gone, expected=[])
    wide = sorted(set(wildcards(estate, host)))
    yield expect(
        len(wide) <= bounds.wildcard_max_count,
        f"no grant of sudo on {host.name} gives more than it names",
        observed=wide,
    )
    yield from _grants_are_used(host, bounds)


def _grants_are_used(host: Any, bounds: Any) -> Iterator[Said]:
    seen = uses(host)
    for name in sorted(grants(host)):
        if name in ("root", "ALL"):
            continue
        state = host.account_status.get(name)
        birth = max(born(host), (state.changed or 0.0) if state else 0.0)
        least, most = unused_grant(host, seen, name, birth, bounds.idle_max_s)
        claim = f"{name} used its grant of sudo on {host.name} within {span(bounds.idle_max_s)}, or has it for less"
        if least <= bounds.idle_max_s < most:
            yield unknown(
                f"Whether {claim} cannot be told: the journal reaches back {span(host.estate.now - seen.since)}."
            )
        else:
            yield expect(most <= bounds.idle_max_s, claim, observed=most, expected=bounds.idle_max_s)


@control("SECURITY-01", "accounts")
def accounts_are_those_declared(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """List the accounts that somebody can log in to (a shell, and a password or a key) and compare them with
    ``verify_accounts``: none more, and none missing. The account of this verification is declared by being used. Who
    can enter by a certificate, or by a key that is kept elsewhere, cannot be listed, so such ways of sshd have to be
    declared (``verify_sshd``); where one is, a declared account has to be there only."""
    yield only_known_ways_in(estate, host)
    found = entrances(host)
    allowed = {row["name"] for row in lines(estate, "verify_accounts", host.name)} | {verifier(host)}
    yield expect(found, f"{host.name} has accounts that can be entered", observed=sorted(found), expected="1 or more")
    extra = {name: way for name, way in found.items() if name not in allowed}
    yield expect(
        len(extra) <= bounds.undeclared_max_count,
        f"all accounts that can be entered on {host.name} are declared ({', '.join(sorted(found))})",
        observed=extra,
        expected=bounds.undeclared_max_count,
    )
    gone = missing_accounts(estate, host, found)
    yield expect(not gone, f"each declared account can be entered on {host.name}", observed=gone, expected=[])


@control("SECURITY-01", "keys")
def keys_are_those_declared(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Read every authorized key of the host by its fingerprint and compare the set with ``verify_keys``: no key more,
    none of them for another account, none missing. sshd takes keys from no other place or authority that is not
    declared (``verify_sshd``)."""
    yield only_known_ways_in(estate, host)
    found = host.authorized_keys
    yield expect(found, f"authorized keys of {host.name} were read", observed=len(found), expected="1 or more")
    extra, gone = keys_differ(estate, host)
    yield expect(
        len(extra) <= bounds.undeclared_max_count,
        f"all {len(found)} keys that open {host.name} are declared",
        observed=extra,
        expected=bounds.undeclared_max_count,
    )
    yield expect(not gone, f"each declared key is there on {host.name}", observed=gone, expected=[])


@control("SECURITY-01", "roles", on="postgresql")
def database_roles_are_those_declared(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Ask the database for its roles that can log in or are superusers, and compare them with
    ``verify_database_roles``: none more, none with other power, none missing. A host whose database does not run has no
    roles that anybody could use."""
    running = sorted(name for name, one in host.services.items() if name.startswith("postgresql@") and one.running)
    if not running:
        yield not_applicable(f"no database runs on {host.name}", observed=running)
        return
    roles = host.postgresql["roles"]
    yield expect(roles, f"the database of {host.name} told its roles", observed=len(roles), expected="1 or more")
    declared = {row["name"]: row for row in lines(estate, "verify_database_roles", host.name)}
    # Whoever may make roles or pass row security by is as good as a superuser.
    powers = {
        one["name"]: [power for power in ("superuser", "create_role", "bypass_rls") if one[power]] for one in roles
    }
    used = {one["name"] for one in roles if one["login"] or powers[one["name"]]}
    for name in sorted(used):
        yield expect(name in declared, f"the role {name} of the database on {host.name} is declared")
        if name in declared:
            given = bool(declared[name].get("superuser"))
            claim = f"the role {name} on {host.name} has the power that is declared and no more"
            yield expect(given == bool(powers[name]), claim, observed=powers[name])
    gone = sorted(set(declared) - used)
    yield expect(not gone, f"each declared role of the database is there on {host.name}", observed=gone, expected=[])


@control("SECURITY-01", "systems")
def no_grant_in_a_system_is_unused(estate: Any, bounds: Any) -> Iterator[Said]:
    """Go through the lists of who can enter each declared system: nobody stands there as everybody, and everyone who
    can change something did so within the bound, as far as the system says when it was used."""
    systems = declared_systems(estate)
    for system in systems:
        name = system["name"]
        found = entrants(estate, system, bounds.listing_max_age_s)
        everybody = [one.name for one in found if one.name.lower() in ("*", "all", "everyone", "anonymous", "public")]
        yield expect(not everybody, f"{name} gives nothing to everybody", observed=everybody, expected=[])
        for one in found:
            if one.role == "read" or "hosts" in system:
                continue
            if one.last_used is None:
                yield unknown(f"{name} does not tell when {one.name} used the role {one.role} last.")
                continue
            idle = estate.now - one.last_used
            claim = f"{one.name} used the role {one.role} in {name} within {span(bounds.idle_max_s)}"
            yield expect(idle <= bounds.idle_max_s, claim, observed=idle, expected=bounds.idle_max_s)
    if not systems:
        yield unknown(f"{estate.name} declares no system that people enter; name them in verify_systems.")


@control("SECURITY-03")
def security_is_reviewed_each_month(estate: Any, bounds: Any) -> Iterator[Said]:
    """Look for the newest review of security and the newest of compliance on record: each is recent, covers a month
    that ended lately, names its reviewer, and gives each finding an owner and a day."""
    found = register(estate, "review")
    for kind in ("security", "compliance"):
        own = [one for one in found if one.kind == kind]
        yield expect(own, f"a review of {kind} is on record", observed=len(own), expected="1 or more")
        if not own:
            continue
        last = max(own, key=lambda one: one.period_end)
        held = last.at if last.at is not None else last.period_end
        for what, at in (("was held", held), ("covers a time that ended", last.period_end)):
            yield expect(
                0 <= estate.now - at <= bounds.max_age_s,
                f"the review {last.id} of {kind} {what} within {span(bounds.max_age_s)}",
                observed=estate.now - at,
                expected=bounds.max_age_s,
            )
        yield expect(last.reviewer.strip(), f"the review {last.id} names its reviewer", observed=last.reviewer)
        late = [one.text for one in last.findings or () if one.done is None and one.due < estate.now]
        yield expect(not late, f"no finding of the review {last.id} is overdue", observed=late, expected=[])


@control("SECURITY-04")
def the_host_is_patched(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Expect no security update that waits for longer than its severity allows, no overdue reboot, and that the kernel
    which runs is the newest that is installed; and that the host's last upgrade came to its end."""
    yield from searched(host, bounds)
    last = next((run for run in reversed(host.patch_runs) if run.upgraded or run.error), None)
    if last is not None:
        claim = f"the last upgrade of {host.name} came to its end"
        yield expect(last.succeeded, claim, observed=last.error or last.command)
    yield from no_overdue_update(host, estate, bounds)
    yield no_overdue_reboot(host, bounds)
    yield kernel_is_newest(host)
