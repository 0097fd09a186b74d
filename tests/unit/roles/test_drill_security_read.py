# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host is protected is kept as it says; one that says nothing leaves everything unknown and stops nobody."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_security import compared
from tests.unit.plugins.plugin_utils._protected import DATABASE
from tests.unit.roles._estate import PROGRAM, Estate

pytestmark = pytest.mark.slow

GIVEN = {
    **{"__dr_security_host": "db1", "__dr_security_jobs": 1, "__dr_result": "{{ __dr_security }}"},
    "dr_security_units": ["ssh.service", "rsyslog.service"],
}


class Prometheus(http.server.BaseHTTPRequestHandler):
    """Sees a host with one job at the first question, with two at the next."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        jobs = ["node", "postgresql"][: len(self.asked)]
        found = [{"metric": {"job": job, "host": "db1"}, "value": [0, "1"]} for job in jobs]
        body = json.dumps({"status": "success", "data": {"result": found}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_unused: Any) -> None:
        """Say nothing."""


@pytest.fixture
def prometheus() -> Iterator[str]:
    """The address of a Prometheus that is played."""
    Prometheus.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


class Watched(Estate):
    """The estate with a monitoring host, and programs that answer for the safeguards."""

    def _inventory(self) -> None:
        super()._inventory()
        path = self.folder / "hosts.yml"
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        told["all"]["children"]["monitoring"] = {"hosts": {"client1": None}}
        path.write_text(yaml.safe_dump(told), encoding="utf-8")

    def says(self, program: str, text: str, code: int = 0) -> None:
        """Have a program print a text and end with a code, wherever it is called."""
        path = self.folder / "bin" / program
        path.write_text(
            f"{PROGRAM}import sys\nprint({text!r})\nopen({str(path) + '.asked'!r}, 'a')"
            f".write(' '.join(sys.argv[1:]) + '\\n')\nsys.exit({code})\n",
            encoding="utf-8",
        )
        path.chmod(0o755)

    def asked(self, program: str) -> str:
        """Return with which arguments a program was called."""
        return (self.folder / "bin" / f"{program}.asked").read_text(encoding="utf-8")


def test_what_a_host_says_is_kept(tmp_path: Path, prometheus: str) -> None:
    estate = Watched(tmp_path, db1={"run": True})
    paths = {"certificate": "/etc/postgresql/server.crt", "key": "/etc/postgresql/server.key"}
    estate.says("runuser", json.dumps({**DATABASE, **paths}, indent=1))
    estate.says("systemctl", "active\ninactive", 3)
    estate.says("stat", "600 postgres:postgres /etc/postgresql/server.key")
    estate.says("openssl", "notAfter=Nov 20 09:00:00 2027 GMT")
    given = {**GIVEN, "dr_prometheus_url": prometheus, "__dr_security_jobs": 2}
    assert estate.run("security_read.yml", step="assess", **given) == 0, estate.said[-3000:]
    answers = estate.result["answers"]
    assert json.loads(answers["database"]["stdout"])["passwords"] == "scram-sha-256"
    assert answers["services"] == {"rc": 3, "stdout": "active\ninactive"}
    assert answers["monitoring"] == {"rc": 0, "stdout": ["node", "postgresql"]}
    assert len(Prometheus.asked) == 2, "one scrape that was missed does not make monitoring blind"
    assert "pg_hba_file_rules" in estate.asked("runuser")
    assert "/etc/postgresql/server.key /etc/pgbackrest/pgbackrest.conf" in estate.asked("stat")
    assert "-checkend 1814400 -in /etc/postgresql/server.crt" in estate.asked("openssl")
    rows = compared(estate.result, estate.result)
    assert rows is not None
    known = {row["name"]: row["result"] for row in rows}
    assert known["services that guard, ship logs and report"] == "verified"
    assert known["superusers of the database"] == known["certificate of the database"] == "verified"


def test_a_host_that_says_nothing_is_unknown_and_stops_nobody(tmp_path: Path) -> None:
    estate = Watched(tmp_path, db1={"run": False})
    for program in ("runuser", "systemctl", "stat", "openssl"):
        estate.says(program, "", 1)
    given = {**GIVEN, "dr_prometheus_url": "http://127.0.0.1:9", "__dr_security_jobs": 0}
    assert estate.run("security_read.yml", step="assess", **given) == 0, estate.said[-3000:]
    answers = estate.result["answers"]
    assert answers["database"]["rc"] == 1
    assert answers["monitoring"]["rc"] == -1
    rows = compared(estate.result, estate.result)
    assert rows is not None
    loose = {"access by ssh", "firewall of the host"}  # these programs are those of this machine
    assert {row["result"] for row in rows if row["name"] not in loose} == {"could_not_run"}
