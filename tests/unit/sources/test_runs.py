# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks left: chains that hold or name their break, and drills whose seal the verifier checked."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import chain
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal_store import Owner, locked
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, now
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._pack import Sealing, make_pack
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import RECORD_TYPES, TYPES
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._records import complete, write
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_runs import read_packs, read_runs
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._statement import Task, ask, sign_or_wait

EXAMPLE = Path(__file__).resolve().parents[1] / "report" / "example_drill.json"


def leave(folder: Path, kind: str, *, environment: str = "production", **change: Any) -> Path:
    """Leave a record as a playbook does."""
    record = complete({**RECORD_TYPES[kind].example, **change}, record_type=kind, environment=environment)
    return write(record, records_dir=folder)[0]


def test_records_and_their_chain(tmp_path: Path) -> None:
    for number in range(3):
        leave(tmp_path, "patch", id=f"p-{number}")
    leave(tmp_path, "healing", environment="staging")
    runs = read_runs(tmp_path)
    assert [row.record["id"] for row in runs.found["patch"]] == ["p-0", "p-1", "p-2"]
    assert {row.klass for row in runs.found["patch"]} == {"machine"}
    assert runs.found["healing"][0].record["environment"] == "staging"
    assert (runs.chains, runs.faults) == ({"healing": [], "patch": []}, [])
    assert (runs.files["patch"], runs.files["restore_test"]) == (3, 0)


@pytest.mark.parametrize("harm", ["edit", "remove", "add"])
def test_a_broken_chain_is_a_fact(tmp_path: Path, harm: str) -> None:
    paths = [leave(tmp_path, "patch", id=f"p-{number}") for number in range(3)]
    if harm == "edit":
        paths[1].write_bytes(paths[1].read_bytes().replace(b'"ok"', b'"failed"'))
    if harm == "remove":
        paths[1].unlink()
    if harm == "add":
        twin = {**json.loads(paths[2].read_bytes()), "id": "p-9"}
        paths[2].with_name("9" + paths[2].name).write_text(json.dumps(twin), encoding="utf-8")
    runs = read_runs(tmp_path)
    assert runs.faults == []
    assert len(runs.chains["patch"]) == 1


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    leave(tmp_path, "patch").write_text("{", encoding="utf-8")
    (tmp_path / "healing").mkdir()
    (tmp_path / "healing" / "x.json").write_text("[{}, {}]", encoding="utf-8")
    (tmp_path / "notes").mkdir()
    runs = read_runs(tmp_path)
    assert [fault.type for fault in runs.faults] == ["healing", None, "patch"]
    assert all(runs.wrong(kind) for kind in TYPES)
    with pytest.raises(OpsError, match="correct verify_runs_dir"):
        read_runs(tmp_path / "none")


@pytest.fixture
def sealing(tmp_path: Path) -> Sealing:
    """A key that may seal."""
    key = tmp_path / "seal"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers = tmp_path / "allowed_signers"
    public = key.with_suffix(".pub").read_text(encoding="utf-8")
    signers.write_text(f'seal@example namespaces="ccobservatory.ops" {public}', encoding="utf-8")
    return Sealing(key=key, principal="seal@example", allowed_signers=signers)


def drill(base: Path, name: str, sealing: Sealing, **change: Any) -> Path:
    """Seal a drill without a journal."""
    folder = base / name
    folder.mkdir(parents=True, exist_ok=True)
    record = {**json.loads(EXAMPLE.read_text(encoding="utf-8")), "id": name, **change}
    make_pack(folder, record, sealing=sealing, owner=Owner.of(os.getpid()), history=None, previous="auto")
    return folder


def test_a_sealed_drill_is_checked_by_the_verifier(tmp_path: Path, sealing: Sealing) -> None:
    drills = tmp_path / "drills"
    drill(drills, "20261101T090000Z-site_lost", sealing)
    (drills / "20261102T090000Z-running").mkdir()
    (found,) = read_packs(drills, allowed_signers=sealing.allowed_signers)
    assert (found.name, found.intact, found.faults) == ("20261101T090000Z-site_lost", True, ())
    assert found.record is not None
    assert found.record["verdict"] == "pass_with_conditions"


@pytest.mark.parametrize("harm", ["record", "report", "signers"])
def test_a_seal_that_does_not_hold_is_a_fact(tmp_path: Path, sealing: Sealing, harm: str) -> None:
    folder = drill(tmp_path / "drills", "20261101T090000Z-site_lost", sealing)
    if harm == "record":
        (folder / "drill.json").write_text("{}", encoding="utf-8")
    if harm == "report":
        (folder / "drill.html").write_text("<p>all is well", encoding="utf-8")
    if harm == "signers":
        sealing.allowed_signers.write_text("", encoding="utf-8")
    (found,) = read_packs(tmp_path / "drills", allowed_signers=sealing.allowed_signers)
    assert not found.intact
    assert found.faults
    assert (found.record is None) == (harm == "record")


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        ("nothing", None),
        ("signature", "There is no signature at people/approve.json.signed.sig"),
        ("statement", "does not fit people/approve.json.signed"),
        ("signer", "only commander@example may sign it"),
        ("time", "differs from the record in signed_at"),
        ("stand_in", "differs from the record in stand_in"),
        ("comment", "differs from the record in comment"),
        ("drill", "differs from the record in drill_id"),
        ("step", "names no step"),
    ],
)
def test_each_signature_of_a_pack_is_checked(tmp_path: Path, sealing: Sealing, harm: str, fault: str | None) -> None:
    name = "20261101T090000Z-site_lost"
    people = tmp_path / "drills" / name / "people"
    body = {"step": "approve", "role": "approver", "statement": "I approve.", "stand_in": True}
    other = {"drill_id": "20261001T090000Z-site_lost" if harm == "drill" else name}
    signers = sealing.allowed_signers
    task = Task(people, {**body, **other}, allowed_signers=signers, principals=[], deadline_s=1.0)
    ask(task)
    row = {**body, **sign_or_wait(task, key=sealing.key, say=print)}
    if harm == "signature":
        task.signature.unlink()
    if harm == "statement":
        for path in (task.document, task.dated):
            path.write_bytes(path.read_bytes().replace(b"I approve", b"I refuse"))
    changed = {
        "signer": {"name": "commander@example"},
        "time": {"signed_at": "2026-11-20T09:02:35.500Z"},
        "stand_in": {"stand_in": False},
        "comment": {"comment": "Go."},
        "step": {"step": "../approve"},
    }
    drill(tmp_path / "drills", name, sealing, people=[{**row, **changed.get(harm, {})}])
    (found,) = read_packs(tmp_path / "drills", allowed_signers=signers)
    assert found.intact
    (signature,) = found.signed
    assert (signature["fault"] is None) == (fault is None)
    assert fault is None or fault in signature["fault"]


