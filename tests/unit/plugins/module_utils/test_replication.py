# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is missing to a wished state of replication is told by name."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _replication
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

NOTHING: dict[str, Any] = {"standby": None, "max_lag_bytes": None, "sync": False, "replay_lsn": None}


def sender(name: str, lag: int | None, state: str = "streaming", sync: str = "async") -> dict[str, Any]:
    return {"name": name, "state": state, "sync_state": sync, "lag_bytes": lag}


def primary(*senders: dict[str, Any]) -> dict[str, Any]:
    return {"role": "primary", "lsn": "0/5000000", "senders": list(senders)}


def standby(lsn: str | None) -> dict[str, Any]:
    return {"role": "standby", "lsn": lsn, "senders": []}


@pytest.mark.parametrize(
    ("state", "wish", "missing"),
    [
        (primary(), {}, None),
        (primary(), {"standby": "db2"}, "db2 does not stream from this server, nobody does"),
        (primary(), {"max_lag_bytes": 0}, "no standby streams from this server"),
        (primary(sender("db2", 0, "catchup")), {"standby": "db2"}, "db2 (catchup) does"),
        (primary(sender("db2", 0)), {"standby": "db2"}, None),
        (primary(sender("db2", 5)), {"standby": "db2", "max_lag_bytes": 5}, None),
        (primary(sender("db2", 6)), {"standby": "db2", "max_lag_bytes": 5}, "db2 is 6 bytes behind and not within 5"),
        (primary(sender("db2", None)), {"standby": "db2", "max_lag_bytes": 5}, "db2 is None bytes behind"),
        (primary(sender("rx1", 0), sender("db2", 9)), {"max_lag_bytes": 5}, "db2 is 9 bytes behind"),
        (primary(sender("rx1", 0)), {"standby": "rx1", "sync": True}, "rx1 does not count for synchronous commits"),
        (primary(sender("rx1", 0, sync="quorum")), {"standby": "rx1", "sync": True}, None),
        (primary(sender("rx1", 0, sync="potential")), {"standby": "rx1", "sync": True}, "does not count"),
        (standby("0/5000000"), {"replay_lsn": "0/5000000"}, None),
        (standby("0/4FFFFFF"), {"replay_lsn": "0/5000000"}, "has replayed to 0/4FFFFFF and not to 0/5000000"),
        (standby(None), {"replay_lsn": "0/1"}, "has replayed to None"),
    ],
)
def test_what_is_missing(state: dict[str, Any], wish: dict[str, Any], missing: str | None) -> None:
    found = _replication.missing(state, {**NOTHING, **wish})
    if missing is None:
        assert found is None
    else:
        assert missing in str(found)


@pytest.mark.parametrize(
    ("state", "wish", "words"),
    [
        (primary(), {"replay_lsn": "0/1"}, "is no standby but a primary at 0/5000000"),
        (standby("0/1"), {"replay_lsn": "nonsense"}, "is no LSN"),
        (primary(), {"sync": True}, "Name the standby"),
    ],
)
def test_what_can_never_come_is_an_error(state: dict[str, Any], wish: dict[str, Any], words: str) -> None:
    with pytest.raises(OpsError, match=words):
        _replication.missing(state, {**NOTHING, **wish})


class Session:
    """Answers the questions of C(facts) in order of their tables."""

    def __init__(self, recovering: bool) -> None:
        self.recovering = recovering

    def value(self, _sql: str) -> str | None:
        return None

    def records(self, sql: str) -> list[dict[str, str | None]]:
        assert "@HERE@" not in sql
        if "AS recovering" in sql:
            own: dict[str, str | None] = {
                "recovering": "t" if self.recovering else "f",
                "lsn": "0/5",
                "synchronous": "",
            }
            return [{**own, "checkpoint_timeline": "2", "written_timeline": None if self.recovering else "3"}]
        if "pg_stat_replication" in sql:
            return [] if self.recovering else [{"name": "db2", "state": "streaming", "lag_bytes": "7"}]
        if "pg_replication_slots" in sql:
            return [{"name": "rx_mon1", "active": "f", "kept_bytes": None}]
        if "pg_stat_wal_receiver" in sql:
            return [{"status": "streaming", "received_tli": "4", "sender_port": "5432"}]
        return [{"lsn": "0/5", "lag_bytes": "0"}]


def test_facts_of_a_primary() -> None:
    facts = _replication.facts(Session(recovering=False))
    assert (facts["role"], facts["timeline"], facts["receiver"], facts["replay"]) == ("primary", 3, None, None)
    assert facts["senders"] == [{"name": "db2", "state": "streaming", "lag_bytes": 7}]
    assert facts["slots"] == [{"name": "rx_mon1", "active": False, "kept_bytes": None}]


def test_facts_of_a_standby() -> None:
    facts = _replication.facts(Session(recovering=True))
    assert (facts["role"], facts["timeline"], facts["senders"]) == ("standby", 4, [])
    assert facts["receiver"] == {"status": "streaming", "received_tli": 4, "sender_port": 5432}
    assert facts["replay"] == {"lsn": "0/5", "lag_bytes": 0}
