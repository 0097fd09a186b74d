# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the environment of the lab the way any other environment is written: hosts.yml and group variables.

The templates below lab/inventory/ hold `${name}` placeholders. Every `${secret_...}` is a random word, made once and
kept in the state directory, so that a new secret needs nothing but its placeholder.
"""

from __future__ import annotations

import datetime
import json
import os
import secrets
import shutil
import string
from pathlib import Path

from ._console import LabError, LabRefused
from ._estate import ADMIN_USER, ESTATE_SITES, GROUPS, HOSTS, OUTSIDE, Estate, owner_ids
from ._pki import REPORT_SIGNER, STAND_INS, VERIFIER, public_key
from ._receiver import url as receiver_url

TEMPLATES = Path(__file__).resolve().parent / "inventory"
HEADER = "# Written by the lab; edits are lost at the next `lab up`. The templates are in lab/inventory/.\n"
PRIVATE_FILES = ("secrets.yml",)
MULTIPLEX = "-o ControlMaster=auto -o ControlPersist=10m -o ServerAliveInterval=5 -o ServerAliveCountMax=3"
CLIENT_LEFT_OUT = datetime.timedelta(days=300)
CONTROL_PATH = "%(directory)s/%%h"


class _Values(dict[str, str]):
    """Values of the placeholders; makes a secret when one is asked for the first time."""

    def __init__(self, values: dict[str, str], store: dict[str, str]) -> None:
        super().__init__(values)
        self.store = store

    def __missing__(self, key: str) -> str:
        if not key.startswith("secret_"):
            raise KeyError(key)
        # Letters and digits only: these words travel through connection strings and ini files.
        return self.store.setdefault(key, secrets.token_hex(20))


def write(estate: Estate, program: Path) -> list[Path]:
    """Write the whole inventory and return the files written.

    Raises: LabError when a template names an unknown placeholder.
    """
    store_file = estate.state / "secrets.json"
    store = json.loads(store_file.read_text(encoding="utf-8")) if store_file.exists() else {}
    values = _Values(_values(estate, program), store)
    written = [_write(estate.inventory / "hosts.yml", HEADER + hosts_text(estate, program))]
    for template in sorted(TEMPLATES.rglob("*.yml")):
        target = estate.inventory / template.relative_to(TEMPLATES)
        try:
            text = string.Template(template.read_text(encoding="utf-8")).substitute(values)
        except (KeyError, ValueError) as error:
            raise LabError(
                f"The template {template.relative_to(TEMPLATES)} holds an unknown placeholder: {error}."
            ) from error
        written.append(_write(target, HEADER + text, private=template.name in PRIVATE_FILES))
    _write(estate.inventory / ".gitignore", "*\n")
    _write(store_file, json.dumps(store, indent=2, sort_keys=True) + "\n", private=True)
    return written


def _write(path: Path, text: str, *, private: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = 0o600 if private else 0o644
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
    path.chmod(mode)
    return path


def lab_command(estate: Estate, program: Path, *arguments: str) -> list[str]:
    """Return the argument list that runs this lab from anywhere."""
    return [
        "python3", str(program), "--quiet", "--prefix", estate.prefix, "--subnet", estate.subnet, *arguments,
    ]  # fmt: skip


def _values(estate: Estate, program: Path) -> dict[str, str]:
    text = json.dumps  # a JSON string is a YAML string, whatever the path holds
    return {
        "admin_user": ADMIN_USER,
        "admin_public_key": text(f"{public_key(estate.keys / ADMIN_USER)} {ADMIN_USER}@{estate.prefix}"),
        "journal_keys_dir": text(str(estate.state / "journal-keys")),
        "pki_dir": text(str(estate.pki)),
        "signing_key": text(str(estate.keys / REPORT_SIGNER)),
        "allowed_signers": text(str(estate.keys / "allowed_signers")),
        "client_left_out_until": f"{datetime.datetime.now(tz=datetime.UTC) + CLIENT_LEFT_OUT:%Y-%m-%dT00:00:00Z}",
        "verify_user": VERIFIER,
        "verify_key": text(str(estate.keys / VERIFIER)),
        "verify_public_key": text(f"{public_key(estate.keys / VERIFIER)} {VERIFIER}@{estate.prefix}"),
        "wheels_dir": text(str(program.resolve().parent.parent / ".cache" / "verify_daily" / "wheels")),
        "people_webhook": text(receiver_url("people")),
        "deadman_webhook": text(receiver_url("deadman")),
        "people_records": text(str(estate.state / "records")),
        "infrastructure": text(str(estate.state / "repositories" / "infrastructure")),
        "documentation": text(str(estate.state / "repositories" / "documentation")),
        "stand_in_keys": text({name: str(estate.keys / name) for name in STAND_INS}),
        "fault_command": text(lab_command(estate, program, "fault")),
        "heal_command": text(lab_command(estate, program, "heal")),
    }


def hosts_text(estate: Estate, program: Path) -> str:
    """Return hosts.yml: every host with its address, then the groups with connection and power switch.

    The connection belongs to the groups `estate` and `outside`, not to `all`: plays on the controller itself must not
    become root.
    """
    lines = ["all:", "  hosts:"]
    for host in HOSTS:
        lines += [f"    {host.name}:", f"      ansible_host: {estate.address(host.name)}"]
    lines += ["  children:", "    estate:", "      children:"]
    lines += [f"        {site}: {{}}" for site in ESTATE_SITES]
    variables = ["      vars:", *variable_lines({**connection(estate), **power_switch(estate, program)})]
    lines += variables
    for group, members in GROUPS.items():
        lines += [f"    {group}:", "      hosts:"]
        lines += [f"        {member}: {{}}" for member in members]
        if group == OUTSIDE:
            lines += variables
    return "\n".join(lines) + "\n"


def variable_lines(variables: dict[str, object]) -> list[str]:
    """Return variables of a group as lines of hosts.yml; a JSON value is a YAML value."""
    return [f"        {name}: {json.dumps(value)}" for name, value in variables.items()]


def power_switch(estate: Estate, program: Path) -> dict[str, object]:
    """Return the argument lists that switch a host's power from outside it."""
    return {
        f"fence_power_{action}": lab_command(estate, program, "power", action, "{{ inventory_hostname }}")
        for action in ("on", "off", "status")
    }


