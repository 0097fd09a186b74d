# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write an instant as every record of this collection does."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms

DOCUMENTATION = r"""
name: instant
short_description: Write an instant as every record of this collection does
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Writes UTC with milliseconds. They are cut and never rounded up, so a written instant never lies after the real one.
  - As text such instants sort by time.
positional: _input
options:
  _input:
    description: A date and time; one without a time zone, as Ansible tells it with utc=true, is taken as UTC.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Note when it began
  ansible.builtin.set_fact:
    began: "{{ now(utc=true) | ccobservatory.ops.instant }}"
"""

RETURN = r"""
_value:
  description: The instant, for example C(2026-11-23T21:15:00.123Z).
  type: str
"""


def instant(moment: Any) -> str:
    """Return the text of an instant. Raises AnsibleFilterError for anything but a date and time."""
    if not isinstance(moment, datetime.datetime):
        raise AnsibleFilterError(f"instant takes a date and time such as now(utc=true), not {type(moment).__name__}.")
    return iso_ms(moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"instant": instant}
