# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read an inventory with Ansible's own code and print it as JSON: ``python _inventory.py SOURCE LIMIT``.

A process of its own, because Ansible's loader and pytest's imports of the same collection do not share one. Variables
are templated, vault files are opened as Ansible is configured to (``ANSIBLE_VAULT_PASSWORD_FILE``, ansible.cfg). Only
variables that collection and judging use are handed over; secrets are handed over apart, for redaction.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

from ansible import constants as settings
from ansible.cli import CLI
from ansible.errors import AnsibleError
from ansible.inventory.host import Host
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import AnsibleVaultError
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

# What the roles verify_access and verify_daily take is theirs.
WANTED = re.compile(
    r"^(verify_(?!access_|daily_)|ops_|ansible_(host|port|user|connection|become|python_interpreter|ssh_|scp_|private_key))"
)
SECRET = re.compile(r"(password|passphrase|_pass$|secret|token|api_key|vault_)", re.IGNORECASE)
SHORTEST_SECRET = 6
MISSING = re.compile(r"'([^']+)'?: File not found")
MAGIC = ("groups", "hostvars", "vars", "environment", "ansible_facts")
ESTATE_WIDE = re.compile(
    r"^verify_(services|assets|pools|pipelines|repositories|sources|notices|bounds|empty|owners|ledger_url|systems)$"
)


class Failed(Exception):
    """The inventory cannot be read; the message is a sentence."""


def plain(value: Any) -> Any:
    """Return JSON values only; anything else as its text."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str.__str__(value) if isinstance(value, str) else str(value)


class Reader:
    """One inventory source."""

    def __init__(self, source: str) -> None:
        self.loader = DataLoader()
        files = [settings.DEFAULT_VAULT_PASSWORD_FILE] if settings.DEFAULT_VAULT_PASSWORD_FILE else []
        secrets = CLI.setup_vault_secrets(
            self.loader, settings.DEFAULT_VAULT_IDENTITY_LIST, vault_password_files=files, auto_prompt=False
        )
        self.loader.set_vault_secrets(secrets)
        self.inventory = InventoryManager(loader=self.loader, sources=[source])
        self.manager = VariableManager(loader=self.loader, inventory=self.inventory)
        HostVars(self.inventory, self.manager, self.loader)  # makes hostvars known to templates
        self.folder = os.path.dirname(os.path.abspath(source))
        self.secrets: set[str] = set()
        self.named: dict[str, str] = {}
        self._seen: dict[int, Any] = {}
        self._estate: dict[str, Any] = {}

    def variables(self, host: Host, *, estate: bool = False) -> dict[str, Any]:
        """Return the wanted variables of a host (or of the estate), templated; `Failed` names one that is not fit."""
        # The environment as such is asked as localhost, which has no inventory file of its own.
        whole = {"inventory_dir": self.folder, **self.manager.get_vars(host=host)}
        if estate:
            self._estate = whole
        templar = Templar(loader=self.loader, variables=whole)
        found = {}
        for name in sorted(whole):
            if name.startswith("verify_"):
                self.named.setdefault(name, "all hosts" if estate else host.name)
            if SECRET.search(name):
                self._keep_secret(templar, whole[name])
            if WANTED.match(name) and (estate or not self._said(name, whole[name])):
                try:
                    found[name] = plain(templar.template(whole[name]))
                except AnsibleError as exc:
                    of = "" if estate else f" of {host.name}"
                    raise Failed(f"The variable {name}{of} cannot be read: {_mend(exc)}") from exc
                self._secrets_in(found[name])
            elif isinstance(whole[name], (dict, list)) and name not in MAGIC:
                self._keep_nested(templar, whole[name])
        return found

    def _said(self, name: str, value: Any) -> bool:
        """Return whether the estate has said it for all: by the variable's nature, or in words without a template."""
        if ESTATE_WIDE.match(name):
            return True
        return name.startswith("verify_") and value == self._estate.get(name) and "{{" not in repr(value)

    def _keep_secret(self, templar: Templar, value: Any) -> None:
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value  # kept, so that the id stays its own
        try:
            text = templar.template(value)
        except AnsibleError:
            return
        if isinstance(text, str) and len(text) >= SHORTEST_SECRET:
            self.secrets.add(str.__str__(text))

    def _keep_nested(self, templar: Templar, value: Any) -> None:
        """Keep the secrets inside a variable that is not handed over, such as the password of a way to send mail."""
        if id(value) in self._seen or not SECRET.search(repr(value)):
            return
        self._seen[id(value)] = value
        try:
            self._secrets_in(plain(templar.template(value)))
        except AnsibleError:
            return

    def _secrets_in(self, value: Any) -> None:
        """Keep what stands under a key that speaks of a secret, such as the password of a source."""
        for key, inner in value.items() if isinstance(value, dict) else []:
            if isinstance(inner, str) and SECRET.search(key) and len(inner) >= SHORTEST_SECRET:
                self.secrets.add(inner)
            self._secrets_in(inner)
        for inner in value if isinstance(value, list) else []:
            self._secrets_in(inner)

    def whole(self, limit: str) -> dict[str, Any]:
        """Return groups, hosts in scope with their variables, hosts left out with the reason, and secrets."""
        localhost = self.inventory.localhost or self.inventory.get_host("localhost")
        environment = self.variables(localhost, estate=True)
        everyone = [host.name for host in self.inventory.get_hosts("all")]
        pattern = str(environment.get("verify_hosts", "all"))
        in_scope = [host.name for host in self.inventory.get_hosts(pattern)]
        if limit:
            self.inventory.subset(limit)
        chosen = [host for host in self.inventory.get_hosts(pattern) if host.name in in_scope]
        names = [host.name for host in chosen]
        out = {name: f"not matched by verify_hosts ({pattern})" for name in everyone if name not in in_scope}
        out.update({name: f"left out by --limit {limit}" for name in in_scope if name not in names})
        return {
            "pattern": pattern,
            "everyone": everyone,
            "groups": {
                name: [host.name for host in group.get_hosts()] for name, group in self.inventory.groups.items()
            },
            "hosts": {host.name: self.variables(host) for host in chosen},
            "excluded": out,
            "scope": in_scope,
            "variables": environment,
            "named": self.named,
            "secrets": sorted(self.secrets),
        }


def _mend(exc: AnsibleError) -> str:
    """Return why a variable cannot be read; a file that is not there is named, with what to do about it."""
    told = str(exc).splitlines()[0]
    missing = MISSING.search(told)
    if missing is None:
        return told
    return f"there is no file {missing[1]}; make it (docs/operator.md tells under Keys what each one is)."


def _sentence(exc: BaseException) -> str:
    """Return why an inventory cannot be read; a vault that stays closed is told with the mend."""
    told = " ".join(str(exc).split())
    cause: BaseException | None = exc
    while cause is not None and not isinstance(cause, AnsibleVaultError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return told
    closed = f"a vault of it stays closed ({told.rstrip('.')})"
    return f"{closed}: name the file of its password in ANSIBLE_VAULT_PASSWORD_FILE."


def main(source: str, limit: str) -> int:
    """Print the inventory; print ``{"error": sentence}`` and return 1 when it cannot be read."""
    init_plugin_loader([])
    try:
        whole = Reader(source).whole(limit)
    except (AnsibleError, Failed) as exc:
        print(json.dumps({"error": _sentence(exc)}))
        return 1
    print(json.dumps(whole))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
