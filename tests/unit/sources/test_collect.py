# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collector of sources: one fact an answer, one sentence a gap, and nothing that looks green without a source."""

from __future__ import annotations

import email.utils
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import RECORD_TYPES, TYPES
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._records import complete, write
from verify.collect import logs, sources
from verify.collect._keeper import Keeper
from verify.collect._systems import NAMES
from verify.collect.redact import Redactor
from verify.engine.declared import Declared, Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence, Fact, NoEvidence
from verify.engine.words import EvidenceClass
from verify.facts.metrics import metrics
from verify.facts.records import records
from verify.facts.runs import runs

from .played import Checkout, Played, Server

NOW = 1_795_600_000.0
DAY = 86400.0


def collected(**variables: Any) -> Evidence:
    """Collect an environment with these variables."""
    hosts = {"mon1": Declared("host", "mon1", {"ansible_host": "192.0.2.9"})}
    environment = Environment("production", "inventories/production", "", hosts, {}, variables, secrets=frozenset())
    evidence = Evidence()
    told: list[str] = []
    sources.collect(environment, evidence, now=lambda: NOW, progress=told.append)
    assert told
    return evidence


def estate(evidence: Evidence, **variables: Any) -> Estate:
    return Estate(Environment("production", "", "", {}, {}, variables), evidence, now=NOW)


def fact(evidence: Evidence, subject: str, name: str) -> Fact:
    found = evidence.get(subject, name)
    assert found is not None, f"{subject}/{name}"
    return found


def body(evidence: Evidence, subject: str, name: str) -> Any:
    return json.loads(evidence.body(fact(evidence, subject, name)))


def example(kind: str, **change: Any) -> dict[str, Any]:
    common = {"id": "r-1", "environment": "production", "at": "2026-11-20T16:00:00Z", "by": "operations"}
    return {**common, **RECORD_TYPES[kind].example, **change}


def put(folder: Path, name: str, content: Any) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def test_what_is_not_declared_is_told_for_every_fact() -> None:
    evidence = collected()
    expected = {
        *(("records", kind) for kind in TYPES),
        *(("runs", kind) for kind in (*TYPES, "packs", "logs")),
        *((subject, name) for subject, names in NAMES.items() for name in names),
    }
    assert {(one.subject, one.name) for one in evidence} == expected
    assert all(one.error and "declares no verify_" in one.error for one in evidence)
    with pytest.raises(NoEvidence, match="declares no verify_records_dir"):
        records(estate(evidence)).of("incident")


def test_records_of_people(tmp_path: Path) -> None:
    put(tmp_path, "incident/a.json", example("incident"))
    put(tmp_path, "review/a.json", example("review", outcom="x"))
    evidence = collected(verify_records_dir=str(tmp_path))
    incident = fact(evidence, "records", "incident")
    assert (incident.klass, incident.source, incident.command) == (
        EvidenceClass.DECLARED,
        "records",
        str(tmp_path / "incident"),
    )
    assert [row.id for row in records(estate(evidence)).of("incident")] == ["r-1"]
    # That there is none was seen by a machine; what is wrong is told, and only for its type.
    assert fact(evidence, "records", "roster").klass is EvidenceClass.MACHINE
    assert "did you mean 'outcome'" in (fact(evidence, "records", "review").error or "")


def test_a_record_that_nobody_can_place_leaves_no_type_whole(tmp_path: Path) -> None:
    put(tmp_path, "incidnet/a.json", example("incident"))
    evidence = collected(verify_records_dir=str(tmp_path))
    assert all("incidnet" in (fact(evidence, "records", kind).error or "") for kind in TYPES)


def test_records_of_playbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_utc, "now", lambda: _utc.from_epoch(NOW - 60))  # a record of the future is no record
    for number in range(2):
        record = complete(
            {**RECORD_TYPES["patch"].example, "id": f"p{number}"}, record_type="patch", environment="production"
        )
        path, _digest = write(record, records_dir=tmp_path)
    evidence = collected(verify_runs_dir=str(tmp_path))
    assert [row.id for row in runs(estate(evidence)).of("patch")] == ["p0", "p1"]
    first = sorted(path.parent.glob("*.json"))[0]
    first.write_bytes(first.read_bytes().replace(b'"ok"', b'"failed"'))
    evidence = collected(verify_runs_dir=str(tmp_path))
    assert len(body(evidence, "runs", "patch")["faults"]) == 1
    with pytest.raises(NoEvidence, match="chain of runs/patch is broken"):
        runs(estate(evidence)).of("patch")


