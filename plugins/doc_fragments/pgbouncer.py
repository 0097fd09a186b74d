# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that all modules which speak with a PgBouncer share."""

from __future__ import annotations


class ModuleDocFragment:
    """Where its databases stand, and how its console is reached."""

    DOCUMENTATION = r"""
options:
  file:
    description: File that PgBouncer includes for its databases.
    type: path
    default: /etc/pgbouncer/databases.ini
  socket_dir:
    description: Directory of PgBouncer's socket.
    type: path
    default: /var/run/postgresql
  admin_port:
    description: Port of PgBouncer, which names its socket.
    type: int
    default: 6432
  admin_user:
    description: Name at the console.
    type: str
    default: postgres
  os_user:
    description: Account that PgBouncer runs as.
    type: str
    default: postgres
"""
