# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups and what proves them, as checks see them."""

from __future__ import annotations

from typing import Any

import pytest

from verify.engine.declared import Declared
from verify.engine.evidence import NoEvidence
from verify.facts.backups import Asset

from .world import DAY, NOW, World, at


def info(*backups: tuple[str, float, bool], code: int = 0, cipher: str = "aes-256-cbc") -> list[dict[str, Any]]:
    """What pgBackRest says: label, end so many seconds ago, error."""
    rows = [
        {
            "label": label,
            "type": "full",
            "timestamp": {"start": int(NOW - ended - 60), "stop": int(NOW - ended)},
            "info": {"size": 1000, "repository": {}},
            "error": error,
        }
        for label, ended, error in backups
    ]
    return [
        {
            "name": "main",
            "cipher": cipher,
            "status": {"code": code, "message": "ok"},
            "backup": rows,
            "db": [],
            "archive": [],
        }
    ]


ASSET = {"name": "database-main", "source": "pgbackrest", "host": "repo1", "stanza": "main"}


def asset(world: World, **about: Any) -> Asset:
    return Asset(world.estate, Declared("asset", about.get("name", ASSET["name"]), {**ASSET, **about}))


CHECK = {"name": "audit", "expected": "no finding", "observed": "no finding", "result": "verified"}


def proof(kind: str, ended: float, label: str, **more: Any) -> dict[str, Any]:
    return {
        "schema": f"ccobservatory.ops/{kind}/1",
        "type": kind,
        "asset": "database main",
        "backup": {"label": label, "source": "repo1"},
        "checks": [CHECK],
        "result": "verified",
        "host": "repo1",
        "started": at(ended + 30),
        "ended": at(ended),
        **more,
    }


def test_backups_of_a_database() -> None:
    world = World(verify_assets=[ASSET])
    world.put("repo1", "pgbackrest_info", info(("A", 2 * DAY, False), ("B", DAY / 2, False), ("C", 60, True)))
    view = asset(world)
    assert [one.label for one in view.backups] == ["A", "B", "C"]
    assert view.newest is not None
    assert (view.newest.label, view.newest.ok, view.encrypted) == ("C", False, True)
    assert view.age_s == pytest.approx(DAY / 2, abs=1)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ([], "does not know this stanza"),
        (info(code=1), "missing_stanza|says of the stanza"),
        ([{"name": "other"}], "does not know this stanza"),
        ("{", "cannot be read"),
    ],
)
def test_a_repository_that_cannot_be_read_is_no_evidence(body: Any, told: str) -> None:
    world = World()
    world.put("repo1", "pgbackrest_info", body)
    with pytest.raises(NoEvidence, match=told):
        asset(world).backups  # noqa: B018 - the access is what is tested


def test_an_empty_repository_is_a_fact() -> None:
    world = World()
    world.put("repo1", "pgbackrest_info", info(code=2, cipher="none"))
    assert (asset(world).newest, asset(world).encrypted, asset(world).repository.status) == (None, False, "no_backup")
    with pytest.raises(NoEvidence, match="no good backup"):
        asset(world).age_s  # noqa: B018 - the access is what is tested
    with pytest.raises(NoEvidence, match="needs a host"):
        asset(world, source="tape").backups  # noqa: B018 - the access is what is tested


def test_what_proves_a_backup() -> None:
    world = World(verify_assets=[ASSET])
    world.put("repo1", "pgbackrest_info", info(("A", 2 * DAY, False), ("B", 1000, False)))
    first, second = asset(world).backups
    assert not asset(world).verified(first)
    world.add("restore_test", proof("restore_test", 500, "B"), subject="runs")
    assert [asset(world).verified(one) for one in (first, second)] == [False, True]
    # An audit of the whole repository reads every backup that it keeps.
    world.add("backup", proof("backup", 500, "C"), subject="runs")
    assert [asset(world).verified(one) for one in (first, second)] == [True, True]
    for told in ({"result": "differs"}, {"checks": []}, {"checks": [CHECK, {**CHECK, "result": "differs"}]}):
        world.add("backup", proof("backup", 500, "A", **told), subject="runs")
        assert not asset(world).verified(first)
    assert asset(world).last_restore_test is not None


def test_only_a_newer_check_of_the_same_kind_and_backup_takes_a_finding_back() -> None:
    world = World(verify_assets=[ASSET])
    world.put("repo1", "pgbackrest_info", info(("A", DAY / 2, False), ("B", 1000, False)))
    first, second = asset(world).backups
    bad = proof("backup", 900, "B", result="differs")
    world.add("backup", bad, subject="runs")
    assert [asset(world).standing(one) for one in (first, second)] == [None, "differs"]
    assert [day.verified for day in asset(world).daily(1)] == [False]
    # An audit of the repository proves what no record refuted.
    world.add("backup", bad, proof("backup", 500, "C"), subject="runs")
    assert [asset(world).standing(one) for one in (first, second)] == ["verified", "differs"]
    assert [day.verified for day in asset(world).daily(1)] == [False]
    # A restore that went well is another check than the audit.
    test = proof("restore_test", 400, "B", result="differs")
    world.add("restore_test", proof("restore_test", 400, "B"), subject="runs")
    assert asset(world).standing(second) == "differs"
    world.add("backup", bad, proof("backup", 500, "B"), subject="runs")
    assert asset(world).standing(second) == "verified"
    world.add("restore_test", test, subject="runs")
    assert asset(world).standing(second) == "differs"
    world.add("restore_test", test, proof("restore_test", 300, "B"), subject="runs")
    assert asset(world).standing(second) == "verified"
    assert [day.verified for day in asset(world).daily(1)] == [True]


