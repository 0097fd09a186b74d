# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new drill does not begin where the recovery host cannot read the repository; what is in it is judged later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles._estate import Estate

GIVEN = {"dr_target": "db2", "dr_repository": "repo1", "__dr_result": {}}

pytestmark = pytest.mark.slow


def seen(tmp_path: Path, answer: dict[str, Any]) -> tuple[int, str]:
    """Look at a repository of which the recovery host learns this; return the exit code and what was said."""
    estate = Estate(tmp_path, db2={"repository": answer})
    return estate.run("repository.yml", step="assess", **GIVEN), estate.said


@pytest.mark.parametrize(
    ("answer", "cause", "mend"),
    [
        (
            {"status": "other", "status_message": "[CryptoError] unable to verify certificate presented by repo1:8432"},
            "([CryptoError] unable to verify certificate presented by repo1:8432)",
            "a certificate on repo1 or db2 has ended or is not trusted, so renew it",
        ),
        ({"status": "other", "status_message": "timeout"}, "(timeout)", "see that pgbackrest.service runs on repo1"),
        ({"status": "other", "status_message": ""}, "(no answer)", "that nothing cuts the way between them"),
        ({"failed": True, "msg": "It did not answer."}, "(It did not answer.)", "pgbackrest.service runs on repo1"),
    ],
)
def test_what_cannot_be_read_is_refused_with_cause_and_mend(
    tmp_path: Path, answer: dict[str, Any], cause: str, mend: str
) -> None:
    code, said = seen(tmp_path, answer)
    assert code == 2
    assert f"db2 cannot read the repository on repo1 {cause}" in said, said[-2000:]
    assert mend in said and "Nothing was begun." in said


@pytest.mark.parametrize("status", ["ok", "no_backup", "missing_stanza"])
def test_what_the_repository_holds_is_judged_in_the_drill(tmp_path: Path, status: str) -> None:
    code, said = seen(tmp_path, {"status": status, "status_message": "x"})
    assert code == 0, said[-2000:]
