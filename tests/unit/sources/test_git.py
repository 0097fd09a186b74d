# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Git repositories on real checkouts: what is not pushed, who committed, what lies in them; and nothing is written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _source_git
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_copies import copies
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_git import Repository

from .played import Checkout


def test_a_clean_and_pushed_checkout(checkout: Checkout) -> None:
    checkout.put("README.md", "hello\n")
    head = checkout.commit("Begin")
    checkout.git("push", "-q", "-u", "origin", "main")
    state = Repository(checkout.path).state()
    assert (state["head"], state["branch"], state["upstream"]) == (head, "main", "origin/main")
    assert (state["ahead"], state["behind"], state["dirty"], state["untracked"]) == (0, 0, [], [])
    assert state["branches"] == [{"name": "main", "upstream": "origin/main", "track": None, "head": head}]
    assert (len(state["mode"]), state["stashes"]) == (4, 0)
    assert Repository(checkout.path).remote() == {"url": f"file://{checkout.remote}", "heads": {"main": head}}


def test_what_is_not_committed_or_pushed(checkout: Checkout) -> None:
    checkout.put("a file.md", "one\n")
    checkout.put("moved.md", "a line that is long enough to be found again\n" * 5)
    checkout.commit("Begin")
    checkout.git("push", "-q", "-u", "origin", "main")
    checkout.put("b.md", "two\n")
    checkout.commit("Go on")
    checkout.git("checkout", "-q", "-b", "side")
    checkout.put("a file.md", "changed\n")
    checkout.git("mv", "moved.md", "elsewhere.md")
    checkout.put("new/ünknown.md", "new\n")
    state = Repository(checkout.path).state()
    assert (state["branch"], state["upstream"], state["ahead"]) == ("side", None, None)
    assert state["dirty"] == ["a file.md", "elsewhere.md"]
    assert state["untracked"] == ["new/ünknown.md"]
    assert [(row["name"], row["track"]) for row in state["branches"]] == [("main", "ahead 1"), ("side", None)]
    checkout.git("checkout", "-q", "--force", "main")
    assert Repository(checkout.path).state()["ahead"] == 1


def test_no_commit_no_branch_no_repository(checkout: Checkout, tmp_path: Path) -> None:
    state = Repository(checkout.path).state()
    assert (state["head"], state["branch"]) == (None, "main")
    checkout.put("a", "1")
    checkout.git("checkout", "-q", "--detach", checkout.commit("Begin"))
    assert Repository(checkout.path).state()["branch"] is None
    with pytest.raises(OpsError, match="There is no repository at"):
        Repository(tmp_path / "none").state()
    (tmp_path / "plain").mkdir()
    with pytest.raises(OpsError, match=r"git status of .* failed: not a git repository"):
        Repository(tmp_path / "plain").state()


def test_credentials_in_an_address_are_left_out(checkout: Checkout) -> None:
    checkout.git("remote", "set-url", "origin", "https://user:hidden@git.example.com/ops.git")
    assert Repository(checkout.path).state()["remotes"] == {"origin": "https://git.example.com/ops.git"}


def test_a_remote_that_does_not_answer_is_an_error(checkout: Checkout) -> None:
    checkout.git("remote", "set-url", "origin", f"file://{checkout.base}/gone.git")
    with pytest.raises(OpsError, match=r"git ls-remote of .* failed"):
        Repository(checkout.path).remote()


