# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can enter a host and what they may do there: parsers of the answers.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from verify.facts.host_storage import grepped

__all__ = [
    *("Account", "AccountStatus", "AuthorizedKey", "SudoRule"),
    *("account_status", "accounts", "authorized_keys", "groups", "homes_not_searched", "last_logins", "searched"),
    *("sshd", "sudo_rules"),
]

_NO_LOGIN = ("/nologin", "/false", "/sync")
_FIRST_PERSON = 1000
_NOBODY = 65534
# Below these the collector looks for authorized keys.
_HOMES = ("/root", "/home/", "/var/lib/", "/srv/", "/opt/")


@dataclass(frozen=True, slots=True)
class Account:
    """One line of passwd(5)."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str

    @property
    def can_log_in(self) -> bool:
        """Return whether the account's shell lets anybody in (an empty one means /bin/sh)."""
        return not self.shell.endswith(_NO_LOGIN)

    @property
    def system(self) -> bool:
        """Return whether the number belongs to the system: below 1000, or nobody's (Debian policy 9.2.2)."""
        return self.uid < _FIRST_PERSON or self.uid == _NOBODY


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """State of a password, as passwd(1) says it: ``P`` can be used, ``L`` locked, ``NP`` none at all."""

    name: str
    state: str
    changed: float | None


@dataclass(frozen=True, slots=True)
class AuthorizedKey:
    """One key that opens an account: where it stands, whose it is by that place, and what it is limited to."""

    path: str
    type: str
    fingerprint: str
    comment: str
    options: str


@dataclass(frozen=True, slots=True)
class SudoRule:
    """One rule of sudo. Names are written as in the file: ``%group``, ``ALL``, a name. ``since`` and ``until`` are its
    NOTBEFORE and NOTAFTER, in seconds since the epoch; None where it has none."""

    who: tuple[str, ...]
    runas: tuple[str, ...]
    commands: tuple[str, ...]
    nopasswd: bool
    since: float | None = None
    until: float | None = None

    @property
    def everything(self) -> bool:
        """Return whether every command is allowed."""
        return "ALL" in self.commands

    @property
    def wildcards(self) -> tuple[str, ...]:
        """Return the commands with a pattern in them, which allow more than they seem to."""
        return tuple(command for command in self.commands if re.search(r"(?<!\\)[*?\[]", command))


def accounts(text: str) -> dict[str, Account]:
    """Read passwd(5)."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith(("#", "+", "-")):
            name, _password, uid, gid, _gecos, home, shell = line.split(":")
            found[name] = Account(name, int(uid), int(gid), home, shell)
    if "root" not in found:
        raise ValueError("there is no root, so the list is not whole")
    return found


def groups(text: str) -> dict[str, tuple[str, ...]]:
    """Read group(5) as name -> members; whoever has a group as the first one is not listed there."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith(("#", "+", "-")):
            name, _password, _gid, members = line.split(":")
            found[name] = tuple(member for member in members.split(",") if member)
    return found


def account_status(text: str) -> dict[str, AccountStatus]:
    """Read ``passwd -S -a``."""
    found = {}
    for line in text.splitlines():
        name, state, changed, *_ages = line.split()
        found[name] = AccountStatus(name, state, None if changed == "never" else _day(changed))
    if "root" not in found:
        raise ValueError("there is no root, so the list is not whole")
    return found


def _day(text: str) -> float:
    pattern = "%m/%d/%Y" if "/" in text else "%Y-%m-%d"
    return datetime.strptime(text, pattern).replace(tzinfo=UTC).timestamp()


_LAST = re.compile(r"(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d [+-]\d{4} \d{4})$")


def last_logins(text: str) -> dict[str, float | None]:
    """Read ``lastlog``: account -> when it logged in last (seconds since the epoch), None for never."""
    lines = text.splitlines()
    if not lines or not lines[0].startswith("Username"):
        raise ValueError("this is not what lastlog prints")
    found: dict[str, float | None] = {}
    for line in lines[1:]:
        name = line.split(None, 1)[0]
        match = _LAST.search(line.rstrip())
        if match is None and "**Never logged in**" not in line:
            raise ValueError(f"this is no line of lastlog: {line[:80]!r}")
        found[name] = datetime.strptime(match[1], "%a %b %d %H:%M:%S %z %Y").timestamp() if match else None
    return found


