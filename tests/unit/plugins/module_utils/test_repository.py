# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults planted in a recorded repository are found by their names, and only those."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _repository, _repository_reader, _wal
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import Pgbackrest, parse_verify

MIB = 2**20
NEWEST, FULL = "20261123-212530F_20261123-215356I", "20261123-212530F"
ARCHIVE, BACKUP = "archive/main/15-1", "backup/main"
LAST, NEXT = "000000020000000000000023", "000000020000000000000024"
SYSTEM = "7711481165364725715"
Recorded = Any
Plant = Callable[[Recorded], None]


def audit(recorded: Recorded, *, at: float | None = None, **bounds: Any) -> list[dict[str, str]]:
    """Collect from the recorded repository and judge it."""
    tool = Pgbackrest(recorded, stanza="main")
    reader = _repository_reader.Reader(tool, run=recorded)
    repository = reader.collect(segment_size=MIB, all_manifests=False)
    repository.at = at or repository.at
    findings, _timeline = _repository.judge(repository, _repository.Bounds(segment_size=MIB, **bounds))
    return findings


def codes(findings: list[dict[str, str]]) -> set[str]:
    return {row["code"] for row in findings}


def segment(recorded: Recorded, name: str) -> str:
    """Return the path of a segment's file."""
    return next(path for path in recorded.listing if path.rsplit("/", 1)[-1].startswith(f"{name}-"))


def drop(prefix: str) -> Plant:
    """Return a fault that removes all paths which begin so."""

    def plant(recorded: Recorded) -> None:
        gone = [path for path in recorded.listing if path.startswith(prefix)]
        assert gone, prefix
        for path in gone:
            del recorded.listing[path]

    return plant


def resize(prefix: str, size: int) -> Plant:
    """Return a fault that gives a file another size."""

    def plant(recorded: Recorded) -> None:
        path = next(path for path in recorded.listing if path.startswith(prefix))
        recorded.listing[path]["size"] = size

    return plant


def add_segment(name: str, *, checksum: str = "0" * 40, later: float = 0) -> Plant:
    """Return a fault that archives one more file."""

    def plant(recorded: Recorded) -> None:
        newest = max(float(entry.get("time", 0)) for entry in recorded.listing.values())
        path = f"{ARCHIVE}/{name[:16]}/{name}-{checksum}.zst"
        recorded.listing[path] = {"type": "file", "size": 8464, "time": newest + later}

    return plant


def add_history(timeline: int, text: str, *, later: float = 0) -> Plant:
    """Return a fault that archives the history file of another timeline."""

    def plant(recorded: Recorded) -> None:
        newest = max(float(entry.get("time", 0)) for entry in recorded.listing.values())
        path = f"{ARCHIVE}/{timeline:08X}.history"
        recorded.listing[path] = {"type": "file", "size": 48, "time": newest + later}
        recorded.files[path] = text

    return plant


def unreadable(*paths: str) -> Plant:
    """Return a fault after which files cannot be decrypted."""

    def plant(recorded: Recorded) -> None:
        for path in [path for path in recorded.files if path.startswith(paths)]:
            recorded.files[path] = "Salted__ garbage"

    return plant


def other_system(path: str) -> Plant:
    """Return a fault that makes a file belong to another cluster."""

    def plant(recorded: Recorded) -> None:
        for name in (path, f"{path}.copy"):
            if name in recorded.files:
                recorded.files[name] = recorded.files[name].replace(SYSTEM, "1234567890123456789")

    return plant


def marked_with_errors(recorded: Recorded) -> None:
    recorded.info[0]["backup"][-1]["error"] = True


def third_full(recorded: Recorded) -> None:
    row = dict(recorded.info[0]["backup"][0], label="20261123-212000F")
    recorded.info[0]["backup"].insert(0, row)


