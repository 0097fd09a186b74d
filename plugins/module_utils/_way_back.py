# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way back a drill has after a failed step: decided from its journal and from what the databases say. Pure.

What was promoted is known from the journal and from the timeline of the data, never from whether a server runs now: a
promoted server that died holds acknowledged writes. What a server does not answer is unknown, which is neither yes nor
no.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["takes_writes", "way_back"]

Facts = Mapping[str, Any]
_AGAIN = "with -e dr_drill_abort=true"


def takes_writes(facts: Facts | None) -> bool:
    """Tell whether a server answered that it is no standby; silence is no such answer.

    ``facts`` are those of ``postgresql_controldata``, or none where the host was not asked.
    """
    return bool(facts and facts.get("accepting")) and (facts or {}).get("in_recovery") is False


def way_back(
    journal: Facts, target: Facts, primary: Facts | None, *, live: bool, names: tuple[str, str]
) -> dict[str, Any]:
    """Return ``way``, ``holder``, ``empty``, ``start``, ``stop`` and ``why`` for a drill that cannot go forward.

    ``journal`` is the state of the journal, ``target`` and ``primary`` are the facts of the two database hosts, which
    ``names`` names in this order; the primary is asked only once the return to it was begun. A host that could not be
    reached has ``unreachable`` instead of facts. The ways:

    - ``none``: the drill touched nothing that could be taken back.
    - ``rollback``: nobody was promoted, so the old primary writes again. ``empty`` tells whether the data on the target
      are proved to hold nothing of their own.
    - ``hold``: ``holder`` was promoted and stays the primary, whether it answers now or not. ``start`` tells whether it
      has to be started: the switch back had stopped it, and the other one is stopped as well.
    - ``stop``: what the hosts of ``stop`` are is only told by their data at rest: stop them and look again.
    - ``refuse``: a person has to decide; ``why`` says what and how.
    """
    if not live or "arrange" not in journal["entered"]:
        return _way("none", why="The drill had not changed the environment yet.")
    if "failback" in journal["entered"]:
        return _from_return(journal, target, primary, names)
    if "promote" in journal["results"]:
        return _hold_target(target, names)
    if "promote" in journal["entered"] and target.get("unreachable"):
        return _lost(names[0], "was told to promote", names)
    if "promote" not in journal["entered"]:
        return _before_promotion(journal, target, names)
    if takes_writes(target) or _newer(journal, target):
        return _from_retreat(journal, target, names) if _rolls_back(journal) else _hold_target(target, names)
    if target["running"] and not target["accepting"]:
        return _way("stop", stop=[names[0]], why=f"{names[0]} was told to promote and does not answer.")
    return _rollback(journal, target, names)


def _before_promotion(journal: Facts, target: Facts, names: tuple[str, str]) -> dict[str, Any]:
    if target.get("unreachable"):
        return _way(
            "rollback",
            holder=names[1],
            why=f"{names[1]} is the one writable primary again; {names[0]} does not answer, was never told to promote, "
            "and was left as it is: see that PostgreSQL is stopped there before it is used again.",
        )
    if takes_writes(target) or (target["running"] and _newer(journal, target)):
        return _way(
            "refuse",
            why=f"{names[0]} was made a primary although this drill never promoted it, so nothing was changed: "
            f"find out who did, stop the one of {names[0]} and {names[1]} that shall not write, and take "
            f"the drill back {_AGAIN}.",
        )
    return _rollback(journal, target, names)


def _from_retreat(journal: Facts, target: Facts, names: tuple[str, str]) -> dict[str, Any]:
    return _way(
        "refuse",
        why=f"{names[0]} holds timeline {_timeline(target)}, newer than {_source(journal)} of {names[1]}, although it "
        f"was being rolled back: both may hold writes of their own, and nothing more was changed. Decide which "
        f"one goes on, stop the other, and take the drill back {_AGAIN}.",
    )


def _from_return(journal: Facts, target: Facts, primary: Facts | None, names: tuple[str, str]) -> dict[str, Any]:
    """The return to the primary site was begun: one of the two was a standby of the other."""
    if takes_writes(primary) and takes_writes(target):
        return _way(
            "refuse",
            why=f"Both {names[0]} and {names[1]} take writes, so nothing was changed: stop the one that shall not, and "
            f"take the drill back {_AGAIN}.",
        )
    # The switch notes since when it holds clients, long before it has promoted anybody.
    if "to" in journal["results"].get("failback", {}) or takes_writes(primary):
        return _way(
            "hold",
            holder=names[1],
            why=f"{names[1]} was promoted at the return and stays the primary; {names[0]} is left as it stands.",
        )
    if takes_writes(target):
        return _hold_target(target, names)
    lost = [name for name, facts in zip(names, (target, primary or {}), strict=True) if facts.get("unreachable")]
    if lost:
        return _lost(" and ".join(lost), "had a part in the return", names)
    running = [name for name, facts in zip(names, (target, primary or {}), strict=True) if facts.get("running")]
    if running:
        # A promotion that is under way ends with its server: only what is stopped has its last word on disk.
        return _way(
            "stop",
            stop=running,
            why=f"The return was begun, neither {names[0]} nor {names[1]} answers as a primary, and PostgreSQL on "
            f"{' and '.join(running)} does not end: stop it, and take the drill back {_AGAIN}.",
        )
    return _from_rest(target, primary or {}, names)


