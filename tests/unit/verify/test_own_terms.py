# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run says by which bounds it judged and which rules an exception leaves out; neither goes unseen or unapproved."""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from tests.unit.verify.test_small_morning import inventory
from verify.collect import collectors
from verify.engine import left_out
from verify.engine.catalogue import load
from verify.engine.changes import Before, Open, Scope, Snapshot, compare
from verify.engine.matrix import Selection
from verify.engine.options import Options
from verify.engine.session import Run
from verify.engine.terms import changed, effect, overrides, terms_of
from verify.engine.words import Status
from verify.facts.baseline import skipped

pytestmark = pytest.mark.slow

PLACES = ("limits", "exceptions")
LOOSE = {"MORNING-02": {"clock_max_s": 99999}}


def options(base: Path) -> Options:
    selection = Selection(items=("MORNING-02", "INFRA-08"))
    return Options("small", "", selection, None, "today", None, True, base / "reports", None)


def run_of(base: Path, **variables: Any) -> Path:
    """Run a morning over nothing collected and return its folder."""
    run = Run.prepare(options(base), cwd=inventory(base, **variables))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("collect", "remember"):
            patch.setattr(collectors, name, lambda *_given, **_named: None)
        patch.setattr(collectors, "about", lambda _evidence: {"kex": {}, "clock": {}})
        run.gather(lambda _line: None)
    for control in run.control_ids:
        run.judge(control)
    run.finish(0, others_failed=False)
    return run.folder


def test_a_run_says_by_which_bounds_it_judged_and_which_are_the_guides(tmp_path: Path) -> None:
    folder = run_of(tmp_path, verify_bounds=LOOSE)
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    used = {line["control"]: line["bounds"] for line in lines if line["event"] == "control"}
    assert used["MORNING-02"]["clock_max_s"] == 99999
    assert used["INFRA-08"] == dict(load()["INFRA-08"].bounds)
    told = {"item": "MORNING-02", "bound": "clock_max_s", "guide": 2, "used": 99999, "effect": "loosened"}
    header = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert lines[0]["bounds"] == header["bounds"] == [told]
    page = (folder / "audit.html").read_text(encoding="utf-8")
    assert "clock max: 27 h 46 min" in page and "clock max: 2 s" not in page
    limits, exceptions = (page.partition(f'<h2 id="{name}">')[2].partition("</section>")[0] for name in PLACES)
    assert "1 bound of this environment is not the guide" in limits and "(loosened)" in limits
    assert "clock_max_s</td><td>2 s</td>" in exceptions and "loosened" in exceptions


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"MORNING-2": {"clock_max_s": 5}},
            r"verify_bounds\.MORNING-2: .* no item of that name; was MORNING-0\d meant\?",
        ),
        ({"INFRA-99": {"high_s": 5}}, r"verify_bounds\.INFRA-99: the catalogue has no item"),
        (
            {"MORNING-02": {"clock_s": 5}},
            r"verify_bounds\.MORNING-02\.clock_s: .* no such bound \(it has .*clock_max_s",
        ),
        ({"MORNING-02": {"clock_max_s": "5"}}, r"verify_bounds\.MORNING-02\.clock_max_s is '5'; it has to be"),
        ({"MORNING-02": {"clock_max_s": float("nan")}}, r"clock_max_s is nan; write a finite number"),
        ({"MORNING-02": {"clock_max_s": float("inf")}}, r"clock_max_s is inf; write a finite number"),
    ],
)
def test_a_bound_that_nobody_reads_is_refused_before_anything_is_asked(
    tmp_path: Path, given: dict[str, Any], told: str
) -> None:
    base = inventory(tmp_path, verify_bounds=given)
    with pytest.raises(OpsError, match=told) as refused:
        Run.prepare(options(tmp_path), cwd=base)
    assert "inventories/small/hosts.yml: verify_bounds" in refused.value.message
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("bound", "guide", "used", "told"),
    [
        ("clock_max_s", 2, 3, "loosened"),
        ("clock_max_s", 2, 1, "tightened"),
        ("min_ratio", 0.95, 0.5, "loosened"),
        ("min_ratio", 0.95, 1.0, "tightened"),
        ("high_s", 10, 20, "loosened"),
        ("outage_min_s", 120, 600, "loosened"),
        ("window_s", 10, 20, "changed"),
    ],
)
def test_the_name_of_a_bound_says_what_loosens_it(bound: str, guide: float, used: float, told: str) -> None:
    assert effect(bound, guide, used) == told