FAULTS: list[tuple[str, Plant, set[str]]] = [
    ("missing WAL", drop(f"{ARCHIVE}/0000000100000000/000000010000000000000011-"), {"missing_wal"}),
    ("missing WAL at the fork", drop(f"{ARCHIVE}/0000000200000000/000000020000000000000018-"), {"missing_wal"}),
    (
        "WAL of a backup missing",
        drop(f"{ARCHIVE}/0000000100000000/000000010000000000000014-"),
        {"missing_wal", "backup_without_wal"},
    ),
    ("duplicate WAL", add_segment("000000010000000000000011"), {"duplicate_wal"}),
    ("empty WAL", resize(f"{ARCHIVE}/0000000100000000/000000010000000000000011-", 0), {"truncated_wal"}),
    ("cut WAL", resize(f"{ARCHIVE}/0000000100000000/000000010000000000000011-", 3001), {"truncated_wal"}),
    ("missing bundle", drop(f"{BACKUP}/{FULL}/bundle/1"), {"missing_bundle"}),
    ("cut bundle", resize(f"{BACKUP}/{FULL}/bundle/1", 4096), {"truncated_bundle"}),
    ("missing file", drop(f"{BACKUP}/{NEWEST}/pg_data/backup_label"), {"missing_file"}),
    ("cut file", resize(f"{BACKUP}/{NEWEST}/pg_data/backup_label", 16), {"truncated_file"}),
    ("missing manifest", drop(f"{BACKUP}/{NEWEST}/backup.manifest"), {"missing_manifest"}),
    ("missing copy of a manifest", drop(f"{BACKUP}/{NEWEST}/backup.manifest.copy"), {"missing_manifest"}),
    ("damaged manifest", unreadable(f"{BACKUP}/{NEWEST}/backup.manifest"), {"bit_flip"}),
    ("missing set", drop(f"{BACKUP}/{NEWEST}"), {"missing_backup"}),
    ("missing backup history", drop(f"{BACKUP}/backup.history/2026/{NEWEST}."), {"missing_backup_history"}),
    ("missing copy of an info file", drop("archive/main/archive.info.copy"), {"missing_info"}),
    ("damaged info file", unreadable("backup/main/backup.info.copy"), {"bit_flip"}),
    ("wrong key", unreadable("archive/main/archive.info", "backup/main/backup.info"), {"wrong_cipher"}),
    ("set of another cluster", other_system(f"{BACKUP}/{NEWEST}/backup.manifest"), {"wrong_stanza"}),
    ("info files of two clusters", other_system("archive/main/archive.info"), {"wrong_stanza"}),
    ("orphan timeline", add_history(7, "1\t0/1200000\tx\n", later=-900), {"orphan_timeline"}),
    ("segment of an unknown timeline", add_segment("000000090000000000000018"), {"orphan_timeline"}),
    (
        "damaged history file",
        unreadable(f"{ARCHIVE}/00000002.history"),
        {"bit_flip", "abandoned_timeline", "backup_off_timeline"},
    ),
    ("WAL of a primary left behind", add_segment("000000010000000000000018", later=60), {"divergent_wal"}),
    ("errors in a backup", marked_with_errors, {"backup_error"}),
]


def test_a_sound_repository_has_no_findings(pgbackrest: Recorded) -> None:
    bounds = {"system_identifier": SYSTEM, "database_version": "15", "retention_full": 2, "timeline": 2}
    assert audit(pgbackrest) == []
    assert audit(pgbackrest, **bounds, max_backup_age_s=10**9, max_full_backup_age_s=10**9) == []


