# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On the running, provisioned lab: every fault of a backup repository is found by its name within a minute.

Each fault is made in the repository that the primary archives to, found by wal_audit, and undone. Where pgBackRest's
own commands see nothing, that is asserted too: they are what people trust without this audit. At the end the repository
is as clean as before, the primary was never restarted, and a real restore brings back what was written meanwhile.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from _lab import INVENTORY, PREFIX, ROOT, lab, on, run_on, sql, until

pytestmark = pytest.mark.lab

STANZA, REPOSITORY, REPO_PATH = "main", "repo1", "/var/lib/pgbackrest"
CONFIG = "/etc/pgbackrest/pgbackrest.conf"
DATA_DIR, BIN_DIR = "/var/lib/postgresql/15/main", "/usr/lib/postgresql/15/bin"
SCRATCH = "/var/lib/postgresql/15/repository_faults"
TABLE = "repository_faults_probe"
COUNT = "SELECT count(*) FROM repository_faults_probe"
FOREIGN = "/var/lib/postgresql/foreign"
FOUND_WITHIN_S = 60
AS_POSTGRES = ("runuser", "-u", "postgres", "--")


def shell(script: str, *arguments: str, host: str = REPOSITORY) -> str:
    """Run a shell script with arguments as root on a host and return its output."""
    return on(host, "sh", "-ec", script, "sh", *arguments)


