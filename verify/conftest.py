# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pytest verify/ --env NAME``: options and hooks of the morning's run; what they do stands in ``verify/engine``."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from verify.engine import html_columns, options, plugin


def pytest_addoption(parser: pytest.Parser) -> None:
    """Explain and accept the options, under one heading of ``--help``."""
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Make the run ready; bad input ends here, before anything is asked."""
    plugin.configure(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect one item a control from the files of ``verify/checks``."""
    return plugin.collect_file(file_path, parent)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect controls that were not asked for, and put the rest into the order of the guide."""
    plugin.order(config, items)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    """Collect evidence before the first control is judged."""
    plugin.gather(session)
    return (yield)


def pytest_report_teststatus(report: Any, config: pytest.Config) -> tuple[str, str, str] | None:
    """Show the seven statuses in place of pytest's own."""
    return plugin.status_word(report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Close, compare, report and seal the run, and set the exit code."""
    plugin.finish(session, exitstatus)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any) -> Generator[None, Any, Any]:
    """Say why cells are not green, and in one paragraph what the run found and where it lies."""
    return (yield from plugin.summarize(terminalreporter))


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_header(cells: list[str]) -> None:
    """Give pytest-html, where ``--html`` is asked for, a column for the seven statuses."""
    html_columns.head(cells)


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_row(report: Any, cells: list[str]) -> None:
    """Fill that column."""
    html_columns.row(report, cells)


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    """Count the statuses at the head of that page."""
    prefix.extend(plugin.html_totals(session))
