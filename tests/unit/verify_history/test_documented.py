# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page on exceptions shows is what the readers take, and what it counts is what the code says."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso
from verify.engine import hosts_left_out, left_out
from verify.engine.approval import MAX_DAYS
from verify.engine.attestations import check
from verify.engine.catalogue import Catalogue
from verify.engine.catalogue import load as load_catalogue
from verify.engine.changes import FLAPPING
from verify.engine.control import Control, registered
from verify.engine.declared import SCHEMA, Declared, Environment
from verify.engine.ledger import KEEP_DAYS
from verify.engine.session import import_checks
from verify.engine.waiver_files import load
from verify.engine.waivers import EXPIRING_S
from verify.facts.baseline import RULES

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "exceptions.md").read_text(encoding="utf-8")
WAIVER, LEFT_OUT, HOSTS_OUT, STATEMENT = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_waiver_of_the_page_is_one(
    tmp_path: Path, controls: dict[str, Control], catalogue: Catalogue, environment: Environment
) -> None:
    path = tmp_path / "waivers.yml"
    path.write_text(WAIVER)
    now = parse_iso("2026-11-26T08:30:00Z").timestamp()
    (found,) = load([path], controls=controls, catalogue=catalogue, environment=environment, now=now)
    assert (found.target, found.names, found.holds(now)) == ("INFRA-02", ("db1",), True)


def test_the_exception_of_the_page_is_one(environment: Environment) -> None:
    declared = yaml.safe_load(LEFT_OUT)
    (row,) = declared["verify_baseline"].values()
    hosts = {name: Declared("host", name) for name in row["hosts"]}
    desk = dataclasses.replace(environment, hosts=hosts, variables=declared)
    now = parse_iso("2026-11-26T08:30:00Z").timestamp()
    left_out.check(desk, load_catalogue(), [rule.id for rule in RULES], now=now)
    assert left_out.holds(row, now)


def test_the_host_that_the_page_leaves_out_is_declared_as_it_has_to_be(environment: Environment) -> None:
    without = dataclasses.replace(environment, variables=yaml.safe_load(HOSTS_OUT))
    hosts_left_out.check(without, now=parse_iso("2026-11-26T08:30:00Z").timestamp())


def test_the_statement_of_the_page_is_one(tmp_path: Path, environment: Environment) -> None:
    (tmp_path / "roster.yml").write_text(STATEMENT)
    variables = {**environment.variables, "verify_attestations_dir": str(tmp_path)}
    (found,) = check(dataclasses.replace(environment, name="prod", variables=variables), load_catalogue())
    assert found["statement"].startswith("The disks below the guests")


def test_a_control_asks_for_the_statement_of_the_page() -> None:
    import_checks()
    item = yaml.safe_load(STATEMENT)["item"]
    assert item in {one.item for one in registered() if one.attested}


@pytest.mark.parametrize(("severity", "days"), MAX_DAYS.items())
def test_the_page_tells_how_long_a_waiver_may_hold(severity: str, days: int) -> None:
    assert re.search(rf"{severity} {days}\b", PAGE)


def test_the_page_tells_the_other_figures() -> None:
    assert EXPIRING_S == 14 * 86_400
    assert "it ends within 14 days" in PAGE
    assert f"`verify_ledger_keep_days` ({KEEP_DAYS})" in PAGE
    assert f"`verify_flapping: {{changes: {FLAPPING[0]}, of: {FLAPPING[1]}}}`" in PAGE


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"\bverify_[a-z_]+", PAGE))))
def test_the_page_names_variables_that_are_checked(variable: str) -> None:
    assert variable in SCHEMA["properties"]
