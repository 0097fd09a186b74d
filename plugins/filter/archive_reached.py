# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that a recovery to the end read the newest segment of the archive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._log_end import archive_reached

DOCUMENTATION = r"""
name: archive_reached
short_description: Check that a recovery to the end read the newest segment of the archive
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - PostgreSQL takes a segment that cannot be read for the end of the log and is promoted there. The place where the new
    timeline left the old one tells.
positional: _input, audited
options:
  _input:
    description: What M(ccobservatory.ops.postgresql_promote) returned.
    type: dict
    required: true
  audited:
    description: What M(ccobservatory.ops.wal_audit) returned before the restore.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Keep whether the log was read to its end
  ansible.builtin.set_fact:
    check: "{{ promoted | ccobservatory.ops.archive_reached(audit) }}"
"""

RETURN = r"""
_value:
  description: A check with C(name), C(command), C(expected), C(observed), C(seconds) and C(result).
  type: dict
"""


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"archive_reached": archive_reached}
