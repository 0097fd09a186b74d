# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rights on a host against the declared sets: rules of sudo, accounts that can be entered, keys that open them.

Verification's own account may do by sudo what the table of questions asks for, and nothing else; it need not be written
down again.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_commands import TABLE
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import HostFact, for_host
from verify.engine.control import Said, expect
from verify.engine.declared_sets import WAYS_IN
from verify.engine.estate import Estate
from verify.facts.declarations import lines, meant
from verify.facts.host_access import AuthorizedKey, SudoRule, authorized_keys, searched
from verify.facts.host_uses import Uses, account_of, grants, idle_s, members
from verify.facts.plans import times_open
from verify.facts.verdicts import span

__all__ = [
    "beyond_questions",
    "beyond_windows",
    "keys_differ",
    "missing_accounts",
    "missing_grants",
    "only_known_ways_in",
    "undeclared_grants",
    "unused_grant",
    "verifier",
    "wildcards",
]


def verifier(host: Any) -> str:
    """Return the account by which verification came in."""
    return str(host.connection.user)


def undeclared_grants(estate: Estate, host: Any) -> Iterator[str]:
    """Yield each grant of sudo that was not declared: ``alice: /usr/bin/less as root``."""
    declared = lines(estate, "verify_sudo", host.name)
    own = _own_commands(host)
    for name, rules in grants(host).items():
        if name == "root":
            continue
        rows = [row for row in declared if name in members(host, row["who"])]
        for rule in rules:
            allowed = own if name == verifier(host) else set()
            for command in rule.commands:
                if not _declared(command, rule, rows) and _plain(command) not in allowed:
                    yield f"{name}: {command} as {', '.join(rule.runas)}"


def beyond_questions(host: Any) -> list[str]:
    """Return what sudo lets verification's account do that is no question of verification, as the right account."""
    own = {(fact.user, _plain(" ".join(fact.words))) for fact in _questions(host)}
    return [
        f"{command} as {', '.join(rule.runas)}"
        for rule in grants(host).get(verifier(host), ())
        for command in rule.commands
        if not {(user, _plain(command)) for user in rule.runas} <= own
    ]


def beyond_windows(estate: Estate, host: Any, longest_s: float) -> Iterator[str]:
    """Yield whom sudo lets do everything on a host at a time that is no window: ``alice: ALL as root, without an end``.

    Whom a line of ``verify_sudo`` calls ``standing`` may; everybody else's rule needs an end (NOTAFTER, sudoers(5))
    within *longest_s* seconds, and a window that is open while it is in force.
    """
    now = estate.now
    standing = {
        name
        for row in lines(estate, "verify_sudo", host.name)
        if row.get("standing")
        for name in members(host, row["who"])
    }
    inside = any(begin <= now <= end for begin, end in times_open(estate, host.name, longest_s))
    for name, rules in grants(host).items():
        if name in {"root", verifier(host), *standing}:
            continue
        for rule in rules:
            told = f"{name}: {', '.join(rule.commands)} as {', '.join(rule.runas)}"
            if not rule.everything or (rule.until is not None and rule.until <= now):
                continue
            if rule.until is None or rule.until - now > longest_s:
                yield f"{told}, {'without an end' if rule.until is None else 'for ' + span(rule.until - now)}"
            elif (rule.since is None or rule.since <= now) and not inside:
                yield f"{told}, and no window is open"


def _declared(command: str, rule: SudoRule, rows: list[Any]) -> bool:
    if any(row.get("everything") for row in rows):
        return True
    if command == "ALL" or "ALL" in rule.runas:
        return False
    return any(
        _plain(command) in {_plain(one) for one in row.get("commands", ())}
        and set(rule.runas) <= {row.get("runas", "root")}
        for row in rows
    )


def _own_commands(host: Any) -> set[str]:
    return {_plain(" ".join(fact.words)) for fact in _questions(host)}


def _questions(host: Any) -> list[HostFact]:
    variables = {**host.estate.environment.variables, **host.variables}
    own = [name for name, known in host.estate.environment.groups.items() if host.name in known]
    return [fact for fact in for_host(TABLE, own, variables) if fact.user]


def _plain(command: str) -> str:
    """Return a command without the signs by which sudoers(5) protects some characters, and with single blanks."""
    return re.sub(r"\s+", " ", re.sub(r"[\\\"']", "", command)).strip()


def missing_grants(estate: Estate, host: Any) -> list[str]:
    """Return each declared grant of sudo that an account does not have, command by command, as `undeclared_grants`
    words them; a group that nobody is in has none."""
    found = grants(host)
    return [
        f"{name}: {command} as {row.get('runas', 'root')}"
        for row in lines(estate, "verify_sudo", host.name)
        for name in members(host, row["who"]) or [row["who"]]
        for command in (["ALL"] if row.get("everything") else row.get("commands", ()))
        if not any(_allows(rule, command, row.get("runas", "root")) for rule in found.get(name, ()))
    ]


