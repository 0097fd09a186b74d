# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of plugins share: recorded answers of real programs, a pgBackRest that plays them, a module runner."""

from __future__ import annotations

import copy
import io
import json
import os
import pwd
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

DATA = Path(__file__).parent / "module_utils" / "data"
ME = pwd.getpwuid(os.getuid()).pw_name


class RecordedPgbackrest:
    """Answers as a real pgBackRest 2.45 did for a small encrypted repository with two timelines and seven backups.

    Tests change ``listing``, ``files`` and ``info`` to plant a fault, and ``answers`` to script a command: a list of
    (exit code, standard output, standard error) by verb, the last of which stays.
    """

    def __init__(self) -> None:
        folder = DATA / "pgbackrest"
        self.listing: dict[str, dict[str, Any]] = json.loads((folder / "listing.json").read_text())
        self.info: list[dict[str, Any]] = json.loads((folder / "info.json").read_text())
        self.files: dict[str, str] = {}
        for name in ("archive", "backup"):
            text = (folder / f"{name}.info").read_text()
            self.files[f"{name}/main/{name}.info"] = text
            self.files[f"{name}/main/{name}.info.copy"] = text
        self.files["archive/main/15-1/00000002.history"] = (folder / "00000002.history").read_text()
        for manifest in folder.glob("*.manifest"):
            self.files[f"backup/main/{manifest.stem}/backup.manifest"] = manifest.read_text()
        self.verify = (folder / "verify_clean.txt").read_text()
        self.answers: dict[str, list[tuple[int, str, str]]] = {}
        self.calls: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> tuple[int, str, str]:
        """Run one command."""
        words = list(command)
        self.calls.append(words)
        verb = next((word for word in words if word in VERBS), os.path.basename(words[0]))
        if verb in self.answers:
            queue = self.answers[verb]
            return queue.pop(0) if len(queue) > 1 else queue[0]
        handler: Callable[[list[str]], tuple[int, str, str]] = getattr(self, "_" + verb.replace("-", "_"))
        return handler(words)

    def verbs(self) -> list[str]:
        """Return the verbs of all calls that change something."""
        return [word for call in self.calls for word in call if word in VERBS and word not in READING]

    def _info(self, _words: list[str]) -> tuple[int, str, str]:
        return 0, json.dumps(self.info), ""

    def _verify(self, _words: list[str]) -> tuple[int, str, str]:
        return 0, self.verify, ""

    def _repo_ls(self, words: list[str]) -> tuple[int, str, str]:
        top = words[-1] + "/"
        below = {path.removeprefix(top): entry for path, entry in self.listing.items() if path.startswith(top)}
        return 0, json.dumps({".": {"type": "path"}, **below}), ""

    def _repo_get(self, words: list[str]) -> tuple[int, str, str]:
        if words[-1] in self.files:
            return 0, self.files[words[-1]], ""
        return 95, "", "ERROR: [095]: unable to flush\n"

    def _openssl(self, _words: list[str]) -> tuple[int, str, str]:
        return 0, "notBefore=Nov 23 00:00:00 2026 GMT\nnotAfter=Nov 23 00:00:00 2036 GMT\n", ""


VERBS = ("info", "verify", "repo-ls", "repo-get", "stanza-create", "stanza-upgrade", "stanza-delete", "stop", "check")
VERBS += ("backup", "restore")
READING = ("info", "verify", "repo-ls", "repo-get")


@pytest.fixture
def recorded() -> Callable[[str], str]:
    """Return a function that reads a recorded answer."""
    return lambda name: (DATA / name).read_text()


@pytest.fixture
def pgbackrest() -> RecordedPgbackrest:
    """Return a pgBackRest that answers as a real one did."""
    return copy.deepcopy(RecordedPgbackrest())


@pytest.fixture
def run_module(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Return a function that runs a module's main() with arguments and returns what it printed as its result.

    ``run`` takes each command of the module as a list and returns exit code, standard output and standard error;
    without it the commands are run.
    """

    def run_main(
        module: ModuleType,
        arguments: dict[str, Any],
        *,
        run: Callable[[Sequence[str]], tuple[int, str, str]] | None = None,
        check: bool = False,
    ) -> dict[str, Any]:
        if run:
            monkeypatch.setattr(basic.AnsibleModule, "run_command", lambda _self, command, **_ignored: run(command))
        printed = io.StringIO()
        with (
            patch_module_args({**arguments, "_ansible_check_mode": check, "_ansible_diff": True}),
            redirect_stdout(printed),
            pytest.raises(SystemExit),
        ):
            module.main()
        result: dict[str, Any] = json.loads(printed.getvalue().strip().splitlines()[-1])
        return result

    return run_main


@pytest.fixture
def account() -> str:
    """Return the account that runs the tests."""
    return ME
