# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception family of this collection.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import Any

__all__ = ["OpsError"]


class OpsError(Exception):
    """Something is wrong and a person or a play has to mend it.

    The message is one clear sentence that says what is wrong and how to mend it. ``details`` are facts for the caller
    (JSON values only); a module hands them to ``fail_json`` beside the message.
    """

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = details
