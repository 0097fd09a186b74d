# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole mornings of one host that somebody could take for green: each ends with its exit code and a plain sentence.

``pytest verify/`` runs as people run it, in a process of its own; the host is this machine, Prometheus is played. Where
a fault is looked for, ``--only`` leaves the one cell that is green without it, so that nothing else colours the exit
code.
"""

from __future__ import annotations

import datetime
import email.utils
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.sources.played import Played, Server
from tests.unit.verify.test_small_morning import inventory
from verify.engine.judge import Row, finding_id
from verify.engine.results import read_results
from verify.engine.words import Status

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
DAY = 86_400.0
ALERTS_LEAVE = ("MONITORING-02.delivery", "estate", "small")
POOL = ("MORNING-06", "pool", "front")
CERTIFICATES = ("SECURITY-02", "host", "web1")
TOKEN = "a-token-that-ran-out"
OURS = "global:\n  external_labels:\n    environment: small\n"
SIGN = "YOU CAN SIGN"
MARKUP = "<img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class Morning:
    """A run that ended: its exit code, what the terminal showed, and the folder that it left."""

    code: int
    told: str
    folder: Path

    def row(self, control: str, kind: str, subject: str) -> Row:
        """Return the row of a cell."""
        (found,) = [one for one in read_results(self.folder / "results.jsonl").controls if one.control == control]
        (row,) = [one for one in found.rows if (one.kind, one.subject) == (kind, subject)]
        return row


def morning(base: Path, *options: str, groups: Mapping[str, list[str]] | None = None, **variables: Any) -> Morning:
    """Run the suite over an environment of this one host and return how it ended."""
    inventory(base, groups, **variables)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    command += [str(ROOT / "verify"), "--env", "small", "--report-dir", str(base / "reports"), *options]
    own = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_", "VERIFY_"))}
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        check=False,
        cwd=base,
        env={**own, "COLUMNS": "200"},
        timeout=120,
    )
    (folder,) = (base / "reports" / "small").glob("2*Z")
    return Morning(done.returncode, done.stdout + done.stderr, folder)


# Everything skipped


def test_a_run_that_judges_nothing_is_not_green(tmp_path: Path) -> None:
    found = morning(tmp_path, "-k", "zzz")
    assert found.code == 10
    assert re.search(
        r"small \S+: DO NOT SIGN\. 0 of \d+ expected cells were decided; the pack is not sealed", found.told
    )
    assert SIGN not in found.told


# A source that says less than it knows


def as_prometheus(played: Played, path: str, query: dict[str, str], *, ahead: float = 0.0) -> None:
    """Answer as a Prometheus of this environment that knows of ten notifications, all of them delivered."""
    asked = query.get("query", "")
    if "/status/" in path or not path.endswith(("query", "query_range")):
        lists = ("activeTargets", "groups", "alerts", "activeAlertmanagers")
        data: dict[str, Any] = {**{key: [] for key in lists}, "yaml": OURS}
    else:
        sent = 0.0 if "failed" in asked else 10.0
        samples = [{"metric": {}, "value": [time.time(), str(sent)]}] if "notifications" in asked else []
        data = {"resultType": "matrix" if path.endswith("query_range") else "vector", "result": samples}
    played.say({"status": "success", "data": data}, Date=email.utils.formatdate(time.time() + ahead, usegmt=True))


def refused(played: Played, _path: str, _query: dict[str, str]) -> None:
    """Know the token no more."""
    played.send(b'{"status": "error", "error": "token expired"}', 401)


def cut_short(played: Played, path: str, query: dict[str, str]) -> None:
    """End the page of lost notifications in its middle."""
    if "notifications_failed" in query.get("query", ""):
        played.send(b'{"status": "success", "data": {"resultType": "vector", "result": [', length=4000)
        played.close_connection = True
    else:
        as_prometheus(played, path, query)


def of_tomorrow(played: Played, path: str, query: dict[str, str]) -> None:
    """Answer well, with a clock that is a day ahead."""
    as_prometheus(played, path, query, ahead=DAY)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that a test plays."""
    played = Server()
    yield played
    played.close()


def sources(server: Server, answering: Callable[..., None]) -> dict[str, Any]:
    """Let the server answer so, and return the declaration of it as Prometheus."""
    server.answers(answering)
    return {"prometheus": {"url": f"http://127.0.0.1:{server.port}", "token": TOKEN, "timeout_s": 5}}


def alerts_leave(base: Path, server: Server, answering: Callable[..., None], *own: str) -> Morning:
    """Run the morning of the one cell that says whether alerts leave Prometheus, with tests of one's own."""
    return morning(base, *own, "--only", finding_id(*ALERTS_LEAVE), verify_sources=sources(server, answering))


# Tests of one's own: what this host says, what it does not, and what would change it.
HOLDS = """testinfra_hosts = ["ansible://web1"]
def test_its_system(host):
    assert host.run("uname -s").stdout == "Linux\\n"
"""
DIFFERS = """
def test_another_system(host):
    assert host.run("uname -s").stdout == "Plan 9\\n"
def test_that_writes(host):
    assert host.run("touch written").rc == 0
"""