def test_a_drill_that_ended_is_not_hidden_by_taking_its_seal_away(tmp_path: Path, sealing: Sealing) -> None:
    folder = drill(tmp_path / "drills", "20261101T090000Z-site_lost", sealing)
    (folder / "journal.jsonl").write_text('{"at":"x","event":"close","verdict":"fail"}\n', encoding="utf-8")
    (folder / "MANIFEST").unlink()
    (found,) = read_packs(tmp_path / "drills", allowed_signers=sealing.allowed_signers)
    assert not found.intact
    assert "never sealed, or removed" in found.faults[0]


def killed(base: Path, name: str, at: str) -> Path:
    """Leave the journal of a drill that was in a step with a deadline of an hour."""
    opened = {"event": "open", "drill_id": name, "environment": "example", "scenario": "site_lost", "mode": "live"}
    plan = [{"id": "restore", "title": "Restore", "deadline_s": 3600}]
    entries = chain([], [{**opened, "header": {}, "plan": plan}, {"event": "enter", "step": "restore"}], at=at)
    (base / name).mkdir(parents=True)
    path = base / name / "journal.jsonl"
    path.write_bytes(b"".join(canonical_json(entry) + b"\n" for entry in entries))
    return path


def test_a_drill_that_was_killed_is_not_hidden(tmp_path: Path, sealing: Sealing) -> None:
    drills = tmp_path / "drills"
    drill(drills, "20261101T090000Z-site_lost", sealing)
    killed(drills, "20261102T090000Z-site_lost", "2026-11-02T09:00:00.000Z")
    broken = killed(drills, "20261103T090000Z-site_lost", "2026-11-03T09:00:00.000Z")
    broken.write_bytes(broken.read_bytes().replace(b"Restore", b"Remove!"))
    killed(drills, "20261104T090000Z-works", iso_ms(now() - timedelta(minutes=50)))
    killed(drills, "20261105T090000Z-late", iso_ms(now() - timedelta(minutes=70)))
    with locked(drills, owner=Owner.of(os.getpid()), drill="20261106T090000Z-slow"):
        killed(drills, "20261106T090000Z-slow", iso_ms(now() - timedelta(minutes=70)))
    good, *dead = read_packs(drills, allowed_signers=sealing.allowed_signers)
    assert (good.intact, good.begun) == (True, None)
    assert [(one.name[16:], one.intact, one.record) for one in dead] == [
        ("-site_lost", False, None),
        ("-site_lost", False, None),
        ("-late", False, None),
    ]
    assert dead[0].begun == "2026-11-02T09:00:00.000Z"
    assert "since 2026-11-02T09:00:00.000Z. Run the command" in dead[0].faults[0]
    assert "cannot be read. Line 1 of" in dead[1].faults[0]


def test_a_journal_that_was_given_up_is_no_drill(tmp_path: Path, sealing: Sealing) -> None:
    drills = tmp_path / "drills"
    for verdict in ("aborted", "fail"):
        path = killed(drills, f"20261102T090000Z-{verdict}", "2026-11-02T09:00:00.000Z")
        entries = [json.loads(line) for line in path.read_bytes().splitlines()]
        (last,) = chain(entries, [{"event": "close", "verdict": verdict}], at="2026-11-02T10:00:00.000Z")
        path.write_bytes(path.read_bytes() + canonical_json(last) + b"\n")
    (found,) = read_packs(drills, allowed_signers=sealing.allowed_signers)
    assert (found.name, found.intact) == ("20261102T090000Z-fail", False)


def test_a_seal_that_nobody_can_check_is_an_error(tmp_path: Path, sealing: Sealing) -> None:
    drill(tmp_path / "drills", "20261101T090000Z-site_lost", sealing)
    with pytest.raises(OpsError, match="cannot be checked: Cannot check: There is no allowed signers file"):
        read_packs(tmp_path / "drills", allowed_signers=tmp_path / "none")
    with pytest.raises(OpsError, match="verifier of packs is missing"):
        read_packs(tmp_path / "drills", allowed_signers=sealing.allowed_signers, program=tmp_path / "none")
    with pytest.raises(OpsError, match="correct verify_drills_dir"):
        read_packs(tmp_path / "none", allowed_signers=sealing.allowed_signers)
