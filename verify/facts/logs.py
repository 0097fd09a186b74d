# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the log that a record names is kept: below ``verify_logs_dir``, or as that of a pipeline's run on record.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from verify.engine.control import Said, expect, unknown
from verify.engine.estate import Estate
from verify.facts.records import everything

__all__ = ["kept"]


def kept(estate: Estate, said: str, name: str) -> Said:
    """Claim that the log of something, as its record names it, is kept and not empty.

    Raises `NoEvidence` for a path where nobody listed the logs of this machine.
    """
    if "://" in said:
        # Nobody but the system of the pipelines can say that a page of it is there; it did when it exported the run.
        runs = [one.id for one in everything(estate, "pipeline_run") if one.log == said]
        if not runs:
            return unknown(f"No run of a pipeline on record has the log {said} that {name} names.")
        return expect(True, f"the log of {name} is that of the run {runs[-1]}", observed=said)
    listed = estate.json("runs", "logs")
    place, folder = PurePosixPath(said), PurePosixPath(listed["folder"])
    inside = place.relative_to(folder) if place.is_relative_to(folder) else place
    sizes = [
        size for path, size in listed["files"].items() if inside.parts and PurePosixPath(path).is_relative_to(inside)
    ]
    return expect(sum(sizes) > 0, f"the log of {name} is kept at {said}", observed={"files": len(sizes)})
