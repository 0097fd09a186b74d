# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus and Alertmanager as their API descriptions have them, and every way in which an answer can be partial.

`API` holds what the descriptions say of the paths that are used: parameters, and the keys an answer must have (required
properties). They are condensed from prometheus/prometheus ``web/api/v1/testdata/openapi_3.1_golden.yaml`` and
prometheus/alertmanager ``api/v2/openapi.yaml`` of 2026-08.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _source_prometheus as source
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_alertmanager import QUESTIONS, Alertmanager
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_http import Answer, Client
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_prometheus import STATUS, Prometheus
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_queries import QUERIES, Query

from .played import Played, Server

# path -> parameters, those that are required, required keys of data (Prometheus) or of a row (Alertmanager)
API: dict[str, tuple[set[str], set[str], set[str]]] = {
    "/api/v1/query": (
        {"query", "time", "limit", "timeout", "lookback_delta", "stats"},
        {"query"},
        {"resultType", "result"},
    ),
    "/api/v1/query_range": (
        {"query", "start", "end", "step", "limit", "timeout", "lookback_delta", "stats"},
        {"query", "start", "end", "step"},
        {"resultType", "result"},
    ),
    "/api/v1/targets": ({"scrapePool", "state"}, set(), {"activeTargets", "droppedTargets", "droppedTargetCounts"}),
    "/api/v1/rules": (
        {
            *("type", "rule_name[]", "rule_group[]", "file[]", "match[]", "exclude_alerts", "group_limit"),
            "group_next_token",
        },
        set(),
        {"groups"},
    ),
    "/api/v1/alerts": (set(), set(), {"alerts"}),
    "/api/v1/alertmanagers": (set(), set(), {"activeAlertmanagers", "droppedAlertmanagers"}),
    "/api/v1/status/runtimeinfo": (
        set(),
        set(),
        {
            *("startTime", "CWD", "hostname", "serverTime", "reloadConfigSuccess", "lastConfigTime"),
            *("corruptionCount", "goroutineCount", "GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG", "storageRetention"),
        },
    ),
    "/api/v1/status/config": (set(), set(), {"yaml"}),
    "/api/v1/status/buildinfo": (
        set(),
        set(),
        {"version", "revision", "branch", "buildUser", "buildDate", "goVersion"},
    ),
    "/api/v1/status/flags": (set(), set(), set()),
    "/api/v1/status/tsdb": (
        {"limit"},
        set(),
        {
            *("headStats", "seriesCountByMetricName", "labelValueCountByLabelName", "memoryInBytesByLabelName"),
            "seriesCountByLabelValuePair",
        },
    ),
    "/api/v2/status": (set(), set(), {"cluster", "versionInfo", "config", "uptime"}),
    "/api/v2/receivers": ({"receiver_matchers"}, set(), {"name"}),
    "/api/v2/silences": (
        {"filter", "active", "expired", "pending"},
        set(),
        {"id", "status", "updatedAt", "matchers", "startsAt", "endsAt", "createdBy", "comment"},
    ),
    "/api/v2/alerts": (
        {"active", "silenced", "inhibited", "unprocessed", "filter", "receiver", "receiver_matchers"},
        set(),
        {"receivers", "fingerprint", "startsAt", "updatedAt", "endsAt", "annotations", "status", "labels"},
    ),
}
FLAGS = {"web.enable-admin-api": "false", "storage.tsdb.retention.time": "90d"}
VECTOR = {"resultType": "vector", "result": [{"metric": {"host": "a"}, "value": [1.5, "0.25"]}]}


def prometheus(server: Server) -> Prometheus:
    return Prometheus(Client(server.endpoint()))


def play(server: Server, data: Any, **more: Any) -> None:
    """Answer every question of Prometheus with some data."""
    server.answers(lambda played, _path, _query: played.say({"status": "success", "data": data, **more}))


@pytest.mark.parametrize("name", STATUS)
def test_what_is_asked_of_prometheus_is_in_its_description(name: str) -> None:
    path, query, keys = STATUS[name]
    allowed, required, answered = API[path]
    assert {key for key, _value in query} <= allowed
    assert required == set()
    assert set(keys) <= (answered or set(FLAGS))


