# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The morning on the lab: whole, sealed, comparable, replayed without a network, and never green by mistake."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import _mornings
import pytest
import yaml
from _lab import lab, monitoring_settles
from _mornings import ENV, ROOT, Morning, morning

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all runs of this module, so that they follow one another."""
    return tmp_path_factory.mktemp("mornings")


@pytest.fixture(scope="module")
def first(reports: Path) -> Morning:
    """The first morning of the lab, with records that are dated relative to now."""
    lab("--quiet", "records")
    monitoring_settles()
    return morning("--env", ENV, reports=reports)


def check_pack(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the verifier as an auditor does."""
    program = [sys.executable, str(ROOT / "verify" / "verify_pack.py"), str(folder), *more]
    return subprocess.run(program, capture_output=True, text=True, check=False)


def test_every_expected_cell_is_decided(first: Morning) -> None:
    lines = first.lines()
    header, close = lines[0], lines[-1]
    assert close["event"] == "close"
    assert close["decided"] == close["expected"] == header["expected"] == len(first.statuses())
    assert close["expected"] > 300
    assert first.code == close["exit"]


def test_every_host_answered_and_its_key_is_known(first: Morning) -> None:
    population = first.lines()[0]["population"]
    assert population["hosts_unreachable"] == {}, population
    assert population["hosts_reached"] == population["hosts_expected"] == 9
    index = (first.folder / "evidence" / "index.jsonl").read_text(encoding="utf-8") if first.folder else ""
    hosts = [json.loads(line) for line in index.splitlines() if json.loads(line)["source"] == "host"]
    assert hosts
    assert {fact["identity"][:7] for fact in hosts if not fact.get("error")} == {"SHA256:"}


def test_the_lab_is_young_and_says_so(first: Morning) -> None:
    """No history of 30 or 90 days: what needs it is unknown with a figure, never green."""
    statuses = first.statuses()
    for control in ("RELIABILITY-01", "OPEX-01", "OPEX-03"):
        found = {status for (name, _kind, _subject), status in statuses.items() if name == control}
        assert found
        assert not found & {"pass", "not_applicable"}, (control, found)
    assert first.code in (1, 10)


# What a healthy lab proves on every host or page, whatever was drilled on it before.
PROVED = (
    *("SECURITY-01", "SECURITY-01.accounts", "SECURITY-01.keys", "SECURITY-02.protocols", "SECURITY-05", "ACCESS-01"),
    *("ACCESS-03", "INFRA-04.machines", "INFRA-07", "CORE-04", "MONITORING-02", "TEAM-01", "IAC-03", "IAC-04"),
)


def test_what_a_healthy_lab_can_prove_is_green(first: Morning) -> None:
    rows = [
        f"{line['control']} {row['subject']}: {row['status']}: {row['says']}"
        for line in first.lines()
        if line["event"] == "control" and line["control"] in PROVED
        for row in line["rows"]
        if row["status"] not in ("pass", "not_applicable")
    ]
    assert rows == []
    assert {control for control, _kind, _subject in first.statuses()} >= set(PROVED)


def test_the_pack_is_sealed_and_an_edit_is_named(first: Morning, tmp_path: Path) -> None:
    assert first.folder
    intact = check_pack(first.folder)
    assert intact.returncode == 0, intact.stdout + intact.stderr
    copy = tmp_path / first.folder.name
    shutil.copytree(first.folder, copy)
    text = (copy / "results.jsonl").read_text(encoding="utf-8")
    (copy / "results.jsonl").write_text(text.replace('"fail"', '"pass"', 1), encoding="utf-8")
    broken = check_pack(copy, "--alone")
    assert broken.returncode == 12
    assert "results.jsonl" in broken.stdout


def test_machines_can_read_it(first: Morning) -> None:
    assert first.folder
    junit = (first.folder / "junit.xml").read_text(encoding="utf-8")
    assert junit.count("<testcase ") > 90
    oscal = json.loads((first.folder / "oscal.json").read_text(encoding="utf-8"))
    assert oscal["assessment-results"]["results"][0]["observations"]
    assert "ccobservatory_verify_run" in (first.folder / "metrics.prom").read_text(encoding="utf-8")


def test_no_secret_of_the_inventory_is_in_the_pack(first: Morning) -> None:
    assert first.folder
    store = json.loads((ROOT / ".lab" / _mornings.PREFIX / "secrets.json").read_text(encoding="utf-8"))
    texts = [path.read_bytes() for path in first.folder.rglob("*") if path.is_file()]
    leaked = [name for name, word in store.items() if any(word.encode() in text for text in texts)]
    assert leaked == []


def test_the_second_morning_is_compared_with_the_first(first: Morning, reports: Path) -> None:
    second = morning("--env", ENV, "--no-collect", reports=reports)
    assert second.folder
    assert first.folder
    changes = json.loads((second.folder / "changes.json").read_text(encoding="utf-8"))
    assert changes["comparable"] is True, changes
    assert changes["previous"] == first.folder.name
    assert changes["new"] == []
    chain = check_pack(second.folder, "--chain")
    assert chain.returncode == 0, chain.stdout


