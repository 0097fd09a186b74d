# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alertmanager as a source: its HTTP API version 2, read only.

Versions before 0.28 do not have ``mutedBy`` in an alert's status; it is filled in as empty. Alertmanager has no
history: what fired before stands in Prometheus. Source: prometheus/alertmanager, ``api/v2/openapi.yaml``.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_http import Answer, Client
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_prometheus import ENVIRONMENT

__all__ = ["ALERTS", "QUESTIONS", "Alertmanager"]

ALERTS = "alerts"
_NAMES_SHOWN = 3
_EVERY = tuple((name, "true") for name in ("active", "silenced", "inhibited", "unprocessed"))
# fact -> path, parameters, keys that the answer (or each row of it) must have
QUESTIONS: dict[str, tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]]] = {
    "status": ("/api/v2/status", (), ("cluster", "versionInfo", "config", "uptime")),
    "receivers": ("/api/v2/receivers", (), ("name",)),
    ALERTS: (
        "/api/v2/alerts",
        _EVERY,
        ("labels", "annotations", "startsAt", "updatedAt", "endsAt", "fingerprint", "receivers", "status"),
    ),
    "silences": (
        "/api/v2/silences",
        (),
        ("id", "matchers", "startsAt", "endsAt", "updatedAt", "createdBy", "comment", "status"),
    ),
}
_STATUS_KEYS = ("state", "silencedBy", "inhibitedBy")


class Alertmanager:
    """One Alertmanager, asked through one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.answer: Answer | None = None

    def alerts(self, environment: str) -> Any:
        """Return the alerts that are held; of several environments, where they share one Alertmanager.

        Raises `OpsError` also when none of them was sent by the environment's Prometheus, whose dead-man's switch
        always fires: what this Alertmanager says would be another's.
        """
        held = self.ask(ALERTS)
        said = {row["labels"].get(ENVIRONMENT) for row in held}
        if environment not in said:
            others = ", ".join(sorted(str(one) for one in said if one is not None)[:_NAMES_SHOWN])
            whose = f"of {others}" if others else "that say of which environment they are"
            raise OpsError(
                f"This Alertmanager holds {'only' if others else 'no'} alerts {whose}, and none of {environment}: "
                f"correct verify_sources.alertmanager.url, or see whether the Prometheus of {environment} sends its "
                f"dead-man's switch here, with the external label {ENVIRONMENT}."
            )
        return held

    def ask(self, name: str) -> Any:
        """Return the answer to one of `QUESTIONS`. Raises `OpsError` when it cannot be had whole, or is another's."""
        path, query, keys = QUESTIONS[name]
        self.answer = self._client.get(path, query)
        value = self.answer.value
        if name == "status":
            _keys(value, keys, path)
            _keys(value["config"], ("original",), path)
            _keys(value["versionInfo"], ("version",), path)
            return value
        if not isinstance(value, list):
            raise OpsError(f"What answers {path} is not Alertmanager: its answer is no list.")
        for row in value:
            _keys(row, keys, path)
            if name == ALERTS:
                _keys(row["status"], _STATUS_KEYS, path)
                row["status"].setdefault("mutedBy", [])
        return value


def _keys(value: Any, keys: tuple[str, ...], path: str) -> None:
    lacking = [key for key in keys if not isinstance(value, Mapping) or key not in value]
    if lacking:
        raise OpsError(f"Alertmanager's answer to {path} lacks {', '.join(lacking)}.")
