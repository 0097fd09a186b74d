# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks, one file a section of the guide. A check reads evidence and yields what it expects; it never connects.

The typed views of subjects are imported here, so that whoever imports a check has them.
"""

from __future__ import annotations

from verify.facts import backups, host, pipelines, repositories

__all__ = ["backups", "host", "pipelines", "repositories"]
