# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedures of disaster recovery, run as playbooks: what they refuse before anything is touched."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.roles._plays import HERE, ROOT, SILENT, run_playbook

pytestmark = [pytest.mark.slow, pytest.mark.played]

CONFIRMED = (
    *("-e", "dr_drill_confirm=test", "-e", "dr_failback_confirm=test"),
    *("-e", "dr_activate_confirm=test", "-e", "dr_activate_reason=exercise"),
)
POWER = {f"fence_power_{name}": ["true"] for name in ("off", "on", "status")}
OFF = {"fence_power_off": ["true"]}
SITES = {"site_a": ["lb1", "app1", "db1"], "site_b": ["app3", "db2"]}
GROUPS = {
    **SITES,
    "postgresql": ["db1", "db2"],
    "pgbouncer": ["app1", "app3"],
    "pgbackrest_repository": ["repo1"],
    "canary": ["client1"],
}


def procedure(
    cwd: Path, name: str, *arguments: str, silent: tuple[str, ...] = (), power: dict[str, Any] | None = None
) -> tuple[int, str]:
    """Run one of the procedures on hosts that answer, but for those that are silent."""
    (cwd / "key").touch()
    hosts = {host: SILENT if host in silent else HERE for names in GROUPS.values() for host in names}
    hosts["db1"] = {**hosts["db1"], **(POWER if power is None else power)}
    inventory = {
        "hosts": hosts,
        "children": {group: {"hosts": dict.fromkeys(names)} for group, names in GROUPS.items()},
        "vars": {
            "ops_environment": "test",
            "dr_primary_site": "site_a",
            "dr_recovery_site": "site_b",
            "dr_endpoints": ["https://lb1"],
            "dr_signing_key": str(cwd / "key"),
            "dr_allowed_signers": str(cwd / "key"),
            "dr_approver": "approver",
            "dr_lead": "lead",
            "dr_postgresql_data_dir": str(cwd / "cluster"),
            "dr_postgresql_bin_dir": str(cwd / "no_programs"),
            "dr_fault_command": ["false"],
            "dr_heal_command": ["false"],
            "ansible_python_interpreter": sys.executable,
        },
    }
    return run_playbook(cwd, f"dr_{name}.yml", *arguments, inventory=inventory)


def test_a_plan_is_shown_where_all_is_well(tmp_path: Path) -> None:
    code, said = procedure(tmp_path, "drill", "--check")
    assert code == 0, said[-2000:]
    assert "Check mode: nothing was touched." in said
    # Every host was asked by the play before, so none is asked a second time.
    assert said.count("ok: [client1]") == 1
    assert "[localhost -> client1" not in said


def test_the_plan_names_who_watches(tmp_path: Path) -> None:
    observers = [{"name": "A. Auditor", "role": "internal audit"}, {"name": "w", "role": "asks", "machine": True}]
    declared = {"dr_observers": observers, "dr_plan": {"name": "Recovery plan", "version": "4.2"}}
    code, said = procedure(tmp_path, "drill", "--check", "-e", json.dumps(declared))
    assert code == 0, said[-2000:]
    assert "Plan: Recovery plan, 4.2; observers: A. Auditor (internal audit), w (asks)" in said


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ({"dr_observers": [{"name": "A. Auditor"}]}, "dr_observers must give each observer a name and a role"),
        ({"dr_observers": [{"name": "lead", "role": "x"}]}, "nobody observes their own work"),
        ({"dr_plan": {"nmae": "x"}}, "dr_plan holds nmae, which nobody reads; its keys are name, version,"),
    ],
)
def test_a_plan_that_cannot_be_right_is_refused(tmp_path: Path, declared: dict[str, Any], sentence: str) -> None:
    code, said = procedure(tmp_path, "drill", "--check", "-e", json.dumps(declared))
    assert code == 2
    assert sentence in said


def test_figures_that_cannot_be_are_all_named_at_once(tmp_path: Path) -> None:
    below = {"dr_rto_target": -5, "dr_watch_seconds": -1, "dr_salvage_bytes": -1, "dr_task_deadline": 0}
    given = {**below, "dr_action_days": {"high": 0, "low": 90}}
    code, said = procedure(tmp_path, "drill", "--check", "-e", json.dumps(given))
    assert code == 2
    for name in below:
        least = 1 if name in ("dr_rto_target", "dr_task_deadline") else 0
        assert f"{name} is {below[name]}; it must be at least {least}" in said, said[-2000:]
    assert "dr_action_days.high is 0; it must be at least 1. Correct it in the inventory; nothing was touched." in said