def connection(estate: Estate) -> dict[str, object]:
    """Return the ssh variables: pinned host keys, the lab's key, one connection kept per host."""
    common = f"-o 'UserKnownHostsFile=\"{estate.state / 'known_hosts'}\"' " + " ".join(
        f"-o {option}"
        for option in (
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            "IdentitiesOnly=yes",
            "ConnectTimeout=5",
        )
    )
    return {
        "ansible_user": ADMIN_USER,
        "ansible_become": True,
        "ansible_ssh_private_key_file": str(estate.keys / ADMIN_USER),
        "ansible_ssh_common_args": common,
        "ansible_ssh_args": MULTIPLEX,
        "ansible_control_path_dir": str(estate.control_dir),
        "ansible_control_path": CONTROL_PATH,
        "ansible_ssh_pipelining": True,
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def ssh_command(estate: Estate, host: str, *, connect_s: int = 5) -> list[str]:
    """Return the command that enters a host as the operator; its key is pinned, connecting may take so many seconds."""
    options = (
        f'UserKnownHostsFile="{estate.state / "known_hosts"}"',
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        f"ConnectTimeout={connect_s}",
        "LogLevel=ERROR",
    )
    words = [word for option in options for word in ("-o", option)]
    return ["ssh", "-i", str(estate.keys / ADMIN_USER), *words, f"{ADMIN_USER}@{estate.address(host)}"]


def make_control_dir(estate: Estate) -> None:
    """Make the directory of the ssh control sockets, for its owner only.

    Raises: LabRefused when somebody else owns a directory of that name.
    """
    path, (uid, gid) = estate.control_dir, owner_ids()
    path.mkdir(mode=0o700, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid not in (uid, os.geteuid()):
        raise LabRefused(f"{path} belongs to somebody else, so ssh connections are not safe there; remove it first.")
    os.chown(path, uid, gid)
    path.chmod(0o700)


def remove(estate: Estate) -> None:
    """Remove the inventory directory of this lab."""
    shutil.rmtree(estate.inventory, ignore_errors=True)
