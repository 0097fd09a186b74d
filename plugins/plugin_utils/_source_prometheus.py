# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus as a source: its HTTP API version 1, read only.

An answer with warnings is partial and an error, as is one of another result type than the question has. Ranges are
asked for in pieces below the server's limit of 11,000 points a series and put together again. Source: Prometheus, HTTP
API (https://prometheus.io/docs/prometheus/latest/querying/api/).

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_http import Answer, Client
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_queries import Query

__all__ = ["CONFIG", "ENVIRONMENT", "STATUS", "Prometheus", "condensed"]

MOST_POINTS = 10_000
MOST_SKEW_S = 60.0
# The configuration of a large estate has tens of thousands of lines.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CONFIG = "/api/v1/status/config"
ENVIRONMENT = "environment"
"""The external label by which a Prometheus, and every alert that it sends, says to which environment it belongs."""

# fact -> path, parameters, keys that the data must have (or a type of list)
STATUS: dict[str, tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]]] = {
    "buildinfo": ("/api/v1/status/buildinfo", (), ("version",)),
    "runtimeinfo": (
        "/api/v1/status/runtimeinfo",
        (),
        ("startTime", "reloadConfigSuccess", "lastConfigTime", "corruptionCount", "storageRetention"),
    ),
    "flags": ("/api/v1/status/flags", (), ("web.enable-admin-api", "storage.tsdb.retention.time")),
    "tsdb": ("/api/v1/status/tsdb", (), ("headStats",)),
    "targets": ("/api/v1/targets", (("state", "active"),), ("activeTargets",)),
    "rules": ("/api/v1/rules", (), ("groups",)),
    "alerts": ("/api/v1/alerts", (), ("alerts",)),
    "alertmanagers": ("/api/v1/alertmanagers", (), ("activeAlertmanagers",)),
}