def test_every_figure_of_the_role_has_a_bound() -> None:
    role = ROOT / "roles" / "dr"
    spec = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    rows = yaml.safe_load((role / "vars" / "main.yml").read_text(encoding="utf-8"))["__dr_at_least"]
    figures = {name for name, one in spec["drill"]["options"].items() if one["type"] in ("int", "float")}
    assert figures == {name for row in rows for name in row["names"]}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"dr_endpoints": ["lb1"]}, "dr_endpoints holds lb1, which is no address: begin each with https:// or http://"),
        ({"ops_environment": "a/b"}, "ops_environment (a/b) names a folder: use at most 64 letters"),
        (
            {"dr_approver": "{{ nobody }}", "dr_notify_mail": {"password": "{{ nobody }}"}},
            "A template in dr_approver, dr_notify_mail names a variable that is not defined: define it",
        ),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_mend(tmp_path: Path, given: dict[str, Any], sentence: str) -> None:
    code, said = procedure(tmp_path, "drill", "--check", "-e", json.dumps(given))
    assert code == 2
    assert sentence in said, said[-2000:]


@pytest.mark.parametrize("name", ["drill", "activate", "failback"])
def test_a_variable_that_nobody_reads_is_refused(tmp_path: Path, name: str) -> None:
    code, said = procedure(tmp_path, name, "-e", "dr_drill_scenaro=site_partition", "-e", "dr_rto=9", *CONFIRMED)
    assert code == 2
    assert "dr_drill_scenaro, dr_rto are no variables of role dr;" in said


@pytest.mark.parametrize(
    ("name", "given", "power", "told"),
    [
        ("drill", {"dr_heal_command": []}, POWER, "A live drill needs dr_heal_command: set it in the inventory"),
        ("drill", {}, {}, "A live drill needs fence_power_off, fence_power_on, fence_power_status: set them"),
        ("activate", {}, {}, "An activation needs fence_power_off, fence_power_status: set them"),
        ("activate", {}, OFF, "An activation needs fence_power_status: set it"),
        ("failback", {}, OFF, "A return needs fence_power_on, fence_power_status: set them"),
    ],
)
def test_a_procedure_without_its_commands_is_refused(
    tmp_path: Path, name: str, given: dict[str, Any], power: dict[str, Any], told: str
) -> None:
    code, said = procedure(tmp_path, name, "-e", json.dumps(given), *CONFIRMED, power=power)
    assert code == 2
    assert told in said, said[-2000:]
    assert "commands on db1. Nothing was touched." in said


def test_an_activation_needs_no_command_to_make_faults(tmp_path: Path) -> None:
    none = {"dr_fault_command": [], "dr_heal_command": []}
    code, said = procedure(tmp_path, "activate", "--check", "-e", json.dumps(none), *CONFIRMED, silent=("db1", "app1"))
    assert code == 0, said[-2000:]


@pytest.mark.parametrize(
    ("name", "silent", "told"),
    [
        ("drill", ("app1",), "app1 does not answer by ssh: see whether it is up"),
        ("drill", ("lb1", "client1"), "lb1, client1 do not answer by ssh: see whether they are up"),
        ("activate", ("db1", "db2"), "db2 does not answer by ssh: see whether it is up"),
        ("failback", ("repo1",), "repo1 does not answer by ssh: see whether it is up"),
    ],
)
def test_a_procedure_does_not_begin_while_a_host_is_silent(
    tmp_path: Path, name: str, silent: tuple[str, ...], told: str
) -> None:
    code, said = procedure(tmp_path, name, *CONFIRMED, silent=silent)
    assert code == 2
    assert told in said
    assert "Nothing was begun." in said
    assert not (tmp_path / "reports").exists()


def errors(cwd: Path) -> list[str]:
    """Return what the journal keeps of steps that failed."""
    (journal,) = cwd.glob("reports/test/drills/*/journal.jsonl")
    entries = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    return [entry["error"] for entry in entries if entry.get("error")]


@pytest.fixture
def broken_cluster(tmp_path: Path) -> Path:
    """A cluster that no program can read, so that the first step of every procedure fails."""
    control = tmp_path / "cluster" / "global" / "pg_control"
    control.parent.mkdir(parents=True)
    control.write_bytes(b"x" * 512)
    return tmp_path


def test_a_procedure_in_earnest_ends_with_its_cause_and_how_it_goes_on(broken_cluster: Path) -> None:
    """The failure is on record with its cause: of a step that asks in a loop, Ansible says only that an item failed."""
    code, said = procedure(broken_cluster, "activate", *CONFIRMED)
    assert code == 2
    (error,) = errors(broken_cluster)
    assert "use the programs of the cluster's version" in error or "account" in error or "as root" in error
    assert (
        f"{error} Nothing was undone. Mend the cause and run the same command again: it goes on at step survey." in said
    )
