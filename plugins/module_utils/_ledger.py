# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client's journal of acknowledged writes and the rows of a database say about each other.

The client journals each request it sent and each acknowledgement it got; the database has what was committed and kept.
Comparing both gives the loss exactly, and with it whether the loss is one clean cut or something worse.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import bisect
import gzip
import itertools
import json
import typing as t
from dataclasses import dataclass, field

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import iso, seconds_between

__all__ = ["FIRST_PREVIOUS", "DbRow", "Journal", "compare", "open_lines", "read_journal"]

FIRST_PREVIOUS = "0" * 64
SAMPLE = 20

Key = tuple[int, int]


class DbRow(t.NamedTuple):
    """One row of the ledger as the database has it."""

    worker: int
    n: int
    hash: str
    previous: str


@dataclass
class Journal:
    """What the client knows, by request (worker, n). Instants are nanoseconds since 1970 by the client's clock."""

    sent: dict[Key, int] = field(default_factory=dict)
    acked: dict[Key, int] = field(default_factory=dict)
    hashes: dict[Key, str] = field(default_factory=dict)
    ack_times: list[int] = field(default_factory=list)
    errors: int = 0
    contradictions: list[Key] = field(default_factory=list)
    torn_lines: int = 0

    def add(self, event: dict[str, t.Any]) -> None:
        """Take one line of the journal."""
        kind = event["e"]
        if kind == "E":
            self.errors += 1
        if kind not in ("S", "A"):
            return
        key = (int(event["w"]), int(event["n"]))
        digest = event.get("h")
        if digest and self.hashes.setdefault(key, digest) != digest:
            self.contradictions.append(key)
        if kind == "S":
            self.sent.setdefault(key, int(event["t"]))
            return
        self.ack_times.append(int(event["t"]))
        self.sent.setdefault(key, int(event["t"]))
        self.acked.setdefault(key, int(event["t"]))


