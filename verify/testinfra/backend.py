# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend ``evidence``: testinfra's ``host`` answers from collected evidence.

`configure` takes the place of every backend that testinfra has, so that tests written for ssh or Ansible run unchanged:
``ansible://web``, ``ssh://web1`` and a bare name all mean hosts of the environment. What names none of them, such as
``local://`` or ``podman://app``, is refused: a test would run there without anybody asking whether it only reads.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import testinfra.backend
import testinfra.host
from testinfra.backend.base import BaseBackend, CommandResult

from verify.engine.declared import Environment
from verify.engine.evidence import Evidence, NoEvidence
from verify.testinfra.store import Store

__all__ = ["PLAN", "EvidenceBackend", "configure", "finish", "use"]

_STASH = pytest.StashKey[tuple[Store, Mapping[str, str], str | None, Path | None]]()
PLAN = "testinfra-plan.json"


class EvidenceBackend(BaseBackend):
    """Runs a command by looking up what the host said to it."""

    NAME = "evidence"
    store: Store | None = None

    def __init__(self, hostname: str = "", *args: Any, **kwargs: Any) -> None:
        """``hostname`` is the name in the inventory; settings of other backends are taken and not needed.

        Raises `pytest.UsageError` for what is no host of the environment, such as the machine that runs the tests.
        """
        (name, *others) = self.get_hosts(hostname, **kwargs)
        if others:
            raise pytest.UsageError(
                f"{hostname!r} means {1 + len(others)} hosts, and one is asked for; take testinfra.get_hosts."
            )
        super().__init__(name, sudo=bool(kwargs.get("sudo")), sudo_user=kwargs.get("sudo_user"))
        self._encoding = "utf-8"

    @classmethod
    def get_hosts(cls, host: str | None, **kwargs: Any) -> list[str]:
        """Return the hosts of the environment that a pattern means; all of them without one.

        Raises `pytest.UsageError` when it means none: a test of nothing proves nothing.
        """
        store = cls._store()
        if kwargs.get("connection") == "local":
            raise pytest.UsageError(
                "The tests name local://, the machine that runs them, which is no host of "
                f"{store.environment.name}; name hosts of it in testinfra_hosts, such as ansible://all."
            )
        pattern = "all" if host is None else host.rpartition("@")[2]
        found = store.matching([pattern])
        if not found:
            raise pytest.UsageError(
                f"The tests name the hosts {pattern!r}, but {store.environment.name} has none of that name or group in "
                "scope; correct testinfra_hosts or --hosts."
            )
        return found

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Return how a command ended. Raises `NoEvidence` for one that was refused or could not be had."""
        __tracebackhide__ = True
        text = self.get_command(command, *args)
        said = self._store().run(self.hostname, text)
        return self.result(said.code, text.encode(), said.stdout, said.stderr)

    def run_local(self, command: str, *args: str) -> CommandResult:
        """Raise `NoEvidence`: the machine that runs the tests is no host of the environment."""
        __tracebackhide__ = True
        raise NoEvidence(f"{self.quote(command, *args)!r} is not run here: tests ask hosts. Ask one by host.run.")

    @classmethod
    def _store(cls) -> Store:
        if cls.store is None:
            raise pytest.UsageError("No environment was read, so there is no evidence; give --env NAME.")
        return cls.store


def _read(plan: Path | None) -> Mapping[str, Sequence[str]]:
    """Return what the last run needed, by host; a plan that cannot be read costs time and nothing else."""
    try:
        found = json.loads(plan.read_text(encoding="utf-8")) if plan else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and all(isinstance(one, list) for one in found.values()) else {}


def _forget_hosts() -> None:
    """Let testinfra make its hosts anew: it keeps them by name, with the backend of their first use."""
    testinfra.host.Host._host_cache.clear()
    testinfra.host.Host._hosts_cache.clear()


def configure(
    config: pytest.Config, environment: Environment, evidence: Evidence, live: bool, *, plan: Path | None = None
) -> None:
    """Let testinfra's tests of this session run on evidence.

    ``live`` allows to ask a host what was not collected yet; without it such a command is refused. What the last run
    of this environment needed stands in the file ``plan`` and is asked ahead by one exec a host.
    """
    EvidenceBackend.store = Store(environment, evidence, live=live, ahead=_read(plan) if live else {})
    own = dict(testinfra.backend.BACKENDS)
    for name in (EvidenceBackend.NAME, *own):
        testinfra.backend.BACKENDS[name] = f"{__name__}.{EvidenceBackend.__name__}"
    _forget_hosts()
    config.stash[_STASH] = (EvidenceBackend.store, own, getattr(config.option, "connection", None), plan)
    if not getattr(config.option, "connection", None):
        config.option.connection = EvidenceBackend.NAME


def use(evidence: Evidence) -> None:
    """Answer from this evidence: hosts are known when tests are collected, what they say only afterwards."""
    if EvidenceBackend.store is not None:
        EvidenceBackend.store.evidence = evidence


def finish(config: pytest.Config) -> None:
    """Close what `configure` opened, put testinfra's own backends back, and remember what the tests needed."""
    kept = config.stash.get(_STASH, None)
    if kept is None:
        return
    store, own, connection, plan = kept
    store.close()
    if plan is not None and plan.parent.is_dir() and store.live and store.used:
        with contextlib.suppress(OSError):
            plan.write_text(json.dumps(store.plan(), sort_keys=True), encoding="utf-8")
    testinfra.backend.BACKENDS.clear()
    testinfra.backend.BACKENDS.update(own)
    _forget_hosts()
    config.option.connection = connection
    EvidenceBackend.store = None
    del config.stash[_STASH]
