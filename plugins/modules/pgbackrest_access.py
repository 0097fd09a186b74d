#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbackrest_access
short_description: Grants or revokes a host's access to the backup repository and proves it
description:
  - Writes or removes the one file that lets a host use a stanza over TLS, has the server read its configuration
    again, and
    ends the sessions of a revoked host that are open.
  - Proves three things. No file of the configuration grants the access any more, the running server told in its log,
    after
    it read the configuration again, options without it, and no session from the host's addresses is open.
  - Where the log was rotated since the server last told its options, the server reads its configuration again; open
    sessions
    go on.
  - It cannot connect as the fenced host, because only that host has the key of its certificate. It is one of three
    independent proofs of a fence, beside M(ccobservatory.ops.fence_power) and M(ccobservatory.ops.fence_address).
  - Runs on the repository host.
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
    support: full
options:
  host:
    description: Host whose access it is, by the name in its certificate.
    type: str
    required: true
  stanza:
    description: Stanza to use.
    type: str
    default: main
  state:
    description: Whether the host may use the stanza.
    type: str
    choices: [granted, revoked]
    required: true
  addresses:
    description:
      - Addresses of the host, or names of them, for its open sessions, beside those that its own name is looked up to.
      - Where none of them leads to an address nothing is revoked, because open sessions could not be found.
    type: list
    elements: str
    default: []
    aliases: [address]
  config_dir:
    description: Directory of pgBackRest's configuration.
    type: path
    default: /etc/pgbackrest
  group:
    description: Group that reads the configuration.
    type: str
    default: postgres
  unit:
    description: Unit of the TLS server.
    type: str
    default: pgbackrest.service
  port:
    description: Port of the TLS server.
    type: int
    default: 8432
  server_log:
    description: Log in which the server tells its options.
    type: path
    default: /var/log/pgbackrest/all-server.log
  timeout:
    description: Seconds for the server to read its configuration again.
    type: float
    default: 5
"""

EXAMPLES = r"""
- name: Keep the old primary from pushing into the archive
  ccobservatory.ops.pgbackrest_access:
    host: db1
    state: revoked
  delegate_to: repo1
  register: access
"""

RETURN = r"""
proof:
  description: The proof for the record, with what was observed and when.
  type: dict
  returned: always, unless nothing was observed
  sample:
    proof: repository
    host: db1
    method: configuration, options of the running server, open sessions
    observed: no file grants it; the server accepts db2=main, repo1=main; 0 sessions, 1 ended
    at: "2026-11-23T21:04:05.678Z"
    proved: true
sessions_ended:
  description: Open sessions of the host that were ended.
  type: int
  returned: success
file:
  description: The file that grants the access.
  type: str
  returned: success
