# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On the provisioned lab: provisioning it again changes nothing, and check mode says so beforehand."""

from __future__ import annotations

import re
from pathlib import Path

import _drills
import pytest

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]

SITE = "playbooks/site.yml"
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@pytest.mark.parametrize("mode", [["--check"], []], ids=["in check mode", "again"])
def test_provisioning_a_provisioned_estate_changes_nothing(mode: list[str], tmp_path: Path) -> None:
    done = _drills.run(*mode, cwd=tmp_path, playbook=SITE)
    hosts = {name: [int(count) for count in counts] for name, *counts in RECAP.findall(done.stdout)}
    changes = re.findall(r"^TASK \[(.*?)\][^\n]*\n(?:(?!TASK ).*\n)*?changed: \[(\S+?)\]", done.stdout, re.MULTILINE)
    assert done.returncode == 0, done.stdout[-3000:]
    assert len(hosts) == 10
    assert {name: counts[1:] for name, counts in hosts.items() if any(counts[1:])} == {}, changes
    assert all(counts[0] > 10 for counts in hosts.values()), "a host was hardly looked at"
