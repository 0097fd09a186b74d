# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mends a finding, and the commands that do it: a look with ``--check --diff`` first, then the same in earnest.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["BY_HOST", "Commands", "Remedy", "commands", "hosts_of", "remedy_of"]

KEYS = ("text", "playbook", "tags", "variables", "reason")
BY_HOST = ("site", "verify_daily")
"""Playbooks whose plays are over hosts. All others run on the controller, where a ``--limit`` would leave no host."""

# What looking and acting are called, by a variable that says so; without such a one the estate is changed.
_SAYS = {
    "record_kind": ("Look first: shows the draft of the record", "Then write it; it says how it becomes a record"),
    "record_file": ("Look first: checks the record that was completed", "Then file it"),
    "": ("Look first: says what it would change", "Then act"),
}


@dataclass(frozen=True, slots=True)
class Remedy:
    """What mends a finding, in words, and the playbook of this collection that does it.

    ``tags`` select the part of the playbook; ``variables`` are given with ``-e``, in capitals what the caller has to
    fill in. Without a playbook ``reason`` says who acts, and why none can.
    """

    text: str
    playbook: str = ""
    tags: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


class Commands(NamedTuple):
    """The two commands of a remedy, each with what it does in words."""

    look: str
    look_says: str
    act: str
    act_says: str


def remedy_of(row: Mapping[str, Any]) -> Remedy:
    """Return the remedy of a row of the catalogue, or of that of a pack; keys that it lacks are empty.

    Raises `OpsError` for a key that a remedy does not have, KeyError without a text.
    """
    unknown = sorted(set(row) - set(KEYS))
    if unknown:
        raise OpsError(f"remedy has no key {unknown[0]!r}; use {', '.join(KEYS)}.")
    return Remedy(
        text=row["text"],
        playbook=row.get("playbook") or "",
        tags=tuple(row.get("tags") or ()),
        variables=dict(row.get("variables") or {}),
        reason=row.get("reason") or "",
    )


def hosts_of(subjects: Iterable[tuple[str, str]]) -> list[str]:
    """Return the hosts that a remedy is limited to, from the kinds and names of what failed.

    None when one of them is no host: a service or an asset is mended on hosts that it does not name.
    """
    found = list(subjects)
    return sorted({name for _kind, name in found}) if all(kind == "host" for kind, _name in found) else []


def commands(remedy: Remedy, *, inventory: str, hosts: Iterable[str] = ()) -> Commands | None:
    """Return the commands of a remedy for an inventory, limited to some hosts where the playbook can be.

    None without a playbook.
    """
    if not remedy.playbook:
        return None
    words = ["ansible-playbook", "-i", inventory, _path(remedy.playbook)]
    limit = ",".join(hosts)
    if limit and _name(remedy.playbook) in BY_HOST:
        words += ["--limit", limit]
    if remedy.tags:
        words += ["--tags", ",".join(remedy.tags)]
    for name, value in remedy.variables.items():
        words += ["-e", f"{name}={value}"]
    act = shlex.join(words)
    said = next((says for name, says in _SAYS.items() if name in remedy.variables), _SAYS[""])
    return Commands(f"{act} --check --diff", said[0], act, said[1])


def _name(playbook: str) -> str:
    return playbook.rpartition("/")[2].removesuffix(".yml")


def _path(playbook: str) -> str:
    return playbook if playbook.endswith((".yml", ".yaml")) else f"playbooks/{playbook}.yml"