def test_the_report_lists_waivers_that_hold_longer_than_the_guide_lets_them(tmp_path: Path) -> None:
    folder = run_of(tmp_path, verify_waiver_days={"high": 365})
    header = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert header["waiver_days"] == [{"severity": "high", "guide": 30, "used": 365, "effect": "loosened"}]
    page = (folder / "audit.html").read_text(encoding="utf-8")
    limits, exceptions = (page.partition(f'<h2 id="{name}">')[2].partition("</section>")[0] for name in PLACES)
    assert "longest waiver of high severity 365 days, the guide" in limits and "(loosened)" in limits
    for word in ("longest waiver of high severity", "365 days", "30 days", "loosened"):
        assert word in exceptions, word


def test_the_guides_own_figure_is_no_other_one() -> None:
    assert overrides({"verify_bounds": {"MORNING-02": {"clock_max_s": 2}}}, load()) == []


# Two runs


def at(status: Status, **terms: Any) -> Snapshot:
    key = ("MORNING-02", "host", "web1")
    found = {key: Open(status, "the clock is off")} if status is not Status.PASS else {}
    scope = {"MORNING-02": Scope("host", frozenset(["web1"]))}
    return Snapshot("r", "small", 0.0, {}, "c", scope, found, **terms)


def test_what_another_bound_fixed_is_labelled_so() -> None:
    strict, loose = {"MORNING-02": {"clock_max_s": -1}}, {"MORNING-02": {"clock_max_s": 99999}}
    told = compare(at(Status.PASS, terms=loose), Before(at(Status.FAIL, terms=strict)), {})
    assert told["terms"] == {"MORNING-02": "clock_max_s is 99999, was -1"}
    assert [one["terms"] for one in told["fixed"]] == ["clock_max_s is 99999, was -1"]
    same = compare(at(Status.PASS, terms=loose), Before(at(Status.FAIL, terms=loose)), {})
    assert same["terms"] == {} and "terms" not in same["fixed"][0]


def test_a_run_that_did_not_tell_its_bounds_is_not_taken_for_the_guides() -> None:
    assert terms_of({}) is None
    assert changed({"A-01": {"x_s": 1}}, None) == {"A-01": "x_s is 1, was not told"}
    assert changed({}, {"A-01": {"x_s": 1}}) == {"A-01": "x_s is the guide's, was 1"}


def test_the_ledger_remembers_by_which_bounds_a_run_judged(tmp_path: Path) -> None:
    first = run_of(tmp_path / "one", verify_bounds=LOOSE)
    ledger = tmp_path / "one" / "reports" / "small" / "ledger.sqlite"
    run = Run.prepare(
        options(tmp_path / "two"), cwd=inventory(tmp_path / "two", verify_ledger_url=f"sqlite:///{ledger}")
    )
    assert run._ledger is not None
    now = dataclasses.replace(at(Status.PASS), environment="small", at=4e9)
    with run._ledger as known:
        before = known.previous(now)
        assert first.name in before.reason
        kinds = {
            "MORNING-02": Scope("host", frozenset(["web1"])),
            "MORNING-02.services": Scope("estate", frozenset(["small"])),
        }
        header = json.loads((first / "run.json").read_text(encoding="utf-8"))
        same = dataclasses.replace(
            now, scope=kinds, selection=header["selection"], catalogue=header["catalogue"]["digest"], run="later"
        )
        past = known.previous(same).snapshot
    assert past is not None and past.terms == LOOSE


# Rules that are left out


def excused(**over: Any) -> dict[str, Any]:
    """Return an exception from a rule of the baseline, in force and approved; None takes a key away."""
    now = _utc.now()
    row: dict[str, Any] = {"reason": "the desk shows a display", "compensating_control": "only the bastion comes in"}
    row |= {"owner": "platform", "requester": "a.adams", "approver": "b.brown", "ticket": "OPS-2212"}
    row |= {"approved_on": written(now, -1), "expires_on": written(now, 5), **over}
    return {key: value for key, value in row.items() if value is not None}


