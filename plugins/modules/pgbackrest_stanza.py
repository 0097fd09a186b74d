#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create, check, upgrade or remove a stanza of pgBackRest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbackrest_stanza
short_description: Create, check, upgrade or remove a stanza of pgBackRest
version_added: 0.1.0
description:
  - Brings a stanza into the wanted state, on the host that holds the repository.
  - An existing stanza that belongs to another cluster is an error for O(state=present) and is never upgraded by itself,
    because an upgrade would hide that the configuration points at the wrong stanza.
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
  - ccobservatory.ops.pgbackrest
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - C(present) creates the stanza when the repository does not know it.
      - C(checked) is C(present), and then a WAL segment of the running primary must arrive in the archive.
      - C(upgraded) adapts the stanza after a major upgrade of PostgreSQL.
      - C(absent) removes the stanza with all its backups and all its WAL.
    type: str
    choices: [present, checked, upgraded, absent]
    default: present
  confirm:
    description: The name of the stanza again; without it O(state=absent) removes nothing.
    type: str
seealso:
  - module: ccobservatory.ops.pgbackrest_info
"""

EXAMPLES = r"""
- name: Create the stanza and prove that archiving works
  ccobservatory.ops.pgbackrest_stanza:
    stanza: main
    state: checked
  become: true

- name: Remove a stanza with all its backups
  ccobservatory.ops.pgbackrest_stanza:
    stanza: old
    state: absent
    confirm: old
  become: true
"""

RETURN = r"""
status:
  description: State of the stanza as pgBackRest sees it.
  returned: success
  type: str
  sample: ok
databases:
  description: The clusters this stanza knows, oldest first.
  returned: success
  type: list
  elements: dict
  sample: [{"id": 1, "system_identifier": "7711481165364725715", "version": "15"}]
commands:
  description: The commands that changed something or would have.
  returned: success
  type: list
  elements: list
  sample: [[pgbackrest, stanza-create, --stanza=main]]
check_seconds:
  description: How long the check of archiving took.
  returned: with O(state=checked), not in check mode
  type: float
  sample: 1.1
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import COMMON_ARGUMENTS, Pgbackrest


class Stanza:
    """One stanza and the steps that bring it into a state."""

    def __init__(self, tool: Pgbackrest, *, check: bool) -> None:
        self.tool = tool
        self.check = check
        self.commands: list[list[str]] = []
        self.before = self._facts()

    def _facts(self) -> dict[str, Any]:
        """Return status and databases; raises OpsError when the repository cannot be read."""
        info = self.tool.info(at=time.time())
        if info["status"] == "other":
            raise OpsError(
                f"The repository cannot be read for stanza {self.tool.stanza} ({info['status_message']}); check its "
                "path, its protocol and the cipher pass."
            )
        return {"status": info["status"], "databases": info["databases"]}

    @property
    def exists(self) -> bool:
        """Whether the repository knew the stanza before."""
        return bool(self.before["databases"])

    def step(self, verb: str, *options: str, repo: bool = False) -> None:
        """Run one changing command, unless in check mode; raises OpsError when it fails."""
        self.commands.append(self.tool.command(verb, *options, repo=repo))
        if not self.check:
            self.tool.checked(verb, *options, repo=repo)

    def present(self) -> None:
        """Create the stanza, or prove that an existing one belongs to this cluster."""
        if not self.exists:
            self.step("stanza-create")
        elif not self.check:
            self.tool.checked("stanza-create", repo=False)

    def upgraded(self) -> None:
        """Adapt the stanza to the cluster; raises OpsError for a stanza that is not there."""
        if not self.exists:
            raise OpsError(f"The repository does not know stanza {self.tool.stanza}; create it with state: present.")
        if not self.check:
            self.tool.checked("stanza-upgrade", repo=False)

    def absent(self, confirm: str | None) -> None:
        """Remove the stanza with its backups; raises OpsError without the *confirm* word."""
        if self.before["status"] == "missing_stanza":
            return
        if confirm != self.tool.stanza:
            raise OpsError(
                f"This would remove stanza {self.tool.stanza} with all its backups; name it in confirm to do so."
            )
        repo = f"--repo={self.tool.repo or 1}"
        self.step("stop")
        self.step("stanza-delete", "--force", repo)

    def result(self) -> dict[str, Any]:
        """Return what changed."""
        after = self.before if self.check else self._facts()
        changed = bool(self.commands) or after["databases"] != self.before["databases"]
        return {
            "changed": changed,
            "commands": self.commands,
            "diff": {"before": self.before, "after": after},
            **after,
        }


def bring(stanza: Stanza, params: dict[str, Any]) -> dict[str, Any]:
    """Bring *stanza* into the wanted state and return the result of the module."""
    state, extra = params["state"], {}
    if state in ("present", "checked"):
        stanza.present()
    elif state == "upgraded":
        stanza.upgraded()
    else:
        stanza.absent(params["confirm"])
    if state == "checked" and not stanza.check:
        began = time.monotonic()
        stanza.tool.checked("check", repo=False)
        extra = {"check_seconds": round(time.monotonic() - began, 3)}
    return {**stanza.result(), **extra}


def main() -> None:
    """Bring the stanza into the wanted state."""
    module = AnsibleModule(
        argument_spec={
            **COMMON_ARGUMENTS,
            "state": {
                "type": "str",
                "choices": ["present", "checked", "upgraded", "absent"],
                "default": "present",
            },
            "confirm": {"type": "str"},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        tool = Pgbackrest.of(module)
        result = bring(Stanza(tool, check=module.check_mode), params)
    except OpsError as exc:
        module.fail_json(msg=exc.message, **exc.details)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
