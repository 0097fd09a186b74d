# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What explains infrastructure code: pages of roles, Terraform folders and templates, documentation in Ansible modules.

A module of Ansible carries its documentation as ``DOCUMENTATION``, or in a YAML file beside it (developer guide,
"Module format and documentation", "Adjacent YAML documentation files"). A folder has its page as a README in it. A
template inside a role or Terraform folder is that folder's; any other has a README in a folder above it, below the
root, or a page that names it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from verify.facts import terraform

__all__ = ["explained"]

_TEMPLATE = re.compile(r"\.(?:j2|jinja2?|tftpl|tpl|tmpl|bicep)$|\.(?:template|cfn)(?:\.(?:json|ya?ml))?$")
_ROLE = re.compile(r"(?:.*/)?roles/[^/]+(?=/)")
_README = ("README.md", "README.rst", "README")


def explained(repository: Any) -> dict[str, bool]:
    """Return each role, module, Terraform folder and template of a repository, in words, and whether it is explained.

    Raises `NoEvidence` where the files, or what is written in them, were not read.
    """
    files = repository.files
    found = {f"role {role.name}": role.readme for role in repository.roles}
    found |= {f"module {path}": told for path, told in repository.module_docs.items()}
    folders = terraform.folders(repository.terraform)
    found |= {f"Terraform {folder}": _has_readme(folder, files) for folder in folders}
    pages = repository.pages
    for path in sorted(files):
        role = _ROLE.match(path)
        within = bool(role) or any(path.startswith(f"{folder}/") for folder in folders if folder != ".")
        if _TEMPLATE.search(path) and not within:
            found[f"template {path}"] = _template(path, files, pages)
    return found


def _has_readme(folder: str, files: Collection[str]) -> bool:
    return any((name if folder == "." else f"{folder}/{name}") in files for name in _README)


def _template(path: str, files: Collection[str], pages: Mapping[str, str]) -> bool:
    folder, _slash, name = path.rpartition("/")
    while folder:
        if _has_readme(folder, files):
            return True
        folder = folder.rpartition("/")[0]
    named = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])")
    return any(named.search(text) for text in pages.values())
