#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a cluster from a pgBackRest repository."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbackrest_restore
short_description: Restore a PostgreSQL cluster from a pgBackRest repository
version_added: 0.1.0
description:
  - Runs C(pgbackrest restore) into one data directory and leaves it ready to be started; it starts nothing.
  - Refuses while a PostgreSQL process works in the data directory. A C(postmaster.pid) that a killed server left behind
    is removed, after the working directories of all processes have proved that none uses the directory.
  - A restore of the same stanza into the same directory that is still running, as one left by a killed controller,
    is waited for.
  - Refuses a directory that holds files which are no cluster, or a cluster with another system identifier. A cluster of
    this stanza is overwritten only with O(delta=true). A restore that was interrupted, or that ended and was never
    started, is taken up by itself.
  - Afterwards C(postgresql.auto.conf) holds exactly one set of recovery settings. Each restore appends one and a backup
    carries those of earlier restores along, so old recovery targets and connections would pile up.
  - Nothing is copied besides what pgBackRest copies, so it takes as long as pgBackRest takes.
  - When the set itself is damaged, it fails within a second of the first damaged file, with RV(ignore:error_code),
    RV(ignore:set) and RV(ignore:set_damaged) in the result, so that a play can take an older set.
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
  - ccobservatory.ops.pgbackrest
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: none
    details:
      - A restore always brings the data directory back to the state of the backup.
options:
  data_dir:
    description: Data directory to restore into, absolute. It is made when it is not there.
    type: path
    required: true
  type:
    description:
      - How far recovery goes once the server starts.
      - >-
        C(default) replays all WAL there is and stops without an error at a gap; prove the archive first with
        M(ccobservatory.ops.wal_audit). C(immediate) stops when the backup is consistent. C(time), C(lsn) and C(name)
        stop at O(target), and the server refuses to start when the archive ends before it. C(standby) follows a
        primary.
    type: str
    choices: [default, immediate, time, lsn, name, standby]
    default: default
  target:
    description:
      - Where recovery stops, for O(type=time), O(type=lsn) and O(type=name).
      - A time needs its zone, such as C(2026-11-23T21:28:36.250Z).
    type: str
  target_timeline:
    description:
      - Timeline to follow, a number, C(current) or C(latest).
      - Name the number of the production's timeline, so that a timeline that a restore test left in the archive is not
        taken for it.
    type: str
  target_action:
    description: What the server does at the target, for O(type=immediate), O(type=time), O(type=lsn) and O(type=name).
    type: str
    choices: [pause, promote, shutdown]
    default: promote
  target_exclusive:
    description: Whether to stop right before the target instead of right after it.
    type: bool
    default: false
  archive_mode:
    description:
      - C(off) keeps the restored server from archiving, as any restore test must; else its new timeline would enter the
        production's archive. C(on) keeps the setting of the cluster.
    type: str
    choices: ['on', 'off']
    default: 'on'
  delta:
    description: Whether to overwrite the cluster in O(data_dir), keeping files whose checksum is right.
    type: bool
    default: false
  process_max:
    description:
      - How many processes restore at the same time.
      - Without it, one for each processor.
    type: int
  set:
    description:
      - Label of the backup set.
      - Without it the newest one, or for a time or an LSN the newest before it.
    type: str
  recovery_options:
    description:
      - Further recovery settings, such as C(primary_conninfo) or C(restore_command).
      - Keep passwords in a password file of the account; what looks like one is masked in the result, but it would be
        visible in the list of processes.
    type: dict
    default: {}
  link_all:
    description: Whether to restore symbolic links of the cluster to where they pointed.
    type: bool
    default: false
  link_map:
    description: Where to restore symbolic links instead, by their name.
    type: dict
    default: {}
  tablespace_map:
    description: Where to restore tablespaces, by their number or name.
    type: dict
    default: {}
  wait_running_s:
    description: How many seconds to wait for a restore that is still running.
    type: int
    default: 3600
seealso:
  - module: ccobservatory.ops.postgresql_promote
  - module: ccobservatory.ops.wal_audit
