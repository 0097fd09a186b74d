# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On the running, provisioned lab: every fault does what its name says, and undoing leaves no trace of it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from _lab import PREFIX, archive_at_rest, lab, on, psql, sql, until

pytestmark = pytest.mark.lab

FINGERPRINT = """
import hashlib, json, os, sys
found = {}
for top in sys.argv[1:]:
    for directory, _, names in os.walk(top):
        for name in names:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            content = hashlib.sha256(open(path, "rb").read()).hexdigest() if os.path.isfile(path) else ""
            found[path] = [content, status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns]
print(json.dumps(found))
"""
PAGE_TABLE = "lab_page_probe"
PAGE_SUM = "SELECT sum(n) FROM lab_page_probe"


def states() -> dict[str, dict[str, str]]:
    """Return the lines of `lab status` by host."""
    return {line["host"]: line for line in json.loads(lab("--quiet", "status", "--json"))}


def reaches(host: str, address: str) -> bool:
    """Return whether a host gets an answer from the ssh port of an address within two seconds."""
    probe = f"import socket; socket.create_connection(('{address}', 22), 2).recv(4)"
    done = subprocess.run(
        ["podman", "exec", f"{PREFIX}-{host}", "python3", "-c", probe], capture_output=True, check=False
    )
    return done.returncode == 0


def controller_reaches(address: str) -> bool:
    """Return whether this machine gets an answer from the ssh port of an address within two seconds."""
    try:
        with socket.create_connection((address, 22), timeout=2) as connection:
            connection.settimeout(2)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


@pytest.fixture(scope="module")
def address() -> dict[str, str]:
    """Return the addresses of all hosts; the lab must be complete."""
    lines = states()
    assert {line["state"] for line in lines.values()} == {"running"}, f"the lab is not up: {lines}"
    return {host: line["address"] for host, line in lines.items()}


@pytest.fixture(autouse=True)
def healed(address: dict[str, str]) -> Iterator[None]:
    """Leave no fault behind, whatever happened."""
    yield
    lab("--quiet", "heal", "--all")
    until(lambda: all(controller_reaches(one) for one in address.values()))


def fingerprint(host: str, *directories: str) -> dict[str, list[object]]:
    """Return content, owner, mode and time of every file below some directories of a host."""
    found: dict[str, list[object]] = json.loads(on(host, "python3", "-", *directories, data=FINGERPRINT))
    return found


def changed(before: dict[str, list[object]], after: dict[str, list[object]], *, only: str = "") -> set[str]:
    """Return the files below a directory that changed, came or went."""
    names = (name for name in before.keys() | after.keys() if only in name)
    return {name for name in names if before.get(name) != after.get(name)}