def module(host: str, name: str, tmp: Path, **arguments: Any) -> dict[str, Any]:
    """Run a module of the collection on a host, as a play would, and return its result."""
    command = [str(Path(sys.executable).with_name("ansible")), "-i", str(INVENTORY), host, "-t", str(tmp)]
    command += ["-m", f"ccobservatory.ops.{name}", "-a", json.dumps(arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    result = tmp / host
    assert result.exists(), done.stdout + done.stderr
    loaded: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return loaded


@dataclass
class Bench:
    """The primary, the other database host, what identifies the cluster, and where results go."""

    primary: str
    other: str
    system_identifier: str
    started: str
    tmp: Path
    clean: list[str] = field(default_factory=list)
    rows: int = 0

    def audit(self, **arguments: Any) -> dict[str, Any]:
        """Audit the repository; ages that the lab cannot have are left out."""
        defaults = {"stanza": STANZA, "system_identifier": self.system_identifier, "max_full_backup_age_s": 10**8}
        return module(REPOSITORY, "wal_audit", self.tmp, **{**defaults, "max_backup_age_s": 10**8, **arguments})

    def archived(self) -> bool:
        """Tell whether every finished segment has reached the archive."""
        waiting = "SELECT count(*) = 0 FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"
        return sql(waiting, host=self.primary) == "t"

    def write(self, segments: int = 1) -> None:
        """Write rows and finish as many segments, so that they are archived."""
        for _number in range(segments):
            sql(f"INSERT INTO {TABLE} SELECT generate_series(1, 100)", host=self.primary)
            sql("SELECT pg_switch_wal()", host=self.primary)
            self.rows += 100
        until(self.archived, 90)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Return the lab with a clean repository: two full backups and some WAL behind the newest."""
    tmp = tmp_path_factory.mktemp("results")
    running = {
        host: facts
        for host in ("db1", "db2")
        if (facts := module(host, "postgresql_controldata", tmp, data_dir=DATA_DIR, bin_dir=BIN_DIR)).get("running")
        and not facts["in_recovery"]
    }
    assert len(running) == 1, f"one primary is needed, these are: {sorted(running)}"
    primary, facts = running.popitem()
    other = "db2" if primary == "db1" else "db1"
    started = sql("SELECT pg_postmaster_start_time()", host=primary)
    it = Bench(primary, other, facts["system_identifier"], started, tmp)
    sql(f"DROP TABLE IF EXISTS {TABLE}; CREATE TABLE {TABLE} (n int)", host=primary)
    full = [
        row for row in module(REPOSITORY, "pgbackrest_info", tmp, stanza=STANZA)["backups"] if row["type"] == "full"
    ]
    if len(full) < 2:
        taken = module(REPOSITORY, "pgbackrest_backup", tmp, stanza=STANZA, type="full")
        assert taken["changed"], taken
    it.write(segments=4)
    before = it.audit()
    assert before["errors"] == 0, before["findings"]
    it.clean = before["codes"]
    yield it
    sql(f"DROP TABLE IF EXISTS {TABLE}", host=primary)


@dataclass(frozen=True)
class Case:
    """A fault: how it is made and undone, the name it must be found by, and what pgBackRest says meanwhile.

    ``make`` is either the words of a fault of the lab or a function that returns the one that undoes it. ``quiet`` are
    pgBackRest commands that end with success and no word about the fault, ``exits_0`` those that name it in their text
    and still end with success.
    """

    code: str
    make: tuple[str, ...] | Callable[[Bench], Callable[[], None]]
    depth: str = "names"
    quiet: tuple[str, ...] = ()
    exits_0: tuple[str, ...] = ()
    audit: dict[str, Any] = field(default_factory=dict)
    known_as: str = ""


def newest_set() -> str:
    """Return the directory of the newest backup set."""
    labels = shell(f'ls {REPO_PATH}/backup/{STANZA} | grep -E "^[0-9]{{8}}-[0-9]{{6}}F" | tail -n 1')
    return f"{REPO_PATH}/backup/{STANZA}/{labels.strip()}"


def moved_aside(*paths: str) -> Callable[[], None]:
    """Move files of the repository out of it; return what moves them back."""
    for path in paths:
        shell('mv "$1" "/var/lib/postgresql/aside-$(echo "$1" | tr / _)"', path)

    def undo() -> None:
        for path in paths:
            shell('mv "/var/lib/postgresql/aside-$(echo "$1" | tr / _)" "$1"', path)

    return undo


def without_manifest(_bench: Bench) -> Callable[[], None]:
    """Take the manifest and its copy of the newest set away."""
    there = newest_set()
    return moved_aside(f"{there}/backup.manifest", f"{there}/backup.manifest.copy")


def without_set(_bench: Bench) -> Callable[[], None]:
    """Take the whole newest set away."""
    return moved_aside(newest_set())


def without_info_copy(_bench: Bench) -> Callable[[], None]:
    """Take the copy of archive.info away."""
    return moved_aside(f"{REPO_PATH}/archive/{STANZA}/archive.info.copy")


def needed_segment_gone(_bench: Bench) -> Callable[[], None]:
    """Take the segment away that makes the newest set consistent."""
    info = json.loads(on(REPOSITORY, *AS_POSTGRES, "pgbackrest", f"--stanza={STANZA}", "info", "--output=json"))
    name = info[0]["backup"][-1]["archive"]["stop"]
    path = shell(f'ls {REPO_PATH}/archive/{STANZA}/*/*/"$1"-*', name).strip()
    return moved_aside(path)


def restore_test_left_its_timeline(bench: Bench) -> Callable[[], None]:
    """Archive the history file of a timeline that production never followed, as a restore test does by mistake."""
    info = on(
        REPOSITORY, *AS_POSTGRES, "pgbackrest", f"--stanza={STANZA}", "repo-get", f"archive/{STANZA}/archive.info"
    )
    key = re.search(r'^cipher-pass="(.+)"$', info, re.MULTILINE)
    assert key is not None
    lsn = sql("SELECT pg_current_wal_lsn()", host=bench.primary)
    timeline = int(sql("SELECT timeline_id FROM pg_control_checkpoint()", host=bench.primary))
    name = f"archive/{STANZA}/15-1/{timeline + 1:08X}.history"
    put = [*AS_POSTGRES, "pgbackrest", f"--stanza={STANZA}", "repo-put", f"--cipher-pass={key[1]}", name]
    on(REPOSITORY, *put, data=f"{timeline}\t{lsn}\tno recovery target specified\n")
    time.sleep(1.5)  # times in the repository are whole seconds
    bench.write()
    return lambda: shell('rm "$1"', f"{REPO_PATH}/{name}") and None


def foreign_stanza(bench: Bench) -> Callable[[], None]:
    """Make a stanza of another cluster, which a wrong configuration would point at."""
    shell(
        'rm -rf "$1"; install -d -o postgres -m 700 "$1"; runuser -u postgres -- "$2/initdb" -D "$1/data" > /dev/null',
        FOREIGN,
        BIN_DIR,
        host=bench.other,
    )
    shell('install -d -o postgres "$1/data/global"', FOREIGN)
    for name in ("PG_VERSION", "global/pg_control"):
        content = shell('base64 -w0 "$1"', f"{FOREIGN}/data/{name}", host=bench.other)
        shell('echo "$2" | base64 -d > "$1"; chown postgres "$1"', f"{FOREIGN}/data/{name}", content)
    config = f"[global]\nrepo1-path={FOREIGN}/repo\nlog-level-file=off\n[{STANZA}]\npg1-path={FOREIGN}/data\n"
    shell('printf %s "$2" > "$1/pgbackrest.conf"; chown -R postgres "$1"', FOREIGN, config)
    create = f"--config={FOREIGN}/pgbackrest.conf"
    on(REPOSITORY, *AS_POSTGRES, "pgbackrest", create, f"--stanza={STANZA}", "--no-online", "stanza-create")

    def undo() -> None:
        for host in (REPOSITORY, bench.other):
            shell('rm -rf "$1"', FOREIGN, host=host)

    return undo


def too_many_kept(_bench: Bench) -> Callable[[], None]:
    """Lower the retention without expiring, so that more full backups are kept than are wanted."""
    shell('cp -a "$1" "$1.kept" && sed -i "s/^repo1-retention-full=.*/repo1-retention-full=1/" "$1"', CONFIG)
    return lambda: shell('mv "$1.kept" "$1"', CONFIG) and None


def nothing(_bench: Bench) -> Callable[[], None]:
    """Change nothing: the fault is one of age, and the bound decides."""
    return lambda: None


def certificate_of_the_other_host(bench: Bench) -> Callable[[], None]:
    """Let the certificate expire with which the other database host would fetch its restore."""
    lab("fault", "expire-certificate", bench.other)
    return lambda: lab("heal", "expire-certificate", bench.other) and None


def archiving_stands_still(bench: Bench) -> Callable[[], None]:
    """Stop the repository's service while the primary writes on; what is written waits on the primary."""
    lab("fault", "service-stop", REPOSITORY, "pgbackrest.service")
    sql(f"INSERT INTO {TABLE} SELECT generate_series(1, 100)", host=bench.primary)
    sql("SELECT pg_switch_wal()", host=bench.primary)
    bench.rows += 100

    def undo() -> None:
        lab("heal", "service-stop", REPOSITORY, "pgbackrest.service")
        bench.write()

    return undo


ALL = ("verify", "check", "info")
CASES = {
    "bit flip in a backup": Case("bit_flip", ("corrupt-backup",), "content", ("info",), ("verify",)),
    "bit flip in WAL": Case("bit_flip", ("corrupt-wal",), "content", ("info",), ("verify",)),
    "missing WAL": Case("missing_wal", ("remove-wal",), quiet=ALL),
    "duplicate WAL": Case("duplicate_wal", ("duplicate-wal",), quiet=("info",), exits_0=("verify",)),
    "truncated WAL": Case("truncated_wal", ("truncate-wal",), "content", ("info",)),
    "missing bundle": Case("missing_bundle", ("remove-bundle",), quiet=("info",), exits_0=("verify",)),
    "missing manifest": Case("missing_manifest", without_manifest, quiet=ALL),
    "missing backup set": Case("missing_backup", without_set, quiet=("verify", "info")),
    "missing copy of an info file": Case("missing_info", without_info_copy, quiet=ALL),
    "backup without its WAL": Case("backup_without_wal", needed_segment_gone, quiet=("verify", "info")),
    "segment of an unknown timeline": Case("orphan_timeline", ("orphan-timeline",), quiet=("info",)),
    "timeline of a restore test": Case("orphan_timeline", restore_test_left_its_timeline, quiet=ALL),
    "wrong stanza": Case(
        "wrong_stanza",
        foreign_stanza,
        audit={"config": f"{FOREIGN}/pgbackrest.conf", "repo_path": f"{FOREIGN}/repo"},
    ),
    "wrong key": Case("wrong_cipher", ("wrong-key",), exits_0=("verify",)),
    "expired certificate": Case("certificate_expired", ("expire-certificate", REPOSITORY), "content", ("info",)),
    "expired certificate elsewhere": Case("certificate_expired", certificate_of_the_other_host, "content", ("info",)),
    "retention overrun": Case("retention_overrun", too_many_kept, quiet=("verify", "info")),
    "stale backup": Case("stale_backup", nothing, quiet=("verify", "info"), audit={"max_backup_age_s": 1}),
    "stale archive": Case("stale_archive", archiving_stands_still, audit={"max_archive_age_s": 0.1}),
    "full disk": Case("disk_full", ("disk-full", REPOSITORY, REPO_PATH), quiet=("info",)),
}


def made(case: Case, bench: Bench) -> tuple[str, Callable[[], None]]:
    """Make the fault; return what the lab told about it and what undoes it."""
    if not isinstance(case.make, tuple):
        return "", case.make(bench)
    name, *targets = case.make
    options = ["--set", "unit=pgbackrest.service"] if name == "disk-full" else []
    told = lab("--quiet", "fault", name, *targets, *options, "--json")
    return told, lambda: lab("heal", name, *targets) and None


def ask_pgbackrest(verb: str) -> subprocess.CompletedProcess[str]:
    """Run the plain command that people rely on."""
    options = ["--output=text"] if verb == "verify" else []
    return run_on(REPOSITORY, *AS_POSTGRES, "pgbackrest", f"--stanza={STANZA}", *options, verb)


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_found_by_its_name(name: str, bench: Bench) -> None:
    case = CASES[name]
    arguments = dict(case.audit)
    if case.code == "stale_archive":
        arguments["current_lsn"] = sql("SELECT pg_current_wal_lsn()", host=bench.primary)
    told, undo = made(case, bench)
    try:
        if case.code == "stale_archive":
            arguments["current_lsn"] = sql("SELECT pg_current_wal_lsn()", host=bench.primary)
        began = time.monotonic()
        result = bench.audit(depth=case.depth, **arguments)
        took = time.monotonic() - began
        said = {verb: ask_pgbackrest(verb) for verb in (*case.quiet, *case.exits_0)}
    finally:
        undo()
    found = [row for row in result["findings"] if row["code"] == case.code]
    assert found, f"{case.code} is not among {result.get('codes', result)}"
    assert took < FOUND_WITHIN_S
    assert all(row["mend"] and row["observed"] and row["expected"] for row in found)
    segment = re.search(r"/([0-9A-F]{24})-", told)
    if segment is not None and case.code.endswith("wal"):
        assert segment[1] in {row["subject"] for row in found}
    assert {verb: done.returncode for verb, done in said.items()} == dict.fromkeys(said, 0)
    for verb in case.quiet:
        assert "error" not in said[verb].stdout + said[verb].stderr.replace("DbConnectError", "")
    for verb in case.exits_0:
        assert "status: error" in said[verb].stdout


def test_the_repository_is_clean_again_and_the_primary_was_not_touched(bench: Bench) -> None:
    bench.write()
    after = bench.audit(current_lsn=sql("SELECT pg_current_wal_lsn()", host=bench.primary))
    assert after["errors"] == 0, after["findings"]
    assert set(after["codes"]) <= set(bench.clean)
    assert sql("SELECT pg_postmaster_start_time()", host=bench.primary) == bench.started


def test_a_real_restore_brings_back_what_was_written(bench: Bench) -> None:
    bench.write()
    lsn = sql("SELECT pg_current_wal_lsn()", host=bench.primary)
    sql(f"INSERT INTO {TABLE} SELECT generate_series(1, 7)", host=bench.primary)
    bench.write()
    socket = f"{SCRATCH}-socket"
    shell('rm -rf "$1" "$2"; install -d -o postgres -m 700 "$2"', SCRATCH, socket, host=bench.other)
    try:
        restored = module(
            bench.other,
            "pgbackrest_restore",
            bench.tmp,
            stanza=STANZA,
            data_dir=SCRATCH,
            type="lsn",
            target=lsn,
            archive_mode="off",
        )
        assert restored.get("changed"), restored
        assert restored["recovery"]["archive_mode"] == "off"
        settings = (
            f"port = 5999\nlisten_addresses = ''\nunix_socket_directories = '{socket}'\nhba_file = '{SCRATCH}/hba'\n"
        )
        shell('printf %s "$2" > "$1/postgresql.conf"', SCRATCH, settings, host=bench.other)
        shell('echo "local all all peer" > "$1/hba"; chown postgres "$1"/*', SCRATCH, host=bench.other)
        control = [*AS_POSTGRES, f"{BIN_DIR}/pg_ctl", "-D", SCRATCH, "-s", "-w", "-l", f"{SCRATCH}/log"]
        on(bench.other, *control, "start")
        there = ("-h", socket, "-p", "5999")
        until(lambda: sql("SELECT pg_is_in_recovery()", host=bench.other, options=there) == "f", 60)
        assert int(sql(COUNT, host=bench.other, options=there)) == bench.rows - 100
        on(bench.other, *control, "-m", "fast", "stop")
    finally:
        run_on(bench.other, *AS_POSTGRES, f"{BIN_DIR}/pg_ctl", "-D", SCRATCH, "-s", "-m", "immediate", "stop")
        shell('rm -rf "$1" "$2"', SCRATCH, socket, host=bench.other)
    after = bench.audit(depth="names")
    assert "orphan_timeline" not in after["codes"]


@pytest.fixture
def scratch(bench: Bench) -> Iterator[str]:
    """Return an empty data directory on the database host that is not the primary."""
    shell('rm -rf "$1"; install -d -o postgres -m 700 "$1"', SCRATCH, host=bench.other)
    yield SCRATCH
    run_on(bench.other, "pkill", "-KILL", "-f", f"^/?[a-z/]*pgbackrest .*{SCRATCH}")
    shell('rm -rf "$1"', SCRATCH, host=bench.other)


def restores(host: str) -> list[str]:
    """Return the processes that restore into the scratch directory."""
    return run_on(host, "pgrep", "-f", f"^pgbackrest .*--pg1-path={SCRATCH}.* restore$").stdout.split()


def begin_restore(bench: Bench) -> list[str]:
    """Start a plain restore as a controller that is then lost would, hold it in the middle, return its processes."""
    command = f"exec pgbackrest --stanza={STANZA} --pg1-path={SCRATCH} --process-max=1 --buffer-size=16KiB restore"
    begun = ["podman", "exec", "-d", f"{PREFIX}-{bench.other}", *AS_POSTGRES, "sh", "-c", command]
    subprocess.run(begun, check=True, capture_output=True)
    until(lambda: run_on(bench.other, "test", "-e", f"{SCRATCH}/base").returncode == 0, 30)
    on(bench.other, "pkill", "-STOP", "-f", f"^pgbackrest .*{SCRATCH}")
    return restores(bench.other)


def whole(host: str, directory: str) -> bool:
    """Tell whether a directory holds a restored cluster whose control file can be read."""
    return run_on(host, f"{BIN_DIR}/pg_controldata", "-D", directory).returncode == 0


def test_a_restore_left_running_is_waited_for(bench: Bench, scratch: str) -> None:
    left = begin_restore(bench)
    assert left
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            module, bench.other, "pgbackrest_restore", bench.tmp, stanza=STANZA, data_dir=scratch, archive_mode="off"
        )
        time.sleep(4)
        assert not asked.done()
        on(bench.other, "pkill", "-CONT", "-f", f"^pgbackrest .*{SCRATCH}")
        result = asked.result(timeout=120)
    assert result.get("changed"), result
    assert result["waited_for"] == [int(process) for process in left]
    assert result["delta"] is True
    assert whole(bench.other, scratch)


def test_a_restore_that_was_killed_is_taken_up(bench: Bench, scratch: str) -> None:
    begin_restore(bench)
    on(bench.other, "pkill", "-KILL", "-f", f"^pgbackrest .*{SCRATCH}")
    assert not whole(bench.other, scratch)
    result = module(bench.other, "pgbackrest_restore", bench.tmp, stanza=STANZA, data_dir=scratch, archive_mode="off")
    assert result.get("changed"), result
    assert (result["delta"], result["waited_for"]) == (True, [])
    assert whole(bench.other, scratch)


def test_a_running_server_is_never_overwritten_and_a_left_pid_file_does_not_hinder(bench: Bench, scratch: str) -> None:
    arguments = {"stanza": STANZA, "data_dir": DATA_DIR, "delta": True}
    refused = module(bench.primary, "pgbackrest_restore", bench.tmp, **arguments)
    assert "PostgreSQL is running" in refused["msg"]
    assert sql("SELECT pg_postmaster_start_time()", host=bench.primary) == bench.started
    shell(
        'printf "1\\n%s\\n" "$1" > "$1/postmaster.pid"; : > "$1/PG_VERSION"; mkdir "$1/global"; chown -R postgres "$1"',
        scratch,
        host=bench.other,
    )
    taken = module(bench.other, "pgbackrest_restore", bench.tmp, stanza=STANZA, data_dir=scratch, archive_mode="off")
    assert taken.get("changed"), taken
    assert whole(bench.other, scratch)
