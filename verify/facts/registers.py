# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registers: the records of a type as a population, so that an empty one is told from one that nobody keeps.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.records import Record, everything

__all__ = ["reaches_back", "register"]


def register(estate: Estate, record_type: str) -> list[Record]:
    """Return all records of a type, of people and of playbooks, the oldest first.

    A register without any entry looks the same as one that nobody keeps, so it counts as empty only when the
    environment says why (``verify_empty``, under the record type). Raises `NoEvidence` otherwise.
    """
    found = everything(estate, record_type)
    if not found and not estate.environment.empty_reason(record_type):
        what = record_type.replace("_", " ")
        raise NoEvidence(
            f"{estate.name} has not a single {what} on record, which looks the same as a register that nobody keeps; "
            f"say in verify_empty.{record_type} why there is none."
        )
    return found


def reaches_back(found: list[Record], since: float, key: str) -> bool:
    """Return whether a register was kept before an instant already: its oldest entry is older."""
    return any(record[key] is not None and record[key] <= since for record in found if key in record)
