# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kind of repository one is: what the inventory declares, and what the tree shows.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from typing import Any

from verify.engine.control import Said, expect, not_applicable

__all__ = ["is_infrastructure", "no_code"]

_CODE = re.compile(
    r"\.tf(\.json)?$"
    r"|(^|/)playbooks/[^/]+\.ya?ml$"
    r"|(^|/)roles/[^/]+/(tasks|handlers|defaults|vars|meta|templates|files|library)/"
)


def is_infrastructure(repository: Any) -> bool:
    """Return whether the inventory declares a repository as one of infrastructure code."""
    return bool(repository.get("kind") == "infrastructure")


def no_code(repository: Any) -> Said:
    """Say that a repository holds no infrastructure code, as the inventory declares; one whose tree has roles,
    playbooks or Terraform code does.

    Raises `NoEvidence` where the files were not read.
    """
    kind, files = repository.get("kind", "of no kind"), repository.files
    code = sorted(path for path in files if _CODE.search(path))
    if code:
        claim = f"{repository.name}, declared as {kind}, holds no roles, playbooks or Terraform code"
        return expect(not code, claim, observed=code, expected=[])
    return not_applicable(
        f"the {len(files)} files of {repository.name} are {kind}, no infrastructure code", observed=kind
    )
