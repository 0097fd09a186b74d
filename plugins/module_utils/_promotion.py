# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a recovered server, wait for the end of its replay, promote it and prove that it is the primary.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import typing as t
import uuid

from ansible_collections.ccobservatory.ops.plugins.module_utils import _cluster
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import now_iso
from ansible_collections.ccobservatory.ops.plugins.module_utils._postgres import Connection, PgUnavailable, literal
from ansible_collections.ccobservatory.ops.plugins.module_utils._wal import parse_lsn

__all__ = ["Promotion"]

POLL_S = 0.03
LIVENESS_S = 0.3
THAW_S = 0.3
# A server without a data directory's signal file is no recovered one; starting it would be no promotion.
SIGNAL_FILES = ("recovery.signal", "standby.signal")

_PROBE_TABLE = """
DO $probe$ BEGIN
  IF to_regclass('ops.promotion_probe') IS NULL THEN
    CREATE SCHEMA IF NOT EXISTS ops;
    CREATE TABLE ops.promotion_probe (token text PRIMARY KEY, timeline int NOT NULL,
      written_at timestamptz NOT NULL DEFAULT clock_timestamp());
  END IF;
END $probe$"""
_INSERT = "INSERT INTO ops.promotion_probe (token, timeline) VALUES ({}, {})"
_COUNT = "SELECT count(*) FROM ops.promotion_probe WHERE token = {}"
_TIMELINE = "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
_RECOVERY = (
    "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() END,"
    " CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END"
)


