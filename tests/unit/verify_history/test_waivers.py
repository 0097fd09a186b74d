# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A waiver excuses exactly its cells, exactly until its last instant, and every careless one is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from tests.unit.verify_history.conftest import ROW, LoadWaivers, item_of, nothing, row
from verify.engine.approval import MAX_DAYS
from verify.engine.catalogue import Catalogue
from verify.engine.control import Control
from verify.engine.declared import Environment
from verify.engine.judge import ControlResult, finding_id
from verify.engine.waiver_files import load, paths
from verify.engine.waivers import Waiver, apply, as_record, exit_of, from_record, review
from verify.engine.words import Status, exit_code

NOW = 1_764_150_000.0  # 2025-11-26T09:40:00Z
DAY = 86_400.0


def waiver(**over: Any) -> Waiver:
    base: dict[str, Any] = {
        **{key: value for key, value in ROW.items() if isinstance(value, str) and not key.endswith("_on")},
        "target": "INFRA-02",
        "kind": "host",
        "names": ("web1",),
        "group": "",
        "approved_on": NOW - 6 * DAY,
        "expires_on": NOW + 20 * DAY,
    }
    base.pop("item")
    return Waiver(**{**base, **over})


def test_a_waiver_is_read_whole(read: LoadWaivers) -> None:
    (found,) = read(ROW)
    assert found == waiver(
        approved_on=_utc.parse_iso(ROW["approved_on"]).timestamp(),
        expires_on=_utc.parse_iso(ROW["expires_on"]).timestamp(),
    )


def test_a_group_stands_for_its_hosts(read: LoadWaivers) -> None:
    (found,) = read({**ROW, "subjects": {"group": "web"}})
    assert (found.kind, found.names, found.group) == ("host", ("web1", "web2"), "web")


def test_a_limit_makes_no_group_a_blanket(read: LoadWaivers, environment: Environment) -> None:
    hosts = {name: environment.hosts[name] for name in ("web1", "web2")}
    limited = dataclasses.replace(environment, hosts=hosts, scope=tuple(environment.hosts))
    (found,) = read({**ROW, "subjects": {"group": "web"}}, env=limited)
    assert found.names == ("web1", "web2")
    with pytest.raises(OpsError, match="holds every host"):
        read({**ROW, "subjects": {"group": "managed"}}, env=limited)


def test_a_host_out_of_scope_can_be_named(read: LoadWaivers) -> None:
    assert read({**ROW, "subjects": {"kind": "host", "names": ["old1"]}})[0].names == ("old1",)


def test_the_estate_needs_no_name(read: LoadWaivers) -> None:
    (found,) = read({**ROW, "item": "TEAM-01", "subjects": {"kind": "estate"}})
    assert (found.kind, found.names) == ("estate", ("test",))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"item": "INFRA-2"}, "no control proves 'INFRA-2'; was INFRA-02 meant"),
    ({"item": "INFRA-03.disk"}, "no control proves 'INFRA-03.disk'; was INFRA-03.disks meant"),
    ({"subjects": {"kind": "host", "names": ["web7"]}}, "there is no host 'web7'; was web"),
    ({"subjects": {"kind": "service", "names": ["api"]}}, "INFRA-02 is about host, not about service"),
    ({"subjects": {"group": "webs"}}, "no group 'webs' with hosts in it; was web meant"),
    ({"subjects": {"group": "all"}}, "the group 'all' holds every host of test, so nothing would be left to judge"),
    ({"subjects": {"group": "managed"}}, "the group 'managed' holds every host of test"),
    ({"subjects": {"kind": "host", "names": ["*"]}}, "a waiver for every host is none; name each"),
    ({"subjects": {"kind": "host", "names": ["all"]}}, "a waiver for every host is none; name each"),
    ({"subjects": {"group": "*"}}, "no group '*' with hosts in it"),
    ({"subjects": {"group": "web", "names": ["web1"]}}, "a group is one of hosts and goes without names"),
    ({"subjects": {"kind": "host", "names": []}}, "names a list that names each once"),
    ({"subjects": {"kind": "host", "names": ["web1", "web1"]}}, "names a list that names each once"),
    ({"subjects": {"kind": "host", "name": ["web1"]}}, "name: there is no such key; was names meant"),
    ({"subjects": ["web1"]}, "subjects: write {kind: host"),
    ({"subjects": {"kind": "planet", "names": ["x"]}}, "kind has to be one of"),
    ({"aprover": "b.brown"}, "aprover: there is no such key; was approver meant"),
    ({"approver": "A.Adams "}, "approver: A.Adams asked for it"),
    ({"reason": ""}, "reason is ''; write a text"),
    ({"ticket": 2211}, "ticket is 2211; write a text"),
    ({"expires_on": "2025-12-10"}, "expires_on: write a whole instant in UTC"),
    ({"expires_on": "2025-12-10T23:59:59"}, "expires_on: write a whole instant in UTC"),
    ({"expires_on": "2025-12-11T01:59:59+02:00"}, "is not in UTC; write 2025-12-10T23:59:59Z"),
    ({"expires_on": "2025-11-20T09:00:00Z"}, "expires_on is not after approved_on"),
    ({"approved_on": "2025-11-26T09:40:01Z"}, "approved_on lies in the future"),
    ({"expires_on": "2025-12-20T09:00:01Z"}, "it holds 30.0 days; INFRA-02 is high, so at most 30 are allowed"),
    ({"item": "INFRA-03.disks"}, "it holds 20.6 days; INFRA-03 is critical, so at most 14 are allowed"),
]


