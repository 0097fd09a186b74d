# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""INFRA-07 and INFRA-08: doors are only where they were declared, and the baseline holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.facts import doors
from verify.facts.baseline import judged_rules, loosened, needless, skipped
from verify.facts.grants import only_known_ways_in
from verify.facts.host_uses import account_of, born, entrances, idle_s, uses
from verify.facts.registers import register
from verify.facts.verdicts import percent, span


@control("INFRA-07")
def only_declared_ports_listen(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """List what listens on the host beyond its loopback, and look each port up in ``verify_ports``: the port is
    declared for this host, and the program that holds it is the declared one where both are known.

    The host was reached by ssh, so an answer without any listener is not a host without doors but a list that is
    not whole.
    """
    found = doors.listeners(host)
    yield expect(found, f"the listening sockets of {host.name} were read", observed=len(found), expected="1 or more")
    declared = doors.ports(estate, host)
    extra = [one for one in found if not doors.allowed(doors.row_of(declared, one.protocol, one.port), one)]
    for one in extra:
        claim = f"{one.process or 'a program'} on port {one.port}/{one.protocol} of {host.name} is declared"
        yield expect(False, claim, observed=f"{one.address} {one.port}", expected="a line in verify_ports")
    yield expect(
        len(extra) <= bounds.undeclared_max_count,
        f"all {len(found)} ports on which {host.name} listens are declared",
        observed=len(extra),
        expected=bounds.undeclared_max_count,
    )


@control("INFRA-07", "filter")
def rules_admit_only_declared_ports(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Read the host's packet filter as the kernel has it: each rule that lets something in admits declared ports only,
    from where they are declared to be used. And no port of administration can be reached from the whole world.

    A host without a filter lets in what listens; its ports of administration are then kept from the world only by an
    address that is not routed on the Internet.
    """
    rules = doors.openings(host)
    declared = doors.ports(estate, host)
    wrong = [one.told for one in rules.openings if not doors.covered(declared, one)]
    yield expect(
        len(wrong) <= bounds.undeclared_max_count,
        f"each of the {len(rules.openings)} rules that let something into {host.name} is declared",
        observed=wrong,
        expected=bounds.undeclared_max_count,
    )
    administrative = doors.administrative(host, declared)
    yield expect(administrative, f"{host.name} has a port of administration", observed=len(administrative))
    told = {f"{one.port}/{one.protocol}": doors.from_world(host, one) for one in administrative}
    wide = {port: why for port, why in told.items() if why}
    yield expect(
        len(wide) <= bounds.world_max_count,
        f"no port of administration of {host.name} is open to the world ({', '.join(told)})",
        observed=wide,
        expected=bounds.world_max_count,
    )


@control("INFRA-07", "groups")
def security_groups_admit_only_what_is_declared(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the newest listing of each security group or outer firewall on record, and expect that each rule which lets
    something in is among the declared ports, and none opens a port of administration to everybody."""
    found = register(estate, "firewall_listing")
    newest = {one.system: one for one in found}
    for name, one in sorted(newest.items()):
        age = estate.now - one.at
        yield expect(
            age <= bounds.listing_max_age_s,
            f"the rules of {name} were read within {span(bounds.listing_max_age_s)}",
            observed=age,
            expected=bounds.listing_max_age_s,
        )
        undeclared, wide = doors.outer_rules(estate, one)
        yield expect(
            len(undeclared) <= bounds.undeclared_max_count,
            f"each of the {len(one.rules)} rules of {name} admits declared ports only",
            observed=undeclared,
            expected=bounds.undeclared_max_count,
        )
        yield expect(
            len(wide) <= bounds.world_max_count,
            f"no rule of {name} opens a port of administration to everybody",
            observed=wide,
            expected=bounds.world_max_count,
        )
    if not newest:
        reason = estate.environment.empty_reason("firewall_listing")
        yield not_applicable(f"{estate.name} has no security group or outer firewall: {reason}")


@control("INFRA-07", "idle")
def no_account_and_no_key_idles(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """For each account that somebody can log in to, and each key that opens one, find its last use: in the host's
    record of logins and in the sshd lines of its journal.

    What was never seen to be used is idle for no longer than the host exists. Where the journal does not reach back far
    enough to tell, the answer is unknown, not green. Ways of sshd past those keys have to be declared
    (``verify_sshd``).
    """
    yield only_known_ways_in(estate, host)
    seen, ways, accounts = uses(host), entrances(host), host.accounts
    yield expect(ways, f"{host.name} has accounts that can be entered", observed=sorted(ways), expected="1 or more")
    yield expect(
        not host.homes_not_searched,
        f"keys were looked for in each home of {host.name}",
        observed=host.homes_not_searched,
    )
    for name in sorted(ways):
        # The record of logins reaches back for ever, but knows only sessions with a terminal.
        logged = [at for at in (host.last_logins.get(name), seen.accounts.get(name)) if at]
        made = host.account_status[name].changed if name in host.account_status else None
        birth = max(born(host), made or 0.0)
        yield _not_idle(host, f"the account {name}", max(logged, default=None), (seen.since, birth), bounds)
    for key in host.authorized_keys:
        owner = account_of(key, accounts)
        if owner in ways:
            label = f"the key {key.comment or key.fingerprint} of {owner}"
            last = seen.keys.get((owner, key.fingerprint))
            yield _not_idle(host, label, last, (seen.since, born(host)), bounds)


def _not_idle(host: Any, what: str, last: float | None, known: tuple[float, float], bounds: Any) -> Said:
    since, birth = known
    least, most = idle_s(host.estate.now, last, since, birth)
    claim = f"{what} of {host.name} does not idle for {span(bounds.idle_max_s)}"
    if least <= bounds.idle_max_s < most:
        return unknown(f"Whether {claim} cannot be told: logins are known for {span(host.estate.now - since)} only.")
    return expect(most <= bounds.idle_max_s, claim, observed=most, expected=bounds.idle_max_s)


@control("INFRA-08")
def the_baseline_holds(host: Any, bounds: Any) -> Iterator[Said]:
    """Test every rule of the baseline on the host's evidence - sshd, kernel and network settings, owners and modes of
    files, accounts, services - and expect that enough of those that concern it hold.

    A rule of the machine's kernel does not concern a container; a rule that the environment leaves out, with its
    reason, is not counted either. But no more than a small part may be left out: a rate over what is left of a baseline
    says little.
    """
    concerned = [one for one in judged_rules(host) if one.holds is not None]
    failed = [one for one in concerned if not one.holds]
    summary = {"rules": len(concerned), "failed": [one.rule.id for one in failed]}
    yield expect(concerned, f"rules of the baseline concern {host.name}", observed=summary)
    spared = sorted(skipped(host))
    share = len(spared) / (len(concerned) + len(spared)) if spared else 0.0
    yield expect(
        share <= bounds.left_out_max_ratio,
        f"at most {percent(bounds.left_out_max_ratio)} of the baseline's rules are left out on {host.name}",
        observed={"left_out": spared, "ratio": share},
        expected=bounds.left_out_max_ratio,
    )
    ratio = (len(concerned) - len(failed)) / len(concerned) if concerned else 0.0
    told = "; ".join(f"{one.rule.claim}: {one.observed}" for one in failed)
    claim = f"{percent(bounds.min_ratio)} of the baseline's rules hold on {host.name} ({percent(ratio)} do)"
    yield expect(
        ratio >= bounds.min_ratio,
        f"{claim}: {told}" if ratio < bounds.min_ratio else claim,
        observed=summary,
        expected=bounds.min_ratio,
    )


@control("INFRA-08", "exceptions")
def each_exception_is_needed(estate: Any, bounds: Any) -> Iterator[Said]:
    """Test the rules that the environment leaves out on the hosts that they are left out on: each breaks on one of
    them at least. An exception that is not needed hides the day on which its rule breaks.
    """
    hosts = estate.views("host")
    if not any(skipped(host) for host in hosts):
        yield not_applicable(f"{estate.name} leaves no rule of the baseline out")
        return
    found = needless(hosts)
    claim = "each rule of the baseline that is left out breaks somewhere"
    yield expect(
        len(found) <= bounds.needless_max_count,
        f"{claim}, but not {', '.join(found)}" if found else claim,
        observed=found,
        expected=bounds.needless_max_count,
    )


@control("INFRA-08", "sshd")
def no_block_of_sshd_loosens_a_rule(host: Any, bounds: Any) -> Iterator[Said]:
    """Read every Match block of sshd's files: what ``sshd -T`` tells of connections in general, no block takes back.

    The rules are those of the baseline for sshd. A block counts whomever it is for, so that nothing rests on a list of
    users and addresses.
    """
    found, known = sorted(loosened(host)), len(host.sshd_blocks)
    claim = f"none of the {known} Match blocks of sshd on {host.name} loosens a rule of the baseline"
    yield expect(
        len(found) <= bounds.new_max_count,
        f"{claim}: {'; '.join(found)}" if found else claim,
        observed=found,
        expected=bounds.new_max_count,
    )


@control("INFRA-08", "change")
def no_rule_fails_that_held_yesterday(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Compare with what the last run of an earlier day found on this host: no rule of the baseline fails today that
    held then."""
    past = estate.json("ledger", "baseline")
    before = past["hosts"].get(host.name)
    if before is None:
        yield unknown(f"{host.name} was not judged in the run {past['run']}, so the next day's run can compare")
        return
    failing = {one.rule.id: one for one in judged_rules(host) if one.holds is False}
    new = sorted(set(failing) - set(before["failed"]))
    told = ", ".join(f"{one} ({failing[one].observed})" for one in new)
    claim = f"no rule of the baseline fails on {host.name} that held in the run {past['run']}"
    yield expect(
        len(new) <= bounds.new_max_count,
        f"{claim}: {told}" if new else claim,
        observed=new,
        expected=bounds.new_max_count,
    )