def test_commits_with_their_signatures(checkout: Checkout, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers = tmp_path / "allowed_signers"
    public = key.with_suffix(".pub").read_text(encoding="utf-8")
    signers.write_text(f"ops@example.com {public}", encoding="utf-8")
    checkout.put("a", "1")
    first = checkout.commit("Begin; with a | and a \u2014 in it")
    checkout.git("config", "gpg.format", "ssh")
    checkout.git("config", "user.signingkey", str(key))
    checkout.put("a", "2")
    second = checkout.commit("Sign", "-S")
    found = Repository(checkout.path, allowed_signers=signers).commits(branch="main", since=0)
    assert found["complete"] is True
    rows = [(row["sha"], row["signature"], row["signer"], row["subject"]) for row in found["commits"]]
    assert rows == [
        (second, "G", "ops@example.com", "Sign"),
        (first, "N", "", "Begin; with a | and a \u2014 in it"),
    ]
    assert found["commits"][0]["parents"] == [first]
    # Nobody that the list knows: the signature is there, but of unknown worth.
    signers.write_text(f"else@example.com {public.replace('AAAAC3', 'AAAAC4')}", encoding="utf-8")
    worth = Repository(checkout.path, allowed_signers=signers).commits(branch="main", since=0)["commits"][0]
    assert worth["signature"] not in ("G", "N")


def test_a_young_commit_behind_an_old_one_is_found(checkout: Checkout) -> None:
    for name, when in (("young", "2026-11-20T10:00:00Z"), ("old", "2020-01-01T10:00:00Z")):
        checkout.put("a", name)
        checkout.git("add", "-A")
        environment = {"GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when, "PATH": "/usr/bin:/bin"}
        checkout.git("commit", "-q", "-m", name, env=environment)
    since = 1_780_000_000.0  # a day of May 2026
    found = Repository(checkout.path).commits(branch="main", since=since)
    assert [row["subject"] for row in found["commits"]] == ["young"]


def test_more_commits_than_are_read_are_told(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_source_git, "MOST_COMMITS", 2)
    for number in range(3):
        checkout.put("a", f"{number}")
        checkout.commit(f"Number {number}")
    found = Repository(checkout.path).commits(branch="main", since=0)
    assert (found["complete"], len(found["commits"])) == (False, 2)


def test_files_and_their_texts(checkout: Checkout) -> None:
    checkout.put("docs/a page.md", "# A page\n")
    checkout.put("main.tf", 'terraform {\n  backend "s3" {}\n}\n')
    (checkout.path / "link.md").symlink_to("docs/a page.md")
    checkout.git("add", "-A")
    checkout.git("update-index", "--add", "--cacheinfo", "160000," + "ab" * 20 + ",module")
    checkout.git("commit", "-q", "-m", "Begin")
    checkout.put("later.md", "not committed\n")
    repository = Repository(checkout.path)
    tree = repository.tree()
    assert [(row["path"], row["mode"], row["size"]) for row in tree["files"]] == [
        ("docs/a page.md", "100644", 9),
        ("link.md", "120000", 14),
        ("main.tf", "100644", 32),
        ("module", "160000", None),
    ]
    assert repository.texts(tree, (".md", ".tf")) == {
        "docs/a page.md": "# A page\n",
        "main.tf": 'terraform {\n  backend "s3" {}\n}\n',
    }
    assert repository.texts(tree, (".md",), under=("roles/",)) == {}


def test_a_document_has_the_instant_of_its_last_change(checkout: Checkout) -> None:
    times = ("2026-11-01T10:00:00+01:00", "2026-11-02T10:00:00Z")
    for name, when in zip(("a.md", "b.md"), times, strict=True):
        checkout.put(name, f"# {name}\n")
        environment = {"GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when, "PATH": "/usr/bin:/bin"}
        checkout.git("add", "-A")
        checkout.git("commit", "-q", "-m", name, env=environment)
    repository = Repository(checkout.path)
    rows = repository.documents(repository.tree())["documents"]
    assert [(row["path"], row["committed"], row["text"]) for row in rows] == [
        ("a.md", "2026-11-01T09:00:00.000Z", "# a.md\n"),
        ("b.md", "2026-11-02T10:00:00.000Z", "# b.md\n"),
    ]


def test_a_file_that_is_too_large_is_an_error(checkout: Checkout) -> None:
    checkout.put("a.md", "x" * (_source_git.MOST_TEXT + 1))
    checkout.commit("Begin")
    repository = Repository(checkout.path)
    with pytest.raises(OpsError, match=r"a\.md of .* was not read"):
        repository.documents(repository.tree())


def test_reading_writes_nothing_and_starts_nothing(checkout: Checkout) -> None:
    """A repository's own settings and hooks can name programs; none of them may run."""
    mark = checkout.base / "mark"
    program = checkout.base / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n", encoding="utf-8")
    program.chmod(0o755)
    checkout.put("a.md", "1")
    checkout.commit("Begin")
    for key in ("core.fsmonitor", "core.sshCommand", "gpg.program", "gpg.ssh.program", "core.pager"):
        checkout.git("config", key, str(program))
    for hook in ("post-index-change", "reference-transaction"):
        (checkout.path / ".git" / "hooks").mkdir(exist_ok=True)
        (checkout.path / ".git" / "hooks" / hook).symlink_to(program)
    (checkout.path / "a.md").touch()
    index = (checkout.path / ".git" / "index").stat()
    repository = Repository(checkout.path)
    repository.state()
    repository.commits(branch="main", since=0)
    repository.documents(repository.tree())
    assert not mark.exists()
    after = (checkout.path / ".git" / "index").stat()
    assert (after.st_ino, after.st_mtime_ns) == (index.st_ino, index.st_mtime_ns)


# Copies.

BLOCK = "\n".join(f"line number {number} of a block" for number in range(12))


def test_a_block_that_stands_twice_is_found_in_full() -> None:
    texts = {"a.yml": f"before\n{BLOCK}\nafter a\n", "b.yml": f"# a comment\n\n  other\n{BLOCK}\nafter b\n"}
    assert copies(texts, least=10) == [(12, "a.yml:2", "b.yml:4")]
    assert copies(texts, least=13) == []


def test_indentation_comments_and_blank_lines_do_not_count() -> None:
    indented = "\n\n".join(f"    {line}  # no comment, part of the line" for line in BLOCK.splitlines())
    plain = "\n# a comment\n".join(f"{line} # no comment, part of the line" for line in BLOCK.splitlines())
    assert [copy.lines for copy in copies({"a": indented, "b": plain}, least=10)] == [12]


def test_a_block_is_told_once_for_each_copy() -> None:
    texts = {"a": f"{BLOCK}\n1\n{BLOCK}\n2\n", "b": BLOCK}
    assert [(copy.first, copy.second) for copy in copies(texts, least=10)] == [("a:1", "a:14"), ("a:1", "b:1")]


@given(st.lists(st.sampled_from("abc"), max_size=60), st.integers(2, 8))
def test_a_copy_is_the_same_at_both_places(letters: list[str], least: int) -> None:
    for copy in copies({"x": "\n".join(letters)}, least=least):
        first, second = (int(place.partition(":")[2]) - 1 for place in (copy.first, copy.second))
        assert first + copy.lines <= second
        assert letters[first : first + copy.lines] == letters[second : second + copy.lines]
        assert copy.lines >= least
