# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On the running lab: one backup, restored to a time, an LSN, a named point and the end; every asset tested, or not.

The playbooks run as the operator's page gives them. The restores go to the database host that stands empty: first to
an empty directory, then with what the last one left, of which only what differs is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _drills
import pytest
import yaml
from _lab import on, sql, until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]

TABLE = "restore_probe"
POINT = "restore_probe_point"
SCRATCH = "/var/lib/postgresql/restore_test"
DATA_DIR, UNIT = "/var/lib/postgresql/15/main", "postgresql@15-main.service"
FILES = {"files-lb1": "db2", "files-lb2": "db2", "files-db1": "db2", "files-db2": "lb1", "files-mon1": "db2"}
FILE_CHECKS = {
    "the repository is whole",
    "every restored file has the content that was saved",
    "every entry of the snapshot is there",
    "the probe is that of this backup",
}
KEPT = "/var/lib/file_backup"
DIGEST = re.compile(r"[0-9a-f]{64}")
APART = {"the copy archives nothing", "no route leads out of the copy's network"}
TO_THE_END = "the log was replayed to the end of the archive"
# Overwrites the middle of the largest pack of a repository: its index and its trees stay readable.
SPOIL = """
cp -a "$1" "$1.aside"
pack=$(find "$1/data" -type f -printf "%s %p\\n" | sort -n | tail -n 1 | cut -d " " -f 2)
size=$(stat -c %s "$pack")
chmod u+w "$pack"
head -c $((size / 2)) /dev/urandom | dd of="$pack" bs=1k seek=$((size / 4096)) conv=notrunc status=none
"""
# What a balancer needs to be the same one again.
OF_A_BALANCER = {
    "/etc/haproxy/haproxy.cfg",
    "/etc/haproxy/tls/ca.crt",
    "/etc/haproxy/tls/haproxy.pem",
    "/var/lib/haproxy/server-state",
}
LISTED = """
import json, subprocess, sys
it = json.load(open("/etc/ccobservatory/file_backup/settings.json"))
place = ["--repo", it["repository"], "--password-file", it["password_file"], "-o", "sftp.command=" + it["sftp_command"]]
sys.exit(subprocess.run(["restic", "--no-lock", "--no-cache", *place, "ls", sys.argv[1]]).returncode)
"""
TIMERS = ("pgbackrest-incr.timer", "pgbackrest-full.timer")
GROUPS = "SELECT part, count(*) FROM restore_probe GROUP BY part"
ALL_ROWS = "SELECT count(*) FROM restore_probe"


@dataclass
class History:
    """Rows that were written one group after the other, and what lies between: a time, an LSN, a named point."""

    cwd: Path
    backups: dict[str, dict[str, Any]]
    targets: dict[str, str] = field(default_factory=dict)


def records(cwd: Path, kind: str) -> dict[str, dict[str, Any]]:
    """Return the newest record of a type by asset."""
    paths = sorted(cwd.glob(f"records/{kind}/*.json"))
    return {record["asset"]: record for path in paths for record in [json.loads(path.read_text(encoding="utf-8"))]}


def rungs(part: Any) -> set[str]:
    """Return the names of the rungs in a part of a role: each has a name and what it runs."""
    if isinstance(part, dict) and {"name", "argv"} <= part.keys():
        return {str(part["name"])}
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return {name for one in inner for name in rungs(one)}


def ladder() -> set[str]:
    """Return the names of the checks that the restore test of a database has, as its roles give them."""
    roles = _drills.ROOT / "roles"
    known = yaml.safe_load((roles / "integrity/vars/main.yml").read_text(encoding="utf-8"))["__integrity_rungs"]
    own = [roles / "restore_test" / name for name in ("tasks/verify.yml", "vars/main.yml")]
    return rungs([known, *(yaml.safe_load(path.read_text(encoding="utf-8")) for path in own)])


def write(group: str) -> None:
    """Commit a hundred rows of a group on the primary."""
    sql(f"INSERT INTO {TABLE} SELECT '{group}', generate_series(1, 100)")


def archived() -> bool:
    """Tell whether every finished segment of the primary has reached the archive."""
    return sql("SELECT count(*) = 0 FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'") == "t"