"""

import grp
import os
import re
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils import _access
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._fence import proof, resolved

METHOD = "configuration, options of the running server, open sessions"


class Access:
    """The access of one host."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params = module.params
        self.host, self.stanza = self.params["host"], self.params["stanza"]
        self.path = _access.access_file(self.params["config_dir"], self.host)
        self.log = _access.ServerLog(self.params["server_log"])
        self.wanted = f"[global]\ntls-server-auth={self.host}={self.stanza}\n"

    def reach(self) -> dict[str, t.Any]:
        """Change what must change and give the proof."""
        granting = self._granting()
        before = "granted" if granting else "revoked"
        changed = before != self.params["state"]
        result: dict[str, t.Any] = {
            "changed": changed,
            "file": self.path,
            "sessions_ended": 0,
            "diff": {"before": before, "after": self.params["state"]},
        }
        if changed and self.params["state"] == "revoked":
            self._need_own_file(granting)
        if self.module.check_mode and changed:
            return result
        addresses = self._addresses() if self.params["state"] == "revoked" else set()
        pid = self._server_pid()
        loads = self.log.loads()
        if changed:
            self._write()
        # A log that was rotated since the last load tells nothing: the server is asked to tell it again.
        if changed or not loads:
            if self.module.check_mode:
                return result
            self._systemctl("reload")
            line = self.log.wait_load(len(loads), self.params["timeout"])
        else:
            line = loads[-1]
        if self.params["state"] == "revoked" and not self.module.check_mode:
            result["sessions_ended"] = _access.end_sessions(self.params["port"], addresses, pid)
        result["changed"] = changed or result["sessions_ended"] > 0
        return {**result, "proof": self._prove(line, result["sessions_ended"])}

    def _granting(self) -> list[str]:
        return _access.granted_by(_access.read_configuration(self.params["config_dir"]), self.host, self.stanza)

    def _need_own_file(self, granting: list[str]) -> None:
        others = [path for path in granting if path != self.path]
        if others:
            raise OpsError(
                f"The repository credential of {self.host} is not proved revoked: {', '.join(others)} also lets it use "
                f"{self.stanza}; move the line to "
                f"{self.path} so that it can be revoked."
            )

    def _write(self) -> None:
        try:
            if self.params["state"] == "revoked":
                os.unlink(self.path)
                return
            with open(self.path + ".part", "w", encoding="utf-8") as file:
                file.write(self.wanted)
            os.chmod(self.path + ".part", 0o640)
            os.chown(self.path + ".part", -1, grp.getgrnam(self.params["group"]).gr_gid)
            os.replace(self.path + ".part", self.path)
        except (OSError, KeyError) as exc:
            raise OpsError(f"{self.path} cannot be changed ({exc}); mend the directory or the group.") from exc

    def _server_pid(self) -> int:
        _rc, out, _err = self.module.run_command(["systemctl", "show", "-p", "MainPID", "--value", self.params["unit"]])
        pid = int(out.strip() or 0)
        if not pid:
            raise OpsError(f"{self.params['unit']} does not run, so nothing can be proved about it; start it.")
        return pid

    def _systemctl(self, verb: str) -> None:
        rc, _out, err = self.module.run_command(["systemctl", verb, self.params["unit"]])
        if rc != 0:
            raise OpsError(f"systemctl {verb} {self.params['unit']} failed: {err.strip()}; look at its log.")

    def _addresses(self) -> set[str]:
        found = resolved([self.host, *self.params["addresses"]])
        if not found:
            raise OpsError(
                f"No address of {self.host} is known here, so its open sessions could not be ended; nothing was "
                "changed. Give its address, for a procedure as its ansible_host, or make its name known on this host."
            )
        return found

    def _prove(self, line: str, ended: int) -> dict[str, t.Any]:
        granting = self._granting()
        accepted = _access.ServerLog.accepts(line, self.host, self.stanza)
        names = ", ".join(re.findall(r"--tls-server-auth=(\S+)", line)) or "nobody"
        files = f"{', '.join(granting)} grants it" if granting else "no file grants it"
        wanted = self.params["state"] == "granted"
        observed = f"{files}; the server accepts {names}" + ("" if wanted else f"; 0 sessions, {ended} ended")
        proved = bool(granting) == wanted and accepted == wanted
        given = proof("repository", self.host, METHOD, observed, proved)
        if not proved:
            raise OpsError(
                f"The access of {self.host} to {self.stanza} is not proved {self.params['state']}: {observed}. "
                f"Restart {self.params['unit']} and try again.",
                proof=given,
            )
        return given


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "required": True},
            "stanza": {"type": "str", "default": "main"},
            "state": {"type": "str", "choices": ["granted", "revoked"], "required": True},
            "addresses": {"type": "list", "elements": "str", "default": [], "aliases": ["address"]},
            "config_dir": {"type": "path", "default": "/etc/pgbackrest"},
            "group": {"type": "str", "default": "postgres"},
            "unit": {"type": "str", "default": "pgbackrest.service"},
            "port": {"type": "int", "default": 8432},
            "server_log": {"type": "path", "default": "/var/log/pgbackrest/all-server.log"},
            "timeout": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**Access(module).reach())
    except (OpsError, OSError) as exc:
        module.fail_json(msg=str(exc), **getattr(exc, "details", {}))


if __name__ == "__main__":
    main()
