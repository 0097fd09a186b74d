# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the directory in which an environment keeps its reports and records."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: project_dir
short_description: Find the directory in which an environment keeps its reports and records
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - From the directory of an inventory the same directory follows, wherever a command is started. So a run that goes on
    finds the journal and the lock of the one that was killed.
  - It is the directory that holds C(inventories/), where the inventory lies in one of that name; else it is the
    directory of the inventory itself. Links are followed, so that two names of one inventory lead to one directory.
  - An inventory that is no file, such as a list of hosts on the command line, leaves the directory of the command.
positional: _input
options:
  _input:
    description: The variable C(inventory_dir) of a host of the environment; empty where the inventory is no file.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Say where reports are left
  ansible.builtin.debug:
    msg: "{{ hostvars[groups['all'] | first].inventory_dir | ccobservatory.ops.project_dir }}/reports"
"""

RETURN = r"""
_value:
  description: An absolute path, without a slash at its end.
  type: path
"""

_ROOM = "inventories"


def project_dir(inventory_dir: str | None) -> str:
    """Return the directory of an environment's reports and records; raise `AnsibleFilterError` for what is no path."""
    if inventory_dir is not None and not isinstance(inventory_dir, str):
        raise AnsibleFilterError(f"project_dir needs the directory of an inventory, and got {inventory_dir!r}.")
    if not inventory_dir:
        return os.environ.get("PWD") or str(Path.cwd())
    found = Path(inventory_dir).resolve()
    rooms = [folder.parent for folder in (found, *found.parents) if folder.name == _ROOM]
    return str(rooms[0] if rooms else found)


class FilterModule:
    """The filter, as Ansible finds it."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"project_dir": project_dir}
