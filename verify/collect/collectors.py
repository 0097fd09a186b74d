# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All collectors of a run, in their order: hosts and systems at the same time, then what people signed, then the past.

What nobody foresaw in one of them is kept in place of the facts that it owes; the others go on.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.collect import figures, hosts, previous, sources, updates
from verify.collect._contained import unforeseen
from verify.engine import attestations
from verify.engine.catalogue import Catalogue
from verify.engine.declared import Environment
from verify.engine.evidence import Evidence
from verify.engine.ledger import Ledger

__all__ = ["about", "collect", "remember"]

Progress = Callable[[str], None]
Owed = Iterable[tuple[str, str, Iterable[str]]]
"""Subject, source and names of facts."""


def collect(
    environment: Environment, evidence: Evidence, catalogue: Catalogue, *, forks: int | None, progress: Progress
) -> None:
    """Ask every host once and every system once; without ``forks``, `hosts.Options` says how many at a time.

    Raises `OpsError` for bad input only; what does not answer leaves a fact that says so.
    """
    part = partial(_part, environment, evidence, progress)
    people = attestations.collector(catalogue)
    common: dict[str, Any] = {"now": time.time, "progress": progress}
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="collect") as pool:
        asked = [
            pool.submit(
                part, "hosts", partial(hosts.collect, environment, evidence, forks=forks, **common),
                hosts.owed(environment),
            ),
            pool.submit(
                part, "sources", partial(sources.collect, environment, evidence, **common), sources.owed(environment)
            ),
        ]  # fmt: skip
        for one in asked:
            one.result()
    stated = [(attestations.SUBJECT, "attestations", [attestations.INDEX])]
    part("statements", partial(people, environment, evidence, **common), stated)


def remember(
    environment: Environment, evidence: Evidence, own: Path, ledger: Ledger | None, *, progress: Progress
) -> None:
    """Keep what past runs found: from their folders, which lie beside the run's ``own``, and from the ledger."""
    base, now = own.parent, time.time
    parts: dict[str, tuple[tuple[str, ...], Callable[[], None]]] = {
        "past runs": ((previous.BASELINE,), partial(previous.collect, base, evidence, now=now)),
        "past updates": (
            (updates.UPDATES,), partial(updates.collect, base, own, evidence, hosts=environment.hosts, now=now)
        ),
    }  # fmt: skip
    if ledger is not None:
        kept = partial(figures.collect, ledger, environment.name, evidence, now=now)
        parts["the ledger"] = ((figures.FIGURES, figures.WHOLE_RUN), kept)
    for name, (facts, work) in parts.items():
        _part(environment, evidence, progress, name, work, [(previous.SUBJECT, previous.SUBJECT, list(facts))])


def _part(
    environment: Environment,
    evidence: Evidence,
    progress: Progress,
    name: str,
    work: Callable[[], None],
    owed: Owed,
) -> None:
    """Let one collector work; should it fail, keep why for each fact that it still owes. `OpsError` goes through."""
    try:
        work()
    except OpsError:
        raise
    except Exception as exc:
        told = unforeseen(f"asking {name}", exc, hosts.redactor(environment))
        progress(f"{name}: {told}")
        for subject, source, facts in owed:
            for fact in facts:
                if evidence.get(subject, fact) is None:
                    evidence.missing(
                        told, subject=subject, name=fact, source=source, collected=time.time(), command=name
                    )


def about(evidence: Evidence) -> dict[str, Any]:
    """Return what the collection says of itself for the header of the run: key exchange and clock."""
    return hosts.about(evidence)
