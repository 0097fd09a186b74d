# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say which way back a drill has after a failed step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _way_back

DOCUMENTATION = r"""
name: way_back
short_description: Say which way back a drill has after a failed step
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Decides from the journal of the drill and from what the databases say of themselves, and touches nothing.
  - What was promoted stays, whether it runs or not. Only where nobody was promoted does the old primary write again.
positional: _input, target, primary
options:
  _input:
    description: What the last M(ccobservatory.ops.drill_journal) returned.
    type: dict
    required: true
  target:
    description: What M(ccobservatory.ops.postgresql_controldata) found on the recovery host.
    type: dict
    required: true
  primary:
    description: The same of the primary, needed once the return to it was begun.
    type: dict
  live:
    description: Whether the drill is a live one.
    type: bool
    default: false
  target_name:
    description: Name of the recovery host.
    type: str
    required: true
  primary_name:
    description: Name of the primary.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Decide
  ansible.builtin.set_fact:
    decided: >-
      {{ journal | ccobservatory.ops.way_back(standby, {}, live=true, target_name='db2', primary_name='db1') }}
"""

RETURN = r"""
_value:
  description:
    - C(way) is V(none), V(rollback), V(hold), V(stop) (stop the databases of C(stop) and ask again) or V(refuse).
    - C(holder) is the host that is the primary afterwards, C(start) whether it has to be started for that, C(empty)
      whether the data on the recovery host may be removed, C(why) a sentence.
  type: dict
"""


def way_back(
    journal: Mapping[str, Any],
    target: Mapping[str, Any],
    primary: Mapping[str, Any] | None = None,
    *,
    target_name: str,
    primary_name: str,
    live: bool = False,
) -> dict[str, Any]:
    """Return the way back; see the documentation."""
    return _way_back.way_back(journal, target, primary, live=live, names=(target_name, primary_name))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"way_back": way_back}
