# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``pytest verify/``, all under one heading of ``--help``.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from verify.engine.matrix import Selection

__all__ = ["Options", "add", "read"]

_HEADING = "operations guide (ccobservatory.ops)"
_REPEATED = (
    ("--item", "ID", "only this item, such as INFRA-02"),
    ("--section", "NAME", "only the items of this section, such as INFRA"),
    ("--owner", "ROLE", "only the items of this owner role"),
    ("--severity", "LEVEL", "only items of this severity: critical, high, medium, low"),
    ("--host", "NAME", "only this host of the inventory"),
    ("--only", "FINDING", "test again the cells with these names, such as F-0123456789, after a remedy"),
)


@dataclass(frozen=True)
class Options:
    """The command line, read. ``forks`` is None when it was left out; ``rules`` is ``today`` or ``run``."""

    env: str
    limit: str
    selection: Selection
    replay: Path | None
    rules: str
    allowed_signers: Path | None
    collect: bool
    report_dir: Path | None
    forks: int | None

    @property
    def asked(self) -> bool:
        """Return whether a run was asked for at all."""
        return bool(self.env or self.replay)


def add(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("ops", _HEADING)
    group.addoption("--env", metavar="NAME", default="", help="the environment: inventories/NAME, read through Ansible")
    group.addoption("--limit", metavar="PATTERN", default="", help="narrow the hosts by an Ansible pattern")
    for option, metavar, text in _REPEATED:
        group.addoption(option, metavar=metavar, action="append", default=[], help=f"{text}; can be given again")
    group.addoption("--replay", metavar="RUN", default="", help="judge a past run again, offline: its folder")
    group.addoption(
        "--rules",
        choices=("today", "run"),
        default="today",
        help="with --replay: today's rules (default), or the rules that the run kept",
    )
    group.addoption(
        "--allowed-signers",
        metavar="FILE",
        default="",
        help="with --replay: who may have sealed the run, from a place you trust; --rules run needs it",
    )
    group.addoption(
        "--live",
        dest="ops_collect",
        action="store_true",
        default=True,
        help="ask hosts and systems now (default)",
    )
    group.addoption(
        "--no-collect",
        dest="ops_collect",
        action="store_false",
        help="ask nobody: judge the evidence of the newest run, as old as it is",
    )
    group.addoption("--report-dir", metavar="DIR", default="", help="where runs are kept (default: reports)")
    group.addoption(
        "--forks",
        metavar="N",
        type=int,
        default=None,
        help="hosts asked at the same time (default: verify_concurrency of the inventory, or 32)",
    )


def read(config: pytest.Config) -> Options:
    """Return the command line; pytest's UsageError for what does not go together."""
    get = config.getoption
    if get("--replay") and (get("--env") or get("--limit")):
        raise pytest.UsageError("--replay takes its environment from the run; leave --env and --limit out.")
    if get("--rules") == "run" and not get("--replay"):
        raise pytest.UsageError("--rules run goes with --replay: only a past run has rules of its own.")
    forks = get("--forks")
    if forks is not None and not 1 <= forks <= 512:
        raise pytest.UsageError("--forks takes a number from 1 to 512.")
    names = {key: tuple(get(f"--{option}")) for key, option in _KEYS.items()}
    return Options(
        env=get("--env"),
        limit=get("--limit"),
        selection=Selection(**names),
        replay=Path(get("--replay")) if get("--replay") else None,
        rules=get("--rules"),
        allowed_signers=Path(get("--allowed-signers")) if get("--allowed-signers") else None,
        collect=bool(get("ops_collect")),
        report_dir=Path(get("--report-dir")) if get("--report-dir") else None,
        forks=forks,
    )


_KEYS = {
    "items": "item",
    "sections": "section",
    "owners": "owner",
    "severities": "severity",
    "hosts": "host",
    "findings": "only",
}
