# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step of a drill does, as command lines that a person can read and repeat. Pure.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["CONTROLLER", "command_lines"]

CONTROLLER = "localhost"
_COMMAND = "ansible.builtin.command"
_KEYS = {"host", "module", "args", "append", "when", "check"}
# A value that ansible's key=value form carries as it is.
_BARE = re.compile(r"[A-Za-z0-9_./:@%+,-]+")


def command_lines(described: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return one line for each command; those whose ``when`` is false are left out.

    Args:
        described: each with ``module``, and where needed ``host`` (a name or a list of names; without one, the
            controller), ``args`` (the principal arguments, never a secret), ``when``, ``check`` (the module runs in
            check mode and changes nothing), and ``append``: lists of words, each of which makes a command of its own
            behind ``args.argv``.

    Raises:
        OpsError: a command has no module, or a key that is not known.
    """
    return [line for one in described if one.get("when", True) for line in _lines(one)]


def _lines(one: Mapping[str, Any]) -> Iterator[str]:
    foreign = sorted(set(one) - _KEYS)
    if foreign or not one.get("module"):
        raise OpsError(
            f"A command of a step has {'the unknown key ' + foreign[0] if foreign else 'no module'}: {dict(one)!r}; "
            f"its keys are {', '.join(sorted(_KEYS))}."
        )
    arguments = dict(one.get("args") or {})
    for words in one.get("append", [[]]):
        yield _line(one, {**arguments, "argv": [*arguments["argv"], *words]} if "argv" in arguments else arguments)


def _line(one: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    named = one.get("host") or CONTROLLER
    hosts = named if isinstance(named, str) else ",".join(named)
    module = str(one["module"])
    if module == _COMMAND:
        program = shlex.join(str(word) for word in arguments["argv"])
        return program if hosts == CONTROLLER else shlex.join(["ansible", hosts, "-m", module, "-a", program])
    told = ["-a", _told(arguments)] if arguments else []
    return shlex.join(["ansible", hosts, "-m", module, *told, *(["--check"] if one.get("check") else [])])


def _told(arguments: Mapping[str, Any]) -> str:
    """Return arguments as ``key=value`` where every value is a plain word, else as JSON."""
    words = {key: _word(value) for key, value in arguments.items()}
    if all(word is not None and _BARE.fullmatch(word) for word in words.values()):
        return " ".join(f"{key}={word}" for key, word in words.items())
    return json.dumps(arguments, ensure_ascii=False)


def _word(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (str, int, float)) else None
