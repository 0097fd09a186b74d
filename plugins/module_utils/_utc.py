# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instants in UTC, and how they are written.

Every record of this collection writes an instant as ``2026-11-23T21:15:00.123Z``: UTC, milliseconds, sortable as text.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import datetime
import re

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["compact", "elapsed_text", "from_epoch", "iso_ms", "now", "parse_iso", "seconds_between"]

_ISO = re.compile(
    r"^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d(?::?\d\d)?)$",
)


def now() -> datetime.datetime:
    """Return the present instant as an aware datetime in UTC."""
    return datetime.datetime.now(tz=datetime.UTC)


def from_epoch(seconds: float) -> datetime.datetime:
    """Return the aware datetime in UTC of some seconds since the epoch."""
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)


def iso_ms(moment: datetime.datetime) -> str:
    """Write an aware datetime as UTC with milliseconds, for example ``2026-11-23T21:15:00.123Z``.

    Milliseconds are cut, never rounded up: a written instant never lies after the real one.
    """
    if moment.tzinfo is None:
        raise OpsError("An instant without a time zone cannot be written; give it one (UTC).")
    utc = moment.astimezone(datetime.UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def compact(moment: datetime.datetime) -> str:
    """Write an aware datetime for use in a file name, for example ``20261123T211500Z``."""
    return f"{moment.astimezone(datetime.UTC):%Y%m%dT%H%M%SZ}"


def parse_iso(text: str) -> datetime.datetime:
    """Read an ISO 8601 instant that states its zone; raise `OpsError` for anything else.

    Fractions up to nanoseconds are accepted and cut to microseconds.
    """
    match = _ISO.match(text.strip()) if isinstance(text, str) else None
    if not match:
        raise OpsError(f"{text!r} is not an instant with a time zone; write it like 2026-11-23T21:15:00.000Z.")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    micro = int((fraction or "0").ljust(6, "0")[:6])
    try:
        moment = datetime.datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second), micro, tzinfo=_zone(zone)
        )
    except ValueError as exc:
        raise OpsError(f"{text!r} is not an instant: {exc}.") from exc
    return moment.astimezone(datetime.UTC)


def seconds_between(start: str, end: str) -> float:
    """Return the seconds from one written instant to another, to the millisecond (negative when they are swapped)."""
    return round((parse_iso(end) - parse_iso(start)).total_seconds(), 3)


def elapsed_text(seconds: float) -> str:
    """Write a duration for a progress line: ``00:41``, and ``1:02:03`` from one hour on."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes:02d}:{secs:02d}"


def _zone(text: str) -> datetime.timezone:
    if text == "Z":
        return datetime.UTC
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "").ljust(4, "0")
    return datetime.timezone(sign * datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))
