# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After the proofs: the table of breakers."""

from __future__ import annotations

from typing import Any

import _breaker_table


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print and keep one line a breaker."""
    _breaker_table.conclude(terminalreporter, _breaker_table.all_payloads)
