# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a PostgreSQL server's replication stands, and what is missing to how it should stand.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._wal import parse_lsn

__all__ = ["asks", "facts", "missing"]


class Session(t.Protocol):
    """What is needed of a connection."""

    def value(self, sql: str) -> str | None:
        """The first column of the first row."""

    def records(self, sql: str) -> list[dict[str, str | None]]:
        """Rows as dictionaries."""


_HERE = "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END"
_SELF = """
SELECT pg_is_in_recovery() AS recovering, @HERE@ AS lsn,
  (SELECT timeline_id FROM pg_control_checkpoint()) AS checkpoint_timeline,
  CASE WHEN NOT pg_is_in_recovery() THEN ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END
    AS written_timeline,
  current_setting('synchronous_standby_names') AS synchronous"""
_SENDERS = """
SELECT application_name AS name, state, sync_state, client_addr AS address, sent_lsn, flush_lsn, replay_lsn,
  CASE WHEN coalesce(replay_lsn, flush_lsn) IS NOT NULL
    THEN greatest(0, pg_wal_lsn_diff(@HERE@, coalesce(replay_lsn, flush_lsn)))::bigint END AS lag_bytes
FROM pg_stat_replication ORDER BY application_name, pid"""
_SLOTS = """
SELECT slot_name AS name, slot_type AS type, active, wal_status, restart_lsn,
  greatest(0, pg_wal_lsn_diff(@HERE@, restart_lsn))::bigint AS kept_bytes
FROM pg_replication_slots ORDER BY slot_name"""
_RECEIVER = (
    "SELECT status, sender_host, sender_port, received_tli, flushed_lsn, latest_end_lsn FROM pg_stat_wal_receiver"
)
_REPLAY = """
SELECT pg_last_wal_replay_lsn() AS lsn, pg_last_wal_receive_lsn() AS received_lsn, pg_get_wal_replay_pause_state() AS
pause,
  greatest(0, pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()))::bigint AS lag_bytes,
  pg_last_xact_replay_timestamp() AS last_transaction"""


def _at_position(sql: str) -> str:
    """A query with the server's own position in place, whichever role it has."""
    return sql.replace("@HERE@", _HERE)


_NUMBERS = ("lag_bytes", "kept_bytes", "received_tli", "sender_port")


def _typed(record: dict[str, str | None]) -> dict[str, t.Any]:
    """Numbers and truth values as such."""
    typed: dict[str, t.Any] = dict(record)
    for name in _NUMBERS:
        if typed.get(name) is not None:
            typed[name] = int(typed[name])
    if "active" in typed:
        typed["active"] = typed["active"] == "t"
    return typed


def facts(session: Session) -> dict[str, t.Any]:
    """Role, timeline, position, senders, slots, receiver and replay of the server."""
    own = session.records(_at_position(_SELF))[0]
    recovering = own["recovering"] == "t"
    receiver = [_typed(row) for row in session.records(_RECEIVER)] if recovering else []
    received = receiver[0].get("received_tli") if receiver else None
    return {
        "role": "standby" if recovering else "primary",
        "timeline": int(own["written_timeline"] or received or own["checkpoint_timeline"] or 0),
        "lsn": own["lsn"],
        "senders": [_typed(row) for row in session.records(_at_position(_SENDERS))],
        "slots": [_typed(row) for row in session.records(_at_position(_SLOTS))],
        "receiver": receiver[0] if receiver else None,
        "replay": _typed(session.records(_REPLAY)[0]) if recovering else None,
        "synchronous_standby_names": own["synchronous"],
    }


def asks(params: t.Mapping[str, t.Any]) -> bool:
    """Whether there is anything to wait for."""
    return bool(params["sync"]) or any(params[name] is not None for name in ("standby", "max_lag_bytes", "replay_lsn"))


def missing(state: dict[str, t.Any], params: t.Mapping[str, t.Any]) -> str | None:
    """The end of a sentence that says what is missing, None when all is there.

    Raises:
        OpsError: it can never come, since the server has the wrong role.
    """
    if not asks(params):
        return None
    if params["replay_lsn"] is not None:
        return _missing_replay(state, params["replay_lsn"])
    if params["sync"] and not params["standby"]:
        raise OpsError("Name the standby that shall be synchronous.")
    return _missing_stream(state, params)


def _missing_replay(state: dict[str, t.Any], goal: str) -> str | None:
    wanted = parse_lsn(goal)
    if state["role"] != "standby":
        raise OpsError(f"This server is no standby but a primary at {state['lsn']}; ask the standby for its replay.")
    if state["lsn"] is not None and parse_lsn(state["lsn"]) >= wanted:
        return None
    return f"the standby has replayed to {state['lsn']} and not to {goal}; look at its receiver and its archive."


def _missing_stream(state: dict[str, t.Any], params: t.Mapping[str, t.Any]) -> str | None:
    name, bound = params["standby"], params["max_lag_bytes"]
    mine = [sender for sender in state["senders"] if name in (None, sender["name"]) and sender["state"] == "streaming"]
    if not mine:
        others = ", ".join(f"{sender['name']} ({sender['state']})" for sender in state["senders"]) or "nobody"
        who = f"{name} does not stream" if name else "no standby streams"
        return f"{who} from this server, {others} does; look at its log."
    for sender in mine:
        if bound is not None and (sender["lag_bytes"] is None or sender["lag_bytes"] > bound):
            return f"{sender['name']} is {sender['lag_bytes']} bytes behind and not within {bound}; look at its load."
    if params["sync"] and not any(sender["sync_state"] in ("sync", "quorum") for sender in mine):
        return f"{name} does not count for synchronous commits; look at synchronous_standby_names."
    return None
