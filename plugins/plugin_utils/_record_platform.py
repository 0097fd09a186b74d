# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record types of what platforms say of themselves: workloads of an orchestrator, rules of a code host.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_fields import (
    COUNT,
    FLAG,
    INSTANT,
    NAME,
    NAMES,
    RecordType,
    rows,
)

__all__ = ["PLATFORM"]

WORKLOADS = RecordType(
    "workload_listing",
    "What an orchestrator of containers says of its nodes and workloads, as it was asked.",
    (
        ("source*", NAME, "the cluster"),
        ("read*", INSTANT, "when it was asked"),
        ("nodes*", rows(("name*", NAME, "the node"), ("ready*", FLAG, "whether it is ready")), "its nodes"),
        (
            "workloads*",
            rows(
                ("name*", NAME, "the workload, with its name space"),
                ("desired*", COUNT, "replicas that it asks for"),
                ("ready*", COUNT, "replicas that are ready"),
                ("restarts_1h*", COUNT, "restarts of the most restless of its containers in the last hour"),
                ("images*", NAMES, "its images as they are named"),
            ),
            "its workloads",
        ),
    ),
    {
        "source": "cluster-1",
        "read": "2026-11-20T08:00:00Z",
        "nodes": [{"name": "node1", "ready": True}],
        "workloads": [
            {
                "name": "web/ledger",
                "desired": 2,
                "ready": 2,
                "restarts_1h": 0,
                "images": ["registry.example.com/ledger@sha256:" + "ab" * 32],
            }
        ],
    },
)

RULES = RecordType(
    "repository_rules",
    "By which rules the host of a repository lets a branch change, as it was asked.",
    (
        ("repository*", NAME, "its name, as in verify_repositories"),
        ("branch*", NAME, "the branch"),
        ("protected*", FLAG, "whether it changes only by these rules"),
        ("required_approvals*", COUNT, "people that have to agree before it changes"),
        ("force_push*", FLAG, "whether its past can be rewritten"),
        ("bypass", NAMES, "who the rules do not bind; an empty list for nobody, without it nobody knows"),
    ),
    {
        "repository": "infrastructure",
        "branch": "main",
        "protected": True,
        "required_approvals": 1,
        "force_push": False,
        "bypass": [],
    },
)

PLATFORM = (WORKLOADS, RULES)
