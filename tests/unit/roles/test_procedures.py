# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups, restores and their tests, run as playbooks: what they refuse, and the record when they could not run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.ccobservatory.ops.plugins.filter.failure_of import failure_of
from ansible_collections.ccobservatory.ops.plugins.filter.foreign_variables import foreign_variables
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import validate
from tests.unit.roles._plays import SILENT, run_playbook

ROOT = Path(__file__).resolve().parents[3]
ROLES = ROOT / "roles"
REMOVED = {"path": "{{ restore_test_files_dir }}", "state": "absent"}
RESTORE = ("-e", "restore_host=db2", "-e", "restore_confirm=db2")
# Runs what ssh would run, on this machine, so many times; then the host is lost.
SSH = """#!/bin/sh
echo >> '{count}'
[ "$(wc -l < '{count}')" -le {times} ] || {{ echo 'ssh: connect to host: No route to host' >&2; exit 255; }}
for command; do :; done
exec sh -c "$command"
"""


def play(
    cwd: Path, playbook: str, *arguments: str, files: tuple[str, ...] = ("lb1", "db2"), **hosts: dict[str, Any]
) -> tuple[int, str]:
    """Run a playbook on silent hosts, some of them as told, and return its exit code and what it said on one line.

    ``files`` are the hosts whose files are saved: none where others answer on this very machine.
    """
    estate = {name: {**SILENT, **hosts.get(name, {})} for name in ("repo1", "db1", "db2", "lb1")}
    groups = {"pgbackrest_repository": ["repo1"], "postgresql": ["db1", "db2"], "file_backup": files}
    inventory = {
        "hosts": estate,
        "children": {group: {"hosts": dict.fromkeys(names)} for group, names in groups.items()},
        "vars": {
            "ops_environment": "test",
            "restore_test_host": "db2",
            "file_backup_password": "correct horse battery",
            "ansible_python_interpreter": sys.executable,
        },
    }
    return run_playbook(cwd, playbook, *arguments, inventory=inventory)


