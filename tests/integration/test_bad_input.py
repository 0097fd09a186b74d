# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input gets one clear sentence before anything is touched, and leaves no drill behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import _drills
import pytest
from _lab import lab

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]

LIVE = ("-e", f"dr_drill_confirm={_drills.ENVIRONMENT}")
RESTORE = "playbooks/restore.yml"
# Another word for the same refusal, or another way to lose the repository.
FURTHER = pytest.mark.thorough


def told(*arguments: str, cwd: Path, playbook: str = "dr-drill.yml") -> str:
    """Run a playbook that has to refuse, see that nothing was begun, and return what it said on one line."""
    done = _drills.run(*arguments, cwd=cwd, playbook=playbook)
    assert done.returncode != 0, done.stdout[-2000:]
    assert _drills.drills(cwd) == []
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("-e", "dr_drill_scenaro=site_partition", *LIVE), "dr_drill_scenaro is no variable of role dr"),
        pytest.param(
            ("-e", "dr_drill_scenario=no_such"),
            "Scenario no_such is unknown; known are database_host_lost",
            marks=FURTHER,
        ),
        (("-e", "dr_drill_confirm=prod"), "dr_drill_confirm is prod, but the inventory is of lab"),
        pytest.param(("-e", "ops_environment="), "ops_environment is not set", marks=FURTHER),
        (("-e", "ops_protected=true"), "dr_stand_in is set in lab, which is protected"),
        pytest.param(("-e", '{"dr_heal_command": []}', *LIVE), "A live drill needs dr_heal_command", marks=FURTHER),
        pytest.param(("-e", "dr_rto_target=soon"), "dr_rto_target", marks=FURTHER),
        pytest.param(
            ("-e", "dr_recovery_site=site_a"), "must name two different groups of the inventory", marks=FURTHER
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_drill_refuses(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    assert sentence in told(*arguments, cwd=tmp_path)


def test_a_drill_does_not_begin_while_a_host_is_silent(tmp_path: Path) -> None:
    lab("--quiet", "fault", "host-kill", "app3")
    try:
        assert "app3 does not answer by ssh" in told(*LIVE, cwd=tmp_path)
    finally:
        lab("--quiet", "heal", "--all")
    assert _drills.writable() == ["db1"]


@pytest.fixture
def healed() -> Iterator[None]:
    """Leave no fault behind, and the archive as it goes on by itself."""
    yield
    lab("--quiet", "heal", "--all")


@pytest.mark.parametrize(
    ("fault", "mend"),
    [
        (("service-stop", "repo1", "pgbackrest.service"), "see that pgbackrest.service runs on repo1"),
        pytest.param(("link-cut", "db2", "repo1"), "that nothing cuts the way between them", marks=FURTHER),
        pytest.param(
            ("expire-certificate", "repo1"),
            "a certificate on repo1 or db2 has ended or is not trusted, so renew it",
            marks=FURTHER,
        ),
        # Of its own certificate a client is only told what the server's refusal says.
        (("expire-certificate", "db2"), "Nothing was begun."),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_a_drill_does_not_begin_without_its_repository(
    fault: tuple[str, ...], mend: str, healed: None, tmp_path: Path
) -> None:
    lab("--quiet", "fault", *fault)
    said = told(*LIVE, cwd=tmp_path)
    assert "db2 cannot read the repository on repo1 (" in said
    assert mend in said and "Nothing was begun." in said
    assert _drills.writable() == ["db1"]


def test_a_certificate_that_has_ended_on_the_primary_stops_a_drill_before_it_touches_anything(
    healed: None, tmp_path: Path
) -> None:
    """What the recovery host does not need is found by the audit, and no step that changes anything began."""
    lab("--quiet", "fault", "expire-certificate", "db1")
    done = _drills.run(*LIVE, cwd=tmp_path)
    assert done.returncode != 0
    (folder,) = _drills.drills(tmp_path)
    begun = [entry["step"] for entry in _drills.entries(folder) if entry["event"] == "enter"]
    assert begun == ["assess", "prove_backups"]
    steps = {step["id"]: step for step in _drills.record(folder)["steps"]}
    error = steps["prove_backups"]["error"]
    assert "The repository on repo1 cannot carry a recovery: " in error
    assert "certificate_expired" in error and "db1:" in error and "renew the certificate" in error
    assert _drills.writable() == ["db1"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("-e", "restore_host=db9"), "restore_host (db9) must be a host of the inventory"),
        (("-e", "restore_host=db2"), "confirm with -e restore_confirm=db2"),
        (("-e", "restore_host=db2", "--check", "-e", "restore_set=20200101-000000F"), "does not see the backup"),
        (("-e", "restore_host=db2", "--check", "-e", "restore_type=time"), "restore_type time needs restore_target"),
        (
            ("-e", "restore_host=db2", "--check", "-e", "restore_tpye=time"),
            "restore_tpye is no variable of role restore;",
        ),
        (
            (
                "-e",
                "restore_host=db2",
                "--check",
                "-e",
                "restore_type=time",
                "-e",
                "restore_target=2020-01-01T00:00:00Z",
            ),
            "No backup ended before 2020-01-01T00:00:00Z",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_restore_refuses(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    assert sentence in told(*arguments, cwd=tmp_path, playbook=RESTORE)


def test_two_first_primaries_are_refused_before_any_host_is_touched(tmp_path: Path) -> None:
    said = told("-e", "postgresql_bootstrap=true", cwd=tmp_path, playbook="playbooks/site.yml")
    assert "of two minds about the first primary" in said
    assert "Make managed hosts" not in said