def test_a_replay_needs_no_network_and_decides_the_same(first: Morning, reports: Path) -> None:
    assert first.folder
    again = morning("--replay", str(first.folder), reports=reports, prefix=("unshare", "--net"))
    assert again.statuses() == first.statuses()
    assert again.code == first.code


def test_a_killed_run_leaves_a_report_marked_incomplete(first: Morning, reports: Path) -> None:
    assert first.folder
    started = subprocess.Popen(
        _mornings.command("--env", ENV, "--no-collect", reports=reports),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    known = set(reports.glob("*/*/audit.html"))
    while time.monotonic() < deadline and started.poll() is None:
        fresh = set(reports.glob("*/*/audit.html")) - known
        if fresh and (next(iter(fresh)).parent / "results.jsonl").read_bytes().count(b"\n") > 3:
            break
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    folder = next(iter(set(reports.glob("*/*/audit.html")) - known)).parent
    assert not (folder / "MANIFEST").exists()
    assert "INCOMPLETE" in (folder / "audit.html").read_text(encoding="utf-8").upper()
    after = morning("--env", ENV, "--no-collect", "--item", "MORNING-02", reports=reports)
    assert "killed before it ended" in after.text


def inventory(tmp_path: Path, change: Any) -> Path:
    """Copy the lab's inventory, change what it says, and return the folder to start from."""
    target = tmp_path / "inventories" / ENV
    shutil.copytree(ROOT / "inventories" / ENV, target)
    change(target)
    return tmp_path


def edit(target: Path, name: str, how: Any) -> None:
    """Change one YAML file of an inventory."""
    path = target / name
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    how(value)
    path.write_text(yaml.safe_dump(value), encoding="utf-8")


VERIFY = "group_vars/all/verify.yml"


def empties_a_group(target: Path) -> None:
    edit(target, "hosts.yml", lambda v: v["all"]["children"]["haproxy"].update(hosts={}))


def renames_a_group(target: Path) -> None:
    edit(target, "hosts.yml", lambda v: v["all"]["children"].update(apps=v["all"]["children"].pop("app")))


def is_another_environment(target: Path) -> None:
    edit(target, "group_vars/all/main.yml", lambda v: v.update(ops_environment="prod"))


def loses_its_metrics(target: Path) -> None:
    edit(target, VERIFY, lambda v: v["verify_sources"]["prometheus"].update(url="http://127.0.0.1:9999"))


def names_a_foreign_account(target: Path) -> None:
    edit(target, "group_vars/all/verify_access.yml", lambda v: v.update(verify_user="nobody-here"))


def stays_as_it_is(_target: Path) -> None:
    """The fault is in the command line."""


@pytest.mark.parametrize(
    ("how", "arguments", "told"),
    [
        (renames_a_group, (), "was it renamed"),
        (is_another_environment, (), "this is another environment"),
        (stays_as_it_is, ("--limit", "no-such-host"), "No host"),
        (stays_as_it_is, ("--item", "INFRA-99"), "there is none of that name"),
        (stays_as_it_is, ("--section", "INFRA", "--item", "MORNING-01"), "nothing to decide"),
    ],
)
def test_a_run_that_could_prove_nothing_does_not_begin(
    how: Any, arguments: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    found = morning("--env", ENV, *arguments, reports=tmp_path / "reports", cwd=inventory(tmp_path, how))
    assert found.code == 4, found.text
    assert told in found.text
    assert found.folder is None


@pytest.mark.parametrize(
    ("how", "control", "subjects", "codes", "says"),
    [
        # A busy machine fails the other pools, and then says 1.
        (empties_a_group, "MORNING-06", {"balancer"}, {1, 10}, "balancer names no host that is in scope"),
        (loses_its_metrics, "CORE-04", set(), {10}, "prometheus at http://127.0.0.1:9999"),
        # A host that is too busy to refuse the account is unknown by other words.
        (names_a_foreign_account, "INFRA-02", set(), {10}, "lets nobody-here not in"),
    ],
)
def test_nothing_is_green_by_mistake(
    how: Any, control: str, subjects: set[str], codes: set[int], says: str, tmp_path: Path
) -> None:
    """A young lab does not know everything without a fault either, so the row has to say what the fault took."""
    found = morning("--env", ENV, "--item", control, reports=tmp_path / "reports", cwd=inventory(tmp_path, how))
    assert found.code in codes, found.text
    (line,) = [one for one in found.lines() if one.get("control") == control]
    rows = [row for row in line["rows"] if not subjects or row["subject"] in subjects]
    assert {row["status"] for row in rows} == {"unknown"}, rows
    assert [row for row in rows if says in row["says"]], rows
