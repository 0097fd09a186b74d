# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages in the repositories of the environment: runbooks, the playbooks they name, the commands they give.

A runbook is a page below the folder that its repository declares (``runbooks``, the same word by default). A page is
reviewed when a commit changed it, or a record of a review says that somebody confirmed it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.instants import epoch_or_none
from verify.facts.records import Record, everything

__all__ = ["KNOWN_PROGRAMS", "Command", "Document", "documents", "parse_documents", "playbooks", "reviewed", "runbooks"]

KNOWN_PROGRAMS = frozenset(
    (
        *(
            "ansible",
            "ansible-galaxy",
            "ansible-inventory",
            "ansible-playbook",
            "ansible-vault",
            "apt-get",
            "cat",
            "cd",
        ),
        *("cp", "curl", "git", "grep", "journalctl", "ls", "make", "mkdir", "openssl", "pgbackrest", "pip", "psql"),
        *("pytest", "python", "python3", "restic", "rsync", "ssh", "ssh-keygen", "systemctl", "tail"),
    )
)
"""Programs that a page may name without more; ``verify_commands`` adds others. Anything else has to be a file of a
repository of the environment."""

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([\w-]*)[^\n]*\n(.*?)^ {0,3}\1[ \t]*$", re.MULTILINE | re.DOTALL)
_SHELLS = ("", "console", "shell", "sh", "bash", "terminal")
_HEADING = re.compile(r"^#{1,6}[ \t]+(.*?)[ \t]*#*$", re.MULTILINE)
_PLAYBOOK = re.compile(r"(?<![\w/-])((?:[\w.-]+/)*[\w.-]+\.ya?ml)\b")
_SPLIT = re.compile(r"\s*(?:&&|\|\||[;|])\s*")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page: its program and its words."""

    program: str
    words: tuple[str, ...]

    @property
    def playbooks(self) -> tuple[str, ...]:
        """Return the playbooks that it runs, as they are written."""
        if PurePosixPath(self.program).name != "ansible-playbook":
            return ()
        return tuple(word for word in self.words if word.endswith((".yml", ".yaml")) and not word.startswith("-"))


@dataclass(frozen=True)
class Document:
    """A page: the repository and path where it stands, when a commit last changed it (epoch seconds), and its text."""

    repository: str
    path: str
    committed: float
    text: str

    @cached_property
    def commands(self) -> tuple[Command, ...]:
        """Return the commands in its fenced blocks."""
        return tuple(_commands(self.text))

    @cached_property
    def names(self) -> frozenset[str]:
        """Return the file names of all YAML files that its text speaks of."""
        return frozenset(PurePosixPath(found).name for found in _PLAYBOOK.findall(self.text))

    def section(self, words: Iterable[str]) -> str | None:
        """Return the text under the first heading that holds one of the words; None when there is none."""
        headings = list(_HEADING.finditer(_FENCE.sub(lambda found: " " * len(found.group(0)), self.text)))
        for number, found in enumerate(headings):
            if any(word in found.group(1).lower() for word in words):
                end = headings[number + 1].start() if number + 1 < len(headings) else len(self.text)
                return self.text[found.end() : end]
        return None

    def commands_of(self, words: Iterable[str]) -> tuple[Command, ...] | None:
        """Return the commands of such a section; None when there is no such section."""
        text = self.section(words)
        return None if text is None else tuple(_commands(text))


def documents(estate: Estate) -> list[Document]:
    """Return every page of the declared repositories. Raises `NoEvidence` when there is no repository."""
    found: list[Document] = []
    rows = estate.environment.subjects("repository")
    if not rows:
        raise NoEvidence(f"{estate.name} declares no repository; name those of code and pages in verify_repositories.")
    for row in rows:
        pages = estate.read(f"repository:{row.name}", "documents", parse_documents)
        found += [Document(row.name, *page) for page in pages]
    return found


def runbooks(estate: Estate) -> list[Document]:
    """Return the runbooks of the repositories that are declared as documentation.

    Raises `NoEvidence` when there is not one: nothing was looked after.
    """
    folders = {
        row.name: str(row.get("runbooks", "runbooks")).strip("/") + "/"
        for row in estate.environment.subjects("repository")
        if row.get("kind") == "documentation"
    }
    found = [
        page
        for page in documents(estate)
        if page.repository in folders and page.path.startswith(folders[page.repository])
    ]
    if not found:
        raise NoEvidence(
            f"No documentation repository of {estate.name} holds a runbook below {sorted(folders.items())}."
        )
    return found


def playbooks(estate: Estate) -> dict[str, str]:
    """Return the playbooks of the infrastructure repositories: file name to path.

    Raises `NoEvidence` when there is not one.
    """
    found = {}
    for repository in estate.views("repository"):
        if repository.get("kind") == "infrastructure":
            for path in repository.under(str(repository.get("playbooks", "playbooks")).strip("/") + "/"):
                if path.endswith((".yml", ".yaml")) and path.count("/") == 1:
                    found[PurePosixPath(path).name] = path
    if not found:
        raise NoEvidence(f"No infrastructure repository of {estate.name} holds a playbook.")
    return found


def reviewed(estate: Estate, page: Document, period_s: float) -> tuple[float, float]:
    """Return when a page was last changed or confirmed, and until when that holds (epoch seconds).

    The record of the newest review may name the day when it is due again; the period counts otherwise.
    """
    rows = [one for one in everything(estate, "document_review") if _is_of(one, page) and one.outcome != "retired"]
    newest = max(rows, key=lambda one: one.reviewed, default=None)
    if newest is None or page.committed > newest.reviewed:
        return page.committed, page.committed + period_s
    return newest.reviewed, newest.next_due or newest.reviewed + period_s


def _is_of(review: Record, page: Document) -> bool:
    return review.document in (page.path, f"{page.repository}/{page.path}")


def parse_documents(text: str) -> tuple[tuple[str, float, str], ...]:
    """Read the fact ``documents`` of a repository: path, instant of the last commit, text of each page.

    A page whose commit cannot be told counts as never changed, so that only a review can confirm it.
    """
    rows: list[Mapping[str, Any]] = json.loads(text)["documents"]
    return tuple((row["path"], epoch_or_none(row["committed"]) or 0.0, row["text"]) for row in rows)


def _commands(text: str) -> Iterable[Command]:
    for _fence, language, body in _FENCE.findall(text):
        if language.lower() not in _SHELLS:
            continue
        for line in body.replace("\\\n", " ").splitlines():
            for piece in _SPLIT.split(line.removeprefix("$ ").partition(" #")[0].strip()):
                words = _words(piece)
                if words and not words[0].startswith("#"):
                    yield Command(words[0], tuple(words[1:]))


def _words(piece: str) -> list[str]:
    """Return the words of a command without the settings before it, such as NAME=value, and without sudo."""
    try:
        words = shlex.split(piece)
    except ValueError:
        words = piece.split()
    while words and (re.match(r"^\w+=", words[0]) or words[0] in ("sudo", "nice")):
        words = words[1:]
    return words
