# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that all modules which call pgBackRest share."""

from __future__ import annotations


class ModuleDocFragment:
    """Where pgBackRest is configured, which stanza and whose account."""

    DOCUMENTATION = r"""
options:
  stanza:
    description: Name of the stanza.
    type: str
    required: true
  config:
    description:
      - Configuration file of pgBackRest.
      - Without it pgBackRest reads its own default file and directory.
    type: path
  repo:
    description:
      - Number of the repository to use.
      - Without it pgBackRest chooses as it always does.
    type: int
  user:
    description:
      - Account that runs pgBackRest and owns its files.
      - When the module runs as root it changes to this account with C(runuser); set C(become=true), not C(become_user).
    type: str
    default: postgres
  executable:
    description: The program, by name on the path or by absolute path.
    type: str
    default: pgbackrest
requirements:
  - pgBackRest 2.45 or newer on the host
"""
