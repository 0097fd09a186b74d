# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After the proofs: a table of items, their breakers, and what else turned red."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print one line a breaker."""
    rows = []
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                rows += [value for name, value in report.user_properties if name == "breaker"]
    if rows:
        terminalreporter.section("control, breaker, what else turned red")
        for row in sorted(rows):
            control, fault, others = row.split("\t")
            terminalreporter.write_line(f"{control:<22} {fault:<78} {others}")
