# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedures of disaster recovery, run as playbooks: what they refuse before anything is touched."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles._plays import HERE, SILENT, run_playbook

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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["drill", "activate", "failback"])
def test_a_variable_that_nobody_reads_is_refused(tmp_path: Path, name: str) -> None:
    code, said = procedure(tmp_path, name, "-e", "dr_drill_scenaro=site_partition", "-e", "dr_rto=9", *CONFIRMED)
    assert code == 2
    assert "dr_drill_scenaro, dr_rto are no variables of role dr;" in said


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_failed_step_is_written_down_with_its_cause(broken_cluster: Path) -> None:
    """The first step asks in a loop, of which Ansible says only that an item failed."""
    code, _said = procedure(broken_cluster, "drill", *CONFIRMED)
    assert code == 2
    (error,) = errors(broken_cluster)
    assert error.startswith("Read the state of each database host: "), error
    assert "use the programs of the cluster's version" in error or "account" in error or "as root" in error


@pytest.mark.slow
def test_a_procedure_in_earnest_ends_with_its_cause_and_how_it_goes_on(broken_cluster: Path) -> None:
    code, said = procedure(broken_cluster, "activate", *CONFIRMED)
    assert code == 2
    (error,) = errors(broken_cluster)
    assert "use the programs of the cluster's version" in error or "account" in error or "as root" in error
    assert (
        f"{error} Nothing was undone. Mend the cause and run the same command again: it goes on at step survey." in said
    )
