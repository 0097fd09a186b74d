# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records: complete and valid or refused, whole on disk, and chained so that an edit leaves a mark."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from ansible_collections.ccobservatory.ops.plugins.action.record import ActionModule
from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import sha256_bytes
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _records
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import SCHEMAS, TYPES, validate
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._records import chain_faults, complete, write

EXAMPLE = Path(__file__).resolve().parents[1] / "report" / "example_drill.json"
BACKUP: dict[str, Any] = {
    **{"label": "20261123-010000F", "type": "full", "source": "repo1", "age_s": 39600.5},
    **{"digest": "c0ffee" * 10, "size_bytes": 1048576, "repo_size_bytes": 262144},
}


def content() -> dict[str, Any]:
    """A restore test as a role hands it over."""
    check = {"name": "checksums", "command": "pg_checksums", "expected": "0", "observed": "0", "result": "verified"}
    return {
        "asset": "database main",
        "backup": dict(BACKUP),
        "phases": [{"name": "restore", "started": "2026-11-23T12:00:00.000Z", "ended": "2026-11-23T12:00:04.250Z"}],
        "checks": [check],
        "result": "verified",
        "host": "restore1",
        "started": "2026-11-23T12:00:00.000Z",
        "ended": "2026-11-23T12:01:10.000Z",
    }


def restore_test(**change: Any) -> dict[str, Any]:
    """The content above as a record."""
    return complete({**content(), **change}, record_type="restore_test", environment="staging")


@pytest.mark.parametrize("record_type", TYPES)
def test_the_schemas_are_schemas(record_type: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[record_type])


def test_what_can_be_known_is_filled_in() -> None:
    record = complete(
        content(), record_type="restore_test", environment="staging", defaults={"operator": "op", "host": "other"}
    )
    assert (record["schema"], record["type"]) == ("ccobservatory.ops/restore_test/1", "restore_test")
    assert (record["operator"], record["host"]) == ("op", "restore1")
    assert record["phases"][0]["seconds"] == 4.25
    assert record["id"].startswith("database main-2")