def test_a_check_that_could_not_run_decides_nothing() -> None:
    world = World(verify_assets=[ASSET])
    world.put("repo1", "pgbackrest_info", info(("B", 1000, False)))
    (only,) = asset(world).backups
    world.add(
        "restore_test", proof("restore_test", 900, "B", result="could_not_run", reason="No room."), subject="runs"
    )
    assert asset(world).standing(only) == "could_not_run"
    world.add("backup", proof("backup", 800, "C"), subject="runs")
    assert asset(world).standing(only) == "verified"


def test_a_damaged_backup_that_is_no_longer_kept_spoils_its_day() -> None:
    world = World(verify_assets=[ASSET])
    world.put("repo1", "pgbackrest_info", info(("B", 1000, False)))
    world.add("backup", proof("backup", 900, "B"), proof("backup", 2000, "Z", result="differs"), subject="runs")
    assert [day.verified for day in asset(world).daily(1)] == [False]


def test_the_record_of_another_asset_proves_nothing_though_its_backup_lies_on_the_same_host() -> None:
    files = {"name": "files-lb1", "source": "restic", "host": "lb1"}
    world = World(verify_assets=[ASSET, files])
    world.add("restore_test", proof("restore_test", 500, "B", asset="files-lb1"), subject="runs")
    assert asset(world).restore_tests == []
    # A name that no asset has is that of the one whose backups lie there.
    world.add("restore_test", proof("restore_test", 500, "B", asset="ccobservatory"), subject="runs")
    assert [row.asset for row in asset(world).restore_tests] == ["ccobservatory"]


def test_when_a_backup_was_checked() -> None:
    world = World(verify_assets=[ASSET])
    world.put("repo1", "pgbackrest_info", info(("A", 2 * DAY, False), ("B", 1000, False)))
    first, second = asset(world).backups
    assert (asset(world).checked_at(first), asset(world).checked_at(second)) == (None, None)
    audit = {"name": "audit", "started": at(900), "ended": at(700), "seconds": 200.0}
    world.add("backup", proof("backup", 1000, "B", phases=[{"name": "backup", "seconds": 9.0}, audit]), subject="runs")
    assert asset(world).checked_at(second) == pytest.approx(NOW - 700)
    world.add("restore_test", proof("restore_test", DAY, "A"), subject="runs")
    assert asset(world).checked_at(first) == pytest.approx(NOW - DAY)


def test_the_proof_of_a_full_backup_proves_no_incremental_one() -> None:
    """The label of an incremental backup begins with that of the full one that it rests on."""
    world = World(verify_assets=[ASSET])
    world.put("repo1", "pgbackrest_info", info(("20261101-010000F", 2000, False), ("20261101-010000F_x", 1000, False)))
    world.add("restore_test", proof("restore_test", 500, "20261101-010000F"), subject="runs")
    assert [asset(world).verified(one) for one in asset(world).backups] == [True, False]


def test_each_of_the_last_days() -> None:
    world = World(verify_assets=[ASSET])
    world.put("repo1", "pgbackrest_info", info(("A", 2.5 * DAY, False), ("B", 0.5 * DAY, False), ("C", 60, True)))
    days = asset(world).daily(5)
    assert [day.succeeded for day in days] == [True, False, True, None, None]
    assert [day.verified for day in days] == [False] * 5
    world.add("backup", proof("backup", 100, "B"), subject="runs")
    assert [day.verified for day in asset(world).daily(3)] == [True, False, True]
    # What was measured day by day knows of backups that have expired.
    rows = [[NOW - day * DAY, NOW - day * DAY, str(NOW - day * DAY - 3600)] for day in range(6, -1, -1)]
    world.series("backup_completed_daily", DAY, ({"stanza": "main"}, rows))
    assert [day.succeeded for day in asset(world).daily(6)] == [True] * 6


def test_backups_of_files() -> None:
    about = {"name": "files-lb1", "source": "restic", "host": "lb1"}
    world = World(verify_assets=[ASSET, about])
    snapshot = {"short_id": "ab12", "time": at(3600).replace("Z", "000000+00:00"), "paths": ["/etc"]}
    newer = {**snapshot, "short_id": "cd34", "summary": {"backup_start": at(120), "backup_end": at(60)}}
    world.put("lb1", "file_backup_snapshots", {"host": "lb1", "repository": "x", "snapshots": [newer, snapshot]})
    view = asset(world, **about)
    assert [(one.label, one.ok, one.encrypted) for one in view.backups] == [("ab12", True, True), ("cd34", True, True)]
    assert view.age_s == pytest.approx(60)
    assert not view.verified(view.backups[-1])
    success = ({"host": "lb1"}, [[NOW, NOW, str(NOW - 55)]])
    world.series("file_backup_success_daily", DAY, success)
    assert view.verified(view.backups[-1])
    assert [(day.succeeded, day.verified) for day in view.daily(2)] == [(True, True), (None, False)]
    world.put("lb1", "file_backup_snapshots", {"host": "lb1", "snapshots": None})
    with pytest.raises(NoEvidence, match="there is no repository"):
        asset(world, **about).backups  # noqa: B018 - the access is what is tested
