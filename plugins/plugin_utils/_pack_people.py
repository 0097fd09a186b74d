# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The people of a drill's pack: what the record says of each signature, held against the signature itself.

A seal proves that nobody changed a pack since it was made. That a person signed is proved by what it holds as
``people/STEP.json.signed`` alone, and told by the code that took the signature.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import STEP_ID
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._statement import PEOPLE, vouched

__all__ = ["signatures"]

_SAME = ("step", "role", "name", "fingerprint", "stand_in", "statement", "asked_at", "signed_at", "comment")


def signatures(pack: Path, record: Mapping[str, Any], *, allowed_signers: Path) -> list[dict[str, Any]]:
    """Return who is said to have signed which step of a pack, one row each, with what its signature vouches for.

    ``fault`` is None where the signature holds and says the same as the record, else a sentence. A stand-in's key is
    what the statement that it signed says it is.
    """
    rows = (row for row in record.get("people") or () if row.get("signed_at"))
    return [
        {**{key: row.get(key) for key in _SAME}, "fault": _fault(pack, record, row, allowed_signers)} for row in rows
    ]


def _fault(pack: Path, record: Mapping[str, Any], row: Mapping[str, Any], allowed_signers: Path) -> str | None:
    step, name = str(row.get("step")), str(row.get("name") or "")
    if not STEP_ID.match(step) or not name:
        return f"The record names no step, or nobody, for a signature of {row['signed_at']}."
    try:
        found = vouched(pack / PEOPLE, step, person=name, allowed_signers=allowed_signers)
    except OpsError as exc:
        return exc.message.replace(f"{pack}/", "")
    except OSError as exc:
        return f"The signature of {step} cannot be read: {exc.strerror or exc}."
    differing = [key for key in _SAME if found.get(key) != row.get(key)]
    if found.get("drill_id") != record.get("id"):
        differing.append("drill_id")
    return f"What was signed for {step} differs from the record in {', '.join(differing)}." if differing else None
