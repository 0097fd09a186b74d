# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one question to a host is made of: the program with its arguments, or a file to read, and its limits.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["KIB", "HostFact", "Listed", "for_host", "resolved"]

KIB = 1024
_PATH = re.compile(r"/[\w./@+-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Listed:
    """A place in an argument list that a variable of the inventory fills with absolute paths, one or a list of them.

    ``default`` holds the paths that are asked for in any case; with ``instead`` only while the variable is not set.
    """

    variable: str
    default: tuple[str, ...] = ()
    instead: bool = False


@dataclass(frozen=True)
class HostFact:
    """One question to a host, and with it one entry of the allow-list.

    Either ``argv`` (an absolute program and its arguments, no shell) or ``path`` (a file, read as a whole). ``user`` is
    the account that must ask: empty for the account of the connection, ``root`` or another one by ``sudo -n``.
    ``deadline_s`` is in seconds, ``cap`` in bytes of standard output. ``groups`` narrows the hosts; none means all.
    ``accepts`` are the exit codes with which the answer is whole. ``late`` facts are asked after all other hosts have
    answered. ``why`` says what the answer is good for.
    """

    name: str
    why: str
    argv: tuple[str | Listed, ...] = ()
    path: str = ""
    user: str = ""
    deadline_s: int = 10
    cap: int = 64 * KIB
    groups: tuple[str, ...] = ()
    accepts: tuple[int, ...] = (0,)
    late: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Return the command as plain words; a file is named by itself.

        Raises `OpsError` while a variable of the inventory is not filled in.
        """
        if any(isinstance(word, Listed) for word in self.argv):
            raise OpsError(f"The command of {self.name} still waits for a variable of the inventory.")
        return tuple(str(word) for word in self.argv) or (self.path,)

    @cached_property
    def asked(self) -> str:
        """Return the question as a person would write it: ``sudo -u root /usr/sbin/sshd -T``, or the file's path."""
        words = " ".join(word if word and not set(word) & set(" \"'\\$;(){}") else repr(word) for word in self.words)
        return f"sudo -n -u {self.user} {words}" if self.user else words


def resolved(fact: HostFact, variables: Mapping[str, Any]) -> HostFact:
    """Return the fact with the paths of the inventory in their place.

    Raises `OpsError` for a variable that is no list of absolute paths made of letters, digits and ``./@+_-``.
    """
    if not any(isinstance(word, Listed) for word in fact.argv):
        return fact
    words: list[str] = []
    for word in fact.argv:
        words += _paths(word, variables) if isinstance(word, Listed) else [word]
    return replace(fact, argv=tuple(words))


def _paths(listed: Listed, variables: Mapping[str, Any]) -> list[str]:
    given = variables.get(listed.variable) or []
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, (list, tuple)):
        raise OpsError(f"{listed.variable} is {given!r}; it has to be an absolute path or a list of them.")
    for path in given:
        if not isinstance(path, str) or not _PATH.fullmatch(path) or ".." in path:
            raise OpsError(
                f"{listed.variable} names {path!r}; give absolute paths of letters, digits and ./@+_- without '..'."
            )
    return list(dict.fromkeys(given if listed.instead and given else [*listed.default, *given]))


def for_host(table: Iterable[HostFact], groups: Iterable[str], variables: Mapping[str, Any]) -> list[HostFact]:
    """Return the facts that are asked of a host, in the order of the table, with its variables filled in.

    ``groups`` are the names of the groups that the host is in. Raises `OpsError` for a malformed variable.
    """
    own = set(groups)
    return [resolved(fact, variables) for fact in table if not fact.groups or own & set(fact.groups)]
