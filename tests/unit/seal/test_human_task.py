# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A statement is signed by who may sign it, in time, or the task fails and says how to mend it."""

from __future__ import annotations

import datetime
import json
import os
import shlex
import shutil
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.action import human_task
from ansible_collections.ccobservatory.ops.plugins.module_utils import _sshsig, _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._pack import Sealing
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._statement import CLOCK_TOLERANCE_S


class Asked:
    """The task, with what it printed."""

    def __init__(self, folder: Path, sealing: Sealing) -> None:
        self.folder = folder
        self.known = {
            "step": "approve",
            "item": "DR-02",
            "title": "Approve the plan",
            "person_role": "approver",
            "statement": "I approve <b>this</b>.",
            "signatures_dir": str(folder),
            "allowed_signers": str(sealing.allowed_signers),
            "deadline_s": 0.3,
        }
        self.lines: list[str] = []

    def __call__(self, *, check: bool = False, **more: Any) -> dict[str, Any]:
        task = SimpleNamespace(args={**self.known, **more}, check_mode=check, async_val=0, diff=False)
        connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
        plugin = human_task.ActionModule(task, connection, SimpleNamespace(check_mode=check), None, None, None)
        return dict(plugin.run(task_vars={}))


@pytest.fixture
def asked(tmp_path: Path, sealing: Sealing, monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked(tmp_path / "people", sealing)
    monkeypatch.setattr(human_task.display, "display", lambda line, **_kwargs: made.lines.append(line))
    monkeypatch.setattr(human_task.display, "warning", lambda line, **_kwargs: made.lines.append(line))
    return made


def test_a_key_signs_at_once(asked: Asked, sealing: Sealing) -> None:
    told = asked(key=str(sealing.key), stand_in=True, person="seal@example")
    assert told["changed"] is True
    record = told["person_record"]
    assert (record["role"], record["name"], record["stand_in"]) == ("approver", "seal@example", True)
    assert record["fingerprint"] == _sshsig.fingerprint(sealing.key)
    document = json.loads(Path(told["document"]).read_bytes())
    assert (document["statement"], document["stand_in"]) == ("I approve <b>this</b>.", True)


def test_the_pack_of_the_drill_has_each_signature_wherever_it_was_left(
    asked: Asked, sealing: Sealing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = tmp_path / "20261101T090000Z-site_lost"
    drill.mkdir()
    monkeypatch.setattr(human_task, "drill_fact", lambda _vars: {"dir": str(drill)})
    for _again in range(2):
        asked(key=str(sealing.key), person="seal@example")
        kept = sorted(path.name for path in (drill / "people").iterdir())
        assert kept == [path.name for path in sorted(asked.folder.iterdir())]
        shutil.rmtree(drill / "people")


def test_a_signed_statement_is_not_asked_for_again(asked: Asked, sealing: Sealing) -> None:
    first = asked(key=str(sealing.key))
    second = asked()
    assert second["changed"] is False
    assert second["person_record"] == first["person_record"]


def test_another_statement_never_takes_the_place_of_a_signed_one(asked: Asked, sealing: Sealing) -> None:
    asked(key=str(sealing.key))
    told = asked(key=str(sealing.key), statement="I approve everything.")
    assert told["failed"] is True
    assert "another statement" in told["msg"]


@pytest.mark.parametrize(
    ("comment", "kept"), [(None, None), ("", None), ('go, but "slowly" & <b>wait</b> für Süd',) * 2]
)
def test_a_person_signs_with_the_line_that_is_shown(
    asked: Asked, sealing: Sealing, comment: str | None, kept: str | None
) -> None:
    asked.known["signatures_dir"] = str(asked.folder / "odd dir.v1")

    def person() -> None:
        while not asked.lines:
            time.sleep(0.02)
        line = asked.lines[0].partition(" to sign: ")[2].replace("KEY", shlex.quote(str(sealing.key)))
        given = {} if comment is None else {"COMMENT": comment}
        subprocess.run(["sh", "-c", line], check=True, capture_output=True, env=os.environ | given)

    thread = threading.Thread(target=person)
    thread.start()
    told = asked(deadline_s=20)
    thread.join()
    assert told["name"] == "seal@example"
    assert told["stand_in"] is False
    assert told["person_record"]["comment"] == told["comment"] == kept
    assert abs(_utc.seconds_between(told["signed_at"], _utc.iso_ms(_utc.now()))) < 20


def test_the_time_of_a_file_changes_nothing(asked: Asked, sealing: Sealing) -> None:
    first = asked(key=str(sealing.key))
    for name in ("document", "signed_file", "signature_file"):
        os.utime(first[name], (0, 0))
    second = asked()
    assert (second["changed"], second["signed_at"]) == (False, first["signed_at"])
    assert first["signed_at"][:4] != "1970"


def resigned(told: dict[str, Any], sealing: Sealing, last_line: str) -> None:
    """Sign the statement of ``told`` again, with another last line."""
    dated = Path(told["signed_file"])
    text = Path(told["document"]).read_text(encoding="utf-8") + last_line
    dated.write_text(text, encoding="utf-8", errors="surrogateescape")
    _sshsig.sign(dated, key=sealing.key)


@pytest.mark.parametrize(
    ("last_line", "reason"),
    [
        ("", "carries no instant"),
        ("signed_at yesterday\n", "carries no instant"),
        ("signed_at 2020-01-01T00:00:00Z\n", "before it was asked for"),
        ("signed_at 2999-01-01T00:00:00Z\n", "which is still to come"),
    ],
)
def test_an_instant_that_cannot_be_is_refused(asked: Asked, sealing: Sealing, last_line: str, reason: str) -> None:
    resigned(asked(key=str(sealing.key)), sealing, last_line)
    told = asked()
    assert told["failed"] is True
    assert reason in told["msg"]


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        ("comment " + "x" * 501, "at most 500 printable characters"),
        ("comment a\u202eb", "at most 500 printable characters"),
        ("comment \udcff", "at most 500 printable characters"),
        ("comment one\nmore", "more than a comment"),
        ("more", "more than a comment"),
    ],
)
def test_a_comment_that_is_no_line_of_text_is_refused(asked: Asked, sealing: Sealing, added: str, reason: str) -> None:
    first = asked(key=str(sealing.key))
    resigned(first, sealing, f"signed_at {first['signed_at']}\n{added}\n")
    told = asked()
    assert told["failed"] is True
    assert reason in told["msg"]


