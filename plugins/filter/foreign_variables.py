# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the variables that carry the name of a role and that the role does not know."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: foreign_variables
short_description: Find the variables that carry the name of a role and that it does not know
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - A variable belongs to the role with the longest name that it begins with, among the roles that lie beside one
    another; C(restore_test_host) is none of the role C(restore).
  - What a role knows are the options of all entry points of its C(meta/argument_specs.yml).
positional: _input, role_path
options:
  _input:
    description: Names of variables.
    type: list
    elements: str
    required: true
  role_path:
    description: Directory of the role.
    type: path
    required: true
  own_facts:
    description: Names beyond its options that the role sets itself.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show what nobody reads
  ansible.builtin.debug:
    msg: "{{ query('ansible.builtin.varnames', '^restore_') | ccobservatory.ops.foreign_variables(role_path) }}"
"""

RETURN = r"""
_value:
  description: The names that nobody reads, sorted.
  type: list
  elements: str
"""


def foreign_variables(names: Iterable[str], role_path: str, own_facts: Iterable[str] = ()) -> list[str]:
    """Return the names that begin with that of the role and are none of its options.

    Raises `AnsibleFilterError` when the options cannot be read.
    """
    role = Path(role_path)
    path = role / "meta" / "argument_specs.yml"
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
        siblings = [one.name for one in role.parent.iterdir() if one.is_dir() and one.name.startswith(f"{role.name}_")]
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as exc:
        raise AnsibleFilterError(f"foreign_variables cannot read the options of the role in {path}: {exc}") from exc
    known = {option for entry in entries for option in entry.get("options") or {}} | set(own_facts)
    longer = tuple(f"{name}_" for name in siblings)
    return sorted(
        name for name in names if name.startswith(f"{role.name}_") and not name.startswith(longer) and name not in known
    )


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"foreign_variables": foreign_variables}
