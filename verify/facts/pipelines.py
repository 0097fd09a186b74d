# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pipelines, as checks read them: runs on record and what the pipeline system says of them.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _kpi
from verify.engine.estate import View
from verify.engine.evidence import NoEvidence
from verify.facts.instants import DAY_S
from verify.facts.records import Record, everything

__all__ = ["Pipeline"]


class Pipeline(View, kind="pipeline"):
    """A pipeline that the environment declares (``verify_pipelines``)."""

    @property
    def cadence_s(self) -> float:
        """Return how often it has to run, in seconds; `NoEvidence` when the environment does not say."""
        said = self.get("cadence_s")
        if said is None:
            raise NoEvidence(f"verify_pipelines: {self.name} declares no cadence_s.")
        return float(said)

    @property
    def deploys(self) -> bool:
        """Return whether the environment declares that it deploys."""
        return bool(self.get("deploys", False))

    @property
    def state(self) -> Record | None:
        """Return what the pipeline system said last; None when it never did."""
        rows = [row for row in everything(self.estate, "pipeline") if row.pipeline == self.name]
        return rows[-1] if rows else None

    @property
    def branch(self) -> str:
        """Return the default branch: as declared, else as the pipeline system says."""
        said = self.get("branch") or (self.state.default_branch if self.state else None)
        if not said:
            raise NoEvidence(f"Nobody says which branch of {self.name} is released from; declare branch.")
        return str(said)

    def runs(self, days: float | None = None) -> list[Record]:
        """Return the runs that began in so many days before now (all: None), the oldest first."""
        since = self.estate.now - days * DAY_S if days is not None else float("-inf")
        rows = [row for row in everything(self.estate, "pipeline_run") if row.pipeline == self.name]
        return sorted((row for row in rows if row.started >= since), key=lambda row: float(row.started))

    def default_runs(self, days: float | None = None) -> list[Record]:
        """Return the runs of the default branch."""
        branch = self.branch
        return [row for row in self.runs(days) if row.branch == branch]

    @property
    def newest(self) -> Record | None:
        """Return the newest run of the default branch that has ended."""
        ended = [row for row in self.default_runs() if row.conclusion != "running"]
        return ended[-1] if ended else None

    @property
    def newest_green(self) -> Record | None:
        """Return the newest successful run of the default branch."""
        green = [row for row in self.default_runs() if row.conclusion == "success"]
        return green[-1] if green else None

    def success_ratio(self, days: float, *, target: float = 0.95) -> _kpi.Kpi:
        """Return the share of ended runs in so many days that succeeded; cancelled and running ones do not count."""
        ended = [row.conclusion for row in self.runs(days) if row.conclusion in ("success", "failure")]
        return _kpi.success(ended.count("success"), len(ended), target=target, name="pipeline_success")

    def failures_by_stage(self, days: float) -> dict[str, list[float]]:
        """Return when each stage failed in so many days; runs that name no failed stage are listed under ``?``."""
        found: dict[str, list[float]] = {}
        for run in self.runs(days):
            if run.conclusion == "failure":
                stages = [stage.name for stage in run.stages or () if stage.conclusion == "failure"]
                for name in stages or ["?"]:
                    found.setdefault(name, []).append(run.started)
        return found