def test_no_seal_is_trusted_without_a_list_of_signers(tmp_path: Path) -> None:
    evidence = collected(verify_drills_dir=str(tmp_path))
    assert "declares no verify_allowed_signers" in (fact(evidence, "runs", "packs").error or "")
    (tmp_path / "signers").write_text("", encoding="utf-8")
    evidence = collected(verify_drills_dir=str(tmp_path), verify_allowed_signers=str(tmp_path / "signers"))
    assert body(evidence, "runs", "packs") == {"packs": []}


def test_which_logs_are_kept(tmp_path: Path) -> None:
    assert "declares no verify_logs_dir" in (fact(collected(), "runs", "logs").error or "")
    assert "No such file" in (fact(collected(verify_logs_dir=str(tmp_path / "gone")), "runs", "logs").error or "")
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "deploy.log").write_text("done\n", encoding="utf-8")
    (tmp_path / "runs" / "two").symlink_to(tmp_path / "runs" / "one")
    found = body(collected(verify_logs_dir=str(tmp_path)), "runs", "logs")
    assert found == {"folder": str(tmp_path), "files": {"runs/one/deploy.log": 5}}


def test_too_many_logs_are_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST", 0)
    (tmp_path / "a.log").write_text("a", encoding="utf-8")
    assert "more than 0 files" in (fact(collected(verify_logs_dir=str(tmp_path)), "runs", "logs").error or "")


# Systems.


OURS = "global:\n  scrape_interval: 15s\n  external_labels:\n    environment: production\n"
"""The configuration of a Prometheus that belongs to the environment which these tests collect."""


def as_prometheus(played: Played, path: str, _query: dict[str, str], *, ahead: float = 0.0, config: str = OURS) -> None:
    """Answer as a Prometheus without any data, whose clock is ahead by so many seconds."""
    kind = "matrix" if path.endswith("query_range") else "vector"
    data: Any = {"resultType": kind, "result": []}
    if "/status/" in path or path.endswith(("targets", "rules", "alerts", "alertmanagers")):
        keys = ("version", "startTime", "reloadConfigSuccess", "lastConfigTime", "corruptionCount", "storageRetention")
        more = ("web.enable-admin-api", "storage.tsdb.retention.time", "headStats")
        lists = ("activeTargets", "groups", "alerts", "activeAlertmanagers")
        data = {**dict.fromkeys((*keys, *more), "x"), **{key: [] for key in lists}, "yaml": config}
    played.say({"status": "success", "data": data}, Date=email.utils.formatdate(time.time() + ahead, usegmt=True))


@pytest.fixture
def declared(server: Server) -> Iterator[dict[str, Any]]:
    """The declaration of the played server as a Prometheus with a token."""
    url = f"http://127.0.0.1:{server.port}"
    yield {"verify_sources": {"prometheus": {"url": url, "token": "abc-secret", "timeout_s": 2}}}


def test_a_system_that_answers(server: Server, declared: dict[str, Any]) -> None:
    server.answers(as_prometheus)
    evidence = collected(**declared)
    assert [one.name for one in evidence if one.subject == "prometheus" and one.error] == []
    up = fact(evidence, "prometheus", "query:up")
    assert (up.rc, up.command, up.collected) == (200, "up", NOW)
    assert metrics(estate(evidence, **declared)).vector("up") == ()
    with pytest.raises(NoEvidence, match="no values of up"):
        metrics(estate(evidence, **declared)).one("up")
    assert body(evidence, "prometheus", "anonymous") == {
        "credentials": True,
        "path": "/api/v1/status/buildinfo",
        "status": 200,
    }
    assert [headers.get("Authorization") for _path, _query, headers in server.asked].count(None) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"body": b"<html>Sign in</html>"}, "not JSON or was cut short"),
        ({"body": b"{}", "status": 401}, "renew the password or token"),
        ({"body": b"{}", "status": 302}, "sends us elsewhere"),
        ({"body": b'{"status": "success", "data": {}}'}, "no configuration that can be read"),
        ({"body": b'{"status": "success", "data": {}, "warnings": ["x"]}'}, "is partial"),
        ({"body": b'{"status": "success"', "length": 4000}, "was cut short"),
    ],
)
def test_every_way_to_say_less_leaves_no_green_fact(
    server: Server, declared: dict[str, Any], answer: dict[str, Any], told: str
) -> None:
    def answering(played: Played, _path: str, _query: dict[str, str]) -> None:
        played.send(answer["body"], answer.get("status", 200), length=answer.get("length"))
        played.close_connection = "length" in answer

    server.answers(answering)
    evidence = collected(**declared)
    for name in NAMES["prometheus"]:
        if name not in ("anonymous", "clock"):
            assert fact(evidence, "prometheus", name).error
    assert told in (fact(evidence, "prometheus", "buildinfo").error or "")
    assert not any("abc-secret" in (one.error or "") for one in evidence)


