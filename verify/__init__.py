# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check file needs: ``from verify import control, expect``."""

from __future__ import annotations

import sys
from pathlib import Path

# The suite and the plugins are one collection: that of this checkout, or the installed one around this folder.
_HERE = Path(__file__).resolve().parent
_INSTALLED = next((parent.parent for parent in _HERE.parents if parent.name == "ansible_collections"), None)
for _folder in (_HERE.parent, _INSTALLED or _HERE.parent / "collections"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from verify.engine.control import control, expect, manual_due, not_applicable, unknown  # noqa: E402 - needs the path
from verify.engine.evidence import NoEvidence, StaleEvidence  # noqa: E402

__all__ = ["NoEvidence", "StaleEvidence", "control", "expect", "manual_due", "not_applicable", "unknown"]
