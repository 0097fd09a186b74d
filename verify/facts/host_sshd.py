# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd's configuration sets for some connections alone: parser of its files, block by block.

``sshd -T`` tells the general settings. Which connections a Match block is for is a question without end (users, groups,
addresses, each with patterns), so that no list of contexts for ``sshd -T -C`` is whole; the lines of every block are.
For a connection that meets the block alone, they come before the general settings. Source: sshd_config(5).

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from verify.facts.host_storage import grepped

__all__ = ["MAIN", "Block", "blocks"]

MAIN = "/etc/ssh/sshd_config"
"""The file that sshd reads first; those that it includes lie beside it."""

_HERE = "/etc/ssh/"
_READ = re.compile(r"/etc/ssh/sshd_config\.d/")
_LINE = re.compile(r"([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)")
_MOST_FILES = 16

# Two words for one setting; sshd -T tells the newer one.
_SAME = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
}
_TIME = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TIMES = ("clientaliveinterval", "logingracetime")


@dataclass(frozen=True, slots=True)
class Block:
    """One Match block: the file that it stands in, its criteria, and what it sets, keywords in small letters."""

    path: str
    criteria: str
    settings: Mapping[str, str]

    @property
    def name(self) -> str:
        """Return how a person finds it: ``Match User deploy in /etc/ssh/sshd_config``."""
        return f"Match {self.criteria} in {self.path}"

    @property
    def user(self) -> str | None:
        """Return the one account that it is for; None for patterns, lists and other criteria."""
        words = self.criteria.split()
        one = len(words) == 2 and words[0].lower() == "user" and re.fullmatch(r"[\w.-]+", words[1])
        return words[1] if one else None


def blocks(text: str) -> list[Block]:
    """Read the lines of sshd's files as ``path:line`` pairs and return every Match block that sshd reads.

    A block ends with its file, also where that is included; what a block includes belongs to it.
    Raises ValueError where the first file is missing, or a file is included that was not read.
    """
    files: dict[str, list[tuple[str, str]]] = {}
    for path, line in grepped(text):
        files.setdefault(path, []).append(_split(line))
    if MAIN not in files:
        raise ValueError(f"{MAIN} was not read, or sets nothing")
    return [
        Block(path, criteria, _first_of_each(lines))
        for path, criteria, lines in _walk(files, MAIN, ())
        if criteria is not None
    ]


def _split(line: str) -> tuple[str, str]:
    found = _LINE.fullmatch(line.strip())
    return (found[1].lower(), found[2].strip()) if found else (line.strip().lower(), "")


_Part = tuple[str, str | None, list[tuple[str, str]]]


def _walk(files: Mapping[str, list[tuple[str, str]]], path: str, above: Sequence[str]) -> Iterator[_Part]:
    """Yield the parts of a file: what stands before its first block (criteria None), then each block."""
    if path in above or len(above) > _MOST_FILES:
        raise ValueError(f"{path} includes itself")
    criteria: str | None = None
    lines: list[tuple[str, str]] = []
    inner: list[_Part] = []
    for keyword, value in files[path]:
        if keyword == "match":
            yield path, criteria, lines
            criteria, lines = _words(value), []
        elif keyword == "include":
            for other in _included(files, value):
                for part in _walk(files, other, (*above, path)):
                    if part[1] is None:
                        lines.extend(part[2])
                    else:
                        inner.append(part)
        else:
            lines.append((keyword, value))
    yield path, criteria, lines
    yield from inner


def _included(files: Mapping[str, object], value: str) -> list[str]:
    found: list[str] = []
    for pattern in shlex.split(value, comments=True):
        whole = pattern if pattern.startswith("/") else _HERE + pattern
        if not _READ.match(whole) or ".." in whole:
            raise ValueError(f"sshd includes {whole}, which nobody read")
        # As glob(7) has it, a star stops at a slash.
        same = [one for one in files if fnmatchcase(one, whole) and one.count("/") == whole.count("/")]
        found += sorted(same)
    return found


def _words(value: str) -> str:
    return " ".join(shlex.split(value, comments=True))


def _first_of_each(lines: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return keyword -> value as ``sshd -T`` would write it: the first one counts."""
    found: dict[str, str] = {}
    for keyword, value in lines:
        found.setdefault(_SAME.get(keyword, keyword), _value(keyword, _words(value)))
    return found


def _value(keyword: str, value: str) -> str:
    if value.lower() in ("yes", "no", "none"):
        return value.lower()
    if keyword == "loglevel":
        return value.upper()
    if keyword in _TIMES and (parts := re.findall(r"(\d+)([smhdw]?)", value.lower())):
        return str(sum(int(number) * _TIME[unit] for number, unit in parts))
    return value