def test_whose_it_is_is_asked_as_described(server: Server) -> None:
    play(server, {"yaml": "global:\n  external_labels:\n    environment: '7'\n"})
    assert prometheus(server).labels("7") == {"environment": "7"}
    ((path, query, _headers),) = server.asked
    assert API[path][2] == {"yaml"}
    assert query == {}


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_is_asked_of_alertmanager_is_in_its_description(name: str) -> None:
    path, query, keys = QUESTIONS[name]
    allowed, _required, answered = API[path]
    assert {key for key, _value in query} <= allowed
    assert set(keys) <= answered


def test_parameters_of_queries_are_in_the_description(server: Server) -> None:
    play(server, VECTOR)
    asked = prometheus(server)
    asked.instant("up", at=1.5)
    play(server, {"resultType": "matrix", "result": []})
    asked.range("up", start=0, end=60, step_s=15)
    for path, query, headers in server.asked:
        allowed, required, _answered = API[path]
        assert required <= set(query) <= allowed
        assert headers["Accept"] == "application/json"


@pytest.mark.parametrize("name", STATUS)
def test_an_answer_of_the_description_is_read(server: Server, name: str) -> None:
    path, _query, _keys = STATUS[name]
    answered = FLAGS if name == "flags" else dict.fromkeys(API[path][2])
    play(server, answered)
    assert prometheus(server).status(name) == answered


@pytest.mark.parametrize("name", STATUS)
def test_an_answer_without_a_key_is_an_error(server: Server, name: str) -> None:
    path, _query, keys = STATUS[name]
    whole = FLAGS if name == "flags" else dict.fromkeys(API[path][2])
    for key in keys:
        play(server, {other: value for other, value in whole.items() if other != key})
        with pytest.raises(OpsError, match=f"lacks .*{key}"):
            prometheus(server).status(name)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"status": "error", "errorType": "bad_data", "error": "parse error"}, "refuses .*bad_data: parse error"),
        ({"status": "success", "data": VECTOR, "warnings": ["results truncated due to limit"]}, "is partial"),
        ({"status": "success"}, "refuses"),
        ({"data": VECTOR}, "is not Prometheus"),
        ([], "is not Prometheus"),
        ({"status": "success", "data": []}, "with a list, not with a vector"),
        ({"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}, "with a scalar"),
        ({"status": "success", "data": {"resultType": "vector", "result": None}}, "with a vector, not with a vector"),
        ({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}}]}}, "no series"),
        ({"status": "success", "data": {"resultType": "vector", "result": [{"value": [1, "1"]}]}}, "no series"),
        (
            {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, 1]}]}},
            "no series",
        ),
        (
            {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": ["1"]}]}},
            "no series",
        ),
    ],
)
def test_a_partial_or_foreign_answer_is_an_error(server: Server, body: Any, told: str) -> None:
    server.answers(lambda played, _path, _query: played.say(body))
    with pytest.raises(OpsError, match=told):
        prometheus(server).instant("up", at=1.0)


def test_remarks_that_take_nothing_away_are_no_error(server: Server) -> None:
    play(server, VECTOR, infos=["metric might not be a counter"])
    assert prometheus(server).instant("up", at=1.0) == VECTOR["result"]


class Skewed:
    """A client whose other side has another time."""

    def __init__(self, offset: float | None) -> None:
        self.offset = offset

    def get(self, path: str, _query: Any) -> Answer:
        """Answer with a vector."""
        return Answer({"status": "success", "data": VECTOR}, path, 200, 0.1, "played", self.offset)