def test_a_system_that_is_silent_is_not_asked_sixty_times(server: Server, declared: dict[str, Any]) -> None:
    declared["verify_sources"]["prometheus"]["url"] = "http://127.0.0.1:1"
    evidence = collected(**declared)
    errors = {one.error for one in evidence if one.subject == "prometheus"}
    assert len(errors) == 1
    assert "refused" in str(errors)
    declared["verify_sources"]["prometheus"]["url"] = f"http://127.0.0.1:{server.port}"
    for status in (401, 500):
        server.asked.clear()
        server.answers(lambda played, _path, _query, status=status: played.send(b"{}", status))  # type: ignore[misc]
        collected(**declared)
        assert len(server.asked) == 1


def test_what_is_refused_for_one_question_is_asked_on(server: Server, declared: dict[str, Any]) -> None:
    """A proxy that hides some paths still answers queries; one query too hard does not end the others."""

    def answering(played: Played, path: str, query: dict[str, str]) -> None:
        if "/status/" in path and not path.endswith("config"):
            played.send(b"not found", 404)
        elif query.get("query", "").startswith("up"):
            played.say({"status": "error", "errorType": "timeout", "error": "too hard"}, 503)
        else:
            as_prometheus(played, path, query)

    server.answers(answering)
    evidence = collected(**declared)
    wrong = {one.name for one in evidence if one.subject == "prometheus" and one.error}
    assert wrong == {"buildinfo", "runtimeinfo", "flags", "tsdb", "query:up"}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (OURS.replace("production", "staging"), ("belongs to staging", "not to production", "prometheus.url")),
        ("global:\n  scrape_interval: 15s\n", ("does not say that it belongs to production", "set global.external")),
        ("global:\n  external_labels: {region: eu}\n", ("does not say that it belongs to production",)),
        ("", ("holds no configuration",)),
        ("global: [", ("holds no configuration",)),
    ],
)
def test_a_prometheus_of_another_environment_is_no_evidence(
    server: Server, declared: dict[str, Any], config: str, told: tuple[str, ...]
) -> None:
    """A wrong address may answer with somebody else's good health."""
    server.answers(lambda played, path, query: as_prometheus(played, path, query, config=config))
    evidence = collected(**declared)
    for name in NAMES["prometheus"]:
        if name != "clock":
            assert all(piece in str(fact(evidence, "prometheus", name).error) for piece in told), name
    with pytest.raises(NoEvidence, match=r"production|configuration"):
        metrics(estate(evidence, **declared)).vector("up")
    assert [path for path, _query, _headers in server.asked] == ["/api/v1/status/config"]


def test_whose_prometheus_it_is_costs_one_question_and_keeps_no_configuration(
    server: Server, declared: dict[str, Any]
) -> None:
    server.answers(lambda played, path, query: as_prometheus(played, path, query, config=OURS + "remote_write: []\n"))
    evidence = collected(**declared)
    assert body(evidence, "prometheus", "labels") == {"environment": "production"}
    assert [path for path, _query, _headers in server.asked].count("/api/v1/status/config") == 1


def held(**labels: str) -> dict[str, Any]:
    """Return an alert that Alertmanager holds."""
    status = {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []}
    about = dict.fromkeys(("annotations", "startsAt", "updatedAt", "endsAt", "fingerprint", "receivers"), "x")
    return {**about, "labels": {"alertname": "Watchdog", **labels}, "status": status}


def as_alertmanager(played: Played, path: str, alerts: list[dict[str, Any]]) -> None:
    """Answer as an Alertmanager that holds these alerts."""
    status = {"cluster": {}, "versionInfo": {"version": "x"}, "config": {"original": ""}, "uptime": "x"}
    played.say({"/api/v2/alerts": alerts, "/api/v2/status": status}.get(path, []))


@pytest.mark.parametrize(
    ("alerts", "told"),
    [
        ([held(environment="staging")], "only alerts of staging, and none of production: correct verify_sources"),
        ([held()], "no alerts that say of which environment they are, and none of production"),
        ([], "no alerts that say of which environment they are, and none of production"),
        ([held(environment="staging"), held(environment="production")], ""),
    ],
)
def test_an_alertmanager_of_another_environment_is_no_evidence(
    server: Server, alerts: list[dict[str, Any]], told: str
) -> None:
    """Whose it is shows in the dead-man's switch, which always fires. Several environments may share one."""
    server.answers(lambda played, path, _query: as_alertmanager(played, path, alerts))
    evidence = collected(verify_sources={"alertmanager": {"url": f"http://127.0.0.1:{server.port}"}})
    for name in NAMES["alertmanager"]:
        found = fact(evidence, "alertmanager", name)
        assert (told in str(found.error)) if told else found.error is None, name
    assert len(server.asked) == (1 if told else len(NAMES["alertmanager"]))


