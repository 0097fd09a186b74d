# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A morning of one host, which is this machine: what its options and its inventory mean for the run."""

from __future__ import annotations

import datetime
import html
import json
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from tests.unit.verify_report.test_notices import Receiver
from verify.collect import collectors
from verify.engine import html_columns, options
from verify.engine.matrix import Selection
from verify.engine.options import Options
from verify.engine.results import read_results
from verify.engine.session import Run
from verify.engine.words import Status

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


def inventory(
    base: Path, groups: Mapping[str, list[str]] | None = None, host: Mapping[str, Any] | None = None, **variables: Any
) -> Path:
    """Write the inventory of an environment ``small`` and return the folder to start from.

    ``groups`` are its groups with their hosts, ``host`` what is known of the one host instead of that it is this one.
    """
    folder = base / "inventories" / "small"
    folder.mkdir(parents=True)
    about = {"ops_environment": "small", "ops_protected": False, "verify_hosts": "web1", **variables}
    everything: dict[str, Any] = {"hosts": {"web1": dict(host or {"ansible_connection": "local"})}, "vars": about}
    everything["children"] = {name: {"hosts": {key: {} for key in names}} for name, names in (groups or {}).items()}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": everything}), encoding="utf-8")
    return base


def test_a_morning_that_leaves_a_host_out_for_no_reason_is_refused(tmp_path: Path) -> None:
    asked = Options(*("small", "", Selection(), None, "today", None, True), report_dir=tmp_path / "reports", forks=None)
    base = inventory(tmp_path)
    path = base / "inventories" / "small" / "hosts.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("web1:", "db1: {}\n    web1:", 1), encoding="utf-8")
    with pytest.raises(OpsError, match="verify_hosts leaves out db1, and verify_hosts_left_out does not say why"):
        Run.prepare(asked, cwd=base)


@pytest.mark.parametrize(
    ("declared", "forks", "counts"), [({}, None, 32), ({"verify_concurrency": 3}, None, 3), ({}, 5, 5)]
)
def test_the_inventory_says_how_many_hosts_are_asked_unless_the_command_line_does(
    tmp_path: Path, declared: dict[str, int], forks: int | None, counts: int
) -> None:
    asked = Options(
        *("small", "", Selection(), None, "today", None, True),
        report_dir=tmp_path / "reports",
        forks=forks,
    )
    run = Run.prepare(asked, cwd=inventory(tmp_path, **declared))
    assert run.options.forks == run.header["parameters"]["forks"] == counts


def test_the_option_is_left_out_by_default() -> None:
    parser = pytest.Parser(_ispytest=True)
    options.add(parser)
    assert parser.parse_known_args([]).forks is None


OPTIONS = (
    *("--env", "--limit", "--item", "--section", "--owner", "--severity", "--host", "--only", "--replay", "--rules"),
    *("--allowed-signers", "--live", "--no-collect", "--report-dir", "--forks"),
)


def test_each_option_is_explained_under_the_one_heading() -> None:
    parser = pytest.Parser(_ispytest=True)
    options.add(parser)
    place = parser.optparser.format_help().partition("\noperations guide (ccobservatory.ops):\n")[2]
    place = place.partition("\n\n")[0]
    assert re.findall(r"^  (--[a-z-]+)", place, re.MULTILINE) == list(OPTIONS)
    for text in re.split(r"^  --", place, flags=re.MULTILINE)[1:]:
        assert len(text.split()) > 3, text


def test_a_dear_key_exchange_is_told_before_anything_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Options("small", "", Selection(), None, "today", None, True, tmp_path / "reports", None)
    run = Run.prepare(asked, cwd=inventory(tmp_path))
    for name in ("collect", "remember"):
        monkeypatch.setattr(collectors, name, lambda *_given, **_named: None)
    monkeypatch.setattr(collectors, "about", lambda _evidence: {"kex": {"sntrup761x25519-sha512": 2}, "clock": {}})
    told: list[str] = []
    run.gather(told.append)
    assert told[-1].startswith("2 hosts use the key exchange sntrup761x25519-sha512") and "KexAlgorithms" in told[-1]


