# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody foresaw while one source was asked ends that source alone, and leaves a sentence in place of its facts.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.collect.redact import Redactor

__all__ = ["contained", "unforeseen"]

_MOST = 200


def contained(what: str, work: Callable[[], object], lost: Callable[[str], object], redact: Redactor) -> bool:
    """Do some work for a source and return whether it came to its end; if not, ``lost`` is told why, in one sentence.

    ``what`` names what is done, such as "asking prometheus". Only what ends the program itself goes through.
    """
    try:
        work()
    except OpsError as exc:
        lost(_masked(exc.message, redact))
    except Exception as exc:
        lost(unforeseen(what, exc, redact))
    else:
        return True
    return False


def unforeseen(what: str, exc: BaseException, redact: Redactor) -> str:
    """Return the sentence for an exception that nobody foresaw: its class, its message and where it was raised."""
    # Redacted before it is cut: half a secret is not found any more.
    said = _masked(str(exc), redact)[:_MOST]
    frames = traceback.extract_tb(exc.__traceback__)
    place = f", {Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    name = type(exc).__name__ + (f": {said}" if said else "")
    return f"The verification failed while {what} ({name}{place}): mend what it stumbled over, or report it as a bug."


def _masked(text: str, redact: Redactor) -> str:
    return " ".join(redact(text.encode("utf-8", "replace")).decode("utf-8", "replace").split())
