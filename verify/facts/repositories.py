# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Git repositories, as checks read them: what is not committed or pushed, who committed what, and what lies in them.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from verify.engine.estate import View
from verify.engine.evidence import NoEvidence
from verify.facts.instants import DAY_S, epoch

__all__ = ["Commit", "Copy", "Repository", "Role", "same_commit"]

_STATE = re.compile(r"(?:^|/)(?:[^/]*\.tfstate(?:\.[^/]*)?|\.terraform/.*)$")
_BACKEND = re.compile(r'^[ \t]*(?:backend[ \t]+"([a-z0-9_]+)"|(cloud))[ \t]*\{', re.MULTILINE)
_BLOCK = re.compile(r"^[ \t]*(?:resource|data|module|provider|terraform)\b", re.MULTILINE)
_ROLE = re.compile(r"((?:.*/)?roles/[^/]+)/tasks/")
_TRUSTED = ("G", "U")


class Commit(NamedTuple):
    """A commit. ``signature`` is git's letter: G or U good, N none, everything else not good."""

    sha: str
    author: str
    email: str
    committed: float
    subject: str
    signature: str
    signer: str
    parents: tuple[str, ...]

    @property
    def signed(self) -> bool:
        """Return whether it carries a good signature."""
        return self.signature in _TRUSTED

    @property
    def is_merge(self) -> bool:
        """Return whether it joins branches."""
        return len(self.parents) > 1


class Role(NamedTuple):
    """A role of Ansible, with what it should have."""

    name: str
    readme: bool
    argument_specs: bool


class Copy(NamedTuple):
    """A block of lines that stands at two places, ``path:line``."""

    lines: int
    first: str
    second: str