def test_hosts_see_one_another_under_their_true_addresses(address: dict[str, str]) -> None:
    listen = "import socket; s=socket.create_server(('', 9971)); print('ready', flush=True); print(s.accept()[1][0])"
    server = subprocess.Popen(
        ["podman", "exec", f"{PREFIX}-db2", "python3", "-c", listen], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    assert server.stdout.readline().strip() == "ready"
    on("db1", "python3", "-c", f"import socket; socket.create_connection(('{address['db2']}', 9971), 3)")
    assert server.communicate(timeout=10)[0].strip() == address["db1"]


def test_a_killed_host_comes_back_at_its_address(address: dict[str, str]) -> None:
    hardware = on("app2", "cat", "/sys/class/net/eth0/address")
    lab("fault", "host-kill", "app2")
    assert lab("power", "status", "app2") == "off\n"
    assert not controller_reaches(address["app2"])
    lab("heal", "host-kill", "app2")
    until(lambda: reaches("app1", address["app2"]))
    assert on("app2", "cat", "/sys/class/net/eth0/address") == hardware
    assert lab("ssh", "app2", "hostname").strip() == "app2", "the pinned host key still fits"


def test_losing_hosts_does_not_disturb_their_neighbours(address: dict[str, str]) -> None:
    probe = """
import socket, sys, time
last, worst, end = time.monotonic(), 0.0, time.monotonic() + 12
while time.monotonic() < end:
    try:
        socket.create_connection((sys.argv[1], 22), 0.5).close()
        last = time.monotonic()
    except OSError:
        pass
    worst = max(worst, time.monotonic() - last)
    time.sleep(0.05)
print(worst)
"""
    watcher = subprocess.Popen(
        ["podman", "exec", f"{PREFIX}-db1", "python3", "-c", probe, address["repo1"]], stdout=subprocess.PIPE, text=True
    )
    lab("fault", "host-kill", "lb1", "app1", "app2")
    lab("heal", "host-kill")
    # A gateway whose hardware address changes with the ports of its bridge is lost for half a minute and more.
    assert float(watcher.communicate(timeout=60)[0]) < 5


def test_a_frozen_host_has_power_but_does_not_answer(address: dict[str, str]) -> None:
    lab("fault", "host-freeze", "app2")
    assert lab("power", "status", "app2") == "on\n"
    assert not controller_reaches(address["app2"])
    lab("heal", "host-freeze", "app2")
    assert controller_reaches(address["app2"])


def test_a_frozen_host_loses_its_power_without_running_again() -> None:
    ticks = "import time\nwhile True: open('/var/tmp/ticks', 'a').write('.'); time.sleep(0.005)"
    on("app2", "systemd-run", "--unit", "lab-ticks", "python3", "-c", ticks)
    mount = Path(subprocess.check_output(["podman", "mount", f"{PREFIX}-app2"], text=True).strip())
    until((mount / "var/tmp/ticks").exists)
    lab("fault", "host-freeze", "app2")
    frozen = (mount / "var/tmp/ticks").stat().st_size
    lab("power", "off", "app2")
    assert (mount / "var/tmp/ticks").stat().st_size == frozen
    (mount / "var/tmp/ticks").unlink()
    subprocess.run(["podman", "umount", f"{PREFIX}-app2"], check=True, capture_output=True)
    assert "no longer frozen" in lab("heal", "host-freeze", "app2")
    assert lab("power", "on", "app2") == "on\n"


def test_healing_a_site_switches_on_only_what_the_fault_killed() -> None:
    lab("power", "off", "lb2")
    lab("fault", "site-kill", "site_b")
    assert {lab("power", "status", host) for host in ("lb2", "app3", "db2")} == {"off\n"}
    # Made again, for example by a drill that goes on after it was killed: what came back loses its power again.
    lab("power", "on", "db2")
    lab("fault", "site-kill", "site_b")
    assert lab("power", "status", "db2") == "off\n"
    lab("heal", "site-kill", "site_b")
    assert [lab("power", "status", host) for host in ("lb2", "app3", "db2")] == ["off\n", "on\n", "on\n"]
    lab("power", "on", "lb2")


def test_a_cut_site_is_alone_but_whole(address: dict[str, str]) -> None:
    lab("fault", "site-cut", "site_b")
    assert reaches("app3", address["db2"])
    assert not reaches("db2", address["db1"])
    assert not reaches("db1", address["db2"])
    assert not reaches("client1", address["lb2"])
    assert not controller_reaches(address["db2"])
    assert reaches("db1", address["repo1"])
    lab("heal", "site-cut", "site_b")
    assert reaches("db2", address["db1"])
    assert controller_reaches(address["db2"])


def test_a_cut_link_is_one_link(address: dict[str, str]) -> None:
    lab("fault", "link-cut", "site_a", "site_b")
    lab("fault", "link-cut", "app1", "db1")
    assert not reaches("db1", address["db2"])
    assert not reaches("app1", address["db1"]), "hosts of one site meet on a bridge"
    assert reaches("app2", address["db1"])
    assert reaches("db2", address["repo1"])
    assert controller_reaches(address["db1"])
    lab("heal", "link-cut", "site_b", "site_a")
    assert reaches("db1", address["db2"])
    assert not reaches("app1", address["db1"]), "the other cut stays"


def test_a_stopped_service_is_started_again() -> None:
    assert "in effect" in lab("fault", "service-stop", "lb2", "rsyslog.service")
    assert "inactive" in on("lb2", "sh", "-c", "systemctl is-active rsyslog || true")
    assert "was already in effect" in lab("fault", "service-stop", "lb2", "rsyslog.service")
    lab("heal", "service-stop", "lb2", "rsyslog.service")
    assert on("lb2", "systemctl", "is-active", "rsyslog").strip() == "active"
    assert "not running" in lab("fault", "service-stop", "lb2", "no-such.service", code=3)


def test_a_full_disk_keeps_every_file_and_refuses_new_ones() -> None:
    where = "/var/lib/pgbackrest"
    before = fingerprint("repo1", where)
    lab("fault", "disk-full", "repo1", where)
    write = f"head -c 3000000 /dev/zero > {where}/probe; code=$?; rm -f {where}/probe; echo $code"
    assert on("repo1", "sh", "-c", write).strip() == "1"
    on("repo1", "sh", "-c", f"echo small > {where}/written-meanwhile")
    lab("heal", "disk-full", "repo1", where)
    assert on("repo1", "cat", f"{where}/written-meanwhile") == "small\n"
    on("repo1", "rm", f"{where}/written-meanwhile")
    after = fingerprint("repo1", where)
    assert {name for name in before if before[name] != after.get(name)} == set()


@pytest.fixture(scope="module")
def archive() -> Iterator[None]:
    """See that the archive holds enough segments to damage one in the middle, and that none comes by itself."""
    for number in range(3):
        sql(f"SELECT pg_logical_emit_message(true, 'lab', 'segment {number}')", "SELECT pg_switch_wal()")
    with archive_at_rest():
        assert int(on("repo1", "sh", "-c", "find /var/lib/pgbackrest/archive -name '*.zst' | wc -l")) >= 4
        yield


@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize(
    ("fault", "directory"),
    [
        ("corrupt-backup", "/backup/"),
        ("remove-bundle", "/backup/"),
        ("corrupt-wal", "/archive/"),
        ("remove-wal", "/archive/"),
        ("truncate-wal", "/archive/"),
        ("duplicate-wal", "/archive/"),
        ("orphan-timeline", "/archive/"),
        ("wrong-key", "/etc/pgbackrest/"),
        ("expire-certificate", "/etc/pgbackrest/"),
    ],
)
def test_damage_is_one_file_and_is_undone_completely(fault: str, directory: str) -> None:
    tops = ("/var/lib/pgbackrest", "/etc/pgbackrest")
    before = fingerprint("repo1", *tops)
    targets = ["repo1"] if fault == "expire-certificate" else []
    lab("fault", fault, *targets)
    broken = fingerprint("repo1", *tops)
    assert len(changed(before, broken, only=directory)) == 1
    lab("fault", fault, *targets)
    assert changed(broken, fingerprint("repo1", *tops), only=directory) == set(), "a fault is made once"
    lab("heal", fault)
    assert changed(before, fingerprint("repo1", *tops), only=directory) == set()


def test_an_expired_certificate_is_what_clients_meet(address: dict[str, str]) -> None:
    def said() -> str:
        files = "-CAfile ca.crt -cert server.crt -key server.key"
        return on(
            "db1",
            "sh",
            "-c",
            f"cd /etc/pgbackrest/tls && echo | openssl s_client -connect {address['repo1']}:8432 {files} 2>&1 || true",
        )

    assert "Verify return code: 0 (ok)" in said()
    lab("fault", "expire-certificate", "repo1")
    until(lambda: "certificate has expired" in said(), 15)
    lab("heal", "expire-certificate", "repo1")
    until(lambda: "Verify return code: 0 (ok)" in said(), 15)


def test_a_damaged_page_is_met_by_its_checksum() -> None:
    made = psql(
        f"DROP TABLE IF EXISTS {PAGE_TABLE}", f"CREATE TABLE {PAGE_TABLE} AS SELECT generate_series(1, 2000) AS n"
    )
    assert made.returncode == 0, made.stderr
    try:
        lab("fault", "corrupt-page", "db1", "--set", "database=postgres", "--set", f"table={PAGE_TABLE}")
        until(lambda: psql("SELECT 1").returncode == 0)
        broken = psql(PAGE_SUM)
        assert broken.returncode != 0
        assert "invalid page in block 0" in broken.stderr
        lab("heal", "corrupt-page", "db1")
        until(lambda: psql("SELECT 1").returncode == 0)
        assert psql(PAGE_SUM).stdout.strip() == "2001000"
    finally:
        lab("heal", "corrupt-page", "db1")
        psql(f"DROP TABLE IF EXISTS {PAGE_TABLE}")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("fault", "no-such-fault", "db1"), "There is no fault 'no-such-fault'"),
        (("fault", "host-kill", "db9"), "There is no host 'db9'"),
        (("fault", "site-kill", "db1"), "There is no site 'db1'"),
        (("fault", "host-kill", "db1", "--set", "speed=9"), "no option 'speed'"),
        (("restore", "never-taken"), "There is no snapshot 'never-taken'"),
        (("power", "off", "db9"), "There is no host 'db9'"),
    ],
)
def test_bad_input_touches_nothing(words: tuple[str, ...], sentence: str) -> None:
    assert sentence in lab(*words, code=3)
    assert {line["state"] for line in states().values()} == {"running"}
    assert "nothing to undo" in lab("heal", "--all")


def test_a_frozen_host_is_half_up_for_a_snapshot() -> None:
    lab("fault", "host-freeze", "app2")
    assert "half up (app2 not running)" in lab("snapshot", "never-taken", code=3)
