# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of the old primary is closed when all who are needed say so, and nobody who can be asked denies it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.roles._estate import Estate

REFUSED, CUT, YES, DEAD = "refused", "unreachable", "answered", "nothing"
ASKED = {
    "proved": "{{ __dr_address_proved }}",
    "said": "{{ __dr_address_said }}",
    "proofs": "{{ __dr_address_proofs }}",
}

pytestmark = pytest.mark.slow


def ask(folder: Path, *poolers: str, inside: str) -> dict[str, Any]:
    """Ask from lb1 and lb2, which serve clients, and from client1 beside the old primary; what each of them sees."""
    sees = dict(zip(("lb1", "lb2", "client1"), (*poolers, inside), strict=True))
    estate = Estate(folder, **{host: {"sees": seen} for host, seen in sees.items()})
    given = {"dr_primary": "db1", "__dr_poolers": ["lb1", "lb2"], "__dr_lost_hosts": ["db1", "client1"]}
    assert estate.run("address.yml", step="fence", **given, __dr_result=ASKED) == 0, estate.said[-3000:]
    return estate.result


@pytest.mark.parametrize(
    ("poolers", "inside", "proved"),
    [
        ((REFUSED, REFUSED), REFUSED, True),
        ((CUT, CUT), DEAD, True),
        ((CUT, CUT), YES, False),
        ((CUT, YES), REFUSED, False),
        ((CUT, DEAD), REFUSED, False),
    ],
    ids=["closed", "all of the site is gone", "seen from inside", "seen by the second pooler", "a pooler is silent"],
)
def test_one_who_sees_it_is_enough_to_refuse(
    tmp_path: Path, poolers: tuple[str, str], inside: str, proved: bool
) -> None:
    found = ask(tmp_path, *poolers, inside=inside)
    assert found["proved"] is proved
    told = {row["method"].partition(":")[0]: row["observed"] for row in found["proofs"]}
    asked = {"from lb1": poolers[0], "from lb2": poolers[1], "from client1": inside}
    assert told == {who: seen for who, seen in asked.items() if seen != DEAD}
    assert f"from lb1 {poolers[0]}" in found["said"]
