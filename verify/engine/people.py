# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom an environment knows, and whether two names are those of one person.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_text import read_text
from verify.engine.declared import Environment

__all__ = ["NOBODY_DECLARED", "People", "people_of", "same_person"]

_WORD = re.compile(r"[^\W_]+")


def _letters(name: str) -> str:
    """Return what stays of a name when case, spaces, signs, the order of its words and the host of a mail go."""
    local = name.casefold().partition("@")[0].partition("+")[0]
    return "".join(sorted(_WORD.findall(local)))


def same_person(one: str, other: str) -> bool:
    """Return whether two names are of one person: ``a.adams@example.org`` is ``A. Adams``."""
    return _letters(one) == _letters(other)


@dataclass(frozen=True)
class People:
    """Those who answer for something (``verify_owners``, by what they own) and those whose signature counts."""

    owners: Mapping[str, str] = field(default_factory=dict)
    signers: tuple[str, ...] = ()

    @property
    def declared(self) -> bool:
        """Return whether the environment says of anybody who they are."""
        return bool(self.owners or self.signers)

    def know(self, name: str) -> bool:
        """Return whether a person is an owner, or one whose signature counts (a pattern of ssh-keygen's counts)."""
        named = [*self.owners, *self.owners.values(), *self.signers]
        return any(same_person(name, one) or fnmatchcase(name.casefold(), one.casefold()) for one in named)

    def one(self, name: str, other: str) -> bool:
        """Return whether two names are of one person; what somebody owns stands for that owner."""
        return same_person(self._owner(name), self._owner(other))

    def _owner(self, name: str) -> str:
        return next((owner for what, owner in self.owners.items() if same_person(name, what)), name)


NOBODY_DECLARED = People()


def people_of(environment: Environment) -> People:
    """Return whom an environment knows. Raises `OpsError` for a list of allowed signers that cannot be read."""
    owners = {str(what): str(owner) for what, owner in (environment.variables.get("verify_owners") or {}).items()}
    path = environment.path("verify_allowed_signers")
    lines = read_text(path).splitlines() if path is not None and path.is_file() else []
    names = [line.split()[0] for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return People(owners, tuple(name for listed in names for name in listed.strip('"').split(",") if name))