class Promotion:
    """One promotion on this host.

    Args:
        params: C(data_dir), C(bin_dir), C(log_file), C(port), C(socket_dir), C(start_unit), C(wait_for),
        C(replay_lsn),
            C(timeline_before), C(timeout), C(promote_timeout), C(stall_s), C(write_timeout).
        run: C(run_command) of the module.
    """

    def __init__(self, params: dict[str, t.Any], run: _cluster.Runner) -> None:
        self.params = params
        self.run = run
        self.log = _cluster.RecoveryLog(params["log_file"])
        self.result: dict[str, t.Any] = {"started": None, "unblocked": []}
        self.deadline = time.monotonic() + params["timeout"]
        self._session: Connection | None = None
        self._looked = 0.0
        self._stopped_timeline: int | None = None
        self._seen_in_recovery = False

    def plan(self) -> dict[str, t.Any]:
        """What would happen, without doing it."""
        running = _cluster.postmaster_pid(self.params["data_dir"]) is not None
        if not running:
            self._need_startable()
            return {"changed": True, "would": ["start", "promote"]}
        state = self._wait_session()
        return {"changed": state["in_recovery"], "would": ["promote"] if state["in_recovery"] else []}

    def perform(self) -> dict[str, t.Any]:
        """Do it and return the facts; C(changed) is false when the server was the primary already."""
        started = self._start_if_stopped()
        state = self._wait_session()
        self.result["accepting"] = now_iso()
        was_primary = not started and not state["in_recovery"]
        if state["in_recovery"]:
            state = self._wait_replay(state)
        if state["in_recovery"]:
            self._thaw()
            self.result["replay_end"] = now_iso()
            self._promote()
        self.result["promoted"] = None if was_primary else now_iso()
        self._prove(was_primary)
        self._checkpoint()
        figures = self.log.recovery()
        if figures.get("replay_end") and not was_primary:
            self.result["replay_end"] = figures["replay_end"]
        self.result.setdefault("replay_end", self.result["promoted"])
        self.result.update(changed=not was_primary, recovery=figures)
        return self.result

    # Starting

    def _need_startable(self) -> None:
        data_dir = self.params["data_dir"]
        if not self.params["start_unit"]:
            raise OpsError(f"No server runs on {data_dir}; start it, or name its unit in start_unit.")
        facts = _cluster.control_facts(self.run, self.params["bin_dir"], data_dir)
        self._stopped_timeline = max(facts["timeline"], facts["min_recovery_timeline"])
        signals = [name for name in SIGNAL_FILES if os.path.exists(os.path.join(data_dir, name))]
        expected = self.params["timeline_before"]
        if not signals and not (expected and self._stopped_timeline > expected):
            raise OpsError(
                f"{data_dir} holds no recovery.signal and no standby.signal, so starting it would open an old primary "
                f"of timeline {self._stopped_timeline} for writes; restore it first."
            )

    def _start_if_stopped(self) -> bool:
        if _cluster.postmaster_pid(self.params["data_dir"]) is not None:
            return False
        self._need_startable()
        self.result["started"] = now_iso()
        rc, _out, err = self.run(["systemctl", "start", "--no-block", self.params["start_unit"]])
        if rc != 0:
            raise OpsError(f"systemctl start {self.params['start_unit']} failed: {err.strip()}.")
        return True

    def _still_alive(self) -> None:
        """Fail at once when the server has ended instead of waiting for it in vain."""
        if time.monotonic() - self._looked < LIVENESS_S:
            return
        self._looked = time.monotonic()
        if _cluster.postmaster_pid(self.params["data_dir"]) is not None:
            return
        unit = self.params["start_unit"]
        if unit:
            _rc, out, _err = self.run(["systemctl", "show", "-p", "ActiveState", "-p", "Job", "--value", unit])
            state, _line, job = out.strip().partition("\n")
            if state in ("activating", "active", "reloading") or job.strip() not in ("", "0"):
                return
        reason = self.log.last_fatal() or "its log says nothing"
        raise OpsError(f"The server on {self.params['data_dir']} ended during recovery: {reason}.", **self._facts())

    # Waiting

    def _state(self, session: Connection) -> dict[str, t.Any]:
        recovering, pause, lsn = session.query(_RECOVERY)[0]
        self._seen_in_recovery = self._seen_in_recovery or recovering == "t"
        return {"in_recovery": recovering == "t", "paused": pause == "paused", "replay_lsn": lsn}

    def _wait_session(self) -> dict[str, t.Any]:
        """Wait until the server takes sessions; its state."""
        while True:
            state = self._try_session()
            if state is not None:
                return state
            self._still_alive()
            if time.monotonic() >= self.deadline:
                raise self._late(f"The server took no session within {self.params['timeout']:g} s")
            time.sleep(POLL_S)

    def _try_session(self) -> dict[str, t.Any] | None:
        """The state if there is a session to be had; a server that says it is not ready is not bothered."""
        if self._session is None and _cluster.postmaster_status(self.params["data_dir"]) != "ready":
            return None
        try:
            if self._session is None:
                self._session = self._connect()
            return self._state(self._session)
        except PgUnavailable:
            self._drop()
            return None

    def _value(self, query: str) -> str | None:
        """One value, asked in the session that the last wait opened. Raises OpsError when there is none."""
        if self._session is None:
            raise OpsError("There is no session with the server; run the step again when it takes sessions.")
        return self._session.value(query)

    def _wait_replay(self, state: dict[str, t.Any]) -> dict[str, t.Any]:
        """Wait for what C(wait_for) and C(replay_lsn) name; a server that promotes itself ends every wait."""
        goal = self.params["replay_lsn"]
        wanted = parse_lsn(goal) if goal else 0
        while state["in_recovery"]:
            replayed = parse_lsn(state["replay_lsn"]) if state["replay_lsn"] else 0
            target = self.params["wait_for"] != "recovery_target" or state["paused"]
            if target and (not wanted or replayed > wanted):
                break
            if time.monotonic() >= self.deadline:
                what = f"log position {goal}" if target else "its recovery target"
                raise self._late(
                    f"The server did not reach {what} within {self.params['timeout']:g} s, "
                    f"it stands at {state['replay_lsn']}"
                )
            time.sleep(POLL_S)
            state = self._wait_session()
        return state

    # Promoting

    def _promote(self) -> None:
        deadline = time.monotonic() + self.params["promote_timeout"]
        self._ask()
        means: list[signal.Signals | None] = [signal.SIGTERM, signal.SIGKILL]
        stall = time.monotonic() + self.params["stall_s"]
        while True:
            generation = self._session
            state = self._wait_session()
            if not state["in_recovery"]:
                return
            if self._session is not generation:
                self._ask()  # The server restarted itself, which forgets the request.
            now = time.monotonic()
            if now >= deadline:
                raise self._late(f"The server was not promoted within {self.params['promote_timeout']:g} s")
            if now >= stall and means:
                self._unblock(t.cast("signal.Signals", means.pop(0)))
                stall = now + self.params["stall_s"]
            time.sleep(POLL_S)

    def _thaw(self) -> None:
        """A receiver that a signal has stopped holds data of the old primary unread: let it read before it ends."""
        pid = self._receiver()
        if pid is None or _cluster.process_state(pid) != "T":
            return
        os.kill(pid, signal.SIGCONT)
        self.result["unblocked"].append({"process": "walreceiver", "signal": "SIGCONT", "at": now_iso()})
        position, quiet = None, 0.0
        while quiet < THAW_S:
            time.sleep(POLL_S)
            received = self._value("SELECT pg_last_wal_receive_lsn()")
            quiet = quiet + POLL_S if received == position else 0.0
            position = received

    def _receiver(self) -> int | None:
        pid = self._value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walreceiver'")
        return int(pid) if pid else None

    def _ask(self) -> None:
        if self._value("SELECT pg_promote(false)") != "t":
            raise OpsError("pg_promote returned false: the server could not be told to promote; look at its log.")

    def _unblock(self, means: signal.Signals) -> None:
        """A receiver of the log that hangs on a vanished sender keeps the promotion waiting: end it."""
        pid = self._receiver()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, means)
            os.kill(pid, signal.SIGCONT)
            self.result["unblocked"].append({"process": "walreceiver", "signal": means.name, "at": now_iso()})

    # Proving

    def _prove(self, was_primary: bool) -> None:
        after = int(self._value(_TIMELINE) or 0)
        ancestors = _cluster.history(self.params["data_dir"], after)
        parent = ancestors[-1] if ancestors else {"timeline": None, "lsn": None}
        before = self.params["timeline_before"] or self._before(parent["timeline"], was_primary)
        if before is not None and after <= before:
            raise OpsError(
                f"The server takes writes on timeline {after}, which is not higher than {before}: this was a start, "
                "not a promotion; stop it at once and find out which server is the primary.",
                timeline_before=before,
                timeline_after=after,
            )
        self._write(after)
        self.result.update(
            first_write=now_iso(),
            timeline_before=before,
            timeline_after=after,
            fork_timeline=parent["timeline"],
            fork_lsn=parent["lsn"],
            lsn=self._value("SELECT pg_current_wal_flush_lsn()"),
        )

    def _before(self, parent: int | None, was_primary: bool) -> int | None:
        """The timeline before: the parent, since the control file shows the new one before the recovery has ended."""
        if self._stopped_timeline and not self._seen_in_recovery:
            return self._stopped_timeline
        return parent if parent is not None or was_primary else self._stopped_timeline

    def _write(self, timeline: int) -> None:
        """Commit a row and read it in another session."""
        token = uuid.uuid4().hex
        try:
            with self._connect() as writer:
                writer.settimeout(self.params["write_timeout"] + 0.5)
                writer.query(f"SET statement_timeout = {int(self.params['write_timeout'] * 1000)}")
                writer.query(_PROBE_TABLE)
                writer.forget_notices()
                writer.query(_INSERT.format(literal(token), int(timeline)))
                warned = "; ".join(writer.notices)
            with self._connect() as reader:
                found = reader.value(_COUNT.format(literal(token)))
        except OpsError as exc:
            raise OpsError(
                f"The promoted server did not commit a write: {exc}{self._commit_waits()}", **self._facts()
            ) from exc
        if warned:
            raise OpsError(f"A commit did not end by itself ({warned}).{self._commit_waits()}", **self._facts())
        if found != "1":
            raise OpsError("The row written to the promoted server is not there in another session.", **self._facts())

    def _commit_waits(self) -> str:
        """A sentence about the setting that lets commits hang, when it is set."""
        with self._connect() as session:
            names = session.value("SHOW synchronous_standby_names")
        if not names:
            return ""
        return f" Commits wait for {names}: clear synchronous_standby_names and reload, or bring those standbys back."

    def _checkpoint(self) -> None:
        """Have the control file show the new timeline soon, without waiting: a backup or a rewind needs it."""
        self._connect().leave_running("CHECKPOINT")
        self.result["checkpoint_requested"] = now_iso()
        self._drop()

    # Helpers

    def _connect(self) -> Connection:
        return Connection(socket_dir=self.params["socket_dir"], port=self.params["port"])

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    def _facts(self) -> dict[str, t.Any]:
        return {**self.result, "recovery": self.log.recovery()}

    def _late(self, sentence: str) -> OpsError:
        pid = _cluster.postmaster_pid(self.params["data_dir"])
        busy = "; ".join(_cluster.process_titles(pid)) if pid else "none"
        return OpsError(f"{sentence}. Its processes: {busy}.", **self._facts())