class Repository(View, kind="repository"):
    """A repository that the environment declares (``verify_repositories``)."""

    @property
    def _subject(self) -> str:
        return f"repository:{self.name}"

    @property
    def state(self) -> Mapping[str, Any]:
        """Return the state of the checkout as it was collected."""
        found: Mapping[str, Any] = self.estate.json(self._subject, "state")
        return found

    @property
    def head(self) -> str | None:
        """Return the commit that is checked out; None in a repository without any."""
        return self._text("head")

    @property
    def branch(self) -> str | None:
        """Return the branch that is checked out; None when none is."""
        return self._text("branch")

    @property
    def upstream(self) -> str | None:
        """Return the branch of a remote that it follows."""
        return self._text("upstream")

    @property
    def default_branch(self) -> str | None:
        """Return the branch that the remote calls its own, as the checkout learnt it."""
        return self._text("default_branch")

    @property
    def owner(self) -> str:
        """Return the account that the checkout belongs to."""
        return str(self.state["owner"])

    @property
    def mode(self) -> int:
        """Return the permissions of the checkout's directory."""
        return int(self.state["mode"], 8)

    @property
    def ahead(self) -> int | None:
        """Return how many commits are not pushed; None without an upstream."""
        found: int | None = self.state["ahead"]
        return found

    @property
    def behind(self) -> int | None:
        """Return how many commits of the upstream are missing here, as far as it was fetched."""
        found: int | None = self.state["behind"]
        return found

    @property
    def dirty(self) -> list[str]:
        """Return the files that were changed and not committed."""
        return list(self.state["dirty"])

    @property
    def untracked(self) -> list[str]:
        """Return the files that git does not know and is not told to ignore."""
        return list(self.state["untracked"])

    @property
    def unpushed_branches(self) -> list[str]:
        """Return the branches with commits that are not pushed; one without an upstream counts, unless the remote has
        its newest commit all the same."""
        return [
            row["name"]
            for row in self.state["branches"]
            if "ahead" in (row["track"] or "")
            or ((not row["upstream"] or "gone" in (row["track"] or "")) and row["head"] not in self.pushed)
        ]

    @property
    def pushed(self) -> frozenset[str]:
        """Return the commits that the remote has, as far as they are known here: the heads of its branches, and what
        lies below them in the history of the declared branch.

        Raises `NoEvidence` when the remote was not asked.
        """
        heads = set(self._heads.values())
        # The remote went on since the last fetch: what was not ahead of it then is below what it has now.
        below = {self.head} if self.ahead == 0 and self.remote_head else set()
        parents = {row.sha: row.parents for row in self._read_commits}
        open_ones, found = [*heads, *below], set(heads)
        while open_ones:
            sha = open_ones.pop()
            if sha in parents:
                found.add(sha)
                open_ones += [parent for parent in parents[sha] if parent not in found]
        return frozenset(found)

    @property
    def remote_url(self) -> str | None:
        """Return where the repository is pushed to, without credentials."""
        found: str | None = self.state["remotes"].get("origin")
        return found

    @property
    def remote_head(self) -> str | None:
        """Return the commit that the remote has now on the branch that is checked out; `NoEvidence` when not asked."""
        return self._heads.get((self.upstream or "").partition("/")[2] or self.branch or "")

    @property
    def _heads(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.estate.json(self._subject, "remote")["heads"]
        return found

    def commits(self, days: float) -> list[Commit]:
        """Return the commits of the declared branch in so many days, the newest first.

        Raises `NoEvidence` when there were more than were read, or the window is longer than what was asked for.
        """
        body = self.estate.json(self._subject, "commits")
        since = self.estate.now - days * DAY_S
        if not body["complete"] or since < float(body["since"]) - 60:
            raise NoEvidence(f"The commits of {self.name} were not read back to the beginning of the window.")
        return [row for row in self._read_commits if row.committed >= since]

    @property
    def known(self) -> frozenset[str]:
        """Return the commits of the declared branch that were read."""
        return frozenset(row.sha for row in self._read_commits)

    @property
    def _read_commits(self) -> Sequence[Commit]:
        return self.estate.read(self._subject, "commits", parse_commits)

    @property
    def files(self) -> frozenset[str]:
        """Return the paths of all files of the declared branch."""
        return self.estate.read(self._subject, "tree", parse_tree)

    @property
    def commit(self) -> str:
        """Return the commit whose files `files` names."""
        return str(self.estate.json(self._subject, "tree")["commit"])

    def has(self, path: str) -> bool:
        """Return whether the declared branch has a file."""
        return path in self.files

    def under(self, prefix: str) -> list[str]:
        """Return the paths that begin with a prefix, sorted."""
        return sorted(path for path in self.files if path.startswith(prefix))

    @property
    def state_files(self) -> list[str]:
        """Return files of Terraform's state in git, which hold secrets."""
        return sorted(path for path in self.files if _STATE.search(path))

    @property
    def roles(self) -> list[Role]:
        """Return the roles of Ansible in the tree."""
        found = {match.group(1) for match in map(_ROLE.match, self.files) if match}
        return [
            Role(
                name=folder.rpartition("/")[2],
                readme=any(f"{folder}/README{end}" in self.files for end in (".md", ".rst", "")),
                argument_specs=any(f"{folder}/meta/argument_specs{end}" in self.files for end in (".yml", ".yaml")),
            )
            for folder in sorted(found)
        ]

    @property
    def module_docs(self) -> Mapping[str, bool]:
        """Return the modules of Ansible in the tree, by path, and whether each has its documentation."""
        found: Mapping[str, bool] = self.estate.json(self._subject, "module_docs")["files"]
        return found

    @property
    def pages(self) -> Mapping[str, str]:
        """Return the text of every Markdown file, by path."""
        return {row["path"]: row["text"] for row in self.estate.json(self._subject, "documents")["documents"]}

    @property
    def terraform(self) -> Mapping[str, str]:
        """Return the text of every Terraform file, by path."""
        found: Mapping[str, str] = self.estate.json(self._subject, "terraform")["files"]
        return found

    @property
    def terraform_backends(self) -> dict[str, str | None]:
        """Return the backend of state of each directory that declares resources; None where none is declared."""
        folders: dict[str, list[str]] = {}
        for path, text in self.terraform.items():
            folders.setdefault(path.rpartition("/")[0] or ".", []).append(text)
        found = {}
        for folder, texts in sorted(folders.items()):
            if any(_BLOCK.search(text) for text in texts):
                match = next((match for match in map(_BACKEND.search, texts) if match), None)
                found[folder] = (match.group(1) or match.group(2)) if match else None
        return found

    @property
    def copies(self) -> list[Copy]:
        """Return the blocks of code that stand twice, the longest first; `compared` tells in how many files."""
        return [Copy(row["lines"], row["first"], row["second"]) for row in self._copies["copies"]]

    @property
    def compared(self) -> int:
        """Return how many files of code were compared with each other."""
        return int(self._copies["files"])

    @property
    def _copies(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.estate.json(self._subject, "copies")
        return found

    def _text(self, key: str) -> str | None:
        found: str | None = self.state[key]
        return found


def same_commit(short: str, whole: str | None) -> bool:
    """Return whether two names of a commit, one of them perhaps cut, mean the same one."""
    return bool(whole) and len(short) >= 7 and str(whole).startswith(short)


def parse_commits(text: str) -> Sequence[Commit]:
    """Read the fact ``commits``."""
    return tuple(
        Commit(
            *(row["sha"], row["author"], row["email"], epoch(row["committed"]), row["subject"]),
            *(row["signature"], row["signer"], tuple(row["parents"])),
        )
        for row in json.loads(text)["commits"]
    )


def parse_tree(text: str) -> frozenset[str]:
    """Read the paths of the fact ``tree``."""
    return frozenset(row["path"] for row in json.loads(text)["files"])
