# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run from end to end: environment, collection, judging, results as they come, comparison, report, seal.

``Run.prepare`` refuses bad input before anything is asked. A folder that a killed run left is finished, marked
incomplete, by the run after it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import verify.checks
from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.collect import collectors, hosts
from verify.engine import (
    attestations,
    header,
    hosts_left_out,
    left_out,
    pack,
    replay,
    store,
    terms,
    waiver_files,
    waivers,
)
from verify.engine import environment as environments
from verify.engine.catalogue import Catalogue, load
from verify.engine.control import registered
from verify.engine.coverage import coverage
from verify.engine.declared import Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence
from verify.engine.judge import ControlResult, judge
from verify.engine.ledger import Ledger, open_ledger, url_of
from verify.engine.matrix import Line, expected, lines
from verify.engine.options import Options
from verify.engine.results import Results
from verify.engine.words import EXIT_BROKEN, GREEN
from verify.report import scope

__all__ = ["Run"]


class Run:
    """One run of the suite. ``control_ids`` is its matrix in order, ``not_green`` counts controls that are not."""

    def __init__(
        self, options: Options, environment: Environment, catalogue: Catalogue, base: Path, past: replay.Past | None
    ) -> None:
        self.options = options
        self.environment = environment
        self.catalogue = catalogue
        self.base = base / environment.name
        self.past = past
        self.matrix: list[Line] = lines(registered(), catalogue, environment, options.selection)
        self.folder = self.base / _utc.compact(_utc.now())
        self.header = header.begin(self.folder, options, environment, catalogue, self.matrix, list(registered()))
        self.waivers = self._waivers()
        self.results: list[ControlResult] = []
        self.summary: list[str] = []
        self.begun = False
        self._lines = {line.control.id: line for line in self.matrix}
        self._expected = expected(self.matrix)
        self._estate: Estate | None = None
        self._log: Results | None = None
        self._kept: store.KeptEvidence | None = None
        self._ledger: Ledger | None = None

    @classmethod
    def prepare(cls, options: Options, *, cwd: Path) -> Run:
        """Return a run that is ready to collect.

        Raises `OpsError` for everything that is wrong with the command line, the inventory, waivers, the signing key,
        the ledger or, with ``--replay``, the pack.
        """
        past = replay.open_pack(options.replay, allowed_signers=options.allowed_signers) if options.replay else None
        folder = replay.use_rules(past) if past and options.rules == "run" else None
        catalogue = load(folder) if folder else load()
        import_checks()
        found = past.environment if past else environments.load(options.env, limit=options.limit, cwd=cwd)
        if options.forks is None:
            options = replace(options, forks=hosts.Options.of(found.variables).concurrency)
        base = options.report_dir or Path(str(found.variables.get("verify_reports_dir") or cwd / "reports"))
        terms.check(found.variables, catalogue, where=found.inventory)
        run = cls(options, found, catalogue, base, past)
        pack.check_settings(found)
        if past is None:
            hosts_left_out.check(found, now=time.time())
            pack.check_key(found)
            attestations.check(found, catalogue)
            left_out.check(found, catalogue, baseline_rules(), now=time.time())
        run._ledger = open_ledger(url_of(found, base))
        return run

    @property
    def control_ids(self) -> list[str]:
        """Return the controls of the matrix, in the order of the guide."""
        return [line.control.id for line in self.matrix]

    @property
    def evidence(self) -> Evidence:
        """Return the evidence of the run; empty before it was gathered."""
        return self._estate.evidence if self._estate else Evidence()

    @property
    def inventory(self) -> str:
        """Return the path of the inventory, as commands name it."""
        return str(self.header["inventory"]["path"])

    @property
    def not_green(self) -> int:
        """Return how many of the judged controls are not green."""
        return sum(1 for result in self.results if result.status not in GREEN)

    def collected(self, control_ids: Iterable[str]) -> None:
        """Keep in the header which controls of a whole run pytest did not collect; `finish` then never ends green."""
        missing = set(self.control_ids) - set(control_ids)
        if missing and not self.options.selection.as_record():
            self.header["parameters"]["not_run"] = sorted(missing)

    def gather(self, progress: Callable[[str], None]) -> None:
        """Collect the evidence, or read that of the past run, and open the log of results."""
        self.begun = True
        pack.finish_abandoned(self.base, progress)
        self.folder.mkdir(parents=True)
        progress(f"run {self.folder.name}: {len(self.matrix)} controls, {self._expected} cells to decide")
        evidence, now = self._evidence(progress)
        self.header["collected"] = _utc.iso_ms(_utc.from_epoch(now))
        self.header["population"].update(header.reached(self.environment, evidence))
        self.header.update(collectors.about(evidence))
        self.header["left_out"] = left_out.as_record(self.environment, now)
        dear = scope.dear_logins(self.header["kex"])
        if dear:
            progress(dear.replace("\u202f", " "))
        self._estate = Estate(self.environment, evidence, now=now)
        self._log = Results(self.folder / "results.jsonl")
        self._log.header(self.header)
        pack.write_begin(self.folder, self.header, self.catalogue, self.environment)

    def _evidence(self, progress: Callable[[str], None]) -> tuple[Evidence, float]:
        if self.past:
            progress(f"evidence of {self.past.folder.name}, judged as of its own time; nobody is asked")
            return self.past.evidence, self.past.now
        if not self.options.collect:
            newest, self.header["evidence_of"] = pack.newest(self.base, self.environment, env=self.options.env)
            progress(f"evidence of {newest.name}, as old as it is; nobody is asked (--no-collect)")
            return store.copy_evidence(newest, self.folder), time.time()
        evidence = self._kept = store.KeptEvidence(self.folder)  # open to the end: users' tests may add to it
        collectors.collect(self.environment, evidence, self.catalogue, forks=self.options.forks, progress=progress)
        collectors.remember(self.environment, evidence, self.folder, self._ledger, progress=progress)
        return evidence, time.time()

    def judge(self, control_id: str) -> ControlResult:
        """Judge one control, waivers applied, and append its result to the log."""
        if self._estate is None or self._log is None:
            raise OpsError("Nothing was collected; a control is judged after the collection.")
        line = self._lines[control_id]
        result = judge(line.control, line.item, self._estate, subjects=line.subjects)
        result = waivers.apply([result], self.waivers, self._estate.now)[0]
        self._log.control(result)
        self.results.append(result)
        return result

    def finish(self, pytest_code: int, *, others_failed: bool) -> int:
        """Close the log, compare, report and seal; return the exit code of the run.

        pytest's own codes 2 (interrupted), 3 and 4 stay. A run that was interrupted gets no closing line: its report is
        marked incomplete.
        """
        if self._log is None or self._estate is None or self._ledger is None:
            return pytest_code or 10
        whole = not self.options.selection.as_record() and not self.options.limit
        review = waivers.review(self.results, self.waivers, self._estate.now, whole=whole)
        idle = attestations.unused(self.results, self._estate.evidence) if whole else {}
        over = left_out.expired(self.header["left_out"], {result.item.id for result in self.results})
        code = waivers.exit_of(self.results, review) or (11 if idle or over else 0)
        decided = sum(len(result.rows) for result in self.results)
        if code in (0, 11) and not self._whole(decided):
            code = 10
        if others_failed and code != 1:
            code = 1
        known, judged = self.header["catalogue"], [(result.item.id, result.rows) for result in self.results]
        known.update(coverage(known["items"], known["gap"], judged))
        interrupted = pytest_code in (2, 3, 4)
        if self._kept is not None:
            self._kept.close()
        self.header["ended"] = _utc.iso_ms(_utc.now())
        if not interrupted:
            self._log.close(code, expected=self._expected)
        done = pack.Finished(self.folder, self.header, self.environment, self.catalogue, self._estate, idle)
        try:
            self.summary = done.write(self.results, self.waivers, review, self._ledger, self._log, code)
            if self.past:
                self.summary.append(replay.agreement(self.results, self.past))
        except OpsError as exc:
            self.summary = [f"The pack of this run could not be finished: {exc.message}"]
            return EXIT_BROKEN
        finally:
            self._ledger.close()
        return pytest_code if interrupted else code

    def _whole(self, decided: int) -> bool:
        """Return whether each control of the matrix was judged, and none twice in the place of another."""
        return decided == self._expected and sorted(one.control.id for one in self.results) == sorted(self.control_ids)

    def _waivers(self) -> Sequence[waivers.Waiver]:
        if self.past:
            return self.past.waivers
        controls = {control.id: control for control in registered()}
        return waiver_files.load(
            waiver_files.paths(self.environment),
            controls=controls,
            catalogue=self.catalogue,
            environment=self.environment,
            now=time.time(),
        )


def baseline_rules() -> list[str]:
    """Return the names of the baseline's rules, of the rules by which this run judges."""
    return [rule.id for rule in importlib.import_module("verify.facts.baseline").RULES]


def import_checks() -> None:
    """Import every check file, so that its controls are registered."""
    for found in pkgutil.iter_modules(verify.checks.__path__):
        if not found.name.startswith("_"):
            importlib.import_module(f"verify.checks.{found.name}")
