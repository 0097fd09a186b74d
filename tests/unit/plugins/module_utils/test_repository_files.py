# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is stored beside the WAL belongs to this cluster and to a kept set."""

from __future__ import annotations

import pytest

from tests.unit.plugins.module_utils._planted import BACKUP, SYSTEM, Recorded, audit, codes


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"system_identifier": SYSTEM, "database_version": "15"}, set()),
        ({"system_identifier": "1"}, {"wrong_stanza"}),
        ({"database_version": "16"}, {"wrong_stanza"}),
    ],
)
def test_a_stanza_of_another_cluster_is_found(bounds: dict[str, str], expected: set[str], pgbackrest: Recorded) -> None:
    assert codes(audit(pgbackrest, **bounds)) == expected


def test_an_aborted_backup_is_noted_unless_one_is_running(pgbackrest: Recorded) -> None:
    pgbackrest.listing[f"{BACKUP}/20261123-230000F"] = {"type": "path"}
    assert codes(audit(pgbackrest)) == {"unknown_backup"}
    pgbackrest.info[0]["status"]["lock"]["backup"]["held"] = True
    assert codes(audit(pgbackrest)) == set()
