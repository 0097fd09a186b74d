# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ccobservatory: the web service whose operation the collection describes, reduced to what its operation needs."""

from __future__ import annotations

__version__ = "1.0.0"
