# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus and Alertmanager: each question once, through one connection, and the facts that come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
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
# Connections to Prometheus at the same time.
_LANES = 3


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
    """One source, asked question by question; gives up when nobody answers, or nobody lets us in."""

    def __init__(self, keeper: Keeper, client: Client, *, known: bool = False) -> None:
        self.keeper, self.client = keeper, client
        # Who does not answer the first question is not there; later ones may only be too hard.
        self._silent = 0 if known else _PATIENCE - 1
        self._last = ""

    @property
    def over(self) -> bool:
        """Return whether this source was given up."""
        return self._silent >= _PATIENCE

    def ask(self, name: str, command: str, read: Callable[[], tuple[Any, Answer | None]]) -> None:
        """Keep the answer to one question."""
        if self.over:
            self.keeper.missing([name], self._last, command=command)
            return
        try:
            value, answer = read()
        except OpsError as exc:
            self._count(exc)
            self.keeper.missing([name], exc.message, command=command)
            return
        self._silent = 0
        status, identity, seconds = (answer.status, answer.identity, answer.seconds) if answer else (None, "", 0.0)
        self.keeper.keep(name, value, command=command, rc=status, identity=identity, seconds=seconds)

    def _count(self, error: OpsError) -> None:
        """Count silence; a question that is refused for what it asks is answered."""
        self._last = error.message
        status = int(error.details.get("status") or 0)
        if error.details.get("silent") or status in (401, 403) or status >= 500:
            self._silent += 1
        else:
            self._silent = 0

    def anonymous(self, path: str) -> None:
        """Keep what the source answers to somebody without credentials."""
        bare = replace(self.client.endpoint, user=None, password=None, token=None)
        known = bool(self.client.endpoint.user or self.client.endpoint.token)

        def read() -> tuple[Any, None]:
            with Client(bare) as nobody:
                return {"path": path, "status": nobody.status(path), "credentials": known}, None

        self.ask("anonymous", f"GET {path} without credentials", read)


def _prometheus(round_: _Round, settings: Mapping[str, Any], now: float) -> None:
    label = str(settings.get("host_label") or "host")
    offsets: list[float] = []
    server = Prometheus(round_.client)
    for name in STATUS:
        round_.ask(name, f"GET {STATUS[name][0]}", _heard(server, partial(server.status, name), offsets))

    def lane(number: int) -> None:
        """Ask every so many-th question over a connection of its own."""
        with Client(round_.client.endpoint) as client:
            own, mine = Prometheus(client), _Round(round_.keeper, client, known=True)
            for query in list(QUERIES.values())[number::_LANES]:
                read = partial(own.ask, query, now=now, host_label=label)
                mine.ask(f"query:{query.name}", query.text(label), _heard(own, read, offsets))

    if round_.over:
        for query in QUERIES.values():
            round_.ask(f"query:{query.name}", query.text(label), _nothing)
    else:
        with ThreadPoolExecutor(max_workers=_LANES, thread_name_prefix="prometheus") as pool:
            list(pool.map(lane, range(_LANES)))

    def clock() -> tuple[Any, None]:
        if not offsets:
            raise OpsError("No answer of Prometheus carried its time (header Date).")
        return {"offset_s": max(offsets, key=abs), "host_label": label}, None

    round_.ask("clock", "header Date", clock)


def _heard(
    server: Prometheus, read: Callable[[], Any], offsets: list[float]
) -> Callable[[], tuple[Any, Answer | None]]:
    """Return a question that also notes by how much the other clock is ahead."""

    def whole() -> tuple[Any, Answer | None]:
        try:
            return read(), server.answer
        finally:
            # Also of an answer that was refused because its clock is off.
            if server.answer is not None and server.answer.offset_s is not None:
                offsets.append(server.answer.offset_s)

    return whole


def _nothing() -> tuple[Any, Answer | None]:
    raise OpsError("This question was not asked.")


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
