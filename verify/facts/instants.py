# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instants as views hold them: seconds since the epoch, UTC."""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso

__all__ = ["DAY_S", "epoch", "epoch_or_none"]

DAY_S = 86400


def epoch(text: str) -> float:
    """Return a written instant as seconds since the epoch; ValueError when it is none, or says no time zone."""
    try:
        return parse_iso(text).timestamp()
    except OpsError as exc:
        raise ValueError(exc.message) from exc


def epoch_or_none(text: str | None) -> float | None:
    """Return a written instant as seconds since the epoch; None for one that was not said."""
    return epoch(text) if text else None
