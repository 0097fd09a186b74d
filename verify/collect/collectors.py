# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All collectors of a run, in their order: hosts and systems at the same time, then what people signed.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from verify.collect import hosts, sources
from verify.engine import attestations
from verify.engine.catalogue import Catalogue
from verify.engine.declared import Environment
from verify.engine.evidence import Evidence

__all__ = ["about", "collect"]

Progress = Callable[[str], None]


def collect(
    environment: Environment, evidence: Evidence, catalogue: Catalogue, *, forks: int, progress: Progress
) -> None:
    """Ask every host once and every system once.

    Raises `OpsError` for bad input only; what does not answer leaves a fact that says so.
    """
    people = attestations.collector(catalogue)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="collect") as pool:
        asked = [
            pool.submit(hosts.collect, environment, evidence, now=time.time, progress=progress, forks=forks),
            pool.submit(sources.collect, environment, evidence, now=time.time, progress=progress),
        ]
        for one in asked:
            one.result()
    people(environment, evidence, now=time.time, progress=progress)


def about(evidence: Evidence) -> dict[str, Any]:
    """Return what the collection says of itself for the header of the run: key exchange and clock."""
    return hosts.about(evidence)
