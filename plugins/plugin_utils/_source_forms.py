# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of other programs that may lie among the records: reports of scanners, and cost exports in FOCUS columns.

``vulnerability_scan/<kind>_<target>@<UTC time>.<form>``, for example ``host_db1@20261126T060000Z.trivy.json``, and
``cost/<anything>@<UTC time>.focus.csv``. The time in the name may be left out where the form says it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_scans import SCANNERS

__all__ = ["FORMS", "focus_lines", "foreign_record", "form_of"]

FOCUS = ".focus.csv"
FORMS = {**dict.fromkeys(SCANNERS, "vulnerability_scan"), FOCUS: "cost"}
_STAMP = re.compile(r"@(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$")
_NUMBERS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "ConsumedQuantity", "PricingQuantity")
_INSTANTS = ("ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodStart", "BillingPeriodEnd")
_WANTED = ("BilledCost", "EffectiveCost", "BillingCurrency", "ChargePeriodStart", "ChargePeriodEnd", "ServiceName")


def form_of(path: Path) -> str:
    """Return the ending that names the form of a file of another program; empty for a record of ours."""
    return next((ending for ending in FORMS if path.name.endswith(ending)), "")


def foreign_record(path: Path, text: str, environment: str) -> dict[str, Any]:
    """Return the record that a file of another program is. Raises `OpsError` naming the file and what is wrong."""
    ending = form_of(path)
    stem = path.name.removesuffix(ending)
    if path.parent.name != FORMS[ending]:
        raise OpsError(f"{path}: a file *{ending} belongs into the folder {FORMS[ending]}; move it.")
    stamp = _STAMP.search(stem)
    said = "{}-{}-{}T{}:{}:{}.000Z".format(*stamp.groups()) if stamp else None
    try:
        if ending == FOCUS:
            body: dict[str, Any] = {"source": _STAMP.sub("", stem), "lines": focus_lines(text)}
        else:
            body = _scan(stem, SCANNERS[ending](text), said)
    except OpsError as exc:
        raise OpsError(f"{path}: {exc.message.rstrip('.')}; mend the file or make it anew.") from exc
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as exc:
        told = f"{type(exc).__name__}: {exc}"
        raise OpsError(f"{path} is not what its name says ({told}); make it anew.") from exc
    at = body.get("scanned") or said
    if at is None:
        raise OpsError(f"{path} does not say when it was made; end its name in @20261126T060000Z{ending} (UTC).")
    by = body["scanner"]["name"] if "scanner" in body else body["source"]
    return {"id": path.name, "environment": environment, "at": at, "by": by, **body}


def _scan(stem: str, told: dict[str, Any], said: str | None) -> dict[str, Any]:
    kind, dash, name = _STAMP.sub("", stem).partition("_")
    if not dash or kind not in ("host", "image", "repository") or not name:
        raise OpsError("its name has to begin with host_, image_ or repository_ and what was scanned")
    target = told["target"]
    # An image has a name that no file can carry; a host is called as the inventory calls it.
    called = (target.get("name") or name) if kind == "image" else name
    return {
        **told,
        "target": {"kind": kind, "name": called, "digest": target.get("digest")},
        "scanned": told["scanned"] or said,
    }


def focus_lines(text: str) -> list[dict[str, Any]]:
    """Return the lines of a cost export with FOCUS columns (CSV with a header): numbers as numbers, instants in UTC.

    Raises `OpsError` naming the line, for a missing column, a row of another length, or a cost that is no number.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    lacking = [name for name in _WANTED if name not in (reader.fieldnames or ())]
    if lacking:
        raise OpsError(f"the FOCUS columns {', '.join(lacking)} are missing")
    lines = []
    for number, row in enumerate(reader, start=2):
        if None in row or None in row.values():
            raise OpsError(f"line {number} has another number of columns than the header")
        try:
            lines.append({key: _cell(key, value) for key, value in row.items()})
        except (ValueError, OpsError) as exc:
            raise OpsError(f"line {number}: {exc}") from exc
    if not lines:
        raise OpsError("there is no line below the header")
    return lines


def _cell(key: str, value: str) -> Any:
    if key == "Tags":
        return None
    if key in _NUMBERS:
        return float(value) if value or key in _WANTED else None
    if key in _INSTANTS:
        return _utc.iso_ms(_utc.parse_iso(value)) if value or key in _WANTED else None
    return value or (value if key in _WANTED else None)
