# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real estate of Debian hosts on one machine: built, started, broken, healed and removed by `lab/lab`."""
