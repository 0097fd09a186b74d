# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check file needs: ``from verify import control, expect``."""

from __future__ import annotations

from verify.engine.control import control, expect, manual_due, not_applicable, unknown
from verify.engine.evidence import NoEvidence, StaleEvidence

__all__ = ["NoEvidence", "StaleEvidence", "control", "expect", "manual_due", "not_applicable", "unknown"]