def written(now: datetime.datetime, days: float) -> str:
    return f"{now + datetime.timedelta(days):%Y-%m-%dT%H:%M:%SZ}"


def test_a_rule_that_is_left_out_stands_in_the_report_with_its_approval(tmp_path: Path) -> None:
    folder = run_of(tmp_path, verify_baseline={"sshd-x11": excused(hosts=["web1"])})
    header = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (told,) = header["left_out"]
    assert (told["rule"], told["hosts"], told["approver"], told["ticket"]) == (
        *("sshd-x11", ["web1"], "b.brown", "OPS-2212"),
    )
    assert told["state"] == "expires within 14 days"
    assert terms_of(header) == {item: {"rule sshd-x11": "left out on web1"} for item in ("CORE-05", "INFRA-08")}
    page = (folder / "audit.html").read_text(encoding="utf-8")
    limits, exceptions = (page.partition(f'<h2 id="{name}">')[2].partition("</section>")[0] for name in PLACES)
    assert "1 rule of the baseline was left out by an approved exception" in limits and "sshd-x11" in limits
    for word in ("sshd-x11", "b.brown", "OPS-2212", "only the bastion comes in", "web1"):
        assert word in exceptions, word


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"expires_on": None}, "expires_on: it is missing"),
        ({"ticket": None}, "ticket: it is missing"),
        ({"compensating_control": " "}, "compensating_control is ' '; write a text"),
        ({"approver": "A.Adams"}, "approver: A.Adams asked for it; another person has to approve it"),
        ({"expires_on": written(_utc.now(), 90)}, r"holds 91\.0 days; CORE-05 is critical, so at most 14 are allowed"),
        ({"approved_on": written(_utc.now(), 1)}, "approved_on lies in the future; an exception holds from"),
        ({"skip": "the key of before"}, "skip: there is no such key"),
        ({"hosts": ["web7"]}, "hosts: the inventory has no group or host 'web7'; was web1 meant"),
    ],
)
def test_an_exception_needs_what_a_waiver_needs(tmp_path: Path, over: dict[str, Any], told: str) -> None:
    base = inventory(tmp_path, verify_baseline={"sshd-x11": excused(**over)})
    with pytest.raises(OpsError, match=told) as refused:
        Run.prepare(options(tmp_path), cwd=base)
    assert "inventories/small/hosts.yml: verify_baseline.sshd-x11: " in refused.value.message


def test_a_mistyped_rule_is_refused(tmp_path: Path) -> None:
    base = inventory(tmp_path, verify_baseline={"sshd-x12": excused()})
    with pytest.raises(OpsError, match=r"sshd-x12: the baseline has no such rule; was sshd-x11 meant\?"):
        Run.prepare(options(tmp_path), cwd=base)


def test_an_exception_that_ran_out_leaves_nothing_out_and_is_told(tmp_path: Path) -> None:
    over = excused(approved_on=written(_utc.now(), -5), expires_on=written(_utc.now(), -1))
    folder = run_of(tmp_path, verify_baseline={"sshd-x11": over})
    header = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert [one["state"] for one in header["left_out"]] == ["expired"]
    assert terms_of(header) == {}
    assert left_out.expired(header["left_out"], {"INFRA-08"}) == ["sshd-x11"]
    assert left_out.expired(header["left_out"], {"MORNING-02"}) == []
    assert "the exception has run out, so the rule is judged again" in left_out.sentences(header["left_out"])[0]


@pytest.mark.parametrize(
    ("over", "left"),
    [
        ({}, ["sshd-x11"]),
        ({"hosts": "web"}, []),
        ({"approver": None}, []),
        ({"expires_on": written(_utc.now(), -0.5)}, []),
    ],
)
def test_only_an_exception_in_force_leaves_a_rule_out(over: dict[str, Any], left: list[str]) -> None:
    declared = {"sshd-x11": excused(**over)}
    estate = SimpleNamespace(
        declared={"verify_baseline": declared}.get,
        environment=SimpleNamespace(groups={"web": ("web1",)}),
        now=_utc.now().timestamp(),
    )
    assert list(skipped(SimpleNamespace(name="db1", estate=estate))) == left
