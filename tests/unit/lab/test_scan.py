# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's answer becomes the record of a scan, and what is no answer never becomes one."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import validate
from lab._scan import MARK, parse

NOW = datetime.datetime(2026, 11, 25, 8, 30, tzinfo=datetime.UTC)
DATES = "Date: Tue, 24 Nov 2026 20:11:12 UTC\nDate: Mon, 23 Nov 2026 08:00:00 UTC\n"
PENDING = """\
curl/stable-security 7.88.1-10+deb12u15 amd64 [upgradable from: 7.88.1-10+deb12u14]
tzdata/stable-updates 2026b-0+deb12u1 all [upgradable from: 2026a-0+deb12u1]
openssl/stable,stable-security 3.0.18-1 amd64 [upgradable from: 3.0.17-1]
"""


def answer(packages: str = "312", dates: str = DATES, pending: str = "") -> str:
    """Return what a host says."""
    return f"\n{MARK}\n".join([packages, dates, "apt 2.6.1 (amd64)", pending])


@pytest.mark.parametrize(("pending", "found"), [("", []), (PENDING, ["curl", "openssl"])])
def test_a_pending_security_update_is_a_finding(pending: str, found: list[str]) -> None:
    row = parse("db1", answer(pending=pending), NOW)
    validate({"environment": "lab", **row}, "vulnerability_scan")
    assert [one["package"] for one in row["findings"]] == found
    assert all(one["severity"] == "unknown" and one["fixed_version"] for one in row["findings"])
    assert row["packages"] == 312
    assert row["scanner"]["database_built"] == "2026-11-23T08:00:00Z", "the older list is what the scan rests on"


@pytest.mark.parametrize(
    "text",
    ["", "312\n", answer(packages=""), answer(dates=""), answer(dates="Date: soon"), f"{MARK}\n" * 5],
)
def test_what_is_not_whole_is_no_scan(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse("db1", text, NOW)
