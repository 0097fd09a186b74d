# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who approves a waiver, how long it may hold at most, and that it never leaves an item without anything to judge."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from tests.unit.verify_history.conftest import ROW, LoadWaivers, nothing
from verify.engine.control import Control
from verify.engine.declared import Environment, check_variables


@pytest.mark.parametrize("days", [366, 99999])
def test_no_environment_makes_a_waiver_a_permanent_state(environment: Environment, days: int) -> None:
    with pytest.raises(OpsError, match=r"verify_waiver_days\.high: .*maximum of 365"):
        check_variables({"verify_waiver_days": {"high": days}}, where="hosts.yml")
    check_variables({"verify_waiver_days": {"high": 365}}, where="hosts.yml")


@pytest.mark.parametrize(
    ("subjects", "item"),
    [
        ({"kind": "host", "names": ["db1", "db2", "web1", "web2"]}, "INFRA-02"),
        ({"kind": "host", "names": ["db1", "db2"]}, "INFRA-03.db"),
        ({"group": "db"}, "INFRA-03.db"),
    ],
)
def test_a_waiver_for_every_host_of_an_item_is_none(
    read: LoadWaivers, controls: dict[str, Control], subjects: dict[str, Any], item: str
) -> None:
    controls["INFRA-03.db"] = Control("INFRA-03", "db", "host", "db", nothing, (), "checks.infra")
    with pytest.raises(OpsError, match=rf"in force for {item} \(W-1\) name each of the \d hosts that it judges"):
        read({**ROW, "item": item, "subjects": subjects, "approved_on": "2025-11-25T09:00:00Z",
              "expires_on": "2025-11-30T09:00:00Z"})  # fmt: skip


def test_waivers_that_together_leave_nothing_are_none_while_both_hold(read: LoadWaivers) -> None:
    halves = [{**ROW, "subjects": {"group": "db"}}, {**ROW, "id": "W-2", "subjects": {"group": "web"}}]
    with pytest.raises(OpsError, match=r"INFRA-02 \(W-1 and W-2\) name each of the 4 hosts"):
        read(*halves)
    assert len(read(halves[0], {**halves[1], "expires_on": "2025-11-26T09:00:00Z"})) == 2


def test_the_only_host_of_an_item_can_be_waived(read: LoadWaivers, controls: dict[str, Control]) -> None:
    controls["INFRA-02"] = Control("INFRA-02", "", "host", "one", nothing, (), "checks.infra")
    assert read(ROW)


@pytest.mark.parametrize("approver", ["A. Adams", "a.adams@example.org", "Adams, A", "a_adams+ops@example.net"])
def test_one_person_under_two_names_approves_nothing_of_their_own(read: LoadWaivers, approver: str) -> None:
    with pytest.raises(OpsError, match="asked for it; another person"):
        read({**ROW, "requester": "A.ADAMS@example.org", "approver": approver})


@pytest.mark.parametrize(
    ("requester", "approver", "told"),
    [
        ("database@example.org", "Z. Zebra", "approver: Z. Zebra is no owner of verify_owners and nobody whom"),
        ("somebody", "security", "requester: somebody is no owner"),
        ("database", "D. Dean", "D. Dean asked for it"),
        ("database", "security", ""),
        ("c.clark", "security@example.org", ""),
        ("database", "new@team.example.org", ""),
    ],
)
def test_both_are_people_whom_the_environment_knows(
    read: LoadWaivers, environment: Environment, tmp_path: Path, requester: str, approver: str, told: str
) -> None:
    signers = tmp_path / "allowed_signers"
    signers.write_text("# people\n\nc.clark@example.org,*@team.example.org ssh-ed25519 AAAA\n")
    owners = {"database": "d.dean@example.org", "dba": "database@example.org", "security": "security@example.org"}
    known = dataclasses.replace(
        environment, variables={"verify_owners": owners, "verify_allowed_signers": str(signers)}
    )
    row = {**ROW, "requester": requester, "approver": approver}
    if told:
        with pytest.raises(OpsError, match=told):
            read(row, env=known)
    else:
        assert read(row, env=known)