@pytest.mark.parametrize("ahead", [-DAY, DAY])
def test_a_clock_that_is_off_leaves_nothing(server: Server, declared: dict[str, Any], ahead: float) -> None:
    """Of a time of yesterday or tomorrow no window would be the one that was asked for."""
    server.answers(lambda played, path, query: as_prometheus(played, path, query, ahead=ahead))
    evidence = collected(**declared)
    for name in NAMES["prometheus"]:
        if name not in ("anonymous", "clock"):
            assert "s off ours" in str(fact(evidence, "prometheus", name).error)
    assert body(evidence, "prometheus", "clock")["offset_s"] == pytest.approx(ahead, abs=3)


@pytest.mark.parametrize(
    ("declared_sources", "told"),
    [
        ({"promtheus": {"url": "http://x"}}, "verify_sources.promtheus is no source; known are"),
        ({"prometheus": {"url": "http://x", "via": "gone"}}, "which is no host of the inventory"),
        ({"prometheus": {"address": "http://x"}}, "address is no key of a source"),
    ],
)
def test_a_wrong_declaration_stops_before_anything_is_asked(declared_sources: dict[str, Any], told: str) -> None:
    with pytest.raises(OpsError, match=told):
        collected(verify_sources=declared_sources)


# Repositories.


def test_a_repository(checkout: Checkout) -> None:
    checkout.put("roles/web/tasks/main.yml", "- name: x\n")
    checkout.put("README.md", "# It\n")
    checkout.put("live/main.tf", 'terraform {\n  backend "s3" {}\n}\n')
    checkout.put("library/told.py", 'DOCUMENTATION = r"""\nmodule: told\n"""\n')
    checkout.put("plugins/modules/silent.py", "# DOCUMENTATION is for others\n")
    checkout.put("plugins/modules/beside.py", "x = 1\n")
    checkout.put("plugins/modules/beside.yml", "DOCUMENTATION: {module: beside}\n")
    checkout.put("plugins/modules/__init__.py", "\n")
    head = checkout.commit("Begin")
    checkout.git("push", "-q", "-u", "origin", "main")
    row = {"name": "infrastructure", "path": str(checkout.path), "branch": "main"}
    evidence = collected(verify_repositories=[row])
    subject = "repository:infrastructure"
    assert [one.error for one in evidence if one.subject == subject and one.error] == []
    assert body(evidence, subject, "remote")["heads"] == {"main": head}
    assert body(evidence, subject, "tree")["commit"] == head
    assert body(evidence, subject, "copies")["files"] == 5
    assert [row["path"] for row in body(evidence, subject, "documents")["documents"]] == ["README.md"]
    documented = {"library/told.py": True, "plugins/modules/beside.py": True, "plugins/modules/silent.py": False}
    assert body(evidence, subject, "module_docs")["files"] == documented
    assert list(body(evidence, subject, "terraform")["files"]) == ["live/main.tf"]


def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    rows = [{"name": "gone", "path": str(tmp_path / "gone")}, {"name": "nowhere"}]
    evidence = collected(verify_repositories=rows)
    for name in sources.REPOSITORY:
        assert fact(evidence, "repository:gone", name).error
        assert "has no path" in (fact(evidence, "repository:nowhere", name).error or "")


# Secrets.


def test_secrets_are_masked_and_the_fact_stays_readable() -> None:
    evidence = Evidence()
    keeper = Keeper(evidence, Redactor({"hunter2-secret"}), subject="s", source="x", now=lambda: NOW)
    keeper.keep("a", {"url": "http://u:hunter2-secret@h/", "note": "hunter2-secret", "n": 1}, command="c")
    assert "hunter2" not in evidence.body(fact(evidence, "s", "a"))
    assert body(evidence, "s", "a")["n"] == 1
    keeper.missing(["b"], "failed with hunter2-secret", command="c")
    assert "hunter2" not in str(fact(evidence, "s", "b").error)


def test_what_cannot_be_masked_without_harm_is_not_kept() -> None:
    evidence = Evidence()
    keeper = Keeper(evidence, Redactor({'"x":12345'}), subject="s", source="x", now=lambda: NOW)
    keeper.keep("a", {"x": 12345}, command="c")
    assert "cannot be masked" in str(fact(evidence, "s", "a").error)
