# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pytest's hooks do: one pytest item a control, judged from evidence, with the exit code of the run.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine import html_columns, options, terminal, words
from verify.engine.control import Control, registered
from verify.engine.judge import ControlResult
from verify.engine.session import Run
from verify.engine.words import Status
from verify.testinfra import backend as hosts_of_tests

__all__ = ["collect_file", "configure", "finish", "gather", "html_totals", "order", "status_word", "summarize"]

_CHECKS = Path(__file__).resolve().parents[1] / "checks"
_RUN = pytest.StashKey[Run]()
# A screen where none can be asked, and its lines that the closing paragraph and pytest's own words need.
_SCREEN, _FRAME, _LEAST = (160, 40), 14, 8
_COLOURS: dict[Status | None, dict[str, bool]] = {
    Status.FAIL: {"red": True},
    **{status: {"yellow": True} for status in (Status.UNKNOWN, Status.STALE, Status.MANUAL_DUE)},
}
_WORDS = {
    Status.PASS: ("passed", ".", "PASS"),
    Status.FAIL: ("failed", "F", "FAIL"),
    Status.UNKNOWN: ("unknown", "U", "UNKNOWN"),
    Status.STALE: ("stale", "S", "STALE"),
    Status.WAIVED: ("waived", "W", "WAIVED"),
    Status.NOT_APPLICABLE: ("not applicable", "n", "N/A"),
    Status.MANUAL_DUE: ("manual due", "M", "MANUAL DUE"),
}


class NotGreen(Exception):
    """A control that is not green; carries its result."""

    def __init__(self, result: ControlResult) -> None:
        super().__init__(result.control.id)
        self.result = result


class CheckFile(pytest.File):
    """One file of ``verify/checks``: an item for each control that it declares."""

    def collect(self) -> Iterator[pytest.Item]:
        """Return the controls of the file, which is imported already, as items; without any it is an error."""
        found = registered().of(f"verify.checks.{self.path.stem}")
        if not found and self.config.stash[_RUN].options.rules == "today":
            raise self.CollectError(f"{self.path} declares no control; a check file without checks proves nothing.")
        for control in found:
            yield ControlItem.from_parent(self, name=control.id, control=control)


class KeptChecks(pytest.File):
    """What a past run judged with rules of its own whose file is gone today."""

    def collect(self) -> Iterator[pytest.Item]:
        """Return the controls of files that are not here."""
        here = {f"verify.checks.{path.stem}" for path in _CHECKS.glob("[a-z]*.py")}
        for control in registered():
            if control.module not in here:
                yield ControlItem.from_parent(self, name=control.id, control=control)


class ControlItem(pytest.Item):
    """One control, judged over all its subjects at once."""

    def __init__(self, *, control: Control, **rest: Any) -> None:
        super().__init__(**rest)
        self.control = control

    def runtest(self) -> None:
        """Judge; anything but green ends in `NotGreen`, green that did not pass counts as skipped for other plugins."""
        result = self.config.stash[_RUN].judge(self.control.id)
        self.user_properties.append(("status", str(result.status)))
        if result.status not in words.GREEN:
            raise NotGreen(result)
        if result.status is not Status.PASS:
            raise pytest.skip.Exception(_WORDS[result.status][0], _use_item_location=True)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say what does not hold, subject by subject, and what mends it."""
        if isinstance(excinfo.value, NotGreen):
            whole, inventory = self.config.get_verbosity() > 0, self.config.stash[_RUN].inventory
            return "\n".join(terminal.told(excinfo.value.result, inventory=inventory, whole=whole))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return how the item is called in headings."""
        return self.path, self.control.check.__code__.co_firstlineno - 1, self.control.id


def configure(config: pytest.Config) -> None:
    """Make the run of ``--env`` or ``--replay`` ready; without either nothing is set up."""
    asked = options.read(config)
    if not asked.asked or config.option.help:
        return
    if getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("This suite collects concurrently by itself (--forks); leave pytest-xdist's -n out.")
    try:
        run = config.stash[_RUN] = Run.prepare(asked, cwd=config.invocation_params.dir)
    except OpsError as exc:
        _refuse(exc)
    live = asked.collect and asked.replay is None
    hosts_of_tests.configure(config, run.environment, run.evidence, live, plan=run.base / hosts_of_tests.PLAN)


