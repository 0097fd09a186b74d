# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seven statuses in the page of pytest-html (``--html FILE``), beside the report of the run.

pytest-html hides rows whose result is none of its own words, so its column stays and the status has a column beside it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from typing import Any

from verify.engine.words import Status

__all__ = ["head", "row", "totals"]

_PLACE = 1
_HEAD = '<th class="sortable" data-column-type="status">Status</th>'


def head(cells: list[str]) -> None:
    """Add the heading of the column."""
    cells.insert(_PLACE, _HEAD)


def row(report: Any, cells: list[str]) -> None:
    """Add the status of a control; an empty cell for any other test."""
    status = dict(getattr(report, "user_properties", ())).get("status", "")
    cells.insert(_PLACE, f'<td class="col-status">{escape(str(status)).replace("_", " ")}</td>')


def totals(statuses: Iterable[Status], told: Iterable[str]) -> list[str]:
    """Return the paragraphs at the head of the page: how many controls have which status, and what the run said."""
    found = Counter(statuses)
    counts = ", ".join(f"{found[status]} {status.replace('_', ' ')}" for status in Status if found[status])
    return [f"<p>Controls: {escape(counts or 'none')}.</p>", *(f"<p>{escape(line)}</p>" for line in told)]
