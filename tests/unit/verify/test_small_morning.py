# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A morning of one host, which is this machine: what its options and its inventory mean for the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from verify.engine import options
from verify.engine.matrix import Selection
from verify.engine.options import Options
from verify.engine.session import Run


def inventory(base: Path, **variables: Any) -> Path:
    """Write the inventory of an environment ``small`` and return the folder to start from."""
    folder = base / "inventories" / "small"
    folder.mkdir(parents=True)
    about = {"ops_environment": "small", "verify_hosts": "web1", **variables}
    everything = {"all": {"hosts": {"web1": {"ansible_connection": "local"}}, "vars": about}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(everything), encoding="utf-8")
    return base


@pytest.mark.parametrize(
    ("declared", "forks", "counts"), [({}, None, 32), ({"verify_concurrency": 3}, None, 3), ({}, 5, 5)]
)
def test_the_inventory_says_how_many_hosts_are_asked_unless_the_command_line_does(
    tmp_path: Path, declared: dict[str, int], forks: int | None, counts: int
) -> None:
    asked = Options(
        *("small", "", Selection(), None, "today", None, True),
        report_dir=tmp_path / "reports",
        forks=forks,
    )
    run = Run.prepare(asked, cwd=inventory(tmp_path, **declared))
    assert run.options.forks == run.header["parameters"]["forks"] == counts


def test_the_option_is_left_out_by_default() -> None:
    parser = pytest.Parser(_ispytest=True)
    options.add(parser)
    assert parser.parse_known_args([]).forks is None
