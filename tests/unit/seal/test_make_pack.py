# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a pack: all or nothing, once, and only from what fits together."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.action.drill_report import ActionModule
from ansible_collections.ccobservatory.ops.plugins.module_utils import _seal
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import Owner, Store
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._pack import Sealing, make_pack

OWNER = Owner.of(os.getpid())
EXAMPLE = Path(__file__).resolve().parents[1] / "report" / "example_drill.json"
NAME = "20261120T090000Z-site_lost"


@pytest.fixture
def record() -> dict[str, Any]:
    """The example, under the name of the drill below."""
    return {**json.loads(EXAMPLE.read_text(encoding="utf-8")), "id": NAME}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A drill that was opened and not closed."""
    store = Store(tmp_path / "example" / "drills" / NAME, owner=OWNER)
    opened = {"event": "open", "drill_id": NAME, "environment": "example", "scenario": "site_lost", "mode": "live"}
    store.create([{**opened, "header": {}, "plan": [{"id": "document", "title": "Document"}]}])
    store.append([{"event": "enter", "step": "document"}])
    return store.folder


def make(folder: Path, record: dict[str, Any], sealing: Sealing, previous: str = "auto") -> dict[str, Any]:
    return make_pack(folder, record, sealing=sealing, owner=OWNER, history=None, previous=previous)


def act(folder: Path, record: dict[str, Any], sealing: Sealing, *, check: bool = False) -> dict[str, Any]:
    """Run the action plugin."""
    known = {"dir": str(folder), "record": record, "principal": sealing.principal}
    args = {**known, "signing_key": str(sealing.key), "allowed_signers": str(sealing.allowed_signers)}
    task = SimpleNamespace(args=args, check_mode=check, async_val=0, diff=False)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    return dict(ActionModule(task, connection, SimpleNamespace(check_mode=check), None, None, None).run(task_vars={}))


def test_the_journal_is_closed_and_told(folder: Path, record: dict[str, Any], sealing: Sealing) -> None:
    made = make(folder, record, sealing)
    assert sorted(path.name for path in folder.iterdir()) == [
        *("MANIFEST", "MANIFEST.sig", "allowed_signers", "drill.html", "drill.json", "journal.jsonl"),
        "verify_pack.py",
    ]
    written = json.loads(Path(made["json"]).read_bytes())
    lines = (folder / "journal.jsonl").read_bytes().splitlines()
    last = json.loads(lines[-1])
    assert (last["event"], last["verdict"]) == ("close", record["verdict"])
    assert written["journal"] == {"lines": len(lines), "head": last["hash"]}
    assert [step["status"] for step in written["steps"]] == ["done"]
    assert {row["path"] for row in written["evidence"]} == {"allowed_signers", "journal.jsonl", "verify_pack.py"}
    assert not (folder.parent / ".lock").exists()
    assert made["verify_command"] == f"python3 {folder}/verify_pack.py {folder}"


def test_the_chain_and_the_trend_come_from_the_packs_before(
    packs: list[Path], record: dict[str, Any], sealing: Sealing
) -> None:
    newest = json.loads((packs[1] / "drill.json").read_bytes())
    assert newest["seal"]["previous"]["id"] == packs[0].name
    assert _seal.read_facts(packs[1] / "MANIFEST")["previous"].startswith(packs[0].name)
    store = Store(packs[1].parent / NAME.replace("1120", "1220"), owner=OWNER)
    opened = {"event": "open", "drill_id": store.folder.name, "environment": "example", "scenario": "x", "mode": "live"}
    store.create([{**opened, "header": {}, "plan": []}])
    made = make(store.folder, {**record, "id": store.folder.name, "history": []}, sealing)
    history = json.loads(Path(made["json"]).read_bytes())["history"]
    assert [row["id"] for row in history] == [pack.name for pack in packs]
    assert history[0]["rto_s"] == record["achieved"]["rto_s"]


def test_a_sealed_pack_is_never_written_again(packs: list[Path], record: dict[str, Any], sealing: Sealing) -> None:
    with pytest.raises(OpsError, match="sealed already"):
        _seal.seal(packs[0], {}, key=sealing.key)
    same = json.loads((packs[0] / "drill.json").read_bytes())
    before = (packs[0] / "MANIFEST").read_bytes()
    assert act(packs[0], same, sealing)["changed"] is False
    told = act(packs[0], {**same, "verdict": "pass"}, sealing)
    assert told["failed"] is True
    assert "differs in verdict" in told["msg"]
    assert (packs[0] / "MANIFEST").read_bytes() == before


def test_check_mode_leaves_the_folder_alone(folder: Path, record: dict[str, Any], sealing: Sealing) -> None:
    before = (folder / "journal.jsonl").read_bytes()
    told = act(folder, record, sealing, check=True)
    assert (told["changed"], told["html"]) == (True, None)
    assert [path.name for path in folder.iterdir()] == ["journal.jsonl"]
    assert (folder / "journal.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"principal": ""}, "needs a principal"),
        ({"key": Path("/nowhere/key")}, "not an SSH key"),
        ({"allowed_signers": Path("/nowhere/list")}, "no list of allowed signers"),
    ],
)
def test_what_cannot_be_sealed_is_refused_before_anything_is_written(
    folder: Path, record: dict[str, Any], sealing: Sealing, change: dict[str, Any], told: str
) -> None:
    before = (folder / "journal.jsonl").read_bytes()
    with pytest.raises(OpsError, match=told):
        make(folder, record, dataclasses.replace(sealing, **change))
    assert [path.name for path in folder.iterdir()] == ["journal.jsonl"]
    assert (folder / "journal.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "told"),
    [({"id": "another"}, "the journal says"), ({"mode": "sideways"}, "mode"), ({"targets": {}}, "rto_s")],
)
def test_a_record_that_does_not_fit_is_refused(
    folder: Path, record: dict[str, Any], sealing: Sealing, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(OpsError, match=told):
        make(folder, {**record, **change}, sealing)
    assert not (folder / "MANIFEST").exists()


def test_an_unknown_pack_before_is_refused(folder: Path, record: dict[str, Any], sealing: Sealing) -> None:
    with pytest.raises(OpsError, match="no sealed pack"):
        make(folder, record, sealing, previous="20200101T000000Z-x")


def test_a_pack_holds_plain_files_only(folder: Path, record: dict[str, Any], sealing: Sealing) -> None:
    (folder / "link").symlink_to("/etc/hostname")
    with pytest.raises(OpsError, match="plain files only"):
        make(folder, record, sealing)
    (folder / "link").unlink()
    (folder / "two\nlines").write_text("x", encoding="utf-8")
    with pytest.raises(OpsError, match="rename it"):
        make(folder, record, sealing)


def test_a_run_killed_before_the_seal_is_finished_by_the_next(
    folder: Path, record: dict[str, Any], sealing: Sealing
) -> None:
    (folder / ".MANIFEST").write_text("half", encoding="utf-8")
    (folder / "MANIFEST.sig").write_text("half", encoding="utf-8")
    (folder / "drill.html").write_text("half", encoding="utf-8")
    make(folder, record, sealing)
    assert not (folder / ".MANIFEST").exists()
    assert b"half" not in (folder / "drill.html").read_bytes()
