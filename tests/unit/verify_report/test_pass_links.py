# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every result of a small report has a place of its own to link to, passes too."""

from __future__ import annotations

from tests.unit.report.conftest import Page
from verify.engine.judge import finding_id
from verify.engine.words import Status
from verify.report import ReportData


def test_every_result_has_a_place_to_link_to(pages: dict[str, Page], runs: dict[str, ReportData]) -> None:
    """Passes too, where a control has no more subjects than a line can name."""
    kept = [
        (control.control, row)
        for control in runs["bad"].controls
        for row in control.rows
        if row.status is Status.PASS and sum(one.status is Status.PASS for one in control.rows) <= 100
    ]
    assert len(kept) > 50
    missing = [
        (control, row.subject)
        for control, row in kept
        if f'id="{finding_id(control, row.kind, row.subject)}"' not in pages["bad"].markup
    ]
    assert missing == []
