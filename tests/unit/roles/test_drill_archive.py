# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question of the step canary, asked of a real server whose archive takes a known time."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
import yaml

from tests.unit.verify_history import _postgresql

pytestmark = pytest.mark.slow

STEP = Path(__file__).resolve().parents[3] / "roles" / "dr" / "tasks" / "steps" / "canary.yml"
PUSH_S = 1.5
LONGEST_S = 30


def question(last_ack: str) -> str:
    """Return the statement of the step, for a write acknowledged at an instant."""
    tasks = yaml.safe_load(STEP.read_text(encoding="utf-8"))
    (asked,) = [task["ansible.builtin.command"]["argv"][-1] for task in tasks if "ansible.builtin.command" in task]
    assert asked.count("{{") == 1
    return str(asked.replace("{{ __dr_canary_started.last_ack }}", last_ack))


def test_timeout_and_push_are_read_from_the_server() -> None:
    with (
        _postgresql.server("archive_mode=on", f"archive_command=sleep {PUSH_S}", "archive_timeout=7min") as url,
        contextlib.closing(_postgresql.connect(int(url.rpartition(":")[2]), "postgres")) as connection,
    ):
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE written (n int)")
        cursor.execute("SELECT clock_timestamp()::text")
        asked = question(cursor.fetchone()[0])
        cursor.execute(asked)
        assert cursor.fetchall() == [], "nothing is archived yet, and so nothing is measured"
        cursor.execute("SELECT pg_switch_wal()")
        until = time.monotonic() + LONGEST_S
        while not (rows := cursor.fetchall() if cursor.execute(asked) is None else []):
            assert time.monotonic() < until, "the segment was not archived"
            time.sleep(0.1)
    ((timeout, push),) = rows
    assert timeout == "420"
    # The file's instant has whole seconds only: the push is never measured too short, and at most a second too long.
    assert PUSH_S <= float(push) <= PUSH_S + 1.5
