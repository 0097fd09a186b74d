# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn the result of a failed task into the sentence that says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._command import clean

DOCUMENTATION = r"""
name: failure_of
short_description: Turn the result of a failed task into the sentence that says why
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Takes C(ansible_failed_result) of a rescue. A loop says only that an item failed; the item says why. A command says
    only its exit code; its error output says why.
  - The sentence is one line without passwords, at most 600 characters long.
positional: _input
options:
  _input:
    description: The result of the failed task.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Fail with what went wrong, after the cleaning up
  ansible.builtin.fail:
    msg: "{{ ansible_failed_result | ccobservatory.ops.failure_of }}"
"""

RETURN = r"""
_value:
  description: The sentence; C(no reason given) where the task gave none.
  type: str
"""

_SHOWN = 600
_NOTHING = "no reason given"


def failure_of(result: Any) -> str:
    """Return the sentence of a failed result."""
    if not isinstance(result, Mapping):
        return _NOTHING
    failed = [item for item in result.get("results") or [] if isinstance(item, Mapping) and _bad(item)]
    said = failed[0] if failed else result
    texts = (said.get(key) for key in ("stderr", "msg", "stdout"))
    text = next((text for text in texts if isinstance(text, str) and text.strip()), _NOTHING)
    return clean(" ".join(text.split()), limit=_SHOWN)


def _bad(item: Mapping[str, Any]) -> bool:
    return bool(item.get("failed") or item.get("unreachable"))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"failure_of": failure_of}