def _allows(rule: SudoRule, command: str, runas: str) -> bool:
    as_it = runas in rule.runas or "ALL" in rule.runas
    return as_it and (rule.everything or _plain(command) in {_plain(one) for one in rule.commands})


def missing_accounts(estate: Estate, host: Any, found: Collection[str]) -> list[str]:
    """Return the declared accounts that nobody can enter any more; ``found`` are those that can be entered.

    Where a way into sshd is declared of which no list of keys tells, it is enough that the account is there.
    """
    rows = estate.declared("verify_sshd", ())
    there = host.accounts if any(meant(estate, row.get("hosts"), host.name) for row in rows) else found
    return sorted({row["name"] for row in lines(estate, "verify_accounts", host.name)} - {*found, *there})


def wildcards(estate: Estate, host: Any) -> Iterator[str]:
    """Yield each grant that gives more than it names: to everybody, by a pattern, or everything without a declaration.

    Everything may be declared for single accounts only, with a reason; a group's next member would get it unasked.
    """
    broad = {row["who"] for row in lines(estate, "verify_sudo", host.name) if row.get("everything")}
    for name, rules in grants(host).items():
        for rule in rules:
            told = ", ".join(rule.commands)
            if "ALL" in rule.who:
                yield f"everybody may run {told}"
            elif rule.everything and name not in {"root", *broad}:
                yield f"{name} may run everything by {', '.join(rule.who)}"
            yield from (f"{name} may run {one}" for one in rule.wildcards if not rule.everything)


def unused_grant(host: Any, seen: Uses, name: str, birth: float, idle_max_s: float) -> tuple[float, float]:
    """Return the least and the most seconds for which an account did not use its grant.

    Where the journal does not reach back far enough to show its last use, its holder's last login stands in.
    """
    now = host.estate.now
    last = seen.sudo.get(name)
    if last is None and now - seen.since < idle_max_s:
        last = max((at for at in (seen.accounts.get(name), host.last_logins.get(name)) if at), default=None)
    return idle_s(now, last, seen.since, birth)


def only_known_ways_in(estate: Estate, host: Any) -> Said:
    """Claim that sshd lets people in only by the keys that were read, or by ways that ``verify_sshd`` declares.

    A certificate's authority, a command that names keys, and a file of keys elsewhere open accounts of which no list of
    keys tells. Settings count in general and in each Match block.
    """
    rows = [row for row in estate.declared("verify_sshd", ()) if meant(estate, row.get("hosts"), host.name)]
    declared = {(row["keyword"], row["value"]) for row in rows}
    extra = [f"{keyword} {place}" for keyword, place in _ways(host.sshd, "", declared)]
    for block in host.sshd_blocks:
        home = host.accounts[block.user].home if block.user in host.accounts else ""
        extra += [f"{keyword} {place} ({block.name})" for keyword, place in _ways(block.settings, home, declared)]
    claim = f"sshd of {host.name} lets people in only by the keys that were read, or by ways that are declared"
    return expect(not extra, claim, observed=extra, expected="a line in verify_sshd")


def _ways(settings: Mapping[str, str], home: str, declared: Collection[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the ways into sshd that nobody declared; ``home`` is that of the one account that the settings are for."""
    for keyword in WAYS_IN:
        value = settings.get(keyword, "none")
        for place in value.split() if keyword == "authorizedkeysfile" else [value]:
            read = keyword == "authorizedkeysfile" and searched(place.replace(home + "/", "%h/", 1) if home else place)
            if place != "none" and not read and not {(keyword, place), (keyword, value)} & set(declared):
                yield keyword, place


def keys_differ(estate: Estate, host: Any) -> tuple[list[str], list[str]]:
    """Return the keys of a host that are not declared, and the declared ones that it lacks, each in words.

    A line that is ``restricted`` allows the only key of an account, whatever it is, when sshd restricts it.
    """
    found: dict[tuple[str, str], AuthorizedKey] = {}
    for key in host.authorized_keys:
        found[account_of(key, host.accounts), key.fingerprint] = key
    gone, known = [], set()
    for row in lines(estate, "verify_keys", host.name):
        account = row["account"]
        if row.get("restricted"):
            own = [mark for mark, key in found.items() if mark[0] == account]
            marks = own if len(own) == 1 and "restrict" in found[own[0]].options.split(",") else []
        else:
            print_ = row.get("fingerprint") or authorized_keys(f"/declared:{row['public_key']}")[0].fingerprint
            marks = [(account, print_)] if (account, print_) in found else []
        known.update(marks)
        if not marks:
            gone.append(f"{row['owner']} for {account}")
    extra = [
        f"{key.comment or mark} for {who} ({key.path})"
        for (who, mark), key in found.items()
        if (who, mark) not in known
    ]
    return extra, gone
