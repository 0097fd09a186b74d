# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which registered results are those of a lost host."""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.lookup.lost_hosts import lost

LOST = {"unreachable": True, "msg": "no  route\nto host"}


def test_only_lost_results_of_the_named_variables_count() -> None:
    variables = {"__dr_a": LOST, "__dr_b": {"changed": False}, "__dr_c": "text", "__other": LOST, "__dr_d": LOST}
    assert lost(variables, ["__dr_"], ["__dr_d"]) == [{"variable": "__dr_a", "said": "no route to host"}]


def test_a_loop_says_it_in_the_item_that_was_lost() -> None:
    results = [{"failed": False}, {"unreachable": True, "msg": "db2 is gone"}]
    found = lost({"__dr_a": {"unreachable": True, "results": results, "msg": "All items completed"}}, ["__dr_"], [])
    assert found[0]["said"] == "db2 is gone"
