# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn the commands of an integrity ladder into the checks of a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import sha256_bytes

DOCUMENTATION = r"""
name: checks_of
short_description: Turn the results of a looped command into the checks of a record
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Each element is one result of M(ansible.builtin.command) in a loop whose items carry C(name), C(argv), and what is
    expected of the last line of the output. C(expected) is that line, and nothing where only the exit code counts;
    C(begins) is its beginning.
  - A check is C(verified) when the command ended with 0 and its last line is as expected; else it C(differs).
positional: _input
options:
  _input:
    description: The C(results) of the registered loop.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Judge the commands
  ansible.builtin.set_fact:
    checks: "{{ climbed.results | ccobservatory.ops.checks_of }}"
"""

RETURN = r"""
_value:
  description:
    - One dictionary a check with C(name), C(command), C(expected), C(observed), C(rc), C(digest), C(seconds) and
      C(result).
    - C(digest) is the SHA-256 of all that the command printed, of which C(observed) shows the end.
  type: list
  elements: dict
"""

_SHOWN = 300


def checks_of(results: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one check for each command result; raise `AnsibleFilterError` for a result without its item."""
    try:
        return [_check(result) for result in results]
    except (KeyError, TypeError) as exc:
        raise AnsibleFilterError(
            f"checks_of needs the results of a command loop with name, argv, and expected or begins: {exc}"
        ) from exc


def _check(result: Mapping[str, Any]) -> dict[str, Any]:
    item, rc = result["item"], result["rc"]
    last = ((result.get("stdout_lines") or []) + (result.get("stderr_lines") or []) or [""])[-1]
    answer = (result.get("stdout_lines") or [""])[-1]
    wanted = str(item["begins"] if "begins" in item else item["expected"])
    met = answer.startswith(wanted) if "begins" in item else answer.strip() == wanted or not wanted
    return {
        "name": item["name"],
        "command": " ".join(item["argv"]),
        "expected": wanted or "exit 0 and no finding",
        "observed": f"exit {rc} {last}".strip()[:_SHOWN],
        "rc": rc,
        "digest": _digest(result),
        "seconds": _seconds(result.get("delta")),
        "result": "verified" if rc == 0 and met else "differs",
    }


def _digest(result: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the lines of standard output, then of standard error, each with its end."""
    lines = (result.get("stdout_lines") or []) + (result.get("stderr_lines") or [])
    return sha256_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))


def _seconds(delta: str | None) -> float | None:
    """Read the duration that the command module returns, ``0:00:01.234567``, as seconds."""
    if not delta:
        return None
    hours, minutes, seconds = str(delta).rsplit(" ", 1)[-1].split(":")
    return round(int(hours) * 3600 + int(minutes) * 60 + float(seconds), 3)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"checks_of": checks_of}
