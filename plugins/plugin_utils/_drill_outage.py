# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an activation in earnest could measure of the outage: its beginning, and the loss. Pure.

In a disaster nothing was arranged before. The canary of the activation begins when clients have been without service
for some time, so its ledger knows neither since when nor what was lost; only who wrote before does. What nobody can
tell stays None, and is told in a sentence.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["known_ledger", "outage_of", "unmeasured"]

# What the ledger of a canary that began after the loss cannot tell.
_UNKNOWN = ("lost", "rpo_s", "lost_window_s", "first_lost", "last_lost", "clean_suffix", "lost_sample")


def outage_of(results: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the survey of an activation learned of the outage; None where nothing was surveyed.

    ``started`` is an instant or empty, ``source`` who told it, ``run`` the canary that wrote before, ``archived_until``
    when the newest segment was archived, ``archive_timeout_s`` how often one is closed, in seconds.
    """
    return (results.get("survey") or {}).get("outage") or None


def known_ledger(results: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the ledgers of an activation tell, None where there is none.

    Without the ledger of who wrote before, what concerns the loss is None, and ``lost_after`` counts the writes that
    were acknowledged after the return of service and are missing.
    """
    verify = results.get("verify", {})
    after, before = verify.get("ledger"), verify.get("ledger_before")
    if not after and not before:
        return None
    lost_after = (after or {}).get("lost")
    if before:
        return {**before, "run": (outage_of(results) or {}).get("run"), "lost_after": lost_after}
    run = results.get("listen", {}).get("run")
    return {**after, **dict.fromkeys(_UNKNOWN), "run": run, "lost_after": lost_after}


def unmeasured(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each of recovery time and loss that an activation did not measure."""
    outage, achieved = record.get("outage") or {}, record["achieved"]
    if achieved["rto_s"] is None:
        yield (
            "The recovery time was not measured: nobody told since when clients were not served "
            "(dr_activate_outage_started), or when they were served again."
        )
    if achieved["lost_rows"] is None:
        yield f"The loss was not measured: no canary wrote before the outage. {_archive_words(outage)}"


def _archive_words(outage: Mapping[str, Any]) -> str:
    if not outage.get("archived_until"):
        return "Up to when the archive holds what was written is not known either."
    timeout = outage.get("archive_timeout_s")
    often = f", and a segment is closed at least every {timeout} s while there are writes" if timeout else ""
    return f"The newest segment of the archive was stored at {outage['archived_until']}{often}."
