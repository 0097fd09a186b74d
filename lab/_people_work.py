# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""More stand-ins for what people of a real environment write down: planned work, money, expectations, briefs.

What they say is a guess of nobody and is marked as one. A bill does not exist here, so costs are an estimate that keeps
to its budget by being the same; forecasts say what a quiet lab would use.
"""

from __future__ import annotations

import datetime
from typing import Any

Moment = datetime.datetime
Row = dict[str, Any]

DAY = datetime.timedelta(days=1)
A_DAY_EUR = 1.0
BUDGET_DAYS, SPENT_DAYS = 30, 20
POOLS = ("application", "database", "balancer")
EXPECTED_RATIO = {"cpu": 0.3, "memory": 0.2}
METHOD = "guess of a stand-in: a quiet lab, the same every day"
BRIEF_AT = datetime.timedelta(hours=7, minutes=45)
BLOCKED_ON = "the machine's owner"
A, B, C = "stand-in A", "stand-in B", "stand-in C"


def text(moment: Moment) -> str:
    """Write an instant the way records do."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def midnight(moment: Moment) -> Moment:
    """Return the beginning of a day (UTC)."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def blocked_since(now: Moment) -> Moment:
    """Return since when the one thing waits that is blocked."""
    return midnight(now - 5 * DAY) + datetime.timedelta(hours=10)


def changes(now: Moment) -> list[Row]:
    """Return a change that was done last week, and one that is planned for the window of the next evening."""
    done, soon = midnight(now - 6 * DAY), midnight(now + DAY)
    return [
        {
            **_change("CHG-1", "Keep the central logs for 90 days", submitted=done - 2 * DAY, start=done, state="done"),
            "at": text(done + datetime.timedelta(hours=22)),
            "started": text(done + datetime.timedelta(hours=20)),
            "ended": text(done + datetime.timedelta(hours=20, minutes=25)),
            "reviewed": text(done + datetime.timedelta(hours=22)),
            "reviewer": B,
            "hosts": ["mon1"],
        },
        {
            **_change(
                "CHG-2", "Start the second application host anew", submitted=now - DAY, start=soon, state="approved"
            ),
            "at": text(now - datetime.timedelta(hours=12)),
            "window": f"window-{soon:%Y%m%d}",
            "hosts": ["app2"],
        },
    ]


def _change(name: str, title: str, *, submitted: Moment, start: Moment, state: str) -> Row:
    approved = submitted + datetime.timedelta(hours=6)
    return {
        "id": name,
        "title": title,
        "kind": "normal",
        "state": state,
        "submitted": text(submitted),
        "planned_start": text(start + datetime.timedelta(hours=20)),
        "planned_end": text(start + datetime.timedelta(hours=21)),
        "requester": A,
        "approvals": [{"by": B, "role": "change board", "at": text(approved)}],
        "risks": [{"text": "The host does not come back.", "mitigation": "The others carry the service."}],
        "rollback": "Apply the former commit with playbooks/site.yml.",
    }


def security_alerts(now: Moment) -> list[Row]:
    """Return one alert that was answered and settled."""
    raised = midnight(now - 7 * DAY) + datetime.timedelta(hours=9)

    def later(minutes: int) -> str:
        return text(raised + datetime.timedelta(minutes=minutes))

    about = {"title": "Five refused logins on a balancer", "severity": "low", "source": "a look at the logs"}
    times = {"at": later(240), "raised": text(raised), "responded": later(30), "closed": later(240)}
    return [{"id": "SEC-1", **about, **times, "subject": "lb1", "owner": B}]


def forecasts(now: Moment) -> list[Row]:
    """Return the forecasts of an hour ago and of the day before, for each pool."""
    rows = []
    for days in (1, 0):
        made = now - days * DAY - datetime.timedelta(hours=1)
        predicted = [made + ahead * DAY for ahead in (1, 7, 30)]
        for pool in POOLS:
            for resource, ratio in EXPECTED_RATIO.items():
                row: Row = {"id": f"forecast-{pool}-{resource}-{days}", "at": text(made), "made": text(made)}
                row |= {"pool": pool, "resource": resource, "method": METHOD, "horizon_s": 30 * 86400}
                points = [{"at": text(at), "ratio": ratio} for at in predicted]
                rows.append({**row, "limit_ratio": 0.8, "predicted": points})
    return rows


def budgets(now: Moment) -> list[Row]:
    """Return the budget of a period of thirty days, of which twenty are over."""
    start = midnight(now) - SPENT_DAYS * DAY
    period = {"period_start": text(start), "period_end": text(start + BUDGET_DAYS * DAY)}
    money = {"amount": BUDGET_DAYS * A_DAY_EUR, "currency": "EUR"}
    return [{"id": "budget-lab", "at": text(start - DAY), **period, **money}]


def costs(now: Moment) -> list[Row]:
    """Return what the machine is taken to have cost on each day of the period that is over."""
    first = midnight(now) - SPENT_DAYS * DAY
    line = {"BilledCost": A_DAY_EUR, "EffectiveCost": A_DAY_EUR, "BillingCurrency": "EUR", "ServiceName": "Machine"}
    lines = [
        {
            **line,
            "ChargePeriodStart": text(first + day * DAY),
            "ChargePeriodEnd": text(first + (day + 1) * DAY),
            "ResourceId": "the machine of the lab",
        }
        for day in range(SPENT_DAYS)
    ]
    return [{"id": "cost-lab", "at": text(midnight(now)), "source": "estimate of a stand-in", "lines": lines}]


def resources(now: Moment) -> list[Row]:
    """Return the one resource that is paid for."""
    machine = {"id": "the machine of the lab", "kind": "instance", "attached": True}
    cost = {"monthly_cost": BUDGET_DAYS * A_DAY_EUR, "currency": "EUR"}
    about = {"source": "estimate of a stand-in", "resources": [{**machine, **cost}]}
    return [{"id": "resources-lab", "at": text(midnight(now)), **about}]


def briefs(now: Moment) -> list[Row]:
    """Return the briefs of the stand-ups of this week, each before nine; they list what waits, and state no figures.

    Figures are what Prometheus measures, and no stand-in can know them.
    """
    rows = []
    for age in range(7, -1, -1):
        day = midnight(now) - age * DAY
        produced = day + BRIEF_AT
        if day.weekday() < 5 and produced <= now:
            row: Row = {"id": f"standup-{day:%Y-%m-%d}", "at": text(produced), "produced": text(produced)}
            row |= {"kind": "standup", "day": f"{day:%Y-%m-%d}", "figures": {}}
            waits = {"id": "blocked-1", "depends_on": BLOCKED_ON, "since": text(blocked_since(now))}
            rows.append({**row, "deployments": ["CHG-2"], "blocked": ["blocked-1"], "waits": [waits]})
    return rows