@pytest.mark.parametrize(("plant", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_fault_is_found_by_its_name_and_no_other(plant: Plant, expected: set[str], pgbackrest: Recorded) -> None:
    plant(pgbackrest)
    findings = audit(pgbackrest)
    assert codes(findings) == expected
    assert all(set(row) == set(_repository.finding("no_backup", "", "", "")) for row in findings)
    assert all(row["mend"] and row["subject"] and row["observed"] and row["expected"] for row in findings)


def test_a_gap_is_told_as_one_range(pgbackrest: Recorded) -> None:
    for name in ("000000010000000000000010", "000000010000000000000011", "000000010000000000000013"):
        drop(segment(pgbackrest, name))(pgbackrest)
    gaps = [row["subject"] for row in audit(pgbackrest) if row["code"] == "missing_wal"]
    assert gaps == ["000000010000000000000010..000000010000000000000011", "000000010000000000000013"]


def test_a_gap_before_the_newest_backup_does_not_stop_a_recovery_from_it(pgbackrest: Recorded) -> None:
    drop(f"{ARCHIVE}/0000000100000000/000000010000000000000011-")(pgbackrest)
    assert codes(audit(pgbackrest, continuity_from="newest")) == set()


def test_a_missing_history_file_of_the_production_is_named(pgbackrest: Recorded) -> None:
    drop(f"{ARCHIVE}/00000002.history")(pgbackrest)
    findings = audit(pgbackrest, timeline=2)
    assert {row["subject"] for row in findings if row["code"] == "missing_history"} == {"00000002.history"}


def test_a_timeline_that_production_followed_is_none_to_worry_about(pgbackrest: Recorded) -> None:
    add_history(3, "1\t0/1800000\tx\n2\t0/2400000\tx\n", later=30)(pgbackrest)
    add_segment("000000030000000000000024", later=40)(pgbackrest)
    assert codes(audit(pgbackrest)) == set()
    assert codes(audit(pgbackrest, timeline=2)) == {"orphan_timeline"}


def test_a_timeline_whose_parent_archived_on_is_an_orphan(pgbackrest: Recorded) -> None:
    add_history(3, "1\t0/1800000\tx\n2\t0/2400000\tx\n", later=30)(pgbackrest)
    add_segment("000000030000000000000024", later=40)(pgbackrest)
    newest = max(
        name for name in (path.rsplit("/", 1)[-1][:24] for path in pgbackrest.listing) if name[:8] == "00000002"
    )
    last = int(newest[-2:], 16)
    for number in range(last + 1, 0x25):
        add_segment(f"0000000200000000000000{number:02X}", later=60)(pgbackrest)
    found = [row for row in audit(pgbackrest) if row["severity"] == "error"]
    assert [(row["code"], row["subject"]) for row in found] == [("orphan_timeline", "timeline 3")]


def test_an_older_branch_is_only_noted(pgbackrest: Recorded) -> None:
    add_history(2, "1\t0/1800000\tx\n")(pgbackrest)
    add_history(5, "1\t0/1800000\tx\n", later=10)(pgbackrest)
    findings = audit(pgbackrest, timeline=5)
    assert {row["severity"] for row in findings if row["code"] == "abandoned_timeline"} == {"note"}
    off = {row["subject"] for row in findings if row["code"] == "backup_off_timeline"}
    assert NEWEST in off
    assert FULL not in off


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"system_identifier": SYSTEM, "database_version": "15"}, set()),
        ({"system_identifier": "1"}, {"wrong_stanza"}),
        ({"database_version": "16"}, {"wrong_stanza"}),
    ],
)
def test_a_stanza_of_another_cluster_is_found(bounds: dict[str, str], expected: set[str], pgbackrest: Recorded) -> None:
    assert codes(audit(pgbackrest, **bounds)) == expected


