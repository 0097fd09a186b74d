# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each module of the collection promises about check mode, diff mode and idempotence."""

from __future__ import annotations


class ModuleDocFragment:
    """Descriptions of the three attributes; a module adds C(support) and, where it is partial, C(details)."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and tell what would change without changing the target.
  diff_mode:
    description: Returns what was and what is, as structured facts, when run with C(--diff).
  idempotent:
    description: When run twice in a row with the same arguments, outside of check mode, the second run changes nothing.
"""

    READ_ONLY = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and tell what would change without changing the target.
    support: full
    details:
      - This action does not modify state.
  diff_mode:
    description: Returns what was and what is, as structured facts, when run with C(--diff).
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    description: When run twice in a row with the same arguments, outside of check mode, the second run changes nothing.
    support: full
    details:
      - This action does not modify state.
"""
