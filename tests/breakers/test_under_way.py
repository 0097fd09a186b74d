# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is rightly not red: a deployment that began a moment ago, and a certificate that is good for its clients."""

from __future__ import annotations

import re
from typing import Any

import _world
import pytest
from _world import DAY, MINUTE
from golden_drills import DRILL, add_copy
from golden_records import MACHINES, add, at, drop

from verify.engine.judge import ControlResult


def result_of(world: _world.World, control: str) -> ControlResult:
    (found,) = [one for one in _world.results(world) if one.control.id == control]
    return found


def test_a_deployment_that_began_a_moment_ago_is_named_and_decides_nothing() -> None:
    world = _world.fresh()
    yesterday = at(DAY)
    drop(world, "deployment", MACHINES, unless=lambda row: bool(row["started"] < yesterday))
    row: dict[str, Any] = {"service": "web", "version": "9.9.9", "strategy": "rolling", "outcome": "running"}
    row |= {"id": "DEP-X", "at": at(10 * MINUTE), "by": "operations", "started": at(10 * MINUTE), "manual_steps": 0}
    add(world, "deployment", row, subject=MACHINES)
    (told,) = result_of(world, "MORNING-07").rows
    assert told.status == "not_applicable"
    assert "DEP-X may still be under way" in told.says
    assert not [one for one in result_of(world, "DELIVER-04").rows if "DEP-X" in one.says]


@pytest.mark.parametrize("incidents", [True, False])
def test_what_the_wanted_figures_amount_to_stands_in_the_row(incidents: bool) -> None:
    """720 hours and 2 hours are less than the 99.9 % that are wanted as well; both figures are shown, also if green."""
    world = _world.fresh()

    def of_nothing(body: Any) -> None:
        for one in body["records"]:
            one["record"]["services"] = []

    if not incidents:
        world.change("records", "incident", of_nothing)
    rows = result_of(world, "OPEX-01.consistency").rows
    assert {row.status for row in rows} == {"pass" if incidents else "not_applicable"}
    for row in rows:
        assert "amount to 99.72" in row.says and "99.900 % needs a recovery within" in row.says
        if incidents:
            assert (round(row.observed["wanted_times"], 4), row.expected["availability"]) == (0.9972, 0.999)


def test_a_certificate_that_is_good_for_its_clients_is_green() -> None:
    world = _world.fresh()
    (row,) = [one for one in world.variables["verify_ports"] if one["port"] == 443]
    row.update(name="web.example.org", authority="/etc/ssl/certs/ca.pem")
    text = world.body("lb1", "tls_443")
    world.set("lb1", "tls_443", re.sub(r"Verify return code: .*", "Verify return code: 0 (ok)", text))
    assert result_of(world, "SECURITY-02.protocols").status == "pass"


def test_a_copy_after_a_live_drill_leaves_the_loss_to_that_drill() -> None:
    world = _world.fresh()
    add_copy(world)
    found = result_of(world, "INFRA-05")
    assert found.status == "pass"
    (told,) = [row.says for row in found.rows if "loss of data" in row.says]
    assert DRILL in told


def test_a_way_into_sshd_that_is_declared_is_green() -> None:
    world = _world.fresh()
    world.edit("app1", "sshd", "trustedusercakeys none", "trustedusercakeys /etc/ssh/people_ca.pub")
    line = {"keyword": "trustedusercakeys", "value": "/etc/ssh/people_ca.pub", "why": "people", "hosts": "app1"}
    world.variables["verify_sshd"] = [line]
    for control in ("SECURITY-01.keys", "SECURITY-01.accounts", "INFRA-07.idle"):
        assert result_of(world, control).status == "pass"
    line["hosts"] = "db1"
    assert result_of(world, "SECURITY-01.keys").status == "fail"


def test_an_open_entry_covers_a_finding_and_an_activation_a_disaster() -> None:
    world = _world.fresh()

    def covered(body: Any) -> None:
        body["records"][0]["record"].update(covers=["ManyRefusedLogins"], subject="db1")

    def fires(body: Any) -> None:
        marks = {"alertname": "ManyRefusedLogins", "severity": "warning", "category": "security", "host": "db1"}
        body.append({**body[0], "labels": marks})

    def marked(body: Any) -> None:
        start, end = at(63 * DAY + 10 * MINUTE), at(63 * DAY - 60 * MINUTE)
        body["records"][0]["record"].update(disaster=True, impact_start=start, restored=end)

    world.change("records", "security_alert", covered)
    world.change("alertmanager", "alerts", fires)
    world.change("records", "incident", marked)
    assert result_of(world, "EOD-07.register").status == "pass"
    assert result_of(world, "DR-01.events").status == "pass"


def test_backups_that_are_checked_less_often_than_taken_are_declared() -> None:
    world = _world.fresh()
    (asset,) = [one for one in world.variables["verify_assets"] if one["name"] == "database-main"]
    since = at(13 * 60 * MINUTE)
    for kind in ("backup", "restore_test"):
        drop(world, kind, MACHINES, unless=lambda row: row["asset"] != "database-main" or bool(row["ended"] < since))
    assert result_of(world, "MORNING-03").status == "fail"
    asset["check_every_s"] = 90000
    assert result_of(world, "MORNING-03").status == "pass"


def test_a_figure_that_had_nothing_to_measure_is_named_and_decides_nothing() -> None:
    world = _world.fresh()

    def change(body: Any) -> None:
        points = body["figures"]["mttr_s"]["points"]
        body["figures"]["mttr_s"]["points"] = [[at, None, "nothing"] for at, _value, _verdict in points]

    world.change("ledger", "figures", change)
    assert result_of(world, "MONITORING-04").status == "pass"
    (told,) = result_of(world, "EOD-01").rows
    assert told.status == "pass"
    assert "mttr_s had nothing to measure on" in told.says