def test_without_a_fault_the_cell_is_green(tmp_path: Path, server: Server) -> None:
    """Else the faults below would prove nothing. A selection can be green; the day cannot be signed with it."""
    (tmp_path / "test_own.py").write_text(HOLDS, encoding="utf-8")
    found = alerts_leave(tmp_path, server, as_prometheus, "test_own.py")
    assert (found.code, found.row(*ALERTS_LEAVE).status) == (0, Status.PASS)
    assert "2 passed" in found.told
    assert "the run looked at a selection only" in found.told.lower()
    assert SIGN not in found.told


def test_a_test_of_ones_own_that_fails_or_writes_makes_the_morning_red(tmp_path: Path, server: Server) -> None:
    (tmp_path / "test_own.py").write_text(HOLDS + DIFFERS, encoding="utf-8")
    found = alerts_leave(tmp_path, server, as_prometheus, "test_own.py")
    assert (found.code, found.row(*ALERTS_LEAVE).status) == (1, Status.PASS)
    assert "2 failed" in found.told and "2 passed" in found.told
    for words in ("test_another_system", "Plan 9", "test_that_writes", "Verification only reads"):
        assert words in found.told
    assert list(tmp_path.rglob("written")) == [] and not Path("written").exists()
    assert SIGN not in found.told
    close = read_results(found.folder / "results.jsonl").close
    assert close and close["exit"] == 1


@pytest.mark.parametrize(
    ("answering", "told"),
    [
        (refused, "renew the password or token"),
        (cut_short, "was cut short"),
        (of_tomorrow, "s off ours"),
    ],
)
def test_a_source_that_says_less_is_not_green(
    tmp_path: Path, server: Server, answering: Callable[..., None], told: str
) -> None:
    found = alerts_leave(tmp_path, server, answering)
    row = found.row(*ALERTS_LEAVE)
    assert (found.code, row.status) == (10, Status.UNKNOWN)
    assert told in row.says
    assert re.search(r"small \S+: DO NOT SIGN\. 1 cell is unknown", found.told)
    for report in ("audit.html", "junit.xml"):
        assert told in (found.folder / report).read_text(encoding="utf-8")
    kept = [path for path in found.folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert (TOKEN in found.told, kept) == (False, [])


# A group that lost its hosts


def in_use(played: Played, path: str, query: dict[str, str]) -> None:
    """Answer that the host has a history of 31 days, and is used by three quarters now and in 30 days."""
    if not path.endswith("/query"):
        as_prometheus(played, path, query)
        return
    value = 31 * DAY if "node_time_seconds" in query["query"] else 0.75
    sample = {"metric": {"host": "web1", "mountpoint": "/"}, "value": [time.time(), str(value)]}
    played.say({"status": "success", "data": {"resultType": "vector", "result": [sample]}})


@pytest.mark.parametrize(
    ("hosts", "code", "status", "told"),
    [
        (["web1"], 0, Status.PASS, "stays below"),
        ([], 10, Status.UNKNOWN, "front names no host that is in scope; correct its hosts in the inventory."),
    ],
    ids=["a host", "no host"],
)
def test_a_pool_whose_group_is_empty_is_not_green(
    tmp_path: Path, server: Server, hosts: list[str], code: int, status: Status, told: str
) -> None:
    declared: dict[str, Any] = {"verify_sources": sources(server, in_use)}
    declared["verify_pools"] = [{"name": "front", "hosts": "fronts", "size": {"min": 1, "max": 2}}]
    found = morning(tmp_path, "--only", finding_id(*POOL), groups={"fronts": hosts}, **declared)
    row = found.row(*POOL)
    assert (found.code, row.status) == (code, status)
    assert told in row.says
    assert ("DO NOT SIGN. 1 cell is unknown" in found.told) is (status is Status.UNKNOWN)


# A host whose output holds markup


def certificate(folder: Path) -> None:
    """Write a certificate that ends tomorrow, whose file and subject are markup."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "<script>alert(1)</script>")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
    signed = made.not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    folder.mkdir()
    (folder / f"{MARKUP}.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def test_what_a_host_says_is_shown_and_never_run(tmp_path: Path) -> None:
    certificate(tmp_path / "tls")
    found = morning(tmp_path, "--only", finding_id(*CERTIFICATES), verify_certificates=[str(tmp_path / "tls")])
    row = found.row(*CERTIFICATES)
    assert (found.code, row.status) == (1, Status.FAIL)
    assert MARKUP in row.says
    assert "FAIL SECURITY-02: host web1: the certificate" in found.told
    page = (found.folder / "audit.html").read_text(encoding="utf-8")
    assert "&lt;img src=x onerror=alert(1)&gt;.pem" in page
    assert "<img" not in page
    assert "<script>alert" not in page
