# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, stopping and asking one run of the canary client on its host.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import time
import typing as t

from ansible_collections.ccobservatory.ops.plugins.module_utils import _canary
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import iso, parse_instant, seconds_between

__all__ = ["CanaryRun", "settings"]

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


class CanaryRun:
    """One run of the client on this host.

    Args:
        params: the parameters of the module.
        run_command: the way to run a command, as a module has it.
        check_mode: whether to change nothing.
    """

    def __init__(self, params: dict[str, t.Any], run_command: t.Callable[..., t.Any], check_mode: bool) -> None:
        self.params = params
        self.run_command = run_command
        self.check_mode = check_mode
        self.run = self.params["run"]
        if not RUN_NAME.fullmatch(self.run):
            raise OpsError(
                f"{self.run!r} is no name of a run; use at most 64 letters, digits, dots, dashes and underscores."
            )
        self.journal = self.params["journal"] or f"/var/lib/canary/{self.run}.jsonl"
        self.unit = f"canary-ledger@{self.run}.service"

    def running(self) -> bool:
        """Whether the unit is active."""
        rc, _out, _err = self.run_command(["systemctl", "is-active", "--quiet", self.unit])
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
        if result["changed"] and not self.check_mode:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            _write(path, wanted)
            self._systemctl("start")
        return result

    def stop(self) -> dict[str, t.Any]:
        """Stop the unit, which ends its journal cleanly."""
        running = self.running()
        if running and not self.check_mode:
            self._systemctl("stop")
        return {"changed": running, "diff": {"before": {"running": running}, "after": {"running": False}}}

    def export(self) -> dict[str, t.Any]:
        """Write the journal compressed, complete lines only as far as it has grown."""
        target = self.params["export"]
        if not target or not target.endswith(".gz"):
            raise OpsError("State exported needs export, the path of a file whose name ends in .gz.")
        if self.check_mode:
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
        waits = {"wait_acked": self._acked, "wait_silent_s": self._silent, "wait_ack_after": self._ack_after}
        asked = [wait for name, wait in waits.items() if self.params[name] is not None]
        if not asked or self.check_mode:
            return {}
        self._wait_journal()
        found: dict[str, t.Any] = {}
        for wait in asked:
            found.update(wait())
        return found

    def _acked(self) -> dict[str, t.Any]:
        wanted, timeout = self.params["wait_acked"], self.params["timeout"]
        acked = _canary.wait_acked(self.journal, wanted, timeout)
        if acked < wanted:
            raise OpsError(
                f"Only {acked} of {wanted} writes were acknowledged in {timeout:g} s; "
                f"look at the endpoints and at journalctl -u {self.unit}.",
                acked=acked,
            )
        return {}

    def _silent(self) -> dict[str, t.Any]:
        silence = _canary.wait_silent(self.journal, self.params["wait_silent_s"], self.params["timeout"])
        if silence is None:
            raise OpsError(
                f"Writes were still acknowledged after {self.params['timeout']:g} s; there is no outage.",
                detected=None,
            )
        return dict(silence)

    def _ack_after(self) -> dict[str, t.Any]:
        after, timeout = self.params["wait_ack_after"], self.params["timeout"]
        first = _canary.wait_first_ack(self.journal, parse_instant(after), timeout)
        if first is None:
            raise OpsError(
                f"No write was acknowledged after {after} within {timeout:g} s; "
                "look at the endpoints, the pools and the database in that order.",
                first_ack_after=None,
            )
        return {"first_ack_after": iso(first)}

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
        rc, _out, err = self.run_command(["systemctl", verb, self.unit])
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