def backups() -> list[str]:
    """Return the labels of the backups that lie in the repository."""
    found = on("repo1", "find", "/var/lib/pgbackrest/backup/main", "-mindepth", "1", "-maxdepth", "1", "-type", "d")
    return sorted(Path(line).name for line in found.splitlines())


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Take one backup of every asset, write on, and return where one can go back to."""
    cwd = tmp_path_factory.mktemp("restore")
    sql(f"DROP TABLE IF EXISTS {TABLE}", f"CREATE TABLE {TABLE} (part text, n int)")
    # A backup on schedule would be newer than the one that is restored here.
    on("repo1", "systemctl", "stop", *TIMERS)
    try:
        write("backup")
        done = _drills.run(cwd=cwd, playbook="playbooks/backup.yml")
        assert done.returncode == 0, done.stdout[-3000:]
        it = History(cwd, records(cwd, "backup"))
        write("first")
        it.targets["time"] = sql(
            "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        )
        sql("SELECT pg_sleep(1)")
        write("second")
        it.targets["lsn"] = sql("SELECT pg_current_wal_lsn()")
        write("third")
        sql(f"SELECT pg_create_restore_point('{POINT}')")
        it.targets["name"] = POINT
        write("last")
        sql("SELECT pg_switch_wal()")
        until(archived, 90)
        yield it
    finally:
        on("repo1", "systemctl", "start", *TIMERS)
        sql(f"DROP TABLE IF EXISTS {TABLE}")
        # As the drills leave it: stopped and empty, ready for a restore.
        on("db2", "systemctl", "stop", UNIT)
        on("db2", "sh", "-ec", 'rm -rf "$1"; install -d -o postgres -g postgres -m 700 "$1"', "sh", DATA_DIR)
    assert _drills.writable() == ["db1"]


def test_each_backup_leaves_a_record_that_identifies_it(history: History) -> None:
    assert set(history.backups) == {"ccobservatory", *FILES}
    for record in history.backups.values():
        assert record["result"] == "verified"
        assert DIGEST.fullmatch(record["backup"]["digest"])
        assert record["backup"]["source"] == "repo1"
        assert record["backup"]["size_bytes"] > 10_000
        assert record["backup"]["repo_size_bytes"] > 1_000
    files = json.loads(on("lb1", "/usr/bin/python3", "/usr/local/lib/ccobservatory/file_backup.py", "list"))
    newest = files["snapshots"][-1]
    kept = history.backups["files-lb1"]["backup"]
    assert (kept["label"], kept["digest"]) == (newest["short_id"], newest["tree"])


def test_the_files_of_a_balancer_hold_what_its_site_needs(history: History) -> None:
    """The key of the authority is not among them: it is on no host."""
    label = history.backups["files-lb1"]["backup"]["label"]
    paths = set(on("lb1", "/usr/bin/python3", "-c", LISTED, label).splitlines())
    assert sorted(OF_A_BALANCER - paths) == []
    assert [path for path in paths if Path(path).name == "ca.key"] == []


@pytest.mark.parametrize(
    ("kind", "there"),
    [
        ("time", ["backup", "first"]),
        ("lsn", ["backup", "first", "second"]),
        ("name", ["backup", "first", "second", "third"]),
        ("default", ["backup", "first", "second", "third", "last"]),
    ],
)
def test_what_was_written_before_the_point_is_there_and_nothing_after_it(
    history: History, kind: str, there: list[str]
) -> None:
    """The first goes to an empty host; the others write only what differs, and need the word to stop what runs.

    Without a point all that the archive holds comes back, and the record says that it was read to its end.
    """
    started = sql("SELECT pg_postmaster_start_time()")
    arguments = ["-e", "restore_host=db2", "-e", "restore_confirm=db2", "-e", f"restore_type={kind}"]
    arguments += ["-e", json.dumps({"restore_target": history.targets.get(kind, "")})]
    if "db2" in _drills.writable():
        if kind == "lsn":
            refused = _drills.run(*arguments, cwd=history.cwd, playbook="playbooks/restore.yml")
            assert refused.returncode != 0
            assert "PostgreSQL runs on db2; stop it, or set -e restore_stop=true" in " ".join(refused.stdout.split())
        arguments += ["-e", "restore_stop=true"]
    done = _drills.run(*arguments, cwd=history.cwd, playbook="playbooks/restore.yml")
    assert done.returncode == 0, done.stdout[-3000:]
    found = sql(GROUPS, host="db2")
    assert sorted(found.split()) == sorted(f"{part}|100" for part in there)
    assert sql("SELECT setting FROM pg_settings WHERE name = 'archive_mode'", host="db2") == "off"
    record = records(history.cwd, "restore")["ccobservatory"]
    assert record["result"] == "verified"
    assert (TO_THE_END in {check["name"] for check in record["checks"]}) is (kind == "default")
    assert record["backup"]["label"] == history.backups["ccobservatory"]["backup"]["label"]
    assert record["backup"]["digest"] == history.backups["ccobservatory"]["backup"]["digest"]
    # The primary was not asked to do anything, and still has every row.
    assert sql("SELECT pg_postmaster_start_time()") == started
    assert sql(ALL_ROWS) == "500"


def nothing_is_left() -> None:
    """See that the scratch directories are gone, and that nobody but the host itself is let in to its backups."""
    for host in ("db2", "lb1"):
        assert (
            on(host, "sh", "-c", "ls -d /var/lib/restore_test* /var/lib/postgresql/restore_test 2>/dev/null || true")
            == ""
        )
    for asset in FILES:
        keys = on("repo1", "cat", f"/etc/ssh/file_backup_keys/fb_{asset.removeprefix('files-')}").splitlines()
        assert len([line for line in keys if line.strip()]) == 1
        assert "expiry-time" not in keys[0]


@pytest.fixture
def killed() -> None:
    """Leave what a test of the database leaves that is killed while its copy runs."""
    on("db2", "install", "-d", "-o", "postgres", "-m", "700", f"{SCRATCH}/data")
    on("db2", "sh", "-ec", 'echo left > "$1"', "sh", f"{SCRATCH}/data/PG_VERSION")
    on("db2", "systemd-run", "--unit=restore-test", "--collect", "sleep", "900")


def test_a_restore_that_would_archive_beside_a_writer_is_refused(history: History, tmp_path: Path) -> None:
    """The switch comes as an operator gives it: as a text."""
    arguments = ["-e", "restore_host=db2", "-e", "restore_confirm=db2", "-e", "restore_archive=true", "--check"]
    done = _drills.run(*arguments, cwd=tmp_path, playbook="playbooks/restore.yml")
    assert done.returncode != 0
    assert "db1 takes writes, or may: restore_archive would put db2 beside it" in " ".join(done.stdout.split())


def test_the_newest_backup_of_each_asset_is_proved_on_another_host(history: History, killed: None) -> None:
    done = _drills.run(cwd=history.cwd, playbook="playbooks/restore_test.yml")
    assert done.returncode == 0, done.stdout[-3000:]
    tested = records(history.cwd, "restore_test")
    assert {asset: record["host"] for asset, record in tested.items()} == {"ccobservatory": "db2", **FILES}
    for asset, record in tested.items():
        assert record["result"] == "verified", record
        names = [check["name"] for check in record["checks"]]
        assert sorted(names) == sorted(FILE_CHECKS if asset in FILES else ladder())
        assert all(check["result"] == "verified" for check in record["checks"])
        assert record["backup"]["size_bytes"] > 10_000
        assert record["backup"]["repo_size_bytes"] > 1_000
        assert 0 <= record["backup"]["age_s"] < 3600
        assert all(phase["started"] <= phase["ended"] for phase in record["phases"])
        for key in ("label", "digest"):
            assert record["backup"][key] == history.backups[asset]["backup"][key]
    assert {check["name"] for check in tested["ccobservatory"]["checks"]} > APART
    nothing_is_left()


@pytest.fixture
def sabotaged() -> Iterator[None]:
    """Take the backups of the files of lb1 away and damage those of mon1; put both back."""
    lost, damaged = f"{KEPT}/fb_lb1/restic", f"{KEPT}/fb_mon1/restic"
    on("repo1", "mv", lost, f"{lost}.aside")
    on("repo1", "sh", "-ec", SPOIL, "sh", damaged)
    yield
    on("repo1", "mv", f"{lost}.aside", lost)
    on("repo1", "sh", "-ec", 'rm -rf "$1"; mv "$1.aside" "$1"', "sh", damaged)


def test_what_cannot_be_tested_says_so_and_hides_nothing(history: History, sabotaged: None) -> None:
    """A stanza that is not there, backups that are gone and damaged ones: three records, one sentence each."""
    arguments = ("-e", "restore_test_stanza=nowhere", "--limit", "localhost:lb1:mon1")
    done = _drills.run(*arguments, cwd=history.cwd, playbook="playbooks/restore_test.yml")
    assert done.returncode != 0
    tested = records(history.cwd, "restore_test")
    assert tested["ccobservatory"]["result"] == "could_not_run"
    assert "holds no backup" in tested["ccobservatory"]["reason"]
    assert tested["files-lb1"]["result"] == "could_not_run"
    assert "The repository does not answer" in tested["files-lb1"]["reason"]
    assert tested["files-mon1"]["result"] == "differs"
    said = " ".join(done.stdout.split()).rpartition("TASK [")[2]
    for sentence in ("holds no backup", "The repository does not answer", "The restored files of files-mon1"):
        assert sentence in said
    nothing_is_left()


def test_silent_hosts_leave_a_record_and_no_backup_is_touched(history: History, tmp_path: Path) -> None:
    """The hosts are only named with an address where nobody answers, so that the lab stays as it is.

    The limit names a host that no play is for: one that names the controller alone is refused by Ansible. The records
    lie apart from those of the other tests, of which one could be taken for the answer.
    """
    gone = json.dumps({"restore_test_host": "db2", "ansible_host": "127.0.0.1", "ansible_port": 1})
    kept = backups()
    done = _drills.run("-e", gone, "--limit", "localhost:repo1", cwd=tmp_path, playbook="playbooks/restore_test.yml")
    assert done.returncode != 0
    left = records(tmp_path, "restore_test")
    assert set(left) == {"ccobservatory"}, done.stdout[-3000:]
    assert left["ccobservatory"]["result"] == "could_not_run"
    assert "repo1, db2 do not answer by ssh" in left["ccobservatory"]["reason"]
    assert backups() == kept
    assert history.backups["ccobservatory"]["backup"]["label"] in kept
