# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who belongs to a pool, service or asset: the hosts that its declaration names, one by one or by group.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import Any

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence

__all__ = ["members"]


def members(estate: Estate, subject: Any) -> list[str]:
    """Return the hosts in scope that a subject's ``hosts`` names, in the order of the inventory.

    Raises `NoEvidence` when it names nobody that is in scope: a mean over no host is no figure.
    """
    named = subject.get("hosts") or subject.get("host") or []
    wanted: set[str] = set()
    for one in [named] if isinstance(named, str) else named:
        wanted.update(estate.environment.groups.get(one, [one]))
    found = [host for host in estate.environment.hosts if host in wanted]
    if not found:
        raise NoEvidence(f"{subject.name} names no host that is in scope; correct its hosts in the inventory.")
    return found
