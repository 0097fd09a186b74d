# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pick the findings of an audit for which a recovery to the end has to be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._log_end import recovery_gaps

DOCUMENTATION = r"""
name: recovery_gaps
short_description: Pick the findings for which a recovery to the end has to be refused
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Recovery ends before its target at a segment that is missing, cut or stored twice, or follows a timeline that
    production never took. It looks like a success all the same.
positional: _input
options:
  _input:
    description: The findings of M(ccobservatory.ops.wal_audit), for the backup that is restored.
    type: list
    elements: dict
    required: true
  pinned:
    description: Whether the recovery names its timeline, so that no other leads it astray.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Refuse a recovery that would stop at a gap
  ansible.builtin.assert:
    that: audit.findings | ccobservatory.ops.recovery_gaps | length == 0
"""

RETURN = r"""
_value:
  description: The findings of severity C(error) that end a recovery early or lead it astray.
  type: list
  elements: dict
"""


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"recovery_gaps": recovery_gaps}
