# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents, answers to alerts and what was learnt, in the green world: half a year of a register that is kept."""

from __future__ import annotations

from typing import Any

from _world import DAY, HOUR, MINUTE, World, golden
from golden_prometheus import ALERTS, OUTAGES
from golden_records import add, at


def _incident(number: int, title: str, ago: float, lasted: float, **more: Any) -> dict[str, Any]:
    return {
        "id": f"INC-{number}",
        "at": at(ago - lasted - 4 * HOUR),
        "title": title,
        "priority": "high",
        "kind": "infrastructure",
        "services": ["web"],
        "impact_start": at(ago),
        "detected": at(ago - MINUTE),
        "acknowledged": at(ago - 4 * MINUTE),
        "acknowledged_by": "on call A",
        "restored": at(ago - lasted),
        "closed": at(ago - lasted - 4 * HOUR),
        "owner": "operations",
        "cause_state": "fixed",
        "cause": "Found and mended.",
        "lessons": ["What was missing is watched now."],
        **more,
    }


@golden
def incidents(world: World) -> None:
    """The outage of the quarter, incidents that clients did not feel, and those of the quarter before."""
    for number, (ago, lasted) in enumerate(reversed(OUTAGES), start=41):
        row = _incident(number, "The service did not answer", ago, lasted, priority="critical", alerts=["ServiceDown"])
        add(world, "incident", row)
        add(world, "postmortem", _postmortem(row, ago))
    closed = {"services": [], "closed": at(20 * HOUR), "alerts": ["TargetDown"], "priority": "medium"}
    add(world, "incident", _incident(43, "app1 lost its exporter", 5 * DAY, 6 * MINUTE, kind="application", **closed))
    for number, ago in enumerate((100 * DAY, 115 * DAY, 131 * DAY, 150 * DAY, 172 * DAY, 203 * DAY), start=31):
        add(world, "incident", _incident(number, "A disk filled", ago, 45 * MINUTE, services=[], priority="medium"))


def _postmortem(incident: dict[str, Any], ago: float) -> dict[str, Any]:
    action = {
        "text": "Restart the balancer when its configuration is refused",
        "owner": "platform",
        "due": at(ago - 9 * DAY),
        "ticket": "OPS-204",
        "done": at(ago - 8 * DAY),
    }
    return {
        "id": f"PM-{incident['id']}",
        "at": at(ago - 2 * DAY),
        "incident": incident["id"],
        "title": incident["title"],
        "impact": "Clients got no answer.",
        "root_cause": "A configuration was loaded that nobody had tried.",
        "lessons": ["A configuration is tried on a copy before it is loaded."],
        "actions": [action],
        "timeline": [{"at": at(ago), "text": "The probe failed.", "source": "alert ServiceDown"}],
        "reviewed_by": ["operations", "platform"],
    }


@golden
def answers(world: World) -> None:
    """A person's answer to every alert of the month, four minutes after it fired."""
    for number, one in enumerate(ALERTS, start=1):
        labels = {"host": one.host, **one.more}
        row = {
            "id": f"ACK-{number}",
            "at": at(one.ago - 5 * MINUTE),
            "alert": one.name,
            "labels": labels,
            "severity": one.severity,
            "fired": at(one.ago),
            "delivered": at(one.ago - 12),
            "acknowledged": at(one.ago - 4 * MINUTE),
            "acknowledged_by": "on call A",
            "resolved": at(one.ago - one.lasted),
            "explanation": "Known, and mended.",
        }
        add(world, "alert_acknowledgement", row)


@golden
def security(world: World) -> None:
    """Security alerts: one that is worked on, one that is settled; an incident that is closed."""
    common = {"source": "audit", "owner": "security", "subject": "db1"}
    working = {"raised": at(30 * HOUR), "responded": at(29.5 * HOUR), "severity": "high"}
    settled = {"raised": at(9 * DAY), "responded": at(9 * DAY - 600), "severity": "critical", "closed": at(8 * DAY)}
    add(
        world,
        "security_alert",
        {"id": "SA-12", "title": "A key of an administrator is new", **common, **working},
        {"id": "SA-11", "title": "Many logins were refused", **common, **settled},
    )