def _refuse(exc: OpsError) -> NoReturn:
    """End pytest with the sentence of an error, and with the code of what is not intact where it says so."""
    if exc.details.get("exit_code") == words.EXIT_BROKEN:
        pytest.exit(exc.message, returncode=words.EXIT_BROKEN)
    raise pytest.UsageError(exc.message) from exc


def collect_file(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Return the collector of a check file."""
    run = parent.config.stash.get(_RUN, None)
    if path == _CHECKS / "__init__.py" and run is not None and run.options.rules == "run":
        return KeptChecks.from_parent(parent, path=path)
    if path.parent != _CHECKS or path.suffix != ".py" or path.stem.startswith("_"):
        return None
    if run is None:
        raise pytest.UsageError("Name the environment: pytest verify/ --env NAME (or --replay RUN).")
    return CheckFile.from_parent(parent, path=path)


def order(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the controls of the run's matrix, in its order; other tests follow them."""
    run = config.stash.get(_RUN, None)
    if run is None:
        return
    wanted = {control_id: place for place, control_id in enumerate(run.control_ids)}
    controls = [item for item in items if isinstance(item, ControlItem)]
    kept = sorted((item for item in controls if item.control.id in wanted), key=lambda item: wanted[item.control.id])
    out = [item for item in controls if item.control.id not in wanted]
    if out:
        config.hook.pytest_deselected(items=out)
    run.collected(item.control.id for item in kept)
    items[:] = [*kept, *(item for item in items if not isinstance(item, ControlItem))]


def gather(session: pytest.Session) -> None:
    """Collect the evidence of the run, with progress on the terminal."""
    run = session.config.stash.get(_RUN, None)
    if run is None or session.config.option.collectonly:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")

    def progress(line: str) -> None:
        if reporter is not None:
            reporter.write_line(line)

    try:
        run.gather(progress)
        hosts_of_tests.use(run.evidence)
    except OpsError as exc:
        _refuse(exc)


def status_word(report: Any) -> tuple[str, str, str] | None:
    """Return category, letter and word of a control's report; None for other tests."""
    if report.when != "call":
        return None
    status = dict(report.user_properties).get("status")
    return _WORDS[Status(status)] if status else None


def finish(session: pytest.Session, exitstatus: int) -> None:
    """Close the run and set the exit code; pytest's own 2 to 4 win, and 5 (nothing ran) becomes 10."""
    run = session.config.stash.get(_RUN, None)
    if run is None or session.config.option.collectonly or not run.begun:
        return
    hosts_of_tests.finish(session.config)
    others_failed = session.testsfailed > run.not_green
    session.exitstatus = run.finish(int(exitstatus), others_failed=others_failed)


def html_totals(session: pytest.Session) -> list[str]:
    """Return what the page of pytest-html says of the run as a whole."""
    run = session.config.stash.get(_RUN, None)
    return html_columns.totals((result.status for result in run.results), run.summary) if run is not None else []


def summarize(reporter: Any) -> Generator[None, Any, Any]:
    """Print why cells are not green and the summary of the run, as a wrapper around pytest's own words.

    Controls that failed are told of in one screenful, so pytest's long account of each waits for ``-v``.
    """
    run = reporter.config.stash.get(_RUN, None)
    if run is None or not run.begun:
        return (yield)
    whole = reporter.config.get_verbosity() > 0
    failed = reporter.stats.get("failed", [])
    own = [] if whole else [report for report in failed if dict(report.user_properties).get("status")]
    failed[:] = [report for report in failed if report not in own]
    try:
        result = yield
    finally:
        failed += own
    _tell(reporter, run, whole)
    return result


def _tell(reporter: Any, run: Run, whole: bool) -> None:
    lines = max(_LEAST, shutil.get_terminal_size(_SCREEN).lines - _FRAME)
    found = terminal.reasons(run.results, lines=None if whole else lines)
    if found:
        reporter.section("not green" if whole else "not green (-v: each with its remedy)", sep="─")
    for line in found:
        reporter.write_line(line.text, **_COLOURS.get(line.status, {}))
    if run.summary:
        reporter.section("morning", sep="─")
    for sentence in run.summary:
        reporter.write_line(sentence)