_KEY = re.compile(
    r"^(?P<options>.*?)\s*(?P<type>(?:ssh|ecdsa|sk)-\S+)\s+(?P<blob>AAAA[0-9A-Za-z+/=]+)\s*(?P<comment>.*)$"
)


def authorized_keys(text: str) -> list[AuthorizedKey]:
    """Read ``path:line`` pairs of authorized_keys files; lines that are commented out open nothing.

    The fingerprint is that of ssh-keygen -l: SHA-256 of the key, base64 without padding.
    """
    found = []
    for path, line in grepped(text):
        if line.lstrip().startswith("#"):
            continue
        match = _KEY.match(line.strip())
        if match is None:
            raise ValueError(f"{path} has a line that is no key: {line[:60]!r}")
        total = hashlib.sha256(base64.b64decode(match["blob"])).digest()
        fingerprint = "SHA256:" + base64.b64encode(total).decode().rstrip("=")
        found.append(AuthorizedKey(path, match["type"], fingerprint, match["comment"], match["options"]))
    return found


def searched(place: str) -> bool:
    """Return whether keys are looked for where a pattern of AuthorizedKeysFile (sshd_config(5)) points: in a home, no
    deeper than ``.ssh``, or in a directory below /etc/ssh."""
    *above, name = place.removeprefix("%h/").split("/")
    if place.startswith("/"):
        return place.startswith("/etc/ssh/") and len(above) > 3 and ".." not in above
    return name in ("authorized_keys", "authorized_keys2") and len(above) <= 1 and ".." not in above


def homes_not_searched(known: Iterable[Account]) -> list[str]:
    """Return the accounts that let people in and have their home where no keys are looked for."""
    return sorted(one.name for one in known if one.can_log_in and not one.home.startswith(_HOMES))


def sshd(text: str) -> dict[str, str]:
    """Read ``sshd -T``: keyword in small letters -> value; values of one that comes again are joined."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        keyword, _blank, value = line.partition(" ")
        found[keyword] = f"{found[keyword]} {value}" if keyword in found else value
    if "permitrootlogin" not in found:
        raise ValueError("sshd does not tell its settings")
    return found


def sudo_rules(text: str) -> list[SudoRule]:
    """Read cvtsudoers' JSON. Aliases are followed; a rule that forbids (``!``) is kept with its sign."""
    whole = json.loads(text)
    users, runas, commands = (whole.get(key) or {} for key in ("User_Aliases", "Runas_Aliases", "Command_Aliases"))
    found = []
    for spec in whole.get("User_Specs") or []:
        who = tuple(_names(spec["User_List"], users))
        for part in spec["Cmnd_Specs"]:
            options = {key: value for option in part.get("Options") or [] for key, value in option.items()}
            found.append(
                SudoRule(
                    who,
                    tuple(_names([*(part.get("runasusers") or []), *(part.get("runasgroups") or [])], runas))
                    or ("root",),
                    tuple(_names(part["Commands"], commands)),
                    options.get("authenticate") is False,
                    _instant(options.get("notbefore")),
                    _instant(options.get("notafter")),
                )
            )
    return found


def _instant(text: str | None) -> float | None:
    """Read an instant as cvtsudoers prints it, always in UTC: ``20261231225959Z``."""
    if text is None:
        return None
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _names(entries: Iterable[Mapping[str, Any]], aliases: Mapping[str, Any]) -> Iterable[str]:
    signs = {"usergroup": "%", "userid": "#", "groupid": "%#", "netgroup": "+"}
    for entry in entries:
        negated = "!" if entry.get("negated") else ""
        for kind, value in entry.items():
            if kind.endswith("alias"):
                yield from (f"{negated}{name}" for name in _names(aliases.get(value) or [], aliases))
            elif kind not in ("negated", "sha224", "sha256", "sha384", "sha512"):
                yield f"{negated}{signs.get(kind, '')}{value}"
