# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an environment says of itself: the ``verify_*`` variables of its inventory, checked, as subjects.

Services, assets, pools, pipelines and repositories are lists of mappings with a unique ``name``. Any other key can be
read as an attribute. What an environment leaves empty it has to say so (``verify_empty``), with the reason: silence is
not a population of zero.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine.declared_sets import SETS

__all__ = ["HOSTS_LEFT_OUT", "LISTS", "MOST_WAIVER_DAYS", "Declared", "Environment", "check_variables"]

# kind of subject -> variable that lists them
LISTS = {
    "service": "verify_services",
    "asset": "verify_assets",
    "pool": "verify_pools",
    "pipeline": "verify_pipelines",
    "repository": "verify_repositories",
}

MOST_WAIVER_DAYS = 365
"""How long an exception may hold at most, in days, whatever an environment sets: what stays for longer is none."""

HOSTS_LEFT_OUT = "verify_hosts_left_out"

REPOSITORY_KINDS = ("infrastructure", "documentation", "other")

_NAMED: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "minLength": 1}},
}


def _named(**properties: Any) -> dict[str, Any]:
    """Return the schema of an entry with a name and keys that it must have: where one decides what is judged at all, a
    typing mistake must not look like a choice."""
    required = [*_NAMED["required"], *properties]
    return {**_NAMED, "required": required, "properties": {**_NAMED["properties"], **properties}}


_MAP = {"type": "object"}
_TEXT = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        **{variable: {"type": "array", "items": _NAMED} for variable in LISTS.values()},
        "verify_services": {"type": "array", "items": _named(critical={"type": "boolean"})},
        "verify_repositories": {"type": "array", "items": _named(kind={"enum": list(REPOSITORY_KINDS)})},
        **SETS,
        "verify_hosts": _TEXT,
        HOSTS_LEFT_OUT: {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["reason", "until"],
                "properties": {"reason": {"type": "string", "minLength": 10}, "until": _TEXT},
                "additionalProperties": False,
            },
        },
        "verify_user": _TEXT,
        "verify_private_key_file": _TEXT,
        "verify_concurrency": {"type": "integer", "minimum": 1, "maximum": 512},
        "verify_host_deadline_s": {"type": "number", "exclusiveMinimum": 0},
        "verify_certificates": {"type": "array", "items": _TEXT},
        "verify_central_logs": {"type": "array", "items": _TEXT},
        "verify_empty": {"type": "object", "additionalProperties": {"type": "string", "minLength": 10}},
        "verify_bounds": {"type": "object", "additionalProperties": _MAP},
        "verify_sources": {"type": "object", "additionalProperties": _MAP},
        "verify_owners": {"type": "object", "additionalProperties": _TEXT},
        "verify_records_dir": _TEXT,
        "verify_runs_dir": _TEXT,
        "verify_drills_dir": _TEXT,
        "verify_logs_dir": _TEXT,
        "verify_environments": {"type": "array", "items": _TEXT},
        "verify_reports_dir": _TEXT,
        "verify_waivers_file": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
        "verify_waiver_days": {
            "type": "object",
            "propertyNames": {"enum": ["critical", "high", "medium", "low"]},
            "additionalProperties": {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_WAIVER_DAYS},
        },
        "verify_attestations_dir": _TEXT,
        "verify_allowed_signers": _TEXT,
        "verify_signing_key": _TEXT,
        "verify_signing_principal": _TEXT,
        # What it holds is checked where people are told.
        "verify_notices": True,
        "verify_extra_variables": {"type": "array", "items": {"type": "string", "pattern": "^verify_"}},
        "verify_ledger_url": _TEXT,
        "verify_ledger_keep_days": {"type": "number", "minimum": 90},
        "verify_flapping": {
            "type": "object",
            "required": ["changes", "of"],
            "properties": {
                "changes": {"type": "integer", "minimum": 2},
                "of": {"type": "integer", "minimum": 3, "maximum": 20},
            },
            "additionalProperties": False,
        },
        "verify_procedures": {
            "type": "array",
            "items": {
                **_NAMED,
                "properties": {**_NAMED["properties"], "critical": {"type": "boolean"}, "document": _TEXT},
                "additionalProperties": False,
            },
        },
        "verify_failures": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "rule"],
                "properties": {"name": _TEXT, "rule": _TEXT, "alert": _TEXT},
                "additionalProperties": False,
            },
        },
        "verify_staging": _TEXT,
        "verify_committers": {"type": "array", "items": _TEXT},
        "verify_commands": {"type": "array", "items": _TEXT},
        "verify_images": {"type": "array", "items": _TEXT},
        "verify_calendar": {
            "type": "object",
            "properties": {
                "timezone": _TEXT,
                "working_days": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 6}},
                "holidays": {"type": "array", "items": _TEXT},
            },
            "additionalProperties": False,
        },
    },
}


