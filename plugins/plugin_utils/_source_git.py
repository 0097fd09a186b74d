# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A git repository as a source, read with the git command and never written: no locks, no hooks, no fetch.

git's own protection stays on: a repository that belongs to another account is read only when that account's directory
is named in ``safe.directory``, because its settings can start programs.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["MOST_COMMITS", "Repository"]

MOST_COMMITS = 20_000
MOST_TEXT = 64 * 1024
_FORMAT = "%x1e" + "%x00".join(("%H", "%P", "%an", "%ae", "%aI", "%cn", "%cI", "%G?", "%GS", "%GK", "%s"))
_KEYS = ("sha", "parents", "author", "email", "authored", "committer", "committed", "signature", "signer", "key")
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_MERGED = "u"
# Where Ansible looks for modules, and the assignment by which one documents itself.
_MODULE = re.compile(r"(?:^|/)(?:plugins/modules|library)/(?!.*__init__\.py$).+\.(?:py|ps1)$")
_DOCUMENTED = re.compile(r"^DOCUMENTATION(?::\s*str)?\s*=", re.MULTILINE)


class Repository:
    """One checkout: ``path`` on this machine, signatures checked against ``allowed_signers`` where given."""

    def __init__(self, path: Path, *, allowed_signers: Path | None = None, timeout_s: float = 60.0) -> None:
        self.path = path
        self._signers = allowed_signers
        self._timeout = timeout_s

    def git(self, *arguments: str, given: bytes | None = None, timeout_s: float | None = None) -> bytes:
        """Run git and return what it printed. Raises `OpsError` with git's own words when it fails."""
        words = ["git", "--no-optional-locks", "-C", str(self.path)]
        settings = {
            "core.fsmonitor": "false",
            "core.hooksPath": os.devnull,
            "core.quotePath": "false",
            "core.sshCommand": "ssh -o BatchMode=yes",
            "gpg.program": "gpg",
            "gpg.ssh.program": "ssh-keygen",
            **({"gpg.ssh.allowedSignersFile": str(self._signers)} if self._signers else {}),
        }
        for key, value in settings.items():
            words += ["-c", f"{key}={value}"]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        kept |= {"LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "GIT_PAGER": "cat"}
        limit = timeout_s or self._timeout
        try:
            done = subprocess.run(
                [*words, *arguments], input=given or b"", capture_output=True, check=False, env=kept, timeout=limit
            )
        except FileNotFoundError as exc:
            raise OpsError("git is missing on this machine; install it.") from exc
        except subprocess.TimeoutExpired as exc:
            raise OpsError(f"git {arguments[0]} of {self.path} did not end in {limit:g} s.") from exc
        if done.returncode:
            raise OpsError(f"git {arguments[0]} of {self.path} failed: {_reason(done.stderr, done.returncode)}.")
        return done.stdout

    def state(self) -> dict[str, Any]:
        """Return branch, head, upstream, what is ahead or behind, what is not committed, remotes, owner and mode."""
        if not self.path.is_dir():
            raise OpsError(f"There is no repository at {self.path}; correct its path in verify_repositories.")
        about, dirty, untracked = _status(self.git("status", "--porcelain=v2", "--branch", "-z", "-uall"))
        facts = self.path.stat()
        owner = str(facts.st_uid)
        with contextlib.suppress(KeyError):
            owner = pwd.getpwuid(facts.st_uid).pw_name
        ahead, behind = _distance(about.get("branch.ab"))
        head, branch = about.get("branch.oid"), about.get("branch.head")
        return {
            "path": str(self.path),
            "owner": owner,
            "mode": f"{facts.st_mode & 0o7777:04o}",
            "head": head if head != "(initial)" else None,
            "branch": branch if branch != "(detached)" else None,
            "upstream": about.get("branch.upstream"),
            "ahead": ahead,
            "behind": behind,
            "dirty": dirty,
            "untracked": untracked,
            "branches": self._branches(),
            "remotes": self._remotes(),
            "default_branch": self._default_branch(),
            "stashes": len(self.git("stash", "list").splitlines()),
        }

    def _branches(self) -> list[dict[str, Any]]:
        shape = "%(refname:short)%09%(upstream:short)%09%(upstream:track,nobracket)%09%(objectname)"
        rows = self.git("for-each-ref", f"--format={shape}", "refs/heads").decode("utf-8", "replace").splitlines()
        keys = ("name", "upstream", "track", "head")
        return [dict(zip(keys, (cell or None for cell in row.split("\t")), strict=True)) for row in rows]

    def _remotes(self) -> dict[str, str]:
        try:
            said = self.git("config", "--get-regexp", r"^remote\..*\.url$").decode("utf-8", "replace")
        except OpsError:
            return {}
        rows = [line.partition(" ") for line in said.splitlines()]
        return {key.split(".", 1)[1].rpartition(".")[0]: _USERINFO.sub("", url) for key, _blank, url in rows}

    def _default_branch(self) -> str | None:
        """Return the branch that the remote calls its own, as the last clone or fetch learnt it."""
        try:
            said = self.git("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD").decode("utf-8", "replace")
        except OpsError:
            return None
        return said.strip().removeprefix("refs/remotes/origin/")

    def commits(self, *, branch: str, since: float) -> dict[str, Any]:
        """Return the commits of a branch since an instant, the newest first, with what their signatures are worth.

        ``signature`` is git's letter: G good, U good of unknown validity, B bad, X or Y expired, R revoked, E cannot be
        checked, N none.
        """
        # As a filter: git otherwise stops at the first older commit, although younger ones may lie behind it.
        after = f"--since-as-filter=@{since:.0f} +0000"
        words = ["log", after, f"--max-count={MOST_COMMITS + 1}", f"--format={_FORMAT}", branch, "--"]
        rows = []
        for entry in self.git(*words).decode("utf-8", "replace").split("\x1e")[1:]:
            cells = entry.rstrip("\n").split("\0")
            row: dict[str, Any] = dict(zip(_KEYS, cells[:10], strict=True))
            row["parents"] = row["parents"].split()
            row["subject"] = cells[10]
            for key in ("authored", "committed"):
                row[key] = _utc.iso_ms(_utc.parse_iso(row[key]))
            rows.append(row)
        return {"branch": branch, "since": since, "complete": len(rows) <= MOST_COMMITS, "commits": rows[:MOST_COMMITS]}

    def tree(self, *, branch: str = "HEAD") -> dict[str, Any]:
        """Return every file of a commit with mode, blob and size in bytes (None of a submodule)."""
        commit = self.git("rev-parse", "--verify", f"{branch}^{{commit}}").decode("ascii").strip()
        files = []
        for row in self.git("ls-tree", "-r", "-l", "-z", commit).decode("utf-8", "replace").split("\0")[:-1]:
            about, _tab, path = row.partition("\t")
            mode, _kind, blob, size = about.split()
            files.append({"path": path, "mode": mode, "blob": blob, "size": int(size) if size.isdigit() else None})
        return {"commit": commit, "files": files}

    def remote(self, *, timeout_s: float = 20.0) -> dict[str, Any]:
        """Return the branches that the remote has now (``git ls-remote``, which changes nothing on either side)."""
        said = self.git("ls-remote", "--heads", "origin", timeout_s=timeout_s).decode("utf-8", "replace")
        rows = [line.split("\t") for line in said.splitlines()]
        return {
            "url": self._remotes().get("origin"),
            "heads": {ref.removeprefix("refs/heads/"): sha for sha, ref in rows},
        }

    def texts(self, tree: Mapping[str, Any], suffixes: Sequence[str], *, under: Sequence[str] = ()) -> dict[str, str]:
        """Return the text of the files of a tree that end in one of some suffixes, by path.

        ``under`` narrows to paths that begin so. Raises `OpsError` for a file above 64 KiB.
        """
        wanted = [
            row
            for row in tree["files"]
            if row["path"].endswith(tuple(suffixes)) and row["mode"].startswith("100")
            if not under or row["path"].startswith(tuple(under))
        ]
        large = [row["path"] for row in wanted if row["size"] > MOST_TEXT]
        if large:
            raise OpsError(f"{large[0]} of {self.path} has more than {MOST_TEXT} bytes, so it was not read; split it.")
        asked = "".join(f"{row['blob']}\n" for row in wanted).encode()
        bodies = list(_blobs(self.git("cat-file", "--batch", given=asked)))
        return {row["path"]: body for row, body in zip(wanted, bodies, strict=True)}

    def module_docs(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        """Return whether each module of Ansible in a tree has documentation, in itself or in a YAML file beside it."""
        paths = {row["path"] for row in tree["files"]}
        found = {}
        modules = {"files": [row for row in tree["files"] if _MODULE.search(row["path"])]}
        for path, text in self.texts(modules, (".py", ".ps1")).items():
            beside = {f"{path.rpartition('.')[0]}.{end}" for end in ("yml", "yaml")}
            # A module in PowerShell may be explained by a Python file of its name.
            inside = bool(_DOCUMENTED.search(text)) or (path.endswith(".ps1") and f"{path[:-4]}.py" in paths)
            found[path] = inside or bool(beside & paths)
        return {"commit": tree["commit"], "files": found}

    def documents(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        """Return the text of every Markdown file of a tree, with the instant of the last commit that touched it."""
        found = self.texts(tree, (".md",))
        touched: dict[str, str] = {}
        said = self.git("log", "--format=%x1e%cI", "--name-only", "-z", tree["commit"], "--", "*.md")
        for entry in said.decode("utf-8", "replace").split("\x1e")[1:]:
            instant, _end, names = entry.partition("\0")
            for name in names.strip("\n").split("\0"):
                touched.setdefault(name.strip("\n"), _utc.iso_ms(_utc.parse_iso(instant)))
        rows = [{"path": path, "committed": touched.get(path), "text": text} for path, text in sorted(found.items())]
        return {"commit": tree["commit"], "documents": rows}


def _status(said: bytes) -> tuple[dict[str, str], list[str], list[str]]:
    """Return the headers, changed and untracked paths of ``git status --porcelain=v2 -z``."""
    about: dict[str, str] = {}
    dirty: list[str] = []
    untracked: list[str] = []
    entries = iter(said.decode("utf-8", "replace").split("\0")[:-1])
    for entry in entries:
        kind, _blank, rest = entry.partition(" ")
        if kind == "#":
            key, _blank, value = rest.partition(" ")
            about[key] = value
        elif kind == "?":
            untracked.append(rest)
        elif kind in ("1", "2", _MERGED):
            dirty.append(rest.split(" ", {"1": 7, "2": 8, _MERGED: 9}[kind])[-1])
            if kind == "2":
                next(entries, None)
    return about, sorted(dirty), sorted(untracked)


def _distance(said: str | None) -> tuple[int | None, int | None]:
    """Return how far ahead and behind, None where there is no upstream."""
    match = re.fullmatch(r"\+(\d+) -(\d+)", said or "")
    return (int(match[1]), int(match[2])) if match else (None, None)


def _blobs(said: bytes) -> Iterator[str]:
    """Yield the bodies that ``git cat-file --batch`` printed."""
    place = 0
    while place < len(said):
        end = said.index(b"\n", place)
        size = int(said[place:end].split()[2])
        yield said[end + 1 : end + 1 + size].decode("utf-8", "replace")
        place = end + 1 + size + 1


def _reason(stderr: bytes, code: int) -> str:
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    if any("dubious ownership" in line for line in lines):
        return "it belongs to another account; add its path to safe.directory of the account that verifies"
    return _USERINFO.sub("", lines[0].removeprefix("fatal: ").rstrip(".")) if lines else f"it ended with {code}"
