#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: canary_ledger
short_description: Runs the client that journals acknowledged writes and tells what it sees
description:
  - Starts and stops one run of the canary client, which writes a hash-chained ledger through the public endpoints and
    journals each request and each acknowledgement with its time.
  - Answers from the journal what only a client can know. When the last write was acknowledged, how long nothing was,
    when
    the first one came through again. Waits look at the end of the journal every 20 ms.
  - Runs on the canary host.
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - O(state=exported) writes a new copy while the canary runs, since its journal has grown.
options:
  state:
    description:
      - V(started) writes the settings of the run and starts it. A run that goes with the same settings stays.
      - V(stopped) ends it cleanly; the journal stays.
      - V(status) changes nothing and answers.
      - V(exported) writes a compressed copy of the journal to O(export), for the comparison and as evidence.
    type: str
    choices: [started, stopped, status, exported]
    default: status
  run:
    description:
      - Name of the run. A new name for each run; rows of two runs with one name cannot be told apart.
    type: str
    required: true
  workers:
    description: Number of writers, each with a chain of its own.
    type: int
    default: 4
  rate:
    description: Writes a second, all workers together.
    type: float
    default: 50
  endpoints:
    description: Base URLs in the order of preference. Required to start.
    type: list
    elements: str
    default: []
  ca_file:
    description: Certificate authority of the endpoints, on the canary host. Required to start.
    type: path
  journal:
    description: Journal of the run. The default is C(/var/lib/canary/<run>.jsonl).
    type: path
  config_dir:
    description: Directory of the settings that the unit reads.
    type: path
    default: /etc/ccobservatory/canary
  export:
    description: File to write for O(state=exported); its name ends in C(.gz).
    type: path
  since:
    description: Instant from which RV(gap) and RV(errors_since) count. Without it, the start of the journal.
    type: str
  after:
    description: Instant after which RV(first_ack_after) looks, without waiting.
    type: str
  wait_ack_after:
    description: Wait for the first acknowledgement later than this instant.
    type: str
  wait_silent_s:
    description: Wait until no acknowledgement has come for so many seconds.
    type: float
  wait_acked:
    description: Wait until so many writes are acknowledged since the start of the run.
    type: int
  timeout:
    description: Seconds that a wait may take; after that the module fails.
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: Start the ledger and wait for the first hundred acknowledged writes
  ccobservatory.ops.canary_ledger:
    state: started
    run: drill-20261123
    endpoints: [https://lb1, https://lb2]
    ca_file: /etc/ccobservatory/ca.crt
    wait_acked: 100

- name: Detect the outage as the client sees it
  ccobservatory.ops.canary_ledger:
    run: drill-20261123
    wait_silent_s: 1
    timeout: 30
  register: outage

- name: Wait for the first write on the new primary and take the length of the gap
  ccobservatory.ops.canary_ledger:
    run: drill-20261123
    since: "{{ outage.last_ack }}"
    wait_ack_after: "{{ outage.detected }}"
  register: back
"""

RETURN = r"""
running:
  description: Whether the client is running.
  type: bool
  returned: always
journal:
  description: Path of the journal.
  type: str
  returned: always
sent:
  description: Requests sent, each try counted.
  type: int
  returned: when there is a journal
acked:
  description: Acknowledged writes.
  type: int
  returned: when there is a journal
errors:
  description: Errors the client met, each try counted.
  type: int
  returned: when there is a journal
errors_since:
  description: Errors later than O(since), C(lines) each counted and C(requests) distinct ones.
  type: dict
  returned: when O(since) is given
last_ack:
  description: Instant of the latest acknowledgement.
  type: str
  returned: when there is one
first_ack_after:
  description: First acknowledgement later than O(after) or O(wait_ack_after).
  type: str
  returned: when there is one
detected:
  description: Instant at which the silence of O(wait_silent_s) was complete.
  type: str
  returned: when O(wait_silent_s) is given
gap:
  description: The longest time without any acknowledgement, from the last one before O(since) on.
  type: dict
  returned: when two acknowledgements exist
  sample: {"last_ack": "2026-11-23T21:04:05.100Z", "first_ack": "2026-11-23T21:04:15.300Z", "seconds": 10.2}
silent_s:
  description: Seconds since the latest acknowledgement.
  type: float
  returned: when there is one
rate_per_s:
  description: Acknowledgements a second over the last five seconds.
  type: float
  returned: when there is a journal
sha256:
  description: Digest of the exported file.
  type: str
  returned: on O(state=exported)
"""

import gzip
import hashlib
import os
import re
import shutil
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils import _canary
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import iso, parse_instant, seconds_between

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def settings(params: dict[str, t.Any], journal: str) -> str:
    """The environment file of the unit."""
    pairs = {
        "CANARY_WORKERS": params["workers"],
        "CANARY_RATE": f"{params['rate']:g}",
        "CANARY_ENDPOINTS": ",".join(params["endpoints"]),
        "CANARY_CA": params["ca_file"],
        "CANARY_JOURNAL": journal,
    }
    for name, value in pairs.items():
        if re.search(r"[\s\"'\\]", str(value)):
            raise OpsError(f"The setting {name} holds a space, a quote or a backslash; write it without.")
    return "".join(f"{name}={value}\n" for name, value in pairs.items())


class Canary:
    """One run of the client on this host."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params = module.params
        self.run = self.params["run"]
        if not RUN_NAME.fullmatch(self.run):
            raise OpsError(
                f"{self.run!r} is no name of a run; use at most 64 letters, digits, dots, dashes and underscores."
            )
        self.journal = self.params["journal"] or f"/var/lib/canary/{self.run}.jsonl"
        self.unit = f"canary-ledger@{self.run}.service"

    def running(self) -> bool:
        """Whether the unit is active."""
        rc, _out, _err = self.module.run_command(["systemctl", "is-active", "--quiet", self.unit])
        return bool(rc == 0)

    def start(self) -> dict[str, t.Any]:
        """Write the settings and start the unit."""
        if not self.params["endpoints"] or not self.params["ca_file"]:
            raise OpsError("A run needs endpoints and their certificate authority; set endpoints and ca_file.")
        path = os.path.join(self.params["config_dir"], f"{self.run}.env")
        wanted = settings(self.params, self.journal)
        present = _read(path)
        running = self.running()
        if running and present not in (None, wanted):
            raise OpsError(f"The run {self.run} is going with other settings; stop it or choose a new name of the run.")
        result = {"changed": not running or present != wanted, "diff": {"before": present or "", "after": wanted}}
        if result["changed"] and not self.module.check_mode:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            _write(path, wanted)
            self._systemctl("start")
        return result

    def stop(self) -> dict[str, t.Any]:
        """Stop the unit, which ends its journal cleanly."""
        running = self.running()
        if running and not self.module.check_mode:
            self._systemctl("stop")
        return {"changed": running, "diff": {"before": {"running": running}, "after": {"running": False}}}

    def export(self) -> dict[str, t.Any]:
        """Write the journal compressed, complete lines only as far as it has grown."""
        target = self.params["export"]
        if not target or not target.endswith(".gz"):
            raise OpsError("State exported needs export, the path of a file whose name ends in .gz.")
        if self.module.check_mode:
            return {"changed": True}
        before = _digest(target) if os.path.exists(target) else None
        temporary = target + ".part"
        try:
            with (
                open(self.journal, "rb") as source,
                open(temporary, "wb") as raw,
                gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as packed,
            ):
                shutil.copyfileobj(source, packed, 1024 * 1024)
            os.replace(temporary, target)
        except OSError as exc:
            raise OpsError(f"The journal {self.journal} cannot be exported to {target} ({exc.strerror}).") from exc
        digest = _digest(target)
        return {"changed": digest != before, "sha256": digest, "export": target, "bytes": os.stat(target).st_size}

    def wait(self) -> dict[str, t.Any]:
        """Do the waits that are asked for; each fails in time out."""
        params, found = self.params, {}
        asked = [name for name in ("wait_acked", "wait_silent_s", "wait_ack_after") if params[name] is not None]
        if asked and not self.module.check_mode:
            self._wait_journal()
        if self.module.check_mode:
            return {}
        if params["wait_acked"] is not None:
            acked = _canary.wait_acked(self.journal, params["wait_acked"], params["timeout"])
            if acked < params["wait_acked"]:
                raise OpsError(
                    f"Only {acked} of {params['wait_acked']} writes were acknowledged in {params['timeout']:g} s; "
                    f"look at the endpoints and at journalctl -u {self.unit}.",
                    acked=acked,
                )
        if params["wait_silent_s"] is not None:
            silence = _canary.wait_silent(self.journal, params["wait_silent_s"], params["timeout"])
            if silence is None:
                raise OpsError(f"Writes were still acknowledged after {params['timeout']:g} s; there is no outage.")
            found.update(silence)
        if params["wait_ack_after"] is not None:
            first = _canary.wait_first_ack(self.journal, parse_instant(params["wait_ack_after"]), params["timeout"])
            if first is None:
                raise OpsError(
                    f"No write was acknowledged after {params['wait_ack_after']} within {params['timeout']:g} s; "
                    "look at the endpoints, the pools and the database in that order."
                )
            found["first_ack_after"] = iso(first)
        return found

    def status(self) -> dict[str, t.Any]:
        """What the journal says now."""
        facts: dict[str, t.Any] = {"running": self.running(), "journal": self.journal}
        if not os.path.exists(self.journal):
            return facts
        since = parse_instant(self.params["since"]) if self.params["since"] else None
        facts.update(_canary.counts(self.journal), rate_per_s=_canary.rate(self.journal))
        latest = _canary.last_ack(self.journal)
        if latest is not None:
            facts.update(last_ack=iso(latest), silent_s=max(0.0, seconds_between(latest, time.time_ns())))
        gap = _canary.gap_since(self.journal, since)
        if gap is not None:
            facts["gap"] = gap
        if since is not None:
            facts["errors_since"] = _canary.errors_since(self.journal, since)
        if self.params["after"]:
            first = _canary.wait_first_ack(self.journal, parse_instant(self.params["after"]), 0)
            if first is not None:
                facts["first_ack_after"] = iso(first)
        return facts

    def _wait_journal(self) -> None:
        """The unit makes the journal a moment after its start."""
        deadline = time.monotonic() + min(5.0, self.params["timeout"])
        while not os.path.exists(self.journal):
            if time.monotonic() >= deadline:
                raise OpsError(f"There is no journal {self.journal}; look at journalctl -u {self.unit}.")
            time.sleep(_canary.POLL_S)

    def _systemctl(self, verb: str) -> None:
        rc, _out, err = self.module.run_command(["systemctl", verb, self.unit])
        if rc != 0:
            raise OpsError(f"systemctl {verb} {self.unit} failed: {err.strip()}; look at journalctl -u {self.unit}.")


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _write(path: str, text: str) -> None:
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path + ".part", 0o644)
    os.replace(path + ".part", path)


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["started", "stopped", "status", "exported"], "default": "status"},
            "run": {"type": "str", "required": True},
            "workers": {"type": "int", "default": 4},
            "rate": {"type": "float", "default": 50},
            "endpoints": {"type": "list", "elements": "str", "default": []},
            "ca_file": {"type": "path"},
            "journal": {"type": "path"},
            "config_dir": {"type": "path", "default": "/etc/ccobservatory/canary"},
            "export": {"type": "path"},
            "since": {"type": "str"},
            "after": {"type": "str"},
            "wait_ack_after": {"type": "str"},
            "wait_silent_s": {"type": "float"},
            "wait_acked": {"type": "int"},
            "timeout": {"type": "float", "default": 60},
        },
        supports_check_mode=True,
    )
    try:
        canary = Canary(module)
        acts = {"started": canary.start, "stopped": canary.stop, "exported": canary.export, "status": dict}
        result: dict[str, t.Any] = {"changed": False, **acts[module.params["state"]]()}
        waited = canary.wait()
        result.update({**canary.status(), **waited})
        module.exit_json(**result)
    except OpsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
