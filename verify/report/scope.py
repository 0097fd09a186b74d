# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run looked at: who ran it, the population and what became of it, and how the evidence was obtained.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import moment, size
from verify.engine.coverage import KINDS
from verify.engine.evidence import Fact
from verify.report.data import ReportData
from verify.report.drawings import coverage_bar
from verify.report.groups import CSS
from verify.report.text import WORDS, age, counted, thin, time_of, value

__all__ = ["dear_logins", "population", "run_facts", "sources"]

# A key exchange that no quantum computer opens, for several times the processor time of an elliptic curve.
_DEAR = "sntrup"


def run_facts(data: ReportData) -> list[tuple[str, Any]]:
    """Return who ran what, when and from which rules, as pairs of name and value."""
    run = data.run
    clock = (run.get("clock") or {}).get("offset_s")
    widest, kex = (run.get("clock") or {}).get("widest_s"), run.get("kex")
    inventory = run.get("inventory") or {}
    by = run.get("operator") or run.get("scheduler")
    return [
        ("Run", run["id"]),
        ("Environment", run["environment"]),
        ("Started", moment(run["started"])),
        ("Ended", moment(run.get("ended")) if data.complete else "did not come to its end"),
        ("Started by", f"{by} on {run.get('runner')}" if by else run.get("runner")),
        ("Clock of the runner", None if clock is None else f"{clock:+.3f} s from its time source"),
        ("Clocks of the hosts", None if widest is None else f"at most {widest:.3f} s apart from the runner's"),
        ("Rules", f"collection {run.get('collection_version')}, {_commit(run)}"),
        ("Inventory", f"{inventory.get('path')}, SHA-256 {inventory.get('digest')}"),
        ("Catalogue", f"{counted(len(data.items), 'item')}, SHA-256 {(run.get('catalogue') or {}).get('digest')}"),
        ("Parameters", value(run.get("parameters") or None) or "none"),
        ("Selection", value(run.get("selection") or None) or "everything"),
        ("Key exchange", _counted(kex) if isinstance(kex, dict) else kex),
        ("Judged again from", run.get("replay_of") or run.get("evidence_of") or "its own evidence"),
    ]


def _commit(run: Mapping[str, Any]) -> str:
    if not run.get("commit"):
        return "commit not known"
    return f"commit {run['commit']}, {'with changes that are in no commit' if run.get('dirty') else 'clean'}"


def _counted(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({counted(number, 'host')})" for name, number in found.items())


def dear_logins(kex: Any) -> str:
    """Return the sentence about hosts whose key exchange makes a login dear; empty without any.

    ``kex`` counts hosts by key exchange, as the header of a run does.
    """
    found = {name: number for name, number in kex.items() if name.startswith(_DEAR)} if isinstance(kex, Mapping) else {}
    if not found:
        return ""
    hosts = sum(found.values())
    return (
        f"{counted(hosts, 'host')} {'uses' if hosts == 1 else 'use'} the key exchange {' or '.join(sorted(found))}, "
        "which withstands quantum computers and makes each login several times dearer in processor time than "
        "curve25519-sha256: ssh's option KexAlgorithms changes that where it is wanted, and nothing here does."
    )


def population(data: ReportData) -> dict[str, Any]:
    """Return what the run was about: hosts expected and reached, cells, and how the catalogue is covered."""
    hosts = data.hosts
    kinds = (data.run.get("population") or {}).get("kinds") or {}
    items, parts = data.coverage["items"], {name: data.coverage[name] for name in KINDS}
    share = f"{100 * parts['machine'] / items:.1f} %" if items else None
    return {
        "hosts": {"expected": thin(hosts.expected), "reached": thin(hosts.reached)},
        "unreachable": sorted(hosts.unreachable.items()),
        "excluded": sorted(hosts.excluded.items()),
        "kinds": [counted(number, kind) for kind, number in kinds.items()],
        "expected": None if data.expected is None else thin(data.expected),
        "decided": thin(data.decided),
        "totals": [(WORDS[status], CSS[status], number) for status, number in data.totals.items() if number],
        "items": items,
        "parts": parts,
        "share": share,
        "bar": coverage_bar(parts),
    }


def sources(data: ReportData) -> list[dict[str, Any]]:
    """Return how the evidence was obtained: a line for each fact by its name, with what became of it."""
    names: dict[tuple[str, str], list[Fact]] = {}
    for fact in data.facts.values():
        names.setdefault((fact.source, fact.name), []).append(fact)
    return [_source(data, source, name, facts) for (source, name), facts in names.items()]


def _source(data: ReportData, source: str, name: str, facts: Sequence[Fact]) -> dict[str, Any]:
    commands = list(dict.fromkeys(fact.command for fact in facts))
    had = [fact for fact in facts if fact.error is None]
    today = str(data.run["started"])[:10]
    first = min(fact.collected for fact in facts)
    return {
        "source": source,
        "name": name,
        "command": commands[0],
        "others": len(commands) - 1,
        "facts": thin(len(had)),
        "missing": len(facts) - len(had),
        "distinct": thin(len({fact.digest for fact in had})),
        "bytes": size(sum(fact.size for fact in had)) if had else None,
        "cut": sum(fact.kept < fact.size for fact in had),
        "first": time_of(first, day=today),
        "last": time_of(max(fact.collected for fact in facts), day=today),
        "age": age(data.moment - first),
    }
