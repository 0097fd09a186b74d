# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus and Alertmanager: each question once, through one connection, and the facts that come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_alertmanager import QUESTIONS, Alertmanager
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_http import Answer, Client, Endpoint
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_prometheus import STATUS, Prometheus
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_queries import QUERIES
from verify.collect._keeper import Keeper
from verify.collect._ssh import ssh_dial
from verify.engine.declared import Environment

__all__ = ["NAMES", "SYSTEMS", "ask", "endpoint"]

_ANONYMOUS = {"prometheus": "/api/v1/status/buildinfo", "alertmanager": "/api/v2/status"}
# How many questions in a row may find nobody before the rest is given up.
_PATIENCE = 3


def endpoint(environment: Environment, name: str, settings: Mapping[str, Any]) -> Endpoint:
    """Return where a declared source answers. Raises `OpsError` naming the key that is wrong, and the mend."""
    via: tuple[str, ...] = ()
    if settings.get("via"):
        host = environment.hosts.get(str(settings["via"]))
        if host is None:
            raise OpsError(f"verify_sources.{name}.via is {settings['via']!r}, which is no host of the inventory.")
        via = ssh_dial(host.name, host.about, environment.variables).argv
    return Endpoint.of(name, settings, via=via)


class _Round:
    """One source, asked question by question; gives up when nobody answers."""

    def __init__(self, keeper: Keeper, client: Client) -> None:
        self.keeper, self.client = keeper, client
        self._silent = 0
        self._last = ""

    def ask(self, name: str, command: str, read: Callable[[], tuple[Any, Answer | None]]) -> None:
        """Keep the answer to one question."""
        if self._silent >= _PATIENCE:
            self.keeper.missing([name], self._last, command=command)
            return
        try:
            value, answer = read()
        except OpsError as exc:
            # A question that is refused is answered; only one without any answer counts.
            self._silent = self._silent + 1 if "gave no usable answer" in exc.message else 0
            self._last = exc.message
            self.keeper.missing([name], exc.message, command=command)
            return
        self._silent = 0
        status, identity, seconds = (answer.status, answer.identity, answer.seconds) if answer else (None, "", 0.0)
        self.keeper.keep(name, value, command=command, rc=status, identity=identity, seconds=seconds)

    def anonymous(self, path: str) -> None:
        """Keep what the source answers to somebody without credentials."""
        bare = replace(self.client.endpoint, user=None, password=None, token=None)
        known = bool(self.client.endpoint.user or self.client.endpoint.token)

        def read() -> tuple[Any, None]:
            with Client(bare) as nobody:
                return {"path": path, "status": nobody.status(path), "credentials": known}, None

        self.ask("anonymous", f"GET {path} without credentials", read)


def _prometheus(round_: _Round, settings: Mapping[str, Any], now: float) -> None:
    server = Prometheus(round_.client)
    offsets: list[float] = []

    def heard(read: Callable[[], Any]) -> Callable[[], tuple[Any, Answer | None]]:
        def whole() -> tuple[Any, Answer | None]:
            try:
                return read(), server.answer
            finally:
                # Also of an answer that was refused because its clock is off.
                if server.answer is not None and server.answer.offset_s is not None:
                    offsets.append(server.answer.offset_s)

        return whole

    for name in STATUS:
        round_.ask(name, f"GET {STATUS[name][0]}", heard(partial(server.status, name)))
    label = str(settings.get("host_label") or "host")
    for query in QUERIES.values():
        command = query.text(label)
        read = heard(partial(server.ask, query, now=now, host_label=label))
        round_.ask(f"query:{query.name}", command, read)

    def clock() -> tuple[Any, None]:
        if not offsets:
            raise OpsError("No answer of Prometheus carried its time (header Date).")
        return {"offset_s": max(offsets, key=abs), "host_label": label}, None

    round_.ask("clock", "header Date", clock)


def _alertmanager(round_: _Round, _settings: Mapping[str, Any], _now: float) -> None:
    server = Alertmanager(round_.client)

    def heard(name: str) -> tuple[Any, Answer | None]:
        value = server.ask(name)
        return value, server.answer

    for name, (path, _query, _keys) in QUESTIONS.items():
        round_.ask(name, f"GET {path}", partial(heard, name))


SYSTEMS: dict[str, Callable[[_Round, Mapping[str, Any], float], None]] = {
    "prometheus": _prometheus,
    "alertmanager": _alertmanager,
}
NAMES: dict[str, tuple[str, ...]] = {
    "prometheus": (*STATUS, *(f"query:{name}" for name in QUERIES), "clock", "anonymous"),
    "alertmanager": (*QUESTIONS, "anonymous"),
}
"""The facts of each system."""


def ask(name: str, where: Endpoint, settings: Mapping[str, Any], keeper: Keeper, *, now: float) -> None:
    """Ask one system everything and keep the answers as facts."""
    with Client(where) as client:
        round_ = _Round(keeper, client)
        SYSTEMS[name](round_, settings, now)
        round_.anonymous(_ANONYMOUS[name])
