# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of the inventory that ``verify_hosts`` leaves out: each with a reason and an end, or nothing is judged.

``verify_hosts_left_out`` names them::

    verify_hosts_left_out:
      old1:
        reason: it is switched off and waits for its disposal
        until: 2026-12-31T23:59:59Z      # the last instant at which it is left out

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine.approval import instant, nearest
from verify.engine.declared import HOSTS_LEFT_OUT, MOST_WAIVER_DAYS, Environment

__all__ = ["check"]

_DAY_S = 86_400.0


def check(environment: Environment, *, now: float) -> None:
    """Check that each host of the inventory that is out of scope is declared, with an end that is ahead.

    Raises `OpsError` naming the inventory, the host and the mend; also for a line about a host that is in scope, or
    that the inventory does not have.
    """
    declared: Mapping[str, Any] = environment.variables.get(HOSTS_LEFT_OUT) or {}
    scope = set(environment.scope or environment.hosts)
    out = [name for name in environment.excluded if name not in scope]
    missing = [name for name in out if name not in declared]
    if missing:
        raise OpsError(
            f"{environment.inventory}: verify_hosts leaves out {', '.join(missing)}, and {HOSTS_LEFT_OUT} does not say "
            "why and until when; declare {reason, until} there, or take the host into scope."
        )
    for name, row in declared.items():
        where = f"{environment.inventory}: {HOSTS_LEFT_OUT}.{name}"
        if name in scope:
            raise OpsError(f"{where}: verify_hosts has this host in scope; remove one of the two.")
        if name not in out:
            raise OpsError(f"{where}: the inventory has no such host{nearest(name, out)}.")
        _check_end(instant(row, "until", where), where, now)


def _check_end(until: float, where: str, now: float) -> None:
    if until < now:
        raise OpsError(f"{where}: until is over; take the host into scope or out of the inventory, or decide anew.")
    if until - now > MOST_WAIVER_DAYS * _DAY_S:
        raise OpsError(f"{where}: until is more than {MOST_WAIVER_DAYS} days ahead; shorten it and decide again then.")
