# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record type of what stands around the hosts: security groups and outer firewalls, as they were asked.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_fields import (
    NAME,
    NAMES,
    RecordType,
    maybe,
    one_of,
    rows,
)

__all__ = ["PERIMETER"]

_PORT: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 65535}

FIREWALL = RecordType(
    "firewall_listing",
    "The rules by which a security group or an outer firewall lets something in, as it was asked.",
    (
        ("system*", NAME, "the group or firewall"),
        (
            "rules*",
            rows(
                ("protocol*", one_of("tcp", "udp", "icmp", "any"), "the protocol"),
                ("first_port", maybe(_PORT), "the first port; none means every port"),
                ("last_port", maybe(_PORT), "the last port; none means the first one only"),
                ("sources*", NAMES, "networks it may come from, such as 10.0.0.0/8; 0.0.0.0/0 is everybody"),
                ("hosts", NAMES, "hosts of the inventory that it leads to; none means all"),
            ),
            "its rules for what comes in",
        ),
    ),
    {
        "system": "web",
        "rules": [{"protocol": "tcp", "first_port": 443, "sources": ["0.0.0.0/0"], "hosts": ["lb1"]}],
    },
)

PERIMETER = (FIREWALL,)