@pytest.mark.parametrize(("change", "told"), WRONG)
def test_a_careless_waiver_is_refused(read: LoadWaivers, change: dict[str, Any], told: str) -> None:
    with pytest.raises(OpsError) as caught:
        read({**ROW, **change})
    assert told in str(caught.value)
    assert "waivers.yml, waiver W-1" in str(caught.value)


@pytest.mark.parametrize("key", sorted(ROW))
def test_every_key_is_needed(read: LoadWaivers, key: str) -> None:
    with pytest.raises(OpsError, match=f"{key}: it is missing"):
        read({name: value for name, value in ROW.items() if name != key})


def test_a_key_that_stands_twice_is_refused(read: LoadWaivers) -> None:
    text = yaml.safe_dump(ROW) + "reason: another one\n"
    with pytest.raises(OpsError, match="the key 'reason' is there twice"):
        read(text=text)


def test_a_yaml_date_without_a_zone_is_refused(read: LoadWaivers) -> None:
    text = yaml.safe_dump(ROW).replace("'2025-12-10T23:59:59Z'", "2025-12-10")
    with pytest.raises(OpsError, match="expires_on: write a whole instant in UTC"):
        read(text=text)


def test_a_yaml_instant_needs_no_quotes(read: LoadWaivers) -> None:
    text = yaml.safe_dump(ROW).replace("'", "")
    assert read(text=text) == read(ROW)


@pytest.mark.parametrize("text", ["", "# nothing", "- just text"])
def test_a_file_without_waivers_is_refused(read: LoadWaivers, text: str) -> None:
    with pytest.raises(OpsError, match=r"waivers\.yml holds no record"):
        read(text=text)


def test_a_file_may_say_that_nothing_is_waived(read: LoadWaivers) -> None:
    assert read(text="---\n# nothing is waived\n[]\n") == ()


def test_a_missing_file_is_refused(
    controls: dict[str, Control], catalogue: Catalogue, environment: Environment, tmp_path: Path
) -> None:
    with pytest.raises(OpsError, match=r"none\.yml cannot be read"):
        load([tmp_path / "none.yml"], controls=controls, catalogue=catalogue, environment=environment, now=NOW)


def test_the_environment_may_shorten_or_lengthen(read: LoadWaivers, environment: Environment) -> None:
    longer = dataclasses.replace(
        environment, variables={**environment.variables, "verify_waiver_days": {"critical": 21}}
    )
    assert read({**ROW, "item": "INFRA-03.disks"}, env=longer)
    assert MAX_DAYS == {"critical": 14, "high": 30, "medium": 90, "low": 180}


def test_the_longest_waiver_is_allowed_to_the_second(read: LoadWaivers) -> None:
    assert read({**ROW, "expires_on": "2025-12-20T09:00:00Z"})


def test_an_id_is_given_once(read: LoadWaivers) -> None:
    with pytest.raises(OpsError, match="waiver W-1: id: another waiver has this id"):
        read(ROW, {**ROW, "subjects": {"kind": "host", "names": ["db1"]}})


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"subjects": {"group": "web"}},
        {"approved_on": "2025-11-24T00:00:00Z", "expires_on": "2025-12-01T00:00:00Z"},
        {"expires_on": "2025-11-20T10:00:00Z"},
    ],
)
def test_two_waivers_for_one_cell_are_refused(read: LoadWaivers, other: dict[str, Any]) -> None:
    with pytest.raises(OpsError, match="The waivers W-1 and W-2 both cover web1 for INFRA-02"):
        read(ROW, {**ROW, "id": "W-2", **other})


