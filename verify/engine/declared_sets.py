# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets that an environment allows: ports, accounts, keys, sudo, database roles, systems. One short line each.

Every line may say for which ``hosts`` it is meant (groups or hosts of the inventory; without it, for all), so one list
in ``group_vars/all`` is enough. A key that is not known is an error: a typing mistake must not open a door.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_doors import STARTTLS

__all__ = ["NAMING_HOSTS", "SETS", "WAYS_IN"]

WAYS_IN = (
    *("authorizedkeysfile", "authorizedkeyscommand", "trustedusercakeys"),
    *("authorizedprincipalsfile", "authorizedprincipalscommand"),
)
"""Settings of sshd that say whom a key or a certificate lets in. Source: sshd_config(5)."""

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_WHY: dict[str, Any] = {"type": "string", "minLength": 3}
_FLAG: dict[str, Any] = {"type": "boolean"}
_NAMES: dict[str, Any] = {"type": "array", "items": _TEXT}
_HOSTS: dict[str, Any] = {"anyOf": [_TEXT, {**_NAMES, "minItems": 1}]}
_PORT: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": 65535}


def _lines(required: str, **properties: Any) -> dict[str, Any]:
    row = {"type": "object", "additionalProperties": False, "required": required.split(), "properties": properties}
    return {"type": "array", "items": row}


# What may listen beyond the loopback, who may come from where, and what protects it on the way.
_PORTS = _lines(
    "port encrypted why",
    port=_PORT,
    name={"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9.-]*$"},
    authority={"type": "string", "pattern": "^/[A-Za-z0-9._/-]+$"},
    protocol={"enum": ["tcp", "udp"]},
    process=_TEXT,
    hosts=_HOSTS,
    **{"from": {"anyOf": [{"const": "anywhere"}, {**_NAMES, "minItems": 1}]}},
    encrypted={"enum": ["tls", "ssh", "none"]},
    starttls={"enum": list(STARTTLS)},
    admin=_FLAG,
    why=_WHY,
)
_ACCOUNTS = _lines("name why", name=_TEXT, hosts=_HOSTS, why=_WHY)
# A key is named by its fingerprint (ssh-keygen -l) or by its public line. One that a machine makes for itself cannot be
# named before; it is allowed as the only key of its account, with the option `restrict`.
_KEYS = _lines(
    "account owner",
    account=_TEXT,
    fingerprint={"type": "string", "pattern": "^SHA256:[0-9A-Za-z+/]{43}$"},
    public_key={"type": "string", "pattern": "^(ssh|ecdsa|sk)-"},
    restricted={"const": True},
    owner=_TEXT,
    hosts=_HOSTS,
)
_KEYS["items"]["oneOf"] = [{"required": [one]} for one in ("fingerprint", "public_key", "restricted")]
# Ways by which sshd lets people in that are no key in a home: keywords of sshd_config(5), in small letters.
_SSHD = _lines(
    "keyword value why",
    keyword={"enum": list(WAYS_IN)},
    value=_TEXT,
    hosts=_HOSTS,
    why=_WHY,
)
_SUDO = _lines(
    "who why",
    who=_TEXT,
    hosts=_HOSTS,
    runas=_TEXT,
    commands=_NAMES,
    everything=_FLAG,
    standing=_FLAG,
    why=_WHY,
)
_ROLES = _lines("name why", name=_TEXT, hosts=_HOSTS, superuser=_FLAG, why=_WHY)
_SYSTEMS = _lines(
    "name kind",
    name=_TEXT,
    kind={"enum": ["pipelines", "monitoring", "security", "documentation"]},
    administrators=_NAMES,
    writers=_NAMES,
    readers=_NAMES,
    hosts=_HOSTS,
)
# What an exception needs beside the hosts is checked where every approval is (verify/engine/approval.py).
_BASELINE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"type": "object", "properties": {"hosts": _HOSTS}},
}

SETS: dict[str, Any] = {
    "verify_ports": _PORTS,
    "verify_accounts": _ACCOUNTS,
    "verify_keys": _KEYS,
    "verify_sshd": _SSHD,
    "verify_sudo": _SUDO,
    "verify_database_roles": _ROLES,
    "verify_systems": _SYSTEMS,
    "verify_baseline": _BASELINE,
    "verify_inventory_page": _TEXT,
}

# Lists whose lines name hosts or groups; a name that the inventory does not have is refused.
NAMING_HOSTS = tuple(name for name, schema in SETS.items() if schema.get("type") == "array")