"""

EXAMPLES = r"""
- name: Restore the newest state on the recovery host
  ccobservatory.ops.pgbackrest_restore:
    stanza: main
    data_dir: /var/lib/postgresql/15/main
    target_timeline: "{{ production.wal_timeline }}"
  become: true

- name: Restore the moment before a table was dropped, for a test that must not archive
  ccobservatory.ops.pgbackrest_restore:
    stanza: main
    data_dir: /var/lib/postgresql/15/test
    type: time
    target: '2026-11-23T21:28:36Z'
    archive_mode: 'off'
  become: true

- name: Bring the old primary back as a standby of the new one
  ccobservatory.ops.pgbackrest_restore:
    stanza: main
    data_dir: /var/lib/postgresql/15/main
    type: standby
    delta: true
    recovery_options:
      primary_conninfo: host=db2 user=replicator application_name=db1
  become: true
"""

RETURN = r"""
label:
  description: Label of the backup set that was restored.
  returned: success
  type: str
  sample: 20261123-212530F
bytes:
  description: Size of the restored cluster as pgBackRest tells it, rounded as it rounds.
  returned: success
  type: int
  sample: 23278387
files:
  description: How many files the cluster has.
  returned: success
  type: int
  sample: 966
delta:
  description: Whether files that were there were kept.
  returned: always
  type: bool
  sample: false
command:
  description: The command that ran, without secrets.
  returned: always
  type: list
  elements: str
  sample: [pgbackrest, restore, --stanza=main]
phases:
  description: The phases C(preflight), C(wait), C(plan), C(restore), C(settings) with instants in UTC and seconds.
  returned: always
  type: list
  elements: dict
  sample:
    - name: restore
      started: '2026-11-23T21:32:22.024Z'
      ended: '2026-11-23T21:32:22.546Z'
      seconds: 0.522
started:
  description: When the module began, in UTC.
  returned: always
  type: str
  sample: '2026-11-23T21:32:22.001Z'
ended:
  description: When the module ended, in UTC.
  returned: always
  type: str
  sample: '2026-11-23T21:32:22.560Z'
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 0.559
recovery:
  description: The recovery settings that stand in C(postgresql.auto.conf) now, without secrets.
  returned: success
  type: dict
  sample: {"restore_command": "pgbackrest --stanza=main archive-get %f \"%p\""}
waited_for:
  description: Processes of running restores that were waited for.
  returned: always
  type: list
  elements: int
  sample: []
error_code:
  description: The error code of pgBackRest.
  returned: when the restore failed
  type: int
  sample: 29
set:
  description: Label of the backup set whose restore failed.
  returned: when the restore failed
  type: str
  sample: 20261123-212530F
set_damaged:
  description: Whether the error says that this set cannot be restored, so that an older one may be.
  returned: when the restore failed
  type: bool
  sample: true