@pytest.mark.parametrize(
    ("after_s", "bounds", "expected"),
    [
        (3600, {"max_backup_age_s": 3601}, set()),
        (3600, {"max_backup_age_s": 3599}, {"stale_backup"}),
        (7200, {"max_full_backup_age_s": 7200}, {"stale_full_backup"}),
    ],
)
def test_a_backup_grows_stale(
    after_s: float, bounds: dict[str, float], expected: set[str], pgbackrest: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = pgbackrest.info[0]["backup"][-1]["timestamp"]["stop"]
    monkeypatch.setattr(_repository_reader.time, "time", lambda: stop + after_s)
    assert codes(audit(pgbackrest, **bounds)) == expected


def test_more_full_backups_than_wanted_are_told(pgbackrest: Recorded) -> None:
    assert codes(audit(pgbackrest, retention_full=2)) == set()
    assert codes(audit(pgbackrest, retention_full=1)) == {"retention_overrun"}
    pgbackrest.info[0]["status"]["lock"]["backup"]["held"] = True
    assert codes(audit(pgbackrest, retention_full=1)) == set()


def test_wal_from_before_the_oldest_backup_is_told_once_enough_backups_are_kept(pgbackrest: Recorded) -> None:
    add_segment("000000010000000000000005")(pgbackrest)
    assert codes(audit(pgbackrest, retention_full=3)) == set()
    found = audit(pgbackrest, retention_full=2)
    assert [(row["code"], row["subject"]) for row in found] == [("retention_overrun", "archive")]


def test_a_repository_without_a_backup_is_told(pgbackrest: Recorded) -> None:
    pgbackrest.info[0]["backup"] = []
    for path in [path for path in pgbackrest.listing if path.startswith(f"{BACKUP}/2")]:
        del pgbackrest.listing[path]
    assert codes(audit(pgbackrest)) == {"no_backup"}


def test_an_aborted_backup_is_noted_unless_one_is_running(pgbackrest: Recorded) -> None:
    pgbackrest.listing[f"{BACKUP}/20261123-230000F"] = {"type": "path"}
    assert codes(audit(pgbackrest)) == {"unknown_backup"}
    pgbackrest.info[0]["status"]["lock"]["backup"]["held"] = True
    assert codes(audit(pgbackrest)) == set()


@pytest.mark.parametrize(
    ("offset", "age", "expected"),
    [
        (100, 1000, set()),
        (9000, 1000, {"stale_archive"}),
        (9000, 100, set()),
        (MIB + 100, 1000, {"stale_archive"}),
        (5 * MIB, 1000, {"stale_archive"}),
    ],
)
def test_an_archive_that_stands_still_while_the_primary_writes_is_stale(
    offset: int, age: float, expected: set[str], pgbackrest: Recorded
) -> None:
    names = [
        path.rsplit("/", 1)[-1][:24] for path in pgbackrest.listing if path.startswith(f"{ARCHIVE}/0000000200000000/")
    ]
    newest = max(names)
    stored = pgbackrest.listing[segment(pgbackrest, newest)]["time"]
    position = (_wal.parse_segment(newest, segment_size=MIB).number + 1) * MIB + offset
    found = audit(pgbackrest, at=stored + age, current_lsn=_wal.format_lsn(position), max_archive_age_s=300, timeline=2)
    assert codes(found) == expected


@pytest.mark.parametrize(
    ("free", "backup", "expected"),
    [(50, 10, set()), (5, 1, {"disk_full"}), (20, 30, {"disk_full"})],
)
def test_a_repository_without_room_is_told(free: int, backup: int, expected: set[str]) -> None:
    bounds = _repository.Bounds(min_free_percent=10)
    assert codes(_repository.judge_room(free=free, total=100, backup_bytes=backup, bounds=bounds)) == expected


@pytest.mark.parametrize(
    ("begins", "ends", "expected"),
    [
        (-10.0, 22.0, set()),
        (-10.0, 20.0, {"certificate_expiring"}),
        (-10.0, -0.1, {"certificate_expired"}),
        (0.5, 300.0, {"certificate_expired"}),
        (None, None, {"certificate_unreadable"}),
    ],
)
def test_a_certificate_is_judged_by_its_days(begins: float | None, ends: float | None, expected: set[str]) -> None:
    day, at = 86400, 10**9
    dates = (None if begins is None else at + begins * day, None if ends is None else at + ends * day)
    assert codes(_repository.judge_certificate("x.crt", *dates, at=at, min_days=21)) == expected


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("clean", [], []),
        ("backup_flipped", [], [("bit_flip", FULL)]),
        ("wal_flipped", [], [("bit_flip", "000000010000000000000016")]),
        ("wal_truncated", [], [("truncated_wal", "000000010000000000000016")]),
        ("wal_truncated", [("truncated_wal", "000000010000000000000016")], []),
        ("wal_duplicate", [("duplicate_wal", "000000010000000000000016")], []),
        ("bundle_missing", [("missing_bundle", f"{FULL}/bundle/1")], []),
        ("bundle_missing", [], [("missing_file", FULL)]),
    ],
)
def test_what_verify_found_is_told_once_for_each_set(
    name: str, known: list[tuple[str, str]], expected: list[tuple[str, str]], recorded: Callable[[str], str]
) -> None:
    explained = [_repository.finding(code, subject, "x", "y") for code, subject in known]
    found = _repository.judge_verify(parse_verify(recorded(f"pgbackrest/verify_{name}.txt"))["findings"], explained)
    assert [(row["code"], row["subject"]) for row in found] == expected