def open_lines(path: str) -> t.BinaryIO:
    """A file of lines, unpacked on the way when its name ends in C(.gz)."""
    try:
        return t.cast("t.BinaryIO", gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb"))
    except OSError as exc:
        raise OpsError(f"{path} cannot be read ({exc.strerror or exc}); copy the file to this host first.") from exc


def read_journal(lines: t.Iterable[bytes | str]) -> Journal:
    """Read a journal of JSON lines.

    A line that a kill has cut is no JSON; it is counted and passed over, since what it said is in doubt.

    Raises:
        OpsError: a line is JSON and no event, so this is another file or an edited one.
    """
    journal = Journal()
    for number, line in enumerate(lines, 1):
        try:
            event = json.loads(line)
        except ValueError:
            journal.torn_lines += 1
            continue
        try:
            journal.add(event)
        except (KeyError, TypeError, ValueError) as exc:
            raise OpsError(f"Line {number} of the journal is no event of a canary; give the journal itself.") from exc
    journal.ack_times.sort()
    return journal


def compare(
    journal: Journal, rows: t.Iterable[DbRow], takeovers: t.Sequence[int] | None = None, sample: int = SAMPLE
) -> dict[str, t.Any]:
    """Compare a journal with the rows of the database.

    Args:
        journal: what the client sent and what was acknowledged.
        rows: the rows of the same run, in any order.
        takeovers: instants (ns) at which a new server took over the writes. A loss must be a clean suffix of the time
            before each. Without them the end of the longest silence in the journal is taken.
        sample: how many lost writes to list.

    Returns:
        Counts and instants. C(lost) are acknowledged writes the database does not have, C(wrong) rows with another
        content or a broken chain, C(ghosts) rows nobody sent, C(duplicates) rows stored twice, C(holes) missing writes
        below a kept one of the same worker, C(inversions) lost writes acknowledged before a kept one was even sent,
        C(journal_gaps) writes that the journal itself lacks, because a client goes on only after an acknowledgement.
        C(rpo_s) is the time from the last kept acknowledgement before the loss to the last lost one.
    """
    stored, duplicates = _store(rows)
    lost = sorted((at, key) for key, at in journal.acked.items() if key not in stored)
    bounds = _bounds(journal, takeovers)
    holes, inversions = _not_a_suffix(journal, stored, lost, bounds)
    wrong = _wrong(journal, stored)
    ghosts = sum(1 for key in stored if key not in journal.sent)
    doubtful = [key for key in journal.sent if key not in journal.acked]
    committed = sum(1 for key in doubtful if key in stored)
    skipped = _skipped(journal, stored)
    return {
        "sent": len(journal.sent),
        "acked": len(journal.acked),
        "in_db": len(stored) + duplicates,
        "lost": len(lost),
        "lost_sample": [{"worker": w, "n": n, "acked": iso(at)} for at, (w, n) in lost[:sample]],
        "wrong": len(wrong),
        "wrong_sample": [{"worker": w, "n": n, "reason": reason} for (w, n), reason in sorted(wrong.items())[:sample]],
        "ghosts": ghosts,
        "duplicates": duplicates,
        "holes": holes + skipped,
        "inversions": inversions,
        "in_doubt": {"total": len(doubtful), "committed": committed, "not_committed": len(doubtful) - committed},
        "errors": journal.errors,
        "torn_lines": journal.torn_lines,
        "journal_gaps": _journal_gaps(journal),
        "clean_suffix": holes == 0 and skipped == 0 and inversions == 0,
        **_window(journal, stored, lost),
    }


def _store(rows: t.Iterable[DbRow]) -> tuple[dict[Key, DbRow], int]:
    stored: dict[Key, DbRow] = {}
    duplicates = 0
    for row in rows:
        if (row.worker, row.n) in stored:
            duplicates += 1
        stored[row.worker, row.n] = row
    return stored, duplicates


def _bounds(journal: Journal, takeovers: t.Sequence[int] | None) -> list[int]:
    """Where one server's time ends: given, or the first acknowledgement after the longest silence."""
    if takeovers is not None:
        return sorted(takeovers)
    times = journal.ack_times
    gaps = [(later - earlier, later) for earlier, later in itertools.pairwise(times)]
    return [max(gaps)[1]] if gaps else []


def _not_a_suffix(
    journal: Journal, stored: dict[Key, DbRow], lost: list[tuple[int, Key]], bounds: list[int]
) -> tuple[int, int]:
    """Lost writes that a kept one of the same server contradicts: (below one of the worker, sent after the loss)."""
    if not lost:
        return 0, 0
    highest: dict[tuple[int, int], int] = {}
    latest: dict[int, int] = {}
    for key, at in journal.acked.items():
        if key in stored:
            epoch = bisect.bisect_right(bounds, at)
            highest[epoch, key[0]] = max(highest.get((epoch, key[0]), -1), key[1])
            latest[epoch] = max(latest.get(epoch, 0), journal.sent[key])
    holes = inversions = 0
    for at, (worker, n) in lost:
        epoch = bisect.bisect_right(bounds, at)
        holes += highest.get((epoch, worker), -1) > n
        inversions += latest.get(epoch, 0) > at
    return holes, inversions


def _skipped(journal: Journal, stored: dict[Key, DbRow]) -> int:
    """Writes neither acknowledged nor stored below a stored one of the worker: a client never goes on like that."""
    highest: dict[int, int] = {}
    for worker, n in stored:
        highest[worker] = max(highest.get(worker, -1), n)
    return sum(
        1
        for worker, n in journal.sent
        if (worker, n) not in journal.acked and (worker, n) not in stored and n < highest.get(worker, -1)
    )


def _journal_gaps(journal: Journal) -> int:
    """Numbers below the last one of a worker without an acknowledgement: lines that are missing from the journal."""
    last: dict[int, int] = {}
    first: dict[int, int] = {}
    for worker, n in journal.sent:
        last[worker] = max(last.get(worker, n), n)
        first[worker] = min(first.get(worker, n), n)
    settled: dict[int, int] = {}
    for worker, n in journal.acked:
        settled[worker] = settled.get(worker, 0) + (n < last[worker])
    return sum(last[worker] - first[worker] - settled.get(worker, 0) for worker in last)


def _wrong(journal: Journal, stored: dict[Key, DbRow]) -> dict[Key, str]:
    """Rows whose content is not what the client sent, or that do not continue the row before them."""
    wrong: dict[Key, str] = {}
    for key, row in stored.items():
        expected = journal.hashes.get(key)
        if expected is not None and expected != row.hash:
            wrong[key] = "the hash is not the one that was sent"
            continue
        before = (row.worker, row.n - 1)
        link = journal.hashes.get(before) or (stored[before].hash if before in stored else None)
        if link is not None and row.previous and row.previous != link:
            wrong[key] = "it does not continue the write before it"
    for key in journal.contradictions:
        wrong.setdefault(key, "the client's own journal has two hashes for it")
    return wrong


def _window(journal: Journal, stored: dict[Key, DbRow], lost: list[tuple[int, Key]]) -> dict[str, t.Any]:
    """Instants of the loss; all seconds are 0 without one."""
    if not lost:
        last = journal.ack_times[-1] if journal.ack_times else None
        return {
            "first_lost": None,
            "last_lost": None,
            "lost_window_s": 0.0,
            "rpo_s": 0.0,
            "recovered_up_to": iso(last) if last is not None else None,
        }
    first, last = lost[0][0], lost[-1][0]
    kept = max((at for key, at in journal.acked.items() if at <= first and key in stored), default=None)
    start = kept if kept is not None else min(journal.sent.values())
    return {
        "first_lost": iso(first),
        "last_lost": iso(last),
        "lost_window_s": seconds_between(first, last),
        "rpo_s": seconds_between(start, last),
        "recovered_up_to": iso(kept) if kept is not None else None,
    }