def test_an_item_and_a_control_of_it_overlap(read: LoadWaivers) -> None:
    one = {**ROW, "item": "INFRA-03", "expires_on": "2025-11-30T00:00:00Z"}
    with pytest.raises(OpsError, match="both cover web1"):
        read(one, {**one, "id": "W-2", "item": "INFRA-03.disks"})


def test_waivers_that_follow_each_other_do_not_overlap(read: LoadWaivers) -> None:
    first = {**ROW, "approved_on": "2025-11-01T00:00:00Z", "expires_on": "2025-11-20T08:59:59Z"}
    assert len(read(first, {**ROW, "id": "W-2"}, {**ROW, "id": "W-3", "subjects": {"group": "db"}})) == 3


def test_the_files_are_named_by_the_inventory(environment: Environment) -> None:
    def of(value: Any) -> list[str]:
        variables = {"verify_waivers_file": value} if value else {}
        return [str(path) for path in paths(dataclasses.replace(environment, variables=variables))]

    assert of(None) == []
    assert of("waivers.yml") == ["inventories/test/waivers.yml"]
    assert of(["waivers.yml", "/etc/waivers.yml"]) == ["inventories/test/waivers.yml", "/etc/waivers.yml"]


# Applying


def statuses(results: list[ControlResult]) -> dict[str, str]:
    return {f"{one.control.id} {row.subject}": str(row.status) for one in results for row in one.rows}


@pytest.fixture
def judged(make: Any) -> list[ControlResult]:
    found: list[ControlResult] = make(
        {
            "INFRA-02": {"db1": "fail", "web1": "fail", "web2": "unknown"},
            "INFRA-03.disks": {"web1": "fail"},
            "TEAM-01": {"test": "manual_due"},
        }
    )
    return found


def test_only_the_covered_cells_are_waived_and_the_original_stays(judged: list[ControlResult]) -> None:
    applied = apply(judged, [waiver(names=("web1", "web2"))], NOW)
    assert statuses(applied) == {
        "INFRA-02 db1": "fail",
        "INFRA-02 web1": "waived",
        "INFRA-02 web2": "waived",
        "INFRA-03.disks web1": "fail",
        "TEAM-01 test": "manual_due",
    }
    before, after = judged[0].rows[1], applied[0].rows[1]
    assert after == before._replace(status=Status.WAIVED, original=Status.FAIL, waiver="W-1")
    assert applied[0].rows[2].original is Status.UNKNOWN
    assert judged[0].rows[1].status is Status.FAIL


@pytest.mark.parametrize("status", ["pass", "stale", "not_applicable", "manual_due"])
def test_other_statuses_are_left_alone(make: Any, status: str) -> None:
    results = make({"INFRA-02": {"web1": status}})
    assert apply(results, [waiver()], NOW) == results


def test_a_service_of_the_same_name_is_another_subject(make: Any) -> None:
    results = make({"INFRA-03.api": {"web1": "fail"}})
    assert apply(results, [waiver(target="INFRA-03")], NOW) == results


@pytest.mark.parametrize(
    ("now", "held"),
    [
        ("2025-11-20T08:59:59.999Z", False),
        ("2025-11-20T09:00:00.000Z", True),
        ("2025-12-10T23:59:59.000Z", True),
        ("2025-12-10T23:59:59.001Z", False),
    ],
)
def test_a_waiver_holds_to_its_last_instant(
    read: LoadWaivers, judged: list[ControlResult], now: str, held: bool
) -> None:
    given_waivers = read(ROW)
    with freeze_time(now):
        applied = apply(judged, given_waivers, _utc.now().timestamp())
    assert (applied[0].rows[1].status is Status.WAIVED) == held


@given(table=st.lists(st.tuples(st.sampled_from(Status), st.booleans()), min_size=1, max_size=12))
def test_applying_never_hides_a_result(table: list[tuple[Status, bool]]) -> None:
    control = Control("INFRA-02", "", "host", None, nothing, (), "m")
    rows = tuple(row(status, f"h{number}") for number, (status, _covered) in enumerate(table))
    names = tuple(f"h{number}" for number, (_status, covered) in enumerate(table) if covered)
    (after,) = apply([ControlResult(control, item_of("INFRA-02"), rows)], [waiver(names=names)], NOW)
    for before, now, (_status, covered) in zip(rows, after.rows, table, strict=True):
        changed = covered and before.status in (Status.FAIL, Status.UNKNOWN)
        assert now.status is (Status.WAIVED if changed else before.status)
        assert now._replace(status=before.status, original=None, waiver="") == before


# What became of them