def records(cwd: Path) -> dict[str, dict[str, Any]]:
    """Return the records that were left, by asset, each valid."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in cwd.glob("records/*/*.json")]
    for record in found:
        validate(record, record["type"])
    return {record["asset"]: record for record in found}


@pytest.mark.slow
@pytest.mark.played
@pytest.mark.parametrize(
    ("playbook", "arguments", "assets"),
    [
        ("backup.yml", (), {"ccobservatory": "repo1", "files-lb1": "lb1", "files-db2": "db2"}),
        ("restore_test.yml", (), {"ccobservatory": "db2", "files-lb1": "db2", "files-db2": "lb1"}),
        ("restore.yml", RESTORE, {"ccobservatory": "db2"}),
    ],
)
def test_silent_hosts_leave_a_record_of_each_asset(
    tmp_path: Path, playbook: str, arguments: tuple[str, ...], assets: dict[str, str]
) -> None:
    code, said = play(tmp_path, playbook, *arguments)
    assert code == 2, said[-2000:]
    left = records(tmp_path)
    assert {name: record["host"] for name, record in left.items()} == assets
    for record in left.values():
        assert (record["result"], record["backup"]["label"]) == ("could_not_run", None)
        assert "not answer by ssh" in record["reason"]
        assert record["checks"][0]["observed"] == record["reason"]
        # The run ends with the sentences, so that nobody has to look for them.
        assert record["reason"].split(":")[0] in said.rpartition("TASK [")[2]


def test_the_host_that_stands_in_for_the_scratch_host_is_the_first_of_its_group(tmp_path: Path) -> None:
    """It is the same in every run: the records of an asset would name another host each day."""
    names = [f"h{number}" for number in range(9)]
    inventory = {"children": {"file_backup": {"hosts": dict.fromkeys(names)}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": inventory}), encoding="utf-8")
    defaults = yaml.safe_load((ROLES / "restore_test/defaults/main.yml").read_text(encoding="utf-8"))
    given = {"x": defaults["restore_test_files_host"], "restore_test_host": "{{ inventory_hostname }}"}
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("ansible")), "all", "-i", "hosts.yml", "-e", json.dumps(given)),
            *("-m", "ansible.builtin.debug", "-a", "msg={{ inventory_hostname }}>{{ x }}."),
        ],
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = dict(re.findall(r"msg\W+(h\d)>(\w*)\.", done.stdout))
    assert found == {name: "h1" if name == "h0" else "h0" for name in names}


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/var/lib/postgresql/restore_test", True),
        ("/var/lib/restore_test_db1", True),
        ("/srv/a..b/restore_test", True),
        ("/var/lib/postgresql/15/main/", False),
        ("/var/lib/postgresql/15", False),
        ("/var/lib/postgresql/restore_test/", False),
        ("/var/lib/postgresql/restore_test/..", False),
        ("/var/lib/restore_test/../postgresql/15/main", False),
        ("/var/lib/../../restore_test", False),
        ("/restore_test", False),
        ("//restore_test", False),
        ("/etc", False),
        ("var/lib/restore_test", False),
        ("/", False),
        ("", False),
    ],
)
def test_only_a_directory_that_is_named_for_it_is_ever_removed(path: str, taken: bool) -> None:
    pattern = yaml.safe_load((ROLES / "restore_test/vars/main.yml").read_text(encoding="utf-8"))
    assert bool(re.match(pattern["__restore_test_scratch"], path)) is taken


@pytest.mark.parametrize(("tasks", "first"), [("apply.yml", "rollback.yml"), ("files_apply.yml", None)])
def test_what_a_killed_test_left_is_removed_before_anything_is_restored(tasks: str, first: str | None) -> None:
    steps = yaml.safe_load((ROLES / "restore_test/tasks" / tasks).read_text(encoding="utf-8"))
    names = ("pgbackrest_restore", "restic_proof")
    restores = [at for at, step in enumerate(steps) if any(f"ccobservatory.ops.{name}" in step for name in names)]
    removes = [
        at
        for at, step in enumerate(steps)
        if (step.get("ansible.builtin.include_tasks") == first if first else step.get("loop", [{}])[0] == REMOVED)
    ]
    assert len(restores) == len(removes) == 1
    assert removes < restores


@pytest.mark.slow
@pytest.mark.played
def test_a_check_run_leaves_no_record(tmp_path: Path) -> None:
    code, said = play(tmp_path, "restore_test.yml", "--check")
    assert code == 2
    assert "none in check mode" in said
    assert records(tmp_path) == {}


@pytest.mark.slow
@pytest.mark.played
@pytest.mark.parametrize(
    ("playbook", "arguments", "told"),
    [
        ("restore.yml", (*RESTORE, "-e", "restore_tpye=time"), "restore_tpye is no variable of role restore;"),
        (
            "restore.yml",
            (*RESTORE, "-e", '{"restore_type": "time", "restore_target": "2026-11-22 02:00:00"}'),
            "time zone",
        ),
        ("restore.yml", (*RESTORE, "-e", "restore_type=lsn", "-e", "restore_target=x"), "'x' is no LSN"),
        ("restore.yml", ("-e", "restore_host=db2"), "confirm with -e restore_confirm=db2"),
        ("restore_test.yml", ("-e", "restore_test_dri=/x"), "restore_test_dri is no variable of role restore_test;"),
        ("restore_test.yml", ("-e", "restore_test_dir=/etc"), "restore_test_dir (/etc) is removed at the end"),
        ("restore_test.yml", ("-e", "restore_test_files_dir=/etc"), "whose last part begins with restore_test"),
        ("restore_test.yml", ("-e", "restore_test_files_host=lb1"), "where the files lie anyway: name another host"),
        ("restore_test.yml", ("-e", "file_backup_password="), "set it in the vault of the environment"),
        ("backup.yml", ("-e", "backup_tpye=full"), "backup_tpye is no variable of role backup;"),
        ("backup.yml", ("-e", "backup_repository=repo9"), "backup_repository (repo9)"),
    ],
)
def test_bad_input_is_refused_before_any_host_is_asked(
    tmp_path: Path, playbook: str, arguments: tuple[str, ...], told: str
) -> None:
    code, said = play(tmp_path, playbook, *arguments)
    assert code == 2
    assert told in said
    assert "restore.yml" not in playbook or records(tmp_path) == {}


@pytest.mark.slow
@pytest.mark.played
def test_a_restore_that_archives_insists_on_an_answer_of_every_other_database_host(tmp_path: Path) -> None:
    here = {"ansible_connection": "local"}
    code, said = play(tmp_path, "restore.yml", *RESTORE, "-e", "restore_archive=true", files=(), repo1=here, db2=here)
    assert code == 2
    told = "db1 cannot be asked whether it takes writes: restore_archive would put db2 beside it into one archive."
    assert told in said
    assert records(tmp_path)["ccobservatory"]["reason"].startswith(told)
    assert "db1" not in play(tmp_path, "restore.yml", *RESTORE, files=(), repo1=here, db2=here)[1]


@pytest.mark.slow
@pytest.mark.played
def test_in_a_disaster_a_database_host_that_is_off_is_named_and_not_asked(tmp_path: Path) -> None:
    here = {"ansible_connection": "local"}
    lost = ("-e", "restore_archive=true", "-e", '{"restore_lost_hosts": ["db1"]}')
    _code, said = play(tmp_path, "restore.yml", *RESTORE, *lost, files=(), repo1=here, db2=here)
    assert "cannot be asked whether it takes writes" not in said
    assert "TASK [ccobservatory.ops.restore : Read the state of the host]" in said


@pytest.mark.slow
@pytest.mark.played
def test_what_a_host_lacks_is_the_sentence_of_the_record(tmp_path: Path) -> None:
    here = {"ansible_connection": "local"}
    arguments = ("-e", "restore_test_stanza=!")
    code, said = play(tmp_path, "restore_test.yml", *arguments, files=(), repo1=here, db2=here)
    assert code == 2
    reason = records(tmp_path)["ccobservatory"]["reason"]
    assert "is no stanza name" in reason or "account postgres does not exist" in reason
    assert reason.rstrip(".") in said


@pytest.mark.slow
@pytest.mark.played
def test_a_host_that_is_lost_on_the_way_is_named(tmp_path: Path) -> None:
    """An unreachable host would end the play: no rescue, no record."""
    ssh = tmp_path / "ssh"
    ssh.write_text(SSH.format(count=tmp_path / "count", times=1), encoding="utf-8")
    ssh.chmod(0o755)
    lost = {"ansible_ssh_executable": str(ssh), "ansible_pipelining": True, "ansible_ssh_retries": 0}
    here = {"ansible_connection": "local"}
    code, said = play(tmp_path, "restore_test.yml", files=(), repo1=lost, db2=here)
    assert code == 2, said[-2000:]
    record = records(tmp_path)["ccobservatory"]
    assert record["result"] == "could_not_run"
    assert record["reason"].startswith("repo1 stopped answering by ssh; then: ")


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"msg": "The disk is full.\nFree some."}, "The disk is full. Free some."),
        ({"msg": "non-zero return code", "stderr": "pg_ctl: no server\n", "stdout": "x"}, "pg_ctl: no server"),
        (
            {"msg": "One or more items failed", "results": [{"msg": "fine"}, {"failed": True, "msg": "db2 is gone"}]},
            "db2 is gone",
        ),
        ({"msg": "password=hunter2 was refused"}, "password=*** was refused"),
        ({}, "no reason given"),
        (None, "no reason given"),
    ],
)
def test_a_failed_result_says_why(result: Any, told: str) -> None:
    assert failure_of(result) == told


def test_a_variable_belongs_to_the_role_with_the_longest_name() -> None:
    names = ["restore_host", "restore_hots", "restore_test_host", "restore_test_hots", "restored", "backup_hots"]
    assert foreign_variables(names, str(ROLES / "restore")) == ["restore_hots"]
    assert foreign_variables(names, str(ROLES / "restore_test"), ["restore_test_hots"]) == []
