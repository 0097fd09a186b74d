# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the registered results of tasks whose host could not be reached."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lost_hosts
short_description: Find the registered results of tasks whose host could not be reached
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Ansible never rescues a task whose host is unreachable. With C(ignore_unreachable) the play goes on as if the task
    had been done. As a condition of the whole block this lookup makes the next task fail instead, which is rescued.
  - It sees only what was registered, so every task on another host needs C(register).
options:
  _terms:
    description: Beginnings of the names of the variables to look at.
    type: list
    elements: str
    required: true
  reckoned:
    description: Variables whose readers judge an unreachable host themselves; they are left out.
    type: list
    elements: str
    default: []
  refuse:
    description: Whether a lost host is an error instead of an answer.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Go forward while every host answers
  ignore_unreachable: true
  when: query('ccobservatory.ops.lost_hosts', '__dr_', refuse=true) | length == 0
  block:
    - name: Do the work
      ansible.builtin.include_tasks: work.yml
"""

RETURN = r"""
_list:
  description: One entry a result, with C(variable), its name, and C(said), what the connection said.
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase


def lost(variables: Mapping[str, Any], beginnings: list[str], reckoned: list[str]) -> list[dict[str, str]]:
    """Return the variables that hold the result of an unreachable host, with what the connection said."""
    found = []
    for name, value in variables.items():
        known = name.startswith(tuple(beginnings)) and name not in reckoned
        if known and isinstance(value, Mapping) and value.get("unreachable"):
            found.append({"variable": name, "said": _said(value)})
    return found


def _said(result: Mapping[str, Any]) -> str:
    """Return what the connection said; a loop says it in the item that was lost."""
    items = [item for item in result.get("results") or [] if isinstance(item, Mapping) and item.get("unreachable")]
    return " ".join(str((items or [result])[0].get("msg", "")).split())


class LookupModule(LookupBase):
    """The lookup; see the documentation."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, str]]:
        """Return the lost results.

        Raises:
            AnsibleError: one was found and ``refuse`` is set.
        """
        self.set_options(var_options=variables, direct=kwargs)
        found = lost(variables or {}, [str(term) for term in terms], self.get_option("reckoned"))
        if found and self.get_option("refuse"):
            raise AnsibleError(f"A host stopped answering: {found[0]['said']}")
        return found
