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
    """Return ``way``, ``holder``, ``empty`` and ``why`` for a drill that cannot go forward.

    ``journal`` is the state of the journal, ``target`` and ``primary`` are the facts of the two database hosts, which
    ``names`` names in this order; the primary is asked only once the return to it was begun. The ways:

    - ``none``: the drill touched nothing that could be taken back.
    - ``rollback``: nobody was promoted, so the old primary writes again. ``empty`` tells whether the data on the target
      are proved to hold nothing of their own.
    - ``hold``: ``holder`` was promoted and stays the primary, whether it answers now or not.
    - ``silent``: the target was told to promote, gave no result and does not answer: stop it and look again.
    - ``refuse``: a person has to decide; ``why`` says what and how.
    """
    if not live or "arrange" not in journal["entered"]:
        return _way("none", why="The drill had not changed the environment yet.")
    if "failback" in journal["entered"]:
        return _from_return(journal, target, primary, names)
    if "promote" in journal["results"]:
        return _hold_target(target, names)
    if "promote" not in journal["entered"]:
        return _before_promotion(journal, target, names)
    if takes_writes(target) or _newer(journal, target):
        return _from_retreat(journal, target, names) if _rolls_back(journal) else _hold_target(target, names)
    if target["running"] and not target["accepting"]:
        return _way("silent", why=f"{names[0]} was told to promote and does not answer.")
    return _rollback(journal, target, names)


def _before_promotion(journal: Facts, target: Facts, names: tuple[str, str]) -> dict[str, Any]:
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
    if "failback" in journal["results"] or takes_writes(primary):
        return _way(
            "hold",
            holder=names[1],
            why=f"{names[1]} was promoted at the return and stays the primary; {names[0]} is left as it stands.",
        )
    if takes_writes(target):
        return _hold_target(target, names)
    return _way(
        "refuse",
        why=f"The return was begun and neither {names[0]} nor {names[1]} answers as a primary, so nothing was changed: "
        f"start PostgreSQL on {names[0]}, which holds every acknowledged write, and take the drill back {_AGAIN}.",
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
    return {"way": way, "holder": "", "empty": False, "why": why, **more}