@dataclass(frozen=True)
class Declared:
    """One thing the environment declares: a host with its variables, a service, an asset ...

    What stands in ``about`` can be read as attributes.
    """

    kind: str
    name: str
    about: Mapping[str, Any] = field(default_factory=dict)

    def __getattr__(self, key: str) -> Any:
        about = self.__dict__.get("about") or {}
        if key.startswith("__") or key not in about:
            raise AttributeError(f"{self.kind} {self.__dict__.get('name')} declares no {key!r}")
        return about[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return what is declared under a key, or the default."""
        return self.about.get(key, default)


@dataclass(frozen=True)
class Environment:
    """One environment: name, where its inventory lies and its digest, hosts in scope, groups, and its variables.

    ``variables`` are those of the group ``all``, templated; ``excluded`` are hosts of the inventory that are out of
    scope, with the reason; ``scope`` names the hosts in scope before a limit (those of ``hosts`` when it is empty);
    ``secrets`` are values that no evidence may hold, and never leave this process.
    """

    name: str
    inventory: str
    inventory_digest: str
    hosts: Mapping[str, Declared]
    groups: Mapping[str, Sequence[str]]
    variables: Mapping[str, Any]
    excluded: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    scope: Sequence[str] = ()

    def path(self, variable: str) -> Path | None:
        """Return the path that a variable names, relative to the inventory's folder; None when it is not set."""
        declared = self.variables.get(variable)
        return Path(self.inventory).parent / Path(str(declared)).expanduser() if declared else None

    def subjects(self, kind: str, group: str | None = None) -> list[Declared]:
        """Return the declared subjects of a kind, hosts narrowed to a group; the environment itself for ``estate``."""
        if kind == "estate":
            return [Declared("estate", self.name, self.variables)]
        if kind == "host":
            wanted = set(self.groups.get(group, ())) if group else set(self.hosts)
            return [host for name, host in self.hosts.items() if name in wanted]
        return [Declared(kind, row["name"], row) for row in self.variables.get(LISTS[kind]) or []]

    def empty_reason(self, kind: str, group: str | None = None) -> str:
        """Return why the environment has no subject of a kind (or host of a group); empty when it does not say."""
        declared = self.variables.get("verify_empty") or {}
        return str(declared.get(group or kind, ""))


def check_variables(variables: Mapping[str, Any], *, where: str) -> None:
    """Check the ``verify_*`` variables of an environment.

    Raises `OpsError` with the variable, what is wrong and the mend.
    """
    known = {name: value for name, value in variables.items() if name.startswith("verify_")}
    error = next(iter(jsonschema.Draft202012Validator(SCHEMA).iter_errors(known)), None)
    if error is not None:
        place = ".".join(str(part) for part in error.absolute_path)
        raise OpsError(f"{where}: {place}: {_told(error)}; correct the variable.")
    for variable in LISTS.values():
        names = [row["name"] for row in known.get(variable) or []]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise OpsError(f"{where}: {variable} names {', '.join(twice)} twice; a subject has one entry.")
    _refuse_nothing_critical(known, where)


def _told(error: jsonschema.ValidationError) -> str:
    """Return what is wrong; the sources of an environment may hold passwords, so of them no value is shown."""
    if "verify_sources" in error.absolute_path:
        return f"{error.validator} has to be {error.validator_value!r}"
    return error.message[:200]


def _refuse_nothing_critical(known: Mapping[str, Any], where: str) -> None:
    """Raise `OpsError` when no service is critical and nobody says why: what is asked of critical ones would be met."""
    services, empty = known.get("verify_services") or [], known.get("verify_empty") or {}
    if services and not any(row["critical"] for row in services) and "critical_service" not in empty:
        raise OpsError(
            f"{where}: verify_services: none is critical, so nothing would be asked of any; mark one, or say in "
            "verify_empty.critical_service why there is none."
        )
