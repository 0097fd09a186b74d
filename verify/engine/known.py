# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ``verify_*`` variables an inventory may have: a name that nobody reads is a typing mistake, and is refused.

The names are those of the schema in `declared`, the options of the roles that share the prefix, and what the inventory
itself lists in ``verify_extra_variables`` for checks and templates of its own.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import yaml

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine.declared import SCHEMA

__all__ = ["EXTRA", "names", "refuse_unknown"]

EXTRA = "verify_extra_variables"
_ROLES = ("verify_access", "verify_daily")
_SUFFIXES = (".yml", ".yaml", ".json", ".ini", "")
_ROLES_DIR = Path(__file__).resolve().parents[2] / "roles"


@cache
def names() -> frozenset[str]:
    """Return every name that this collection reads."""
    found = set(SCHEMA["properties"])
    for role in _ROLES:
        path = _ROLES_DIR / role / "meta" / "argument_specs.yml"
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found.update(entry.get("options") or ())
    return frozenset(found)


def refuse_unknown(given: Mapping[str, str], extra: Iterable[str], source: Path) -> None:
    """Raise `OpsError` for a name that nobody reads, with the file, whose variable it is, and the nearest known name.

    ``given`` are the names in an inventory, each with whom it is set for; ``extra`` are the inventory's own.
    """
    known = names() | set(extra)
    for name in sorted(set(given) - known):
        near = difflib.get_close_matches(name, sorted(known), n=1)
        meant = f"was {near[0]} meant? " if near else ""
        raise OpsError(
            f"{_file(name, source)}: {name}, set for {given[name]}, is no variable of the verification: {meant}"
            f"Correct the name, or list it in {EXTRA} when checks of your own read it."
        )


def _file(name: str, source: Path) -> Path:
    """Return the file of an inventory that sets a variable; the inventory when none can be seen to."""
    line = re.compile(rf"(?<![\w.]){re.escape(name)}[\"']?\s*[:=]")
    for path in sorted(path for path in source.parent.rglob("*") if path.suffix in _SUFFIXES and path.is_file()):
        if line.search(path.read_text(encoding="utf-8", errors="replace")):
            return path
    return source
