# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a source said to facts: redacted, canonical, dated; and a sentence for everything that could not be had."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.collect.redact import Redactor
from verify.engine.evidence import Evidence
from verify.engine.words import EvidenceClass

__all__ = ["Keeper"]


class Keeper:
    """Keeps the facts of one subject."""

    def __init__(
        self, evidence: Evidence, redact: Redactor, *, subject: str, source: str, now: Callable[[], float]
    ) -> None:
        self._evidence, self.redact = evidence, redact
        self.subject, self.source, self._now = subject, source, now

    def keep(
        self,
        name: str,
        value: Any,
        *,
        command: str,
        klass: EvidenceClass = EvidenceClass.MACHINE,
        rc: int | None = None,
        identity: str = "",
        seconds: float = 0.0,
    ) -> None:
        """Keep a value as a fact; what is secret in it is masked first."""
        plain = canonical_json(value)
        masked = self.redact(plain)
        about = {"subject": self.subject, "name": name, "source": self.source, "collected": self._now()}
        if masked != plain and not _is_json(masked):
            told = f"What {self.subject} says for {name} holds something secret that cannot be masked without harm."
            self._evidence.missing(told, command=command, **about)
            return
        # A lone surrogate was escaped by the canonical text; it stays that escape.
        self._evidence.record(
            masked.decode("utf-8"),
            command=command, klass=klass, rc=rc, identity=identity, seconds=round(seconds, 6), **about,
        )  # fmt: skip

    def missing(self, names: Iterable[str], error: str, *, command: str) -> None:
        """Keep that facts could not be had."""
        told = self.redact(error.encode("utf-8", "replace")).decode("utf-8", "replace")
        for name in names:
            self._evidence.missing(
                told, subject=self.subject, name=name, source=self.source, collected=self._now(), command=command
            )

    def absent(self, names: Iterable[str]) -> list[str]:
        """Return which of these facts were not kept so far, neither with an answer nor with a reason."""
        return [name for name in names if self._evidence.get(self.subject, name) is None]

    def attempt(self, name: str, read: Callable[[], Any], *, command: str, identity: str = "") -> Any:
        """Keep what a function returns as a fact, or the sentence of its `OpsError`; return the value or None."""
        begun = time.monotonic()
        try:
            value = read()
        except OpsError as exc:
            self.missing([name], exc.message, command=command)
            return None
        self.keep(name, value, command=command, identity=identity, seconds=time.monotonic() - begun)
        return value


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
