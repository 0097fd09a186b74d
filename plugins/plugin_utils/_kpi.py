# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key figures of operations, in one place: each returns a `Kpi` whose verdict is unknown rather than guessed.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi_delivery import (
    automation,
    change_failure,
    cost_variance,
    deployment_success,
    improvement,
    incident_change,
    success,
    utilisation,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi_time import (
    consistency,
    mtbf,
    mttr,
    outages,
    patch_latency,
    resolution,
    response,
    uptime,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._kpi_types import Kpi, Outage, Span

__all__ = [
    "Kpi",
    "Outage",
    "Span",
    "automation",
    "change_failure",
    "consistency",
    "cost_variance",
    "deployment_success",
    "improvement",
    "incident_change",
    "mtbf",
    "mttr",
    "outages",
    "patch_latency",
    "resolution",
    "response",
    "success",
    "uptime",
    "utilisation",
]
