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
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_alertmanager import (
    ALERTS,
    QUESTIONS,
    Alertmanager,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_http import Answer, Client, Endpoint
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_prometheus import CONFIG, STATUS, Prometheus
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

    def ask(self, name: str, command: str, read: Callable[[], tuple[Any, Answer | None]]) -> bool:
        """Keep the answer to one question; return whether there was one."""
        if self.over:
            self.keeper.missing([name], self._last, command=command)
            return False
        try:
            value, answer = read()
        except OpsError as exc:
            self._count(exc)
            self.keeper.missing([name], exc.message, command=command)
            return False
        self._silent = 0
        status, identity, seconds = (answer.status, answer.identity, answer.seconds) if answer else (None, "", 0.0)
        self.keeper.keep(name, value, command=command, rc=status, identity=identity, seconds=seconds)
        return True

    def give_up(self) -> None:
        """Ask nothing more: whatever it would say does not count, for the reason of the last question."""
        self._silent = _PATIENCE

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


def _prometheus(round_: _Round, settings: Mapping[str, Any], now: float, environment: str) -> None:
    label = str(settings.get("host_label") or "host")
    offsets: list[float] = []
    server = Prometheus(round_.client)

    def clock() -> tuple[Any, None]:
        if not offsets:
            raise OpsError("No answer of Prometheus carried its time (header Date).")
        return {"offset_s": max(offsets, key=abs), "host_label": label}, None

    # What shows whose it is comes first.
    if not round_.ask("labels", f"GET {CONFIG}", _heard(server, partial(server.labels, environment), offsets)):
        if offsets:
            round_.ask("clock", "header Date", clock)
        round_.give_up()
    for name in STATUS:
        round_.ask(name, f"GET {STATUS[name][0]}", _heard(server, partial(server.status, name), offsets))
    _queries(round_, label, now, offsets)
    if round_.keeper.absent(["clock"]):
        round_.ask("clock", "header Date", clock)


def _queries(round_: _Round, label: str, now: float, offsets: list[float]) -> None:
    """Ask all questions for samples, over several connections; none when the source was given up."""

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


def _alertmanager(round_: _Round, _settings: Mapping[str, Any], _now: float, environment: str) -> None:
    server = Alertmanager(round_.client)

    def heard(name: str) -> tuple[Any, Answer | None]:
        value = server.alerts(environment) if name == ALERTS else server.ask(name)
        return value, server.answer

    # What shows whose it is comes first.
    for name in sorted(QUESTIONS, key=lambda name: name != ALERTS):
        if not round_.ask(name, f"GET {QUESTIONS[name][0]}", partial(heard, name)) and name == ALERTS:
            round_.give_up()


SYSTEMS: dict[str, Callable[[_Round, Mapping[str, Any], float, str], None]] = {
    "prometheus": _prometheus,
    "alertmanager": _alertmanager,
}
NAMES: dict[str, tuple[str, ...]] = {
    "prometheus": ("labels", *STATUS, *(f"query:{name}" for name in QUERIES), "clock", "anonymous"),
    "alertmanager": (*QUESTIONS, "anonymous"),
}
"""The facts of each system."""


def ask(
    name: str, where: Endpoint, settings: Mapping[str, Any], keeper: Keeper, *, environment: str, now: float
) -> None:
    """Ask one system everything and keep the answers as facts; of another environment's system none counts."""
    with Client(where) as client:
        round_ = _Round(keeper, client)
        SYSTEMS[name](round_, settings, now, environment)
        round_.anonymous(_ANONYMOUS[name])
