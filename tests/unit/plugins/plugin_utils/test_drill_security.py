# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recovery site is held against what the primary site had; what nobody could read is never a match."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_security import compared, deficiencies, unknown
from tests.unit.plugins.plugin_utils._protected import DATABASE, RULE, SAID
from tests.unit.plugins.plugin_utils._protected import protected as host


def database(**changed: Any) -> dict[str, Any]:
    return {"rc": 0, "stdout": json.dumps({**DATABASE, **changed})}


def results(after: dict[str, Any], before: dict[str, Any] | None = None) -> dict[str, str]:
    rows = compared(host("db1") if before is None else before, after)
    assert rows is not None
    return {row["name"]: row["result"] for row in rows}


def test_a_site_that_is_protected_alike_is_verified() -> None:
    assert len(results(host())) == 13
    assert set(results(host()).values()) == {"verified"}
    rows = compared(host("db1"), host())
    assert list(deficiencies(rows)) == list(unknown(rows)) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"database": database(ssl="off")}, "encryption of connections"),
        ({"database": database(tls_from="TLSv1")}, "encryption of connections"),
        ({"database": database(passwords="md5")}, "digest of passwords"),
        ({"database": database(checksums="off")}, "checksums of data pages"),
        ({"database": database(superusers=["postgres", "x"])}, "superusers of the database"),
        ({"database": database(logs={"log_connections": "off"})}, "what the database logs"),
        ({"database": database(rules=[*DATABASE["rules"], DATABASE["rules"][0]])}, "who may connect to the database"),
        ({"sshd": {"rc": 0, "stdout": "passwordauthentication yes"}}, "access by ssh"),
        ({"services": {"rc": 3, "stdout": "active\ninactive"}}, "services that guard"),
        ({"firewall": {"rc": 0, "stdout": '{"nftables": []}'}}, "firewall of the host"),
        ({"files": {"rc": 0, "stdout": SAID["files"].replace("600", "644")}}, "who may read the files"),
        ({"monitoring": {"rc": 0, "stdout": ["node"]}}, "monitoring sees the host"),
        ({"monitoring": {"rc": 0, "stdout": []}}, "monitoring sees the host"),
        ({"certificate": {"rc": 1, "stdout": "notAfter=Nov 28 09:00:00 2026 GMT"}}, "certificate of the database"),
    ],
)
def test_a_weaker_safeguard_is_named(change: dict[str, Any], named: str) -> None:
    rows = compared(host("db1"), host(**change))
    (told,) = deficiencies(rows)
    assert told.startswith(f"Recovery site, {named}")
    assert list(unknown(rows)) == []


@pytest.mark.parametrize(
    "loose",
    [
        {**RULE, "type": "host", "method": "scram-sha-256"},
        {**RULE, "type": "hostssl", "method": "md5"},
        {**RULE, "type": "hostssl", "method": "trust"},
        {**RULE, "type": None, "method": None, "error": "invalid"},
    ],
)
def test_a_rule_that_lets_the_network_in_too_easily_is_counted(loose: dict[str, Any]) -> None:
    rows = compared(host("db1"), host(database=database(rules=[*DATABASE["rules"], loose])))
    assert rows is not None
    row = next(row for row in rows if row["name"].startswith("rules that let"))
    assert (row["expected"], row["observed"], row["result"]) == ("0 of 1", "1 of 2", "differs")


@pytest.mark.parametrize("name", sorted(SAID))
def test_a_command_that_failed_is_unknown_and_never_verified(name: str) -> None:
    found = results(host(**{name: None}))
    assert "could_not_run" in found.values()
    assert "differs" not in found.values()
    if name != "certificate":
        # An unknown yardstick proves no more than an unknown answer, also where both are unknown.
        assert results(host(), before=host("db1", **{name: None})) == found
        assert results(host(**{name: None}), before=host("db1", **{name: None})) == found


def test_an_answer_that_makes_no_sense_is_unknown() -> None:
    found = results(host(database={"rc": 0, "stdout": "ERROR"}, firewall={"rc": 0, "stdout": "[]"}))
    assert list(found.values()).count("could_not_run") == 8


def test_a_primary_that_could_not_be_asked_leaves_all_but_the_certificate_unknown() -> None:
    rows = compared({}, host())
    assert rows is not None
    assert [row["result"] for row in rows] == ["could_not_run"] * 12 + ["verified"]
    (told,) = unknown(rows)
    assert "superusers of the database" in told and "certificate" not in told


def test_what_an_earlier_drill_read_is_the_yardstick_after_a_disaster() -> None:
    earlier = {**host("db1"), "at": "2026-08-01T09:00:00.000Z"}
    rows = compared({}, host(services={"rc": 3, "stdout": "active\ninactive"}), remembered=earlier)
    assert rows is not None
    assert [row["name"] for row in rows if row["result"] == "differs"] == ["services that guard, ship logs and report"]
    dated = [row for row in rows if row["expected"].endswith(" (as a drill read it at 2026-08-01T09:00:00.000Z)")]
    assert len(dated) == 12
    assert list(unknown(rows)) == []
    # What was read today counts, whatever was read before.
    rows = compared(host("db1"), host(), remembered=host("db1", database=database(ssl="off")))
    assert rows is not None
    assert {row["result"] for row in rows} == {"verified"}


def test_a_site_that_nobody_looked_at_says_so() -> None:
    assert compared(host("db1"), None) is None
    assert list(unknown(None)) == ["How the recovery site is protected was not read."]
    assert list(deficiencies(None)) == []
