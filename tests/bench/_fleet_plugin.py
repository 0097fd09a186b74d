# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves the assertions from evidence of the simulated hosts, as the suite's own conftest does for an environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from _fleet import Fleet

from verify.engine.evidence import Evidence
from verify.testinfra import backend


def pytest_configure(config: pytest.Config) -> None:
    run = Fleet(int(os.environ["FLEET_PORT"]), Path(os.environ["FLEET_FOLDER"]))
    environment = run.environment(int(os.environ["FLEET_HOSTS"]))
    backend.configure(config, environment, Evidence(), live=True, plan=run.folder / backend.PLAN)


def pytest_unconfigure(config: pytest.Config) -> None:
    backend.finish(config)