@pytest.mark.parametrize(
    ("file", "size", "encrypted", "expected"),
    [
        (".zst", 8464, True, set()),
        (".zst", 8465, True, {"truncated_wal"}),
        (".zst", 8465, False, set()),
        ("", MIB, False, set()),
        ("", MIB - 16, False, {"truncated_wal"}),
        (".gz", 0, False, {"truncated_wal"}),
    ],
)
def test_a_size_alone_proves_a_cut(file: str, size: int, encrypted: bool, expected: set[str]) -> None:
    path = f"{ARCHIVE}/0000000100000000/000000010000000000000011-{'a' * 40}{file}"
    archive = _wal.parse_archive({path: {"type": "file", "size": size}}, prefix=ARCHIVE, segment_size=MIB)
    found = _repository.judge_archive_files(archive, segment_size=MIB, encrypted=encrypted)
    assert codes(found) == expected


def test_every_fault_of_the_catalogue_says_what_to_do() -> None:
    for code, kind in _repository.CATALOGUE.items():
        assert kind.severity in ("error", "warning", "note"), code
        assert kind.mend, code
        assert kind.pgbackrest, code


def test_settings_come_from_all_files_and_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = tmp_path / "pgbackrest.conf"
    main.write_text("[global]\nrepo1-cipher-pass=geheim\nrepo1-retention-full=2\ntls-server-cert-file=/a.crt\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.conf").write_text("# nothing here\n")
    (tmp_path / "conf.d" / "b.conf").write_text("[main]\nrepo1-retention-full=7\npg1-host-ca-file=/ca.crt\n")
    monkeypatch.setattr(_repository_reader, "_DEFAULT_CONFIG", str(main))
    found = _repository_reader.settings(None, stanza="main")
    assert "geheim" not in str(found)
    assert found["repo1-retention-full"] == "7"
    assert _repository_reader.certificate_paths(found) == ["/a.crt", "/ca.crt"]
    assert _repository_reader.settings(str(tmp_path / "other.conf"), stanza="main") == {}


def test_the_certificates_of_database_hosts_are_looked_at_where_they_answer(
    pgbackrest: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = {
        "pg1-host": "db1",
        "pg1-host-type": "tls",
        "pg1-host-port": "9999",
        "pg2-host": "db2",
        "pg2-host-type": "tls",
        "pg3-host": "db3",
        "repo1-host": "repo1",
    }
    assert _repository_reader.peers(configured) == [("db1", 9999), ("db2", 8432)]
    shown = {"db1": "-----BEGIN CERTIFICATE-----", "db2": None}
    monkeypatch.setattr(_repository_reader, "peer_certificate", lambda host, _port, _settings: shown[host])
    pgbackrest.answers["openssl"] = [(0, "notBefore=Nov 23 00:00:00 2020 GMT\nnotAfter=Nov 23 00:00:00 2021 GMT\n", "")]
    reader = _repository_reader.Reader(Pgbackrest(pgbackrest, stanza="main"), run=pgbackrest)
    found, answered = reader.peer_certificates(configured, bounds=_repository.Bounds())
    assert [(row["code"], row["subject"]) for row in found] == [("certificate_expired", "db1:9999")]
    assert "2021-11-23" in found[0]["observed"]
    assert answered == {"db1:9999": True, "db2:8432": False}
    assert not Path(pgbackrest.calls[-1][-1]).exists()


def test_a_peer_that_does_not_answer_shows_no_certificate() -> None:
    assert _repository_reader.peer_certificate("127.0.0.1", 1, {"tls-server-cert-file": "/no", "x": "y"}) is None
    assert _repository_reader.peer_certificate("127.0.0.1", 1, {}) is None


def test_a_repository_that_holds_nothing_of_the_stanza_is_an_error(pgbackrest: Recorded) -> None:
    pgbackrest.listing.clear()
    with pytest.raises(OpsError, match="holds nothing of stanza"):
        audit(pgbackrest)


def test_a_gap_that_closes_by_itself_is_none(pgbackrest: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    path = segment(pgbackrest, "00000002000000000000001A")
    kept = pgbackrest.listing.pop(path)
    now = pgbackrest.listing[segment(pgbackrest, "00000002000000000000001B")]["time"]
    monkeypatch.setattr(_repository_reader.time, "time", lambda: now + 1.0)

    def arrive(_seconds: float) -> None:
        pgbackrest.listing[path] = kept

    monkeypatch.setattr(_repository_reader.time, "sleep", arrive)
    assert "missing_wal" not in codes(audit(pgbackrest))
