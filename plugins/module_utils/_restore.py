# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a cluster with pgBackRest: refuse what must not be overwritten, wait for others, restore, settle.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _datadir
from ansible_collections.ccobservatory.ops.plugins.module_utils._command import Phases, Run, mask
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import SET_DAMAGED, Pgbackrest, parse_error
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest_answers import parse_restore_log
from ansible_collections.ccobservatory.ops.plugins.module_utils._recovery_target import (
    WITH_TARGET,
    target_of,
    timeline_of,
)
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, now

__all__ = ["WITH_TARGET", "Restore", "options_of"]

_POLL_S = 0.1
_LOCKED = 50


def options_of(params: Mapping[str, Any], *, delta: bool) -> list[str]:
    """Return the options of the restore command for *params*; raises OpsError for a target they cannot mean."""
    options = [f"--pg1-path={params['data_dir']}", f"--process-max={params['process_max'] or os.cpu_count() or 1}"]
    options += [f"--type={params['type']}", "--log-level-console=info"]
    if params["type"] in WITH_TARGET:
        options.append(f"--target={target_of(params['type'], params['target'])}")
    if params["type"] in (*WITH_TARGET, "immediate"):
        options.append(f"--target-action={params['target_action']}")
    if params["target_exclusive"] and params["type"] in ("time", "lsn"):
        options.append("--target-exclusive")
    if params["target_timeline"]:
        options.append(f"--target-timeline={timeline_of(params['target_timeline'])}")
    if params["archive_mode"] == "off":
        options.append("--archive-mode=off")
    options += ["--delta"] if delta else []
    options += [f"--set={params['set']}"] if _named_set(params) else []
    options += ["--link-all"] if params["link_all"] else []
    for name in ("recovery_options", "link_map", "tablespace_map"):
        flag = "--" + name.removesuffix("s").replace("_", "-")
        options += [f"{flag}={key}={value}" for key, value in sorted(params[name].items())]
    return options


def _named_set(params: Mapping[str, Any]) -> str | None:
    """Return the label of the set that the task names; None when it wants the newest."""
    label = params["set"]
    return None if label in (None, "", "latest") else str(label)


