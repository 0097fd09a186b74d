# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The monitoring sees the newest finished morning, and has a rule for mornings that no longer come."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from verify.report import publish, write_all

ROOT = Path(__file__).resolve().parents[3]
END = re.compile(r"^ccobservatory_verify_run_end_timestamp_seconds\{.*\} (\d+)", re.MULTILINE)
Folders = dict[str, Path]


def kept(base: Path, made: Path, name: str, *, sealed: bool = True, **header: Any) -> Path:
    """Put a run into the folder of an environment, with another header, and return it."""
    folder = shutil.copytree(made, base / name)
    run = {**json.loads((folder / "run.json").read_text(encoding="utf-8")), **header}
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    write_all(folder)
    if sealed:
        (folder / "MANIFEST").write_text("# a seal\n", encoding="utf-8")
    return folder


def test_the_newest_finished_morning_is_shown_at_once_and_to_everybody(tmp_path: Path, folders: Folders) -> None:
    reports, file = tmp_path / "reports", tmp_path / "morning.prom"
    kept(reports, folders["green"], "20261125T083000Z")
    morning = kept(reports, folders["green"], "20261126T083000Z")
    kept(reports, folders["green"], "20261127T083000Z", selection={"items": ["DR-01"]})
    kept(reports, folders["green"], "20261128T083000Z", replay_of="20261125T083000Z")
    kept(reports, folders["green"], "20261129T083000Z", evidence_of="20261125T083000Z")
    kept(reports, folders["green"], "20261130T083000Z", sealed=False)
    kept(reports, folders["killed"], "20261201T083000Z")
    file.write_text("of the day before\n", encoding="utf-8")
    before = file.stat().st_ino
    assert publish.main([str(reports), str(file)]) == 0
    assert file.read_bytes() == (morning / "metrics.prom").read_bytes()
    assert file.stat().st_ino != before and file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_before_the_first_morning_nothing_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish.main([str(tmp_path / "reports"), str(tmp_path / "morning.prom")]) == 0
    assert "no finished morning yet" in capsys.readouterr().out
    assert not (tmp_path / "morning.prom").exists()


def test_a_closed_directory_is_told_in_one_sentence(
    tmp_path: Path, folders: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path / "reports", folders["green"], "20261126T083000Z")
    assert publish.main([str(tmp_path / "reports"), str(tmp_path / "nowhere" / "morning.prom")]) == 1
    assert re.fullmatch(r"\S+/morning\.prom cannot be written: .*\.\n", capsys.readouterr().err)


def test_the_unit_publishes_before_it_removes_old_runs() -> None:
    unit = (ROOT / "roles/verify_daily/templates/verify-daily.service.j2").read_text(encoding="utf-8")
    after = [line for line in unit.splitlines() if line.startswith("ExecStartPost=")]
    assert ["publish" in line for line in after] == [True, False]
    # A directory that is closed must not end the unit before the old runs are removed.
    assert after[0].startswith("ExecStartPost=-")


# The rule


def rendered(name: str, hosts: list[str]) -> Any:
    """Return a template of the role monitoring as Ansible renders it, read."""
    place = ROOT / "roles/monitoring"
    settings = yaml.safe_load((place / "defaults/main.yml").read_text(encoding="utf-8"))
    environment = jinja2.Environment(  # noqa: S701 - no HTML
        **{"variable_start_string": "<<", "variable_end_string": ">>"},
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    text = (place / "templates" / name).read_text(encoding="utf-8")
    told = environment.from_string(text).render(
        **settings | {"monitoring_morning_hosts": hosts}, ansible_managed="made"
    )
    return yaml.safe_load(told)


@pytest.mark.parametrize("hosts", [[], ["mon1"]])
def test_a_rule_notices_that_mornings_come_no_more(tmp_path: Path, folders: Folders, hosts: list[str]) -> None:
    rules = [rule for group in rendered("ops.rules.yml.j2", hosts)["groups"] for rule in group["rules"]]
    (rule,) = [rule for rule in rules if rule["alert"] == "NoMorning"]
    metric = "ccobservatory_verify_run_end_timestamp_seconds"
    assert rule["expr"].startswith(f"time() - {metric} > 93600")
    # Where nobody verifies every day, a series that is not there says nothing.
    assert (f"or absent({metric})" in rule["expr"]) == bool(hosts)
    made = kept(tmp_path, folders["green"], "20261126T083000Z")
    assert END.search((made / "metrics.prom").read_text(encoding="utf-8"))
    tests = rendered("ops.rules.test.yml.j2", hosts)["tests"]
    (never,) = [one for one in tests if one["name"] == "No morning ever came"]
    assert bool(never["promql_expr_test"][1]["exp_samples"]) == bool(hosts)