class Prometheus:
    """One Prometheus, asked through one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.answer: Answer | None = None

    def status(self, name: str) -> Any:
        """Return the data of one of `STATUS`. Raises `OpsError` when it cannot be had whole."""
        path, query, keys = STATUS[name]
        data = self._data(path, query)
        lacking = [key for key in keys if not isinstance(data, Mapping) or key not in data]
        if lacking:
            raise OpsError(f"Prometheus' answer to {path} lacks {', '.join(lacking)}.")
        return data

    def labels(self, environment: str) -> dict[str, Any]:
        """Return the external labels of the server, and nothing else of its configuration.

        Raises `OpsError` when they do not say that it belongs to the environment: its answers would be another's.
        """
        data = self._data(CONFIG, ())
        try:
            loaded = yaml.load(data["yaml"], Loader=_LOADER)  # noqa: S506 - a safe loader
            found = (loaded.get("global") or {}).get("external_labels") or {}
            said = found.get(ENVIRONMENT)
        except (yaml.YAMLError, LookupError, TypeError, AttributeError) as exc:
            raise OpsError(f"Prometheus' answer to {CONFIG} holds no configuration that can be read.") from exc
        if said is None:
            raise OpsError(
                f"This Prometheus does not say that it belongs to {environment}: set global.external_labels."
                f"{ENVIRONMENT} to {environment} in its configuration, or correct verify_sources.prometheus.url."
            )
        if str(said) != environment:
            raise OpsError(
                f"This Prometheus belongs to {said} (global.external_labels.{ENVIRONMENT}), not to {environment}: "
                "correct verify_sources.prometheus.url, or that label in its configuration."
            )
        return dict(found)

    def instant(self, expr: str, *, at: float) -> list[dict[str, Any]]:
        """Return the vector of an expression at an instant: ``{"metric": {...}, "value": [instant, "text"]}``.

        Raises `OpsError`, also for an expression that is no vector.
        """
        data = self._data("/api/v1/query", [("query", expr), ("time", f"{at:.3f}")])
        rows = _result(data, "vector", expr)
        for row in rows:
            _check(row, "value", expr)
        return rows

    def range(self, expr: str, *, start: float, end: float, step_s: int) -> list[dict[str, Any]]:
        """Return the series of an expression in a window: ``{"metric": {...}, "values": [[instant, "text"], ...]}``.

        Instants are one step apart, from the start on. Raises `OpsError` when any piece cannot be had whole.
        """
        series: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
        for first, last in pieces(start, end, step_s):
            query = [("query", expr), ("start", str(first)), ("end", str(last)), ("step", str(step_s))]
            for row in _result(self._data("/api/v1/query_range", query), "matrix", expr):
                _check(row, "values", expr)
                key = tuple(sorted(row["metric"].items()))
                series.setdefault(key, {"metric": row["metric"], "values": []})["values"] += row["values"]
        return [series[key] for key in sorted(series)]

    def ask(self, query: Query, *, now: float, host_label: str) -> dict[str, Any]:
        """Return the body of a question's fact: what was asked, and its result."""
        expr = query.text(host_label)
        if not query.window_s:
            return {"query": expr, "time": now, "result": self.instant(expr, at=now)}
        # Whole minutes: the same window asked twice has the same points, and the newest one is at most a minute old.
        end = int(now // 60 * 60)
        start = end - query.window_s
        rows = self.range(expr, start=start, end=end, step_s=query.step_s)
        about = {"query": expr, "start": start, "end": end, "step": query.step_s}
        if query.condense:
            return {**about, "result": [condensed(row, query.step_s) for row in rows]}
        return {**about, "result": rows}

    def _data(self, path: str, query: Sequence[tuple[str, str]]) -> Any:
        self.answer = answer = self._client.get(path, query)
        body = answer.value
        if not isinstance(body, Mapping) or "status" not in body:
            raise OpsError(f"What answers {path} is not Prometheus: its answer has no status.")
        if body["status"] != "success" or "data" not in body:
            raise OpsError(f"Prometheus refuses {path}: {body.get('errorType')}: {str(body.get('error'))[:200]}.")
        if body.get("warnings"):
            raise OpsError(f"Prometheus says that its answer to {path} is partial: {str(body['warnings'][0])[:200]}.")
        if answer.offset_s is not None and abs(answer.offset_s) > MOST_SKEW_S:
            raise OpsError(f"The clock of Prometheus is {answer.offset_s:+.0f} s off ours, so no window fits; mend it.")
        return body["data"]


def pieces(start: float, end: float, step_s: int) -> Iterator[tuple[int, int]]:
    """Yield first and last instant of pieces of a window, one step apart, so that no instant comes twice."""
    if step_s <= 0 or end < start:
        raise ValueError("a window has a positive step and does not end before it begins")
    first, last = int(start), int(start) + (int(end) - int(start)) // step_s * step_s
    while first <= last:
        stop = min(last, first + (MOST_POINTS - 1) * step_s)
        yield first, stop
        first = stop + step_s


def condensed(row: Mapping[str, Any], step_s: float) -> dict[str, Any]:
    """Return a series as runs ``[first instant, last instant, value]`` of equal values one step apart."""
    runs: list[list[Any]] = []
    for instant, value in row["values"]:
        if runs and runs[-1][2] == value and abs(instant - runs[-1][1] - step_s) < 1e-6:
            runs[-1][1] = instant
        else:
            runs.append([instant, instant, value])
    return {"metric": row["metric"], "runs": runs}


def _result(data: Any, wanted: str, expr: str) -> list[dict[str, Any]]:
    if not isinstance(data, Mapping) or data.get("resultType") != wanted or not isinstance(data.get("result"), list):
        kind = data.get("resultType") if isinstance(data, Mapping) else type(data).__name__
        raise OpsError(f"Prometheus answered {expr[:120]!r} with a {kind}, not with a {wanted}.")
    rows: list[dict[str, Any]] = data["result"]
    return rows


def _check(row: Any, key: str, expr: str) -> None:
    points = row.get(key) if isinstance(row, Mapping) and isinstance(row.get("metric"), Mapping) else None
    points = [points] if key == "value" else points
    whole = isinstance(points, list) and all(
        isinstance(one, list) and len(one) == 2 and isinstance(one[0], (int, float)) and isinstance(one[1], str)
        for one in points
    )
    if not whole:
        raise OpsError(f"Prometheus' answer to {expr[:120]!r} has a row that is no series.")