def test_a_used_waiver_is_no_mistake(judged: list[ControlResult]) -> None:
    one = waiver()
    found = review(apply(judged, [one], NOW), [one], NOW)
    assert (found.used, found.mistakes, found.exit_floor, found.sentences) == (("W-1",), (), 0, [])
    assert found.cells == {"W-1": (finding_id("INFRA-02", "host", "web1"),)}


def test_a_waiver_that_waives_nothing_is_a_mistake(make: Any) -> None:
    results = make({"INFRA-02": {"web1": "pass"}})
    found = review(apply(results, [waiver()], NOW), [waiver()], NOW)
    assert (found.unused, found.exit_floor) == (("W-1",), 11)
    assert found.sentences == ["Waiver W-1 waives nothing that failed: remove it."]
    assert exit_of(results, found) == 11


@pytest.mark.parametrize(("whole", "floor"), [(True, 11), (False, 0)])
def test_cells_that_nobody_judged(make: Any, whole: bool, floor: int) -> None:
    found = review(make({"INFRA-03.disks": {"web1": "pass"}}), [waiver()], NOW, whole=whole)
    assert (found.unseen, found.exit_floor) == (("W-1",), floor)


def test_fourteen_days_ahead(judged: list[ControlResult]) -> None:
    soon, later = waiver(expires_on=NOW + 14 * DAY), waiver(id="W-2", names=("db1",), expires_on=NOW + 14 * DAY + 1)
    found = review(apply(judged, [soon, later], NOW), [soon, later], NOW)
    assert found.expiring == ("W-1",)
    assert "Waiver W-1 expires within 14 days." in found.sentences


def test_an_expired_waiver_that_is_needed_makes_eleven(make: Any) -> None:
    results = make({"INFRA-02": {"db1": "pass", "web1": "fail"}})
    over = waiver(expires_on=NOW - 1)
    applied = apply(results, [over], NOW)
    found = review(applied, [over], NOW)
    assert statuses(applied)["INFRA-02 web1"] == "fail"
    assert (found.expired, found.needed) == (("W-1",), ("W-1",))
    assert found.expired_cells == {("INFRA-02", "host", "web1")}
    assert exit_of(applied, found) == 11


@pytest.mark.parametrize(
    ("other", "code"), [("fail", 1), ("unknown", 10), ("manual_due", 10), ("stale", 11), ("pass", 11)]
)
def test_anything_worse_outranks_an_expired_waiver(make: Any, other: str, code: int) -> None:
    results = make({"INFRA-02": {"web1": "fail", "web2": other}})
    over = waiver(expires_on=NOW - 1)
    assert exit_of(results, review(results, [over], NOW)) == code


def test_an_expired_waiver_that_is_not_needed_is_told(make: Any) -> None:
    results = make({"INFRA-02": {"web1": "pass"}})
    found = review(results, [waiver(expires_on=NOW - 1)], NOW)
    assert (found.needed, found.exit_floor) == ((), 0)
    assert found.sentences == ["Waiver W-1 has expired and is not needed: remove it."]


def test_a_waiver_that_was_renewed_is_not_needed(judged: list[ControlResult]) -> None:
    both = [waiver(expires_on=NOW - 1), waiver(id="W-2", approved_on=NOW)]
    applied = apply(judged, both, NOW)
    found = review(applied, both, NOW)
    assert (found.used, found.expired, found.needed) == (("W-2",), ("W-1",), ())


@given(st.lists(st.sampled_from(Status), max_size=8))
def test_without_waivers_the_exit_code_is_that_of_the_cells(found: list[Status]) -> None:
    control = Control("INFRA-02", "", "host", None, nothing, (), "m")
    rows = tuple(row(status, f"h{number}") for number, status in enumerate(found))
    results = [ControlResult(control, item_of("INFRA-02"), rows)]
    assert exit_of(results, review(results, [], NOW)) == exit_code(found)


def test_waivers_come_back_from_a_pack(judged: list[ControlResult]) -> None:
    given_waivers = (waiver(), waiver(id="W-2", names=("db2",), expires_on=NOW - 1), waiver(id="W-3", names=("db2",)))
    kept = as_record(given_waivers, review(apply(judged, given_waivers, NOW), given_waivers, NOW))
    assert from_record(kept) == given_waivers
    assert [one["state"] for one in kept] == ["in force", "expired", "waives nothing"]
    assert kept[0]["expires"] == "2025-12-16T09:40:00.000Z"
    assert kept[0]["findings"] == [finding_id("INFRA-02", "host", "web1")]


@pytest.mark.parametrize("rows", [[{}], [{"id": "W-1"}], "text"])
def test_what_is_no_kept_waiver_is_refused(rows: Any) -> None:
    with pytest.raises(OpsError, match="something that is no waiver"):
        from_record(rows)
