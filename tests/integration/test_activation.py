# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedures in earnest: a site is really gone, the recovery site is activated, and later the service returns."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import _drills
import pytest

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]

ACTIVATE = "playbooks/dr_activate.yml"
RETURN = "playbooks/dr_failback.yml"
CONFIRMED = ("-e", f"dr_activate_confirm={_drills.ENVIRONMENT}", "-e", "dr_activate_reason=exercise")


def lab(*arguments: str) -> None:
    """Run the lab's program; it has to succeed."""
    asked = [sys.executable, str(_drills.ROOT / "lab" / "lab"), "--quiet", "--prefix", _drills.PREFIX, *arguments]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def lost_site() -> Iterator[None]:
    """Take the primary site away, and give it back in any case."""
    lab("fault", "site-kill", "site_a")
    yield
    lab("heal", "--all")


def test_without_its_confirmation_nothing_is_touched(tmp_path: Path) -> None:
    done = _drills.run(cwd=tmp_path, playbook=ACTIVATE)
    assert done.returncode != 0
    assert f"confirm with -e dr_activate_confirm={_drills.ENVIRONMENT}" in " ".join(done.stdout.split())
    assert _drills.drills(tmp_path) == []
    assert _drills.writable() == ["db1"]


def test_a_lost_site_is_replaced_and_the_service_returns(lost_site: None, tmp_path: Path) -> None:
    """Nobody asks the lost hosts; the recovery site writes after three proofs, and the return loses nothing."""
    with _drills.Observer() as observer:
        activated = _drills.run(*CONFIRMED, cwd=tmp_path, playbook=ACTIVATE)
        assert activated.returncode == 0, activated.stdout[-3000:]
        assert _drills.writable() == ["db2"]
        record = _drills.record(_drills.drills(tmp_path)[-1])
        assert record["verdict"] in {"pass", "pass_with_conditions"}, record["verdict_reasons"]
        assert {proof["proof"] for proof in record["fencing"]} == {"power", "repository", "address"}
        lab("heal", "--all")
        back = ("-e", f"dr_failback_confirm={_drills.ENVIRONMENT}")
        returned = _drills.run(*back, cwd=tmp_path, playbook=RETURN)
    assert returned.returncode == 0, returned.stdout[-3000:]
    assert observer.two_writers() == []
    assert _drills.writable() == ["db1"]
    assert _drills.record(_drills.drills(tmp_path)[-1])["failback"]["lost"] == 0