@pytest.mark.parametrize("record_type", ["drill", "activation", "failback"])
def test_the_record_of_a_drill_fits(record_type: str) -> None:
    drill = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    record = complete(drill, record_type=record_type, environment="example")
    assert record["schema"] == f"ccobservatory.ops/{record_type}/1"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"result": "fine"}, "result"),
        ({"started": "yesterday"}, "started: 'yesterday' is not an instant in UTC"),
        ({"backup": {}}, "'label' is a required property"),
        ({"backup": {**BACKUP, "label": None}}, "backup.label"),
        ({"backup": {**BACKUP, "digest": "none"}}, "backup.digest"),
        ({"result": "could_not_run"}, "'reason' is a required property"),
        ({"checks": [{"name": "x"}]}, "checks.0"),
        ({"environment": "production"}, "environment"),
        ({"type": "backup"}, "type"),
        ({"schema": "other/1"}, "schema"),
        ({"backup": {**BACKUP, "size_bytes": -1}}, "size_bytes"),
        ({"phases": [{"name": "x", "seconds": "4"}]}, "phases.0.seconds"),
        ({"phases": [{"name": "x", "seconds": 4}]}, "phases.0: 'started' is a required property"),
        ({"phases": []}, "phases"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(OpsError) as caught:
        restore_test(**change)
    assert told in caught.value.message


def test_a_test_that_could_not_run_may_not_know_its_backup() -> None:
    record = restore_test(result="could_not_run", reason="repo1 does not answer.", backup={"label": None}, checks=[])
    assert (record["backup"]["label"], record["reason"]) == (None, "repo1 does not answer.")


@pytest.mark.parametrize("key", sorted(BACKUP.keys() - {"type"}))
@pytest.mark.parametrize("result", ["verified", "differs"])
def test_a_test_that_ran_tells_all_of_its_backup(key: str, result: str) -> None:
    with pytest.raises(OpsError, match=f"'{key}' is a required property"):
        restore_test(result=result, backup={one: value for one, value in BACKUP.items() if one != key})
    unknown = {**BACKUP, key: None}
    if key == "repo_size_bytes":
        # A repository that shares blocks between backups does not say what one of them takes.
        assert restore_test(result=result, backup=unknown)["backup"] == unknown
        return
    with pytest.raises(OpsError, match=f"backup.{key} is empty"):
        restore_test(result=result, backup=unknown)


def test_a_test_that_ran_has_phases() -> None:
    without = {key: value for key, value in content().items() if key != "phases"}
    with pytest.raises(OpsError, match="'phases' is a required property"):
        complete(without, record_type="restore_test", environment="staging")


@pytest.mark.parametrize("record_type", ["backup", "restore"])
def test_a_backup_whose_sizes_cannot_be_told_is_a_backup(record_type: str) -> None:
    told = {"label": "1f0e21c4", "source": "repo1", "size_bytes": None, "repo_size_bytes": None}
    record = complete({**content(), "backup": told}, record_type=record_type, environment="staging")
    assert record["backup"] == told


def test_many_faults_are_told_as_the_first_three() -> None:
    with pytest.raises(OpsError, match="and 9 more"):
        validate({}, "restore_test")


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(OpsError, match="no record type 'dance'"):
        complete({}, record_type="dance", environment="staging")


def test_records_are_chained(tmp_path: Path) -> None:
    paths = [write(restore_test(), records_dir=tmp_path)[0] for _turn in range(4)]
    assert paths == sorted(paths)
    links = [json.loads(path.read_bytes())["previous"] for path in paths]
    assert links[0] is None
    assert [link["file"] for link in links[1:]] == [path.name for path in paths[:3]]
    assert links[1]["sha256"] == sha256_bytes(paths[0].read_bytes())
    assert chain_faults(tmp_path / "restore_test") == []


def test_each_type_has_its_own_chain(tmp_path: Path) -> None:
    write(restore_test(), records_dir=tmp_path)
    backup = complete(content(), record_type="backup", environment="staging")
    path, _digest = write(backup, records_dir=tmp_path)
    assert json.loads(path.read_bytes())["previous"] is None


@pytest.mark.parametrize(
    ("what", "told"),
    [("edit", "is not what it was"), ("remove", "is not the record before it"), ("spoil", "is not a record")],
)
def test_what_was_done_to_a_record_is_named(tmp_path: Path, what: str, told: str) -> None:
    paths = [write(restore_test(), records_dir=tmp_path)[0] for _turn in range(3)]
    if what == "edit":
        paths[1].write_bytes(paths[1].read_bytes().replace(b"verified", b"differs"))
    elif what == "remove":
        paths[1].unlink()
    else:
        paths[1].write_bytes(b"{")
    assert any(told in fault for fault in chain_faults(tmp_path / "restore_test"))


def test_records_written_at_once_do_not_fork_the_chain(tmp_path: Path) -> None:
    records = [restore_test() for _turn in range(8)]
    threads = [threading.Thread(target=write, args=(one,), kwargs={"records_dir": tmp_path}) for one in records]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list((tmp_path / "restore_test").glob("*.json"))) == 8
    assert chain_faults(tmp_path / "restore_test") == []


def test_a_clock_that_went_back_does_not_break_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _digest = write(restore_test(id="b"), records_dir=tmp_path)
    monkeypatch.setattr(_records._utc, "compact", lambda _moment: "20200101T000000Z")
    second, _digest = write(restore_test(id="a"), records_dir=tmp_path)
    assert second.name > first.name
    assert chain_faults(tmp_path / "restore_test") == []


def test_a_name_of_an_asset_cannot_leave_the_folder(tmp_path: Path) -> None:
    path, _digest = write(restore_test(id="../../etc/x"), records_dir=tmp_path)
    assert path.parent == tmp_path / "restore_test"


def act(folder: Path, *, check: bool = False, **change: Any) -> dict[str, Any]:
    """Run the action plugin."""
    known = {"type": "restore_test", "environment": "staging", "records_dir": str(folder), "content": content()}
    task = SimpleNamespace(args={**known, **change}, check_mode=check, async_val=0, diff=False)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    return dict(ActionModule(task, connection, SimpleNamespace(check_mode=check), None, None, None).run(task_vars={}))


def test_the_action_writes_and_check_mode_does_not(tmp_path: Path) -> None:
    checked = act(tmp_path / "records", check=True)
    assert (checked["changed"], checked["path"]) == (True, None)
    assert not (tmp_path / "records").exists()
    done = act(tmp_path / "records")
    assert done["sha256"] == sha256_bytes(Path(done["path"]).read_bytes())
    assert done["record"]["operator"]
    assert done["record"]["collection_version"]


def test_the_action_refuses_in_one_sentence(tmp_path: Path) -> None:
    told = act(tmp_path / "records", content={**content(), "result": "fine"})
    assert told["failed"] is True
    assert told["msg"].count("\n") == 0
    assert not (tmp_path / "records").exists()