class Restore:
    """One restore into one data directory."""

    def __init__(self, params: Mapping[str, Any], tool: Pgbackrest, *, run: Run, check: bool) -> None:
        self._run = run
        self.params = params
        self.check = check
        self.data_dir = os.path.normpath(params["data_dir"])
        self.tool = tool
        self.phases = Phases()
        self.waited_for: list[int] = []
        self.command: list[str] = []
        self.delta = False
        self.started = now()

    def facts(self) -> dict[str, Any]:
        """Return what every result carries, good or bad."""
        ended = now()
        return {
            "command": [mask(word) for word in self.command],
            "delta": self.delta,
            "phases": self.phases.rows,
            "started": iso_ms(self.started),
            "ended": iso_ms(ended),
            "seconds": round((ended - self.started).total_seconds(), 3),
            "waited_for": self.waited_for,
        }

    def run(self) -> dict[str, Any]:
        """Restore and return the result; an OpsError before the phase C(restore) means that nothing was touched."""
        with self.phases.phase("preflight"):
            self._refuse_running_server()
            self.command = self.tool.command("restore", *options_of(self.params, delta=self.params["delta"]))
        with self.phases.phase("wait"):
            self._wait_for_others()
        with self.phases.phase("plan"):
            before = _datadir.classify(self.data_dir)
            self.delta = self._decide_delta(before)
            self.command = self.tool.command("restore", *options_of(self.params, delta=self.delta), "--job-retry=1")
            self._prove_system(before)
        diff: dict[str, Any] = {
            "before": {"data_dir": before},
            "after": {"data_dir": "cluster", "set": _named_set(self.params) or "newest"},
        }
        if self.check:
            return {"changed": True, "diff": diff, "set": _named_set(self.params), **self.facts()}
        with self.phases.phase("restore"):
            self._make_directory(before)
            self._remove_stale_pid()
            told = self._restore()
        with self.phases.phase("settings"):
            _before, after = _datadir.rewrite_settings(self.data_dir)
        recovery = {key: mask(value) for key, value in _datadir.recovery_settings(after).items()}
        diff["after"] = {"data_dir": "cluster", "set": told["label"], "recovery": recovery}
        return {"changed": True, "diff": diff, "recovery": recovery, **told, **self.facts()}

    def _refuse_running_server(self) -> None:
        pids = _datadir.server_processes(self.data_dir, run=self._run)
        if pids:
            raise OpsError(
                f"PostgreSQL is running in {self.data_dir} (process {pids[0]}); stop it before restoring over it.",
                pids=pids,
            )

    def _wait_for_others(self) -> None:
        """Wait until no other restore works on the directory; raises OpsError when it takes too long."""
        deadline = time.monotonic() + self.params["wait_running_s"]
        while pids := _datadir.running_restores(self.params["stanza"], self.data_dir):
            self.waited_for = sorted({*self.waited_for, *pids})
            if self.check:
                return
            if time.monotonic() > deadline:
                raise OpsError(
                    f"Another restore into {self.data_dir} still runs (process {pids[0]}); wait for it or end it.",
                    pids=pids,
                )
            time.sleep(_POLL_S)

    def _decide_delta(self, state: str) -> bool:
        """Return whether to keep what is there; raises OpsError for a directory that must not be overwritten."""
        if state in ("absent", "empty"):
            return False
        if state in ("interrupted", "restored"):
            return True
        if state == "cluster" and (self.params["delta"] or self.waited_for):
            return True
        what = "a cluster" if state == "cluster" else "files that are no PostgreSQL cluster"
        mend = "set delta: true to overwrite it" if state == "cluster" else "empty it, or name the right directory"
        raise OpsError(f"{self.data_dir} already holds {what}; {mend}.", data_dir_state=state)

    def _prove_system(self, state: str) -> None:
        """Raise OpsError when the cluster in the directory is not the one of the stanza."""
        if state not in ("cluster", "restored"):
            return
        known = [row["system_identifier"] for row in self.tool.info(at=time.time())["databases"]]
        there = _datadir.system_identifier(self.data_dir)
        if known and there not in known:
            raise OpsError(
                f"{self.data_dir} holds the cluster {there}, stanza {self.params['stanza']} belongs to {known[-1]}; "
                "name the right directory or stanza, or move the foreign cluster away."
            )

    def _make_directory(self, state: str) -> None:
        if state == "absent":
            entry = pwd.getpwnam(self.params["user"])
            os.makedirs(self.data_dir, mode=0o700)
            if os.geteuid() == 0:
                os.chown(self.data_dir, entry.pw_uid, entry.pw_gid)

    def _remove_stale_pid(self) -> None:
        """Remove the file that a killed server left, right after proving again that none uses the directory."""
        self._refuse_running_server()
        path = os.path.join(self.data_dir, "postmaster.pid")
        if os.path.lexists(path):
            os.unlink(path)

    def _restore(self) -> dict[str, Any]:
        """Run pgBackRest, waiting while another one holds its lock; raises OpsError when it fails."""
        deadline = time.monotonic() + self.params["wait_running_s"]
        limit = self.params["timeout"]
        command = ["timeout", "--kill-after=10", str(limit), *self.command] if limit else self.command
        while True:
            code, out, err = self.tool.execute(command)
            if code == 0:
                return parse_restore_log(out)
            if limit and code in (124, 137):
                raise OpsError(
                    f"The restore did not end within {limit} s; run it again to go on, with a longer timeout."
                )
            error = parse_error(err + out)[0] or code
            if error != _LOCKED or time.monotonic() > deadline:
                label = parse_restore_log(out + err)["label"] or _named_set(self.params)
                self.tool.fail("restore", code, err + out, set=label, set_damaged=error in SET_DAMAGED)
            time.sleep(_POLL_S)
