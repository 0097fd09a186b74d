# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what is wrong with the target of a recovery, before anything is stopped for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._recovery_target import (
    WITH_TARGET,
    refuse_unreachable,
    target_of,
    timeline_of,
)

DOCUMENTATION = r"""
name: target_fault
short_description: Say what is wrong with the target of a recovery
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Reads the target as M(ccobservatory.ops.pgbackrest_restore) will, and with O(backups) also looks for one that it
    can be reached from.
positional: _input, kind
options:
  _input:
    description: The time, LSN or name of a restore point.
    type: str
    required: true
  kind:
    description: Where the recovery ends.
    type: str
    required: true
    choices: [default, immediate, time, lsn, name]
  timeline:
    description: Timeline to follow.
    type: str
    default: latest
  backups:
    description: The backups, as M(ccobservatory.ops.pgbackrest_info) returns them.
    type: list
    elements: dict
    default: []
  label:
    description: Label of the backup to restore, or V(latest).
    type: str
    default: latest
"""

EXAMPLES = r"""
- name: Refuse a target that cannot be
  ansible.builtin.assert:
    that: (restore_target | ccobservatory.ops.target_fault('time')) == ''
    fail_msg: "{{ restore_target | ccobservatory.ops.target_fault('time') }}"
"""

RETURN = r"""
_value:
  description: One sentence, empty where nothing is wrong.
  type: str
"""


def target_fault(
    target: Any,
    kind: str,
    timeline: Any = "latest",
    backups: Sequence[Mapping[str, Any]] = (),
    label: str = "latest",
) -> str:
    """Return the sentence that says what is wrong with a target, or nothing."""
    try:
        timeline_of(str(timeline))
        if kind in WITH_TARGET:
            target_of(kind, str(target))
            refuse_unreachable(kind, str(target), label=label, backups=backups)
    except OpsError as exc:
        return exc.message
    return ""


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"target_fault": target_fault}
