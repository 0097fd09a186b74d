# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared sets narrowed to one host: the lines of ``verify_ports``, ``verify_accounts`` ... that are meant for it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence

__all__ = ["hosts_of", "lines", "meant"]


def meant(estate: Estate, hosts: Any, host: str) -> bool:
    """Return whether a ``hosts`` value (a group, a host, a list of them, or None for all) takes a host in."""
    if hosts is None:
        return True
    named = [hosts] if isinstance(hosts, str) else hosts
    return any(host == one or host in estate.environment.groups.get(one, ()) for one in named)


def hosts_of(estate: Estate, named: Any) -> frozenset[str]:
    """Return the hosts that a value names: a group, a host, or a list of them; nothing for None."""
    names = [named] if isinstance(named, str) else named or ()
    return frozenset(host for one in names for host in estate.environment.groups.get(one, (one,)))


def lines(estate: Estate, variable: str, host: str) -> list[Mapping[str, Any]]:
    """Return the declared lines that are meant for a host.

    Raises `NoEvidence` when the environment does not declare the set at all: nothing equals a set that is not there.
    An empty list is a declaration: nothing is allowed.
    """
    declared = estate.declared(variable)
    if declared is None:
        raise NoEvidence(f"{estate.name} does not declare {variable}; write the allowed set into its group_vars.")
    return [row for row in declared if meant(estate, row.get("hosts"), host)]
