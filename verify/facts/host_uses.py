# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can get into a host, and when each way in was used last.

A way in is an account with a shell that has a password or a key. The journal says which key and which grant of sudo was
used; how far back it reaches bounds what its silence proves. A host cannot have been idle for longer than it exists.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from verify.engine.evidence import NoEvidence
from verify.facts.host_access import Account, AuthorizedKey
from verify.facts.host_trail import AdminLine, admin_lines

__all__ = ["Uses", "account_of", "born", "entrances", "grants", "idle_s", "members", "uses"]

_ACCEPTED = re.compile(r"^Accepted (?P<how>\S+) for (?P<who>\S+) from \S+ port \d+ ssh2(?:: \S+ (?P<key>SHA256:\S+))?")
_SU = re.compile(r"^\(to (?P<runas>\S+)\) (?P<who>\S+) on ")
_SUDO = re.compile(r"^(?P<who>\S+) : .*?\bUSER=(?P<runas>\S+) ; .*?\bCOMMAND=(?P<command>.*)$")
DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Uses:
    """When (seconds since the epoch) each account and key was let in, and sudo was used, and since when that is known.

    ``logins`` holds each login (instant, account), ``commands`` each command that was run as somebody else by sudo or
    su (instant, who, as whom, what). ``since`` is the oldest instant that the lines reach back to; before it nothing is
    known.
    """

    accounts: dict[str, float]
    keys: dict[tuple[str, str], float]
    sudo: dict[str, float]
    logins: tuple[tuple[float, str], ...]
    commands: tuple[tuple[float, str, str, str], ...]
    since: float


def _collect(lines: Iterable[AdminLine], since: float) -> Uses:
    accounts: dict[str, float] = {}
    keys: dict[tuple[str, str], float] = {}
    sudo: dict[str, float] = {}
    logins, commands = [], []
    for line in lines:
        let_in = _ACCEPTED.match(line.message) if line.program == "sshd" else None
        became = _SUDO.match(line.message) if line.program == "sudo" else None
        turned = _SU.match(line.message) if line.program == "su" else None
        if turned:
            commands.append((line.at, turned["who"], turned["runas"], "su"))
        if let_in:
            logins.append((line.at, let_in["who"]))
            accounts[let_in["who"]] = max(line.at, accounts.get(let_in["who"], 0.0))
            if let_in["key"]:
                place = (let_in["who"], let_in["key"])
                keys[place] = max(line.at, keys.get(place, 0.0))
        if became and "command not allowed" not in line.message:
            sudo[became["who"]] = max(line.at, sudo.get(became["who"], 0.0))
            commands.append((line.at, became["who"], became["runas"], became["command"]))
    return Uses(accounts, keys, sudo, tuple(logins), tuple(commands), since)


def uses(host: Any) -> Uses:
    """Return what the journal knows of the last 90 days, with the lines of the last day among them.

    The query prints the newest lines first, so an answer that was cut off reaches back less far, and no more is lost.
    Raises `NoEvidence` when the journal has no entry at all.
    """
    fact = host.estate.fact(host.name, "access_uses")
    lines: list[AdminLine] = host.estate.evidence.parsed(fact, _whole_lines)
    begin = host.journal.oldest
    if begin is None:
        raise NoEvidence(f"The journal of {host.name} has no entry, so nobody knows who came in.")
    cut = fact.size > fact.kept or len(lines) >= 3000
    since = max(begin, fact.collected - 90 * DAY, min((line.at for line in lines), default=begin) if cut else 0.0)
    return _collect([*lines, *host.admin_lines], since)


def _whole_lines(text: str) -> list[AdminLine]:
    """Read the journal's lines; the last one, without its end, may have been cut off and is left out."""
    whole = text if text.endswith("\n") or not text else text.rpartition("\n")[0]
    return admin_lines(whole)


def born(host: Any) -> float:
    """Return when the host came to be (seconds since the epoch): systemd writes /etc/machine-id at its first start."""
    state = host.file_states.get("/etc/machine-id")
    if state is None:
        raise NoEvidence(f"{host.name} has no /etc/machine-id, so nobody knows how old it is.")
    return float(state.mtime)


def account_of(key: AuthorizedKey, accounts: dict[str, Account]) -> str:
    """Return the account that a key opens, by where it lies: the home around it, or a file that bears its name."""
    homes = [one for one in accounts.values() if len(one.home) > 1 and key.path.startswith(f"{one.home}/")]
    if homes:
        return max(homes, key=lambda one: len(one.home)).name
    *_above, parent, file = key.path.split("/")
    return next((name for name in (file, file.split(".")[0], parent) if name in accounts), file)


def entrances(host: Any) -> dict[str, str]:
    """Return the accounts that somebody can log in to, with what lets him in: ``password``, ``key`` or both.

    A password needs a shell; a key does not, because sshd forwards ports and serves files without one.
    """
    accounts, status = host.accounts, host.account_status
    opened = {account_of(key, accounts) for key in host.authorized_keys}
    found = {}
    for name, account in accounts.items():
        state = status[name].state if name in status else "P"
        password = account.can_log_in and state in ("P", "NP")
        ways = [way for way, open_ in (("password", password), ("key", name in opened)) if open_]
        if ways:
            found[name] = " and ".join(ways)
    return found


def idle_s(now: float, last: float | None, since: float, birth: float) -> tuple[float, float]:
    """Return the least and the most seconds for which something was idle, all instants in seconds since the epoch.

    ``last`` is its last use that is known of, ``since`` from when on a use would have been seen. What was never seen to
    be used idles at most since it exists (``birth``).
    """
    if last is not None:
        return now - last, now - last
    return now - max(since, birth), now - birth


def members(host: Any, who: str) -> list[str]:
    """Return the accounts behind a name as sudo writes it: ``alice``, ``%group``, ``#1000``, ``ALL``."""
    accounts: dict[str, Account] = host.accounts
    if who == "ALL":
        return ["ALL"]
    if who.startswith("#"):
        return [name for name, account in accounts.items() if str(account.uid) == who[1:]] or [who]
    if not who.startswith("%"):
        return [who]
    group = who.removeprefix("%")
    number = _group_number(host, group)
    first = [name for name, account in accounts.items() if number is not None and account.gid == number]
    return sorted({*host.groups.get(group, ()), *first})


def _group_number(host: Any, group: str) -> int | None:
    if group.startswith("#"):
        return int(group[1:])
    numbers: dict[str, int] = host.read("groups", _numbers)
    return numbers.get(group)


def _numbers(text: str) -> dict[str, int]:
    rows = [line.split(":") for line in text.splitlines() if line.count(":") == 3]
    return {name: int(number) for name, _password, number, _members in rows}


def grants(host: Any) -> dict[str, list[Any]]:
    """Return account -> the rules of sudo that it has, groups resolved; a group that nobody is in grants nothing."""
    found: dict[str, list[Any]] = {}
    for rule in host.sudo_rules:
        for who in rule.who:
            for name in members(host, who):
                if rule not in found.setdefault(name, []):
                    found[name].append(rule)
    return found
