# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say what is wrong with the file of a drill's scenario, before anything is touched for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._drill_scenario import mistakes

DOCUMENTATION = r"""
name: scenario_mistakes
short_description: Say what is wrong with the file of a drill's scenario
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Refuses keys that nobody reads, at each level, and values that nobody knows.
  - Templates are not filled in.
positional: _input, conditions, faults
options:
  _input:
    description: Path of the file.
    type: path
    required: true
  conditions:
    description: Names of the stop conditions that are enforced.
    type: list
    elements: str
    required: true
  faults:
    description: Names of the faults that can be made.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse a scenario with mistakes
  ansible.builtin.assert:
    that: path | ccobservatory.ops.scenario_mistakes(conditions, faults) | length == 0
"""

RETURN = r"""
_value:
  description: What is wrong, one part of a sentence each; empty where nothing is.
  type: list
  elements: str
"""


def scenario_mistakes(path: str, conditions: Sequence[str], faults: Sequence[str]) -> list[str]:
    """Return what is wrong with the scenario in a file."""
    try:
        found = DataLoader().load_from_file(str(path), cache="none")
    except AnsibleError as exc:
        return [f"it cannot be read as YAML ({' '.join(str(exc).split())})"]
    return mistakes(found, conditions=list(conditions), faults=list(faults))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"scenario_mistakes": scenario_mistakes}