def test_people_are_told_of_a_run_and_not_again_of_the_same(tmp_path: Path) -> None:
    """Nothing answers at port 1. The second run knows of the first and finds more by it, the third finds the same."""
    taker = type("Taker", (Receiver,), {"taken": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hook = {"webhook": {"url": f"http://127.0.0.1:{server.server_address[1]}/hook"}}
    base = inventory(tmp_path, host={"ansible_host": "127.0.0.1", "ansible_port": 1}, verify_notices=hook)
    asked = Options("small", "", Selection(), None, "today", None, True, tmp_path / "reports", None)
    told: list[bool] = []
    for _turn in range(3):
        run = Run.prepare(asked, cwd=base)
        run.gather(lambda _line: None)
        for control in run.control_ids:
            run.judge(control)
        assert run.finish(1, others_failed=False) in (1, 10)
        told.append("notice: web hook answered 204" in run.summary)
    server.shutdown()
    server.server_close()
    assert (told[0], told[2], len(taker.taken)) == (True, False, told.count(True))
    notice = json.loads(taker.taken[0][1])
    first = min(path.name for path in (tmp_path / "reports" / "small").glob("2*Z"))
    assert (notice["environment"], notice["run"], notice["sign"]) == ("small", first, False)


@pytest.mark.parametrize("status", list(Status))
def test_a_row_of_the_page_has_the_word_of_the_run(status: Status) -> None:
    cells = ["<td>result</td>", "<td>test</td>"]
    html_columns.row(SimpleNamespace(user_properties=[("status", str(status))]), cells)
    assert cells[1] == f'<td class="col-status">{status.replace("_", " ")}</td>'
    assert html_columns.totals([status, status], ["a < b"]) == [
        f"<p>Controls: 2 {status.replace('_', ' ')}.</p>",
        "<p>a &lt; b</p>",
    ]


def test_the_page_of_pytest_html_stands_beside_the_report_and_hides_no_status(tmp_path: Path) -> None:
    """What is waived or not applicable did not pass; what is unknown is not lost among pytest-html's own words."""
    now = datetime.datetime.now(tz=datetime.UTC)
    about = dict.fromkeys(("reason", "compensating_control"), "The runner moves to another machine next week.")
    people = {name: f"{name}@example.org" for name in ("requester", "approver")}
    instants = {"approved_on": now - datetime.timedelta(1), "expires_on": now + datetime.timedelta(1)}
    waiver = {
        **{"id": "W-2026-001", "item": "CORE-02", "subjects": {"kind": "pipeline", "names": ["build"]}},
        **{**about, **people, "owner": "platform", "ticket": "OPS-1"},
        **{name: f"{instant:%Y-%m-%dT%H:%M:%SZ}" for name, instant in instants.items()},
    }
    base = inventory(
        tmp_path,
        verify_pipelines=[{"name": "build", "cadence_s": 86400}],
        verify_empty={"pool": "One host is no pool of anything."},
        verify_waivers_file="waivers.yml",
    )
    (base / "inventories/small/waivers.yml").write_text(yaml.safe_dump([waiver]), encoding="utf-8")
    names = [word for item in ("CORE-02", "EFFICIENCY-02", "STANDUP-01") for word in ("--item", item)]
    words = ["-p", "no:cacheprovider", "-q", str(ROOT / "verify"), "-c", str(ROOT / "pyproject.toml")]
    pages = ["--html", "page.html", "--self-contained-html", "--junitxml", "page.xml"]
    command = [sys.executable, "-m", "pytest", *words, "--env", "small", *names, *pages]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=base)
    assert done.returncode == 10, done.stdout + done.stderr
    page = (base / "page.html").read_text(encoding="utf-8")
    assert "<p>Controls: " in page and "DO NOT SIGN" in page
    look = r"first: ansible-playbook -i \S*inventories/small/hosts.yml playbooks/record.yml -e record_kind=brief"
    assert re.search(look, html.unescape(html.unescape(page)))
    found = re.search(r'data-jsonblob="([^"]*)"', page)
    assert found is not None
    rows = {name.rpartition("::")[2]: told for name, (told,) in json.loads(html.unescape(found[1]))["tests"].items()}
    (results,) = base.glob("reports/small/*/results.jsonl")
    own = {one.control: one.status for one in read_results(results).controls}
    assert {name: told["status"] for name, told in rows.items()} == {
        name: status.replace("_", " ") for name, status in own.items()
    }
    assert {Status.WAIVED, Status.NOT_APPLICABLE, Status.UNKNOWN} <= set(own.values())
    shown = {Status.WAIVED: "Skipped", Status.NOT_APPLICABLE: "Skipped", Status.PASS: "Passed"}
    assert {name: told["result"] for name, told in rows.items()} == {
        name: shown.get(status, "Failed") for name, status in own.items()
    }
    assert (results.parent / "audit.html").exists()
    # Without a key there is a manifest all the same, and everything says that nobody signed it.
    assert "the pack is not sealed: no signing key" in (results.parent / "summary.txt").read_text(encoding="utf-8")
    check = [sys.executable, "verify_pack.py", "--chain", "--daily"]
    assert subprocess.run(check, check=False, capture_output=True, cwd=results.parent).returncode == 10