@pytest.mark.parametrize("offset", [61.0, -61.0])
def test_a_clock_that_is_off_is_an_error(offset: float) -> None:
    with pytest.raises(OpsError, match=r"clock of Prometheus is [+-]61 s off"):
        Prometheus(Skewed(offset)).instant("up", at=1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("offset", [None, 0.0, 59.0])
def test_a_clock_that_is_near_is_no_error(offset: float | None) -> None:
    assert Prometheus(Skewed(offset)).instant("up", at=1.0)  # type: ignore[arg-type]


def test_a_long_window_is_asked_for_in_pieces(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_POINTS", 4)

    def answering(played: Played, _path: str, query: dict[str, str]) -> None:
        start, end, step = (int(query[key]) for key in ("start", "end", "step"))
        values = [[at, "1"] for at in range(start, end + 1, step)]
        data = {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": values}]}
        played.say({"status": "success", "data": data})

    server.answers(answering)
    (series,) = prometheus(server).range("up", start=7, end=157, step_s=15)
    assert [at for at, _value in series["values"]] == list(range(7, 158, 15))
    assert len(server.asked) == 3


def test_a_piece_that_fails_fails_the_window(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_POINTS", 2)

    def answering(played: Played, _path: str, query: dict[str, str]) -> None:
        if query["start"] == "0":
            played.say({"status": "success", "data": {"resultType": "matrix", "result": []}})
        else:
            played.say({"status": "error", "errorType": "timeout", "error": "query timed out"}, 503)

    server.answers(answering)
    with pytest.raises(OpsError, match="HTTP 503"):
        prometheus(server).range("up", start=0, end=60, step_s=15)


@given(st.integers(0, 10**6), st.integers(0, 40_000), st.integers(1, 5000))
def test_pieces_cover_a_window_once(start: int, length: int, step: int) -> None:
    found = [at for first, last in source.pieces(start, start + length, step) for at in range(first, last + 1, step)]
    assert found == list(range(start, start + length + 1, step))
    spans = [last - first for first, last in source.pieces(start, start + length, step)]
    assert max(spans) // step < source.MOST_POINTS


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["0", "1"])), unique_by=lambda row: row[0]))
def test_condensing_loses_nothing(points: list[tuple[int, str]]) -> None:
    values = [[60 * at, value] for at, value in sorted(points)]
    runs = source.condensed({"metric": {}, "values": values}, 60)["runs"]
    unfolded = [[at, value] for first, last, value in runs for at in range(first, last + 1, 60)]
    assert unfolded == values


def test_every_question_is_named_once_and_says_what_it_asks() -> None:
    for name, query in QUERIES.items():
        assert name == query.name
        assert query.says
        assert "<host>" not in query.text("instance")
        assert bool(query.window_s) == bool(query.step_s)


def test_a_question_for_a_window_ends_at_the_present_minute(server: Server) -> None:
    play(server, {"resultType": "matrix", "result": [{"metric": {}, "values": [[60, "1"], [120, "1"]]}]})
    query = Query("x", "up{<host>='a'}", "x", 600, 60, condense=True)
    body = prometheus(server).ask(query, now=1234.5, host_label="instance")
    assert (body["start"], body["end"], body["step"]) == (600, 1200, 60)
    assert body["query"] == "up{instance='a'}"
    assert body["result"] == [{"metric": {}, "runs": [[60, 120, "1"]]}]


ALERT = {
    **dict.fromkeys(API["/api/v2/alerts"][2], ""),
    "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
}


@pytest.mark.parametrize("muted", [None, ["night"]])
def test_old_and_new_alertmanagers_are_read(server: Server, muted: list[str] | None) -> None:
    """Before version 0.28 a status does not say who muted it."""
    status = {**ALERT["status"], **({"mutedBy": muted} if muted else {})}  # type: ignore[dict-item]
    server.answers(lambda played, _path, _query: played.say([{**ALERT, "status": status}]))
    (found,) = Alertmanager(Client(server.endpoint())).ask("alerts")
    assert found["status"]["mutedBy"] == (muted or [])


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_of_another_system_is_an_error(server: Server, name: str) -> None:
    for body in ({"status": "success"}, [{"name_": 1}], [1], "ok"):
        server.answers(lambda played, _path, _query, body=body: played.say(body))  # type: ignore[misc]
        with pytest.raises(OpsError, match=r"lacks|is no list"):
            Alertmanager(Client(server.endpoint())).ask(name)