"""

import os
import pwd
import re
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils import _datadir
from ansible_collections.ccobservatory.ops.plugins.module_utils._command import Phases, mask, runner
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import (
    COMMON_ARGUMENTS,
    SET_DAMAGED,
    Pgbackrest,
    parse_error,
    parse_restore_log,
)
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import iso_ms, now, parse_iso

_ARGUMENTS: dict[str, dict[str, Any]] = {
    **COMMON_ARGUMENTS,
    "data_dir": {"type": "path", "required": True},
    "type": {
        "type": "str",
        "choices": ["default", "immediate", "time", "lsn", "name", "standby"],
        "default": "default",
    },
    "target": {"type": "str"},
    "target_timeline": {"type": "str"},
    "target_action": {"type": "str", "choices": ["pause", "promote", "shutdown"], "default": "promote"},
    "target_exclusive": {"type": "bool", "default": False},
    "archive_mode": {"type": "str", "choices": ["on", "off"], "default": "on"},
    "delta": {"type": "bool", "default": False},
    "process_max": {"type": "int"},
    "set": {"type": "str"},
    "recovery_options": {"type": "dict", "default": {}},
    "link_all": {"type": "bool", "default": False},
    "link_map": {"type": "dict", "default": {}},
    "tablespace_map": {"type": "dict", "default": {}},
    "wait_running_s": {"type": "int", "default": 3600},
}
_WITH_TARGET = ("time", "lsn", "name")
_POLL_S = 0.1
_LOCKED = 50


def options_of(params: dict[str, Any], *, delta: bool) -> list[str]:
    """Return the options of the restore command for *params*; raises OpsError for a target they cannot mean."""
    options = [f"--pg1-path={params['data_dir']}", f"--process-max={params['process_max'] or os.cpu_count() or 1}"]
    options += [f"--type={params['type']}", "--log-level-console=info"]
    if params["type"] in _WITH_TARGET:
        options.append(f"--target={_target(params['type'], params['target'])}")
    if params["type"] in (*_WITH_TARGET, "immediate"):
        options.append(f"--target-action={params['target_action']}")
    if params["target_exclusive"] and params["type"] in ("time", "lsn"):
        options.append("--target-exclusive")
    if params["target_timeline"]:
        options.append(f"--target-timeline={_timeline(params['target_timeline'])}")
    if params["archive_mode"] == "off":
        options.append("--archive-mode=off")
    options += ["--delta"] if delta else []
    options += [f"--set={params['set']}"] if params["set"] else []
    options += ["--link-all"] if params["link_all"] else []
    for name in ("recovery_options", "link_map", "tablespace_map"):
        flag = "--" + name.removesuffix("s").replace("_", "-")
        options += [f"{flag}={key}={value}" for key, value in sorted(params[name].items())]
    return options


def _target(kind: str, target: str) -> str:
    """Return *target* as pgBackRest reads it; a time in UTC to the microsecond."""
    if kind == "time":
        return f"{parse_iso(target):%Y-%m-%d %H:%M:%S.%f}+00"
    if kind == "lsn" and re.fullmatch(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}", target) is None:
        raise OpsError(f"'{target}' is no LSN; write the target such as 0/1800028.")
    return target


def _timeline(text: str) -> str:
    """Return the timeline as pgBackRest reads it; raises OpsError for anything but a number, current or latest."""
    if text not in ("current", "latest") and not (text.isdigit() and int(text) > 0):
        raise OpsError(f"target_timeline is a number, current or latest, not '{text}'.")
    return text


class Restore:
    """One restore into one data directory."""

    def __init__(self, module: AnsibleModule, tool: Pgbackrest) -> None:
        self.module = module
        self.params = module.params
        self.data_dir = os.path.normpath(module.params["data_dir"])
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
        diff = {"before": {"data_dir": before}, "after": {"data_dir": "cluster", "set": self.params["set"] or "newest"}}
        if self.module.check_mode:
            return {"changed": True, "diff": diff, "set": self.params["set"], **self.facts()}
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
        pids = _datadir.server_processes(self.data_dir)
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
            if self.module.check_mode:
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
        while True:
            code, out, err = self.tool.execute(self.command)
            if code == 0:
                return parse_restore_log(out)
            error = parse_error(err + out)[0] or code
            if error != _LOCKED or time.monotonic() > deadline:
                label = parse_restore_log(out)["label"] or self.params["set"]
                self.tool.fail("restore", code, err + out, set=label, set_damaged=error in SET_DAMAGED)
            time.sleep(_POLL_S)


def main() -> None:
    """Restore, or fail with what is known about the failure."""
    module = AnsibleModule(
        argument_spec=_ARGUMENTS,
        required_if=[("type", kind, ("target",)) for kind in _WITH_TARGET],
        supports_check_mode=True,
    )
    params = module.params
    restore: Restore | None = None
    try:
        tool = Pgbackrest(
            runner(module, user=params["user"]),
            stanza=params["stanza"],
            config=params["config"],
            repo=params["repo"],
            executable=params["executable"],
        )
        restore = Restore(module, tool)
        result = restore.run()
    except OpsError as exc:
        module.fail_json(msg=exc.message, **{**(restore.facts() if restore else {}), **exc.details})
    module.exit_json(**result)


if __name__ == "__main__":
    main()