def test_a_clock_that_is_a_little_off_is_no_lie(asked: Asked, sealing: Sealing) -> None:
    first = asked(key=str(sealing.key))
    early = _utc.parse_iso(first["asked_at"]) - datetime.timedelta(seconds=CLOCK_TOLERANCE_S - 1)
    resigned(first, sealing, f"signed_at {_utc.iso_ms(early)}\n")
    assert asked()["signed_at"] == _utc.iso_ms(early)


def test_nobody_signs_before_the_drill_began(asked: Asked, sealing: Sealing) -> None:
    told = asked(key=str(sealing.key), not_before="2999-01-01T00:00:00.000Z")
    assert told["failed"] is True
    assert "when its drill began" in told["msg"]
    assert not Path(asked.folder / "approve.json.signed.sig").exists()


def test_another_text_before_the_instant_is_refused(asked: Asked, sealing: Sealing) -> None:
    told = asked(key=str(sealing.key))
    dated = Path(told["signed_file"])
    dated.write_bytes(dated.read_bytes().replace(b"I approve", b"I refuse"))
    _sshsig.sign(dated, key=sealing.key)
    told = asked()
    assert "does not begin with" in told["msg"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "nobody signed it"),
        ({"stand_in": True}, "A stand-in signs with a key"),
        ({"key": "/nowhere/key"}, "no signing key"),
        ({"step": "../x"}, "cannot name a file"),
        ({"person": "nobody@example", "key": "SEAL"}, "only nobody@example may sign"),
        ({"key": "FOREIGN"}, "does not list"),
        ({"key": "SEAL", "allowed_signers": "/nowhere/list"}, "no allowed signers file"),
    ],
)
def test_without_a_valid_signature_the_task_fails(
    asked: Asked, sealing: Sealing, change: dict[str, Any], told: str
) -> None:
    keys = {"SEAL": str(sealing.key), "FOREIGN": str(sealing.key.with_name("foreign"))}
    result = asked(**{name: keys.get(value, value) for name, value in change.items()})
    assert result["failed"] is True
    assert told in result["msg"]
    assert not (asked.folder / "approve.json.signed.sig").exists()


def test_a_key_with_a_passphrase_is_refused_at_once(asked: Asked, tmp_path: Path) -> None:
    key = tmp_path / "locked"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-f", str(key)]
    subprocess.run(command, check=True)
    begin = time.monotonic()
    told = asked(key=str(key))
    assert time.monotonic() - begin < 5
    assert "without a passphrase" in told["msg"]


def test_check_mode_asks_nobody(asked: Asked) -> None:
    told = asked(check=True)
    assert (told["changed"], told["signed_at"]) == (True, None)
    assert not asked.folder.exists()


def test_a_changed_document_does_not_verify(asked: Asked, sealing: Sealing) -> None:
    told = asked(key=str(sealing.key))
    dated = Path(told["signed_file"])
    dated.write_bytes(dated.read_bytes().replace(b"signed_at 20", b"signed_at 19"))
    with pytest.raises(OpsError, match="does not fit"):
        _sshsig.verify(dated, signature=Path(told["signature_file"]), allowed_signers=sealing.allowed_signers)