def _lost(lost: str, part: str, names: tuple[str, str]) -> dict[str, Any]:
    """A host that nobody can ask may take writes: no other one is started beside it."""
    return _way(
        "refuse",
        why=f"{lost} {part} and does not answer by ssh, so nobody knows whether {names[0]} or {names[1]} wrote last, "
        f"and neither was started. Bring it back, and take the drill back {_AGAIN}.",
    )


def _from_rest(target: Facts, primary: Facts, names: tuple[str, str]) -> dict[str, Any]:
    """Nobody runs: the switch had stopped one of the two, and their data tell which of them wrote last.

    A server with a standby.signal never opened for writes after the switch began, and would not if it were started.
    """
    if primary.get("standby_signal") and target.get("present") and not target.get("standby_signal"):
        return _way(
            "hold",
            holder=names[0],
            start=True,
            why=f"{names[0]} wrote last and is the one writable primary again; {names[1]} had not been promoted and is "
            "stopped. Return with playbooks/dr_failback.yml when the cause is mended.",
        )
    # Only a primary that was shut down in order proves that what was promoted after it has all of its writes.
    promoted = not primary.get("standby_signal") and _timeline(primary) > _timeline(target) > 0
    if promoted and target.get("state") == "shut down":
        return _way(
            "hold",
            holder=names[1],
            start=True,
            why=f"{names[1]} was promoted at the return and is the one writable primary; {names[0]} is stopped.",
        )
    said = " and ".join(
        f"{name} is {facts.get('state') or 'without data'} on timeline {_timeline(facts) or 'unknown'}"
        for name, facts in zip(names, (target, primary), strict=True)
    )
    return _way(
        "refuse",
        why=f"The return was begun and nobody writes: {said}, which does not tell who wrote last, so neither was "
        f"started. Start the one that holds every acknowledged write, and take the drill back {_AGAIN}.",
    )


def _hold_target(target: Facts, names: tuple[str, str]) -> dict[str, Any]:
    if takes_writes(target):
        told = (
            f"{names[0]} is the one writable primary and stays it; {names[1]} stays fenced. Return with "
            "playbooks/dr_failback.yml when the cause is mended."
        )
    else:
        told = (
            f"{names[0]} was promoted and holds writes that {names[1]} lacks, but it does not answer as a primary now. "
            f"Nothing on it was removed and {names[1]} was not started: start PostgreSQL on {names[0]}, which every "
            "pooler points to, then return with playbooks/dr_failback.yml."
        )
    return _way("hold", holder=names[0], why=told)


def _rollback(journal: Facts, target: Facts, names: tuple[str, str]) -> dict[str, Any]:
    source, held = _source(journal), _timeline(target)
    # A backup of an older timeline that this drill laid down has not been replayed to its end.
    laid = "restore" in journal["entered"] and 0 < held < source
    proved = not target["present"] or (source > 0 and held == source) or laid
    why = f"{names[1]} is the one writable primary again; {names[0]} is stopped"
    kept = f"; its data (timeline {held or 'unknown'}) are none of this drill and were left."
    return _way("rollback", holder=names[1], empty=proved, why=why + (" and empty." if proved else kept))


def _rolls_back(journal: Facts) -> bool:
    return (journal.get("retreat") or {}).get("way") == "rollback"


def _newer(journal: Facts, facts: Facts) -> bool:
    """Tell whether the data are of a later timeline than the primary's: then they were promoted."""
    return _timeline(facts) > _source(journal) > 0


def _timeline(facts: Facts) -> int:
    """Return the highest timeline that the data show, 0 without any."""
    return max(int(facts.get(key) or 0) for key in ("timeline", "wal_timeline"))


def _source(journal: Facts) -> int:
    """Return the timeline of the primary when the drill began, 0 when the journal does not tell it."""
    return int(journal["results"].get("assess", {}).get("timeline") or 0)


def _way(way: str, *, why: str, **more: Any) -> dict[str, Any]:
    return {"way": way, "holder": "", "empty": False, "start": False, "stop": [], "why": why, **more}
