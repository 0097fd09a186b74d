# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging a past run again from its folder alone, as of its own time, with today's rules or with those it kept.

The seal is checked first: what was touched proves nothing. The rules of a run are code, and code is only run from a
pack that somebody signed whom a list *outside* the pack allows.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import verify.checks
import verify.facts
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import parse_iso
from verify import verify_pack
from verify.engine.control import registered
from verify.engine.declared import Environment
from verify.engine.evidence import Evidence
from verify.engine.judge import ControlResult, finding_id
from verify.engine.results import RESULTS, Read, read_results
from verify.engine.store import read_environment, read_evidence
from verify.engine.waivers import Waiver, from_record
from verify.engine.words import EXIT_BROKEN

__all__ = ["Past", "agreement", "check_seal", "differences", "keep_rules", "open_pack", "use_rules"]

RULES = "rules"
_PARTS = {"checks": "*.py", "facts": "*.py", "catalogue": "*.yml"}
_SHOWN = 5
_SOURCE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Past:
    """A past run: its environment, evidence and waivers, and the instant as of which it was judged (seconds, UTC).

    ``trusted`` is whether its signature was checked against a list of signers from outside the pack.
    """

    folder: Path
    header: dict[str, Any]
    environment: Environment
    evidence: Evidence
    now: float
    waivers: tuple[Waiver, ...]
    trusted: bool

    def results(self) -> Read:
        """Return what the run decided at its time."""
        return read_results(self.folder / RESULTS)


def open_pack(folder: Path, *, allowed_signers: Path | None = None) -> Past:
    """Return a past run, once its seal is found intact; nobody is asked for anything over a network.

    Raises `OpsError`: with ``exit_code`` 12 for a pack that was never sealed or was touched since, without one for a
    folder that is no run.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise OpsError(f"There is no run at {folder}; name the folder of one, such as reports/ENV/20261126T083000Z.")
    check_seal(folder, allowed_signers)
    evidence = read_evidence(folder)
    header = _json(folder / "run.json")
    return Past(
        folder=folder,
        header=header,
        environment=read_environment(folder),
        evidence=evidence,
        now=_instant(header, evidence),
        waivers=from_record(_json(folder / "waivers.json")),
        trusted=allowed_signers is not None and folder not in allowed_signers.resolve().parents,
    )


def check_seal(folder: Path, allowed_signers: Path | None) -> None:
    """Raise `OpsError` for a pack that cannot be checked, and with ``exit_code`` 12 for one that is not intact."""
    options = argparse.Namespace(pack=str(folder), allowed_signers=allowed_signers, chain=False, alone=True)
    try:
        report = verify_pack.run(options)
    except (verify_pack.CannotCheck, OSError) as exc:
        raise OpsError(f"The seal of {folder} cannot be checked: {exc}") from exc
    if report["unsigned"]:
        raise OpsError(
            f"The pack {folder.name} is not signed, so nobody can tell who made it. It is not judged again; set "
            "verify_signing_key for the runs to come.",
            exit_code=EXIT_BROKEN,
            faults=report["faults"],
        )
    if not report["intact"]:
        faults = report["faults"]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise OpsError(
            f"The pack {folder.name} is not intact: {faults[0]['text'].rstrip('.')}{more}. It is not judged again.",
            exit_code=EXIT_BROKEN,
            faults=faults,
        )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise OpsError(f"{path} cannot be read ({exc}); is this the folder of a run?") from exc


def _instant(header: dict[str, Any], evidence: Evidence) -> float:
    """Return when the run's collection ended: what was fresh then is fresh in a replay, whenever that happens."""
    if header.get("collected"):
        return parse_iso(header["collected"]).timestamp()
    dated = [fact.collected for fact in evidence]
    if not dated:
        raise OpsError("The run collected nothing; there is nothing to judge again.")
    return max(dated)


def keep_rules(folder: Path, *, source: Path = _SOURCE) -> None:
    """Copy the rules (checks, readers of facts, catalogue) of the source into a run's folder."""
    for part, pattern in _PARTS.items():
        goal = folder / RULES / part
        goal.mkdir(parents=True)
        for path in sorted((source / part).glob(pattern)):
            shutil.copyfile(path, goal / path.name)


def use_rules(past: Past) -> Path:
    """Make the checks and facts that are imported from now on those of a past run; return its catalogue's folder.

    What was imported of today's is forgotten. Raises `OpsError` when the pack has none or nobody vouches for them.
    """
    rules = past.folder / RULES
    if not past.trusted:
        raise OpsError(
            "The rules of a run are code: give a list of allowed signers from outside the pack "
            "(verify_allowed_signers) before they are run."
        )
    if not (rules / "checks").is_dir():
        raise OpsError(f"{past.folder.name} kept no rules; judge it with today's (--rules today).")
    # Compiled copies would be files that the seal does not know.
    sys.dont_write_bytecode = True
    registered().forget()
    for package, part in ((verify.checks, "checks"), (verify.facts, "facts")):
        _forget_modules(package)
        package.__path__ = [str(rules / part)]
    return rules / "catalogue"


def _forget_modules(package: ModuleType) -> None:
    """Forget what was imported of a package, so that the next import looks again."""
    for name in [name for name in sys.modules if name.startswith(f"{package.__name__}.")]:
        del sys.modules[name]
        vars(package).pop(name.rpartition(".")[2], None)
    importlib.invalidate_caches()


def differences(results: Iterable[ControlResult], past: Read) -> list[dict[str, Any]]:
    """Return the cells that a replay decides otherwise than the run did, or that only one of the two has."""
    then = {(one.control, row.kind, row.subject): row.status for one in past.controls for row in one.rows}
    today = {(result.control.id, row.kind, row.subject): row.status for result in results for row in result.rows}
    return [
        {
            "finding": finding_id(*key),
            "control": key[0],
            "kind": key[1],
            "subject": key[2],
            "then": str(then[key]) if key in then else None,
            "now": str(today[key]) if key in today else None,
        }
        for key in sorted({*then, *today})
        if then.get(key) is not today.get(key)
    ]


def agreement(results: Iterable[ControlResult], past: Past) -> str:
    """Return in a sentence whether a replay decided the cells that it judged as the run did."""
    judged = list(results)
    cells = sum(len(result.rows) for result in judged)
    here = {result.control.id for result in judged}
    found = [one for one in differences(judged, past.results()) if one["now"] or one["control"] in here]
    if not found:
        return f"Replay of {past.folder.name}: all {cells} cells are decided as they were then."
    shown = [
        f"{one['control']} {one['subject']} {one['then'] or 'absent'} -> {one['now'] or 'absent'}" for one in found
    ]
    told = "; ".join(shown[:_SHOWN]) + (f"; and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")
    return f"Replay of {past.folder.name}: {len(found)} of {cells} cells are decided otherwise: {told}."
