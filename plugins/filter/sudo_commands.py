# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name the commands that verification needs sudo for on a host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_commands import TABLE
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import for_host
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._sudoers import sudo_rule

DOCUMENTATION = r"""
name: sudo_commands
short_description: Name the commands that verification needs sudo for on a host
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Verification asks hosts a fixed list of questions. This filter returns those that another account than its own has
    to ask on a host with these groups, each as an argument list and as a rule for a sudoers file.
positional: _input
options:
  _input:
    description: The groups that the host is in, C(group_names).
    type: list
    elements: str
    required: true
  verify_certificates:
    description: Files or directories with certificates, beside the usual ones.
    type: list
    elements: path
  verify_central_logs:
    description: Directories of the central logs, instead of C(/var/log/remote).
    type: list
    elements: path
"""

EXAMPLES = r"""
- name: Show what is asked by sudo
  ansible.builtin.debug:
    msg: "{{ group_names | ccobservatory.ops.sudo_commands | map(attribute='rule') }}"
"""

RETURN = r"""
_value:
  description: One dictionary a command with C(name), C(why), C(user), C(argv), C(deadline_s) and C(rule).
  type: list
  elements: dict
"""


def sudo_commands(groups: Iterable[str], **variables: Any) -> list[dict[str, Any]]:
    """Return the commands for sudo; raise `AnsibleFilterError` for paths that cannot stand in a rule."""
    try:
        facts = [fact for fact in for_host(TABLE, groups, variables) if fact.user]
        return [
            {
                "name": fact.name,
                "why": fact.why,
                "user": fact.user,
                "argv": list(fact.words),
                "deadline_s": fact.deadline_s,
                "rule": sudo_rule(fact.words),
            }
            for fact in facts
        ]
    except OpsError as exc:
        raise AnsibleFilterError(exc.message) from exc


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"sudo_commands": sudo_commands}
