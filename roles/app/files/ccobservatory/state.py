# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service believes about its database: pure rules, no input or output."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """READY: takes writes. PAUSED: an operator holds the pooler, requests wait. GONE: requests are refused at once."""

    READY = "ready"
    PAUSED = "paused"
    GONE = "gone"


@dataclass(frozen=True)
class Probe:
    """One look at the database.

    answered: it took a statement; writable: it is neither a standby nor read-only; paused: the pooler says that an
    operator holds it; slow: it neither answered nor refused in time; reason: why it did not answer; server: whose.
    """

    answered: bool
    writable: bool = False
    paused: bool = False
    slow: bool = False
    reason: str = ""
    server: str = ""


class DatabaseState:
    """Keeps the verdict over a series of probes.

    A pause is only a pause when the database took writes until it began, and only for `pause_patience` seconds; after
    that, or when the database was gone before, it counts as gone: a client must not wait for what nobody promised. A
    slow first answer after a pause still belongs to the pause: the new server has cold caches and connections to make.
    One slow answer of a database that took writes is a doubt, the second in a row is a verdict: a host that starves for
    a moment must not cost its clients an error.
    """

    def __init__(self, *, pause_patience: float) -> None:
        self._pause_patience = pause_patience
        self._paused_at: float | None = None
        self._slow = 0
        self.verdict = Verdict.GONE
        self.reason = "the database was not asked yet"
        self.server = ""

    def judge(self, probe: Probe, now: float) -> Verdict:
        """Take one probe into account; `now` is a monotonic clock in seconds. Returns the new verdict."""
        self._slow = self._slow + 1 if probe.slow else 0
        if probe.answered:
            self._paused_at = None
            self.server = probe.server
            self.verdict = Verdict.READY if probe.writable else Verdict.GONE
            self.reason = "" if probe.writable else f"the database at {probe.server or 'this address'} is read-only"
        elif (probe.paused and self.verdict is not Verdict.GONE) or (probe.slow and self.verdict is Verdict.PAUSED):
            self._hold(now)
        elif not (self.verdict is Verdict.READY and self._slow == 1):
            self._paused_at = None
            self.verdict = Verdict.GONE
            self.reason = probe.reason or "the database does not answer"
        return self.verdict

    def _hold(self, now: float) -> None:
        if self._paused_at is None:
            self._paused_at = now
        held = now - self._paused_at
        if held > self._pause_patience:
            self.verdict = Verdict.GONE
            self.reason = f"the pooler has been paused for more than {self._pause_patience:g} s"
            self._paused_at = None
        else:
            self.verdict = Verdict.PAUSED
            self.reason = "the pooler is paused"
