# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling people that a scheduled run gave no result, and that it gives one again; each once.

systemd starts this after every run of the unit (``ExecStopPost=``) and says in ``SERVICE_RESULT``, ``EXIT_CODE`` and
``EXIT_STATUS`` how it ended (systemd.exec(5)). A run that gave a result tells people itself, by `notices`. The settings
come from a file of the role, because the inventory may be what cannot be read.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine.words import EXIT_BROKEN
from verify.report import notices

__all__ = ["after_run", "main", "why"]

# Exit codes of a run that gave a result (SuccessExitStatus= of the unit).
_RESULTS = ("0", "1", "10", "11")
_CODES = {
    "2": "it was interrupted",
    "3": "it stumbled over an error of its own",
    "4": "it refused its command line, its inventory or a file that the inventory names",
    f"{EXIT_BROKEN}": "its pack, a past one, or the ledger is not intact",
}


def why(ended: Mapping[str, str]) -> str | None:
    """Return why a run gave no result, from systemd's variables; None when it gave one.

    Raises `OpsError` when they are missing: started by hand, this knows nothing of a run.
    """
    result, status = ended.get("SERVICE_RESULT", ""), ended.get("EXIT_STATUS", "")
    if not result:
        raise OpsError("SERVICE_RESULT is not set: systemd starts this after a run (ExecStopPost=), nobody else.")
    if result == "success":
        return None
    if result == "timeout":
        return "it did not end within its time limit (verify_daily_timeout)"
    if result == "exit-code" and status in _RESULTS:
        # What came after the run failed, such as removing old ones; systemd shows a failed unit.
        return None
    if result == "exit-code":
        return _CODES.get(status, f"it could not be started as it is set up (exit code {status})")
    return f"systemd ended it: {result} {status}".rstrip()


def after_run(environment: str, ended: Mapping[str, str], settings: Mapping[str, Any], state: Path) -> list[str]:
    """Tell people when mornings stop, when the reason becomes another, and when they come again; return what was done.

    ``state`` keeps the reason that was told and since when; it is written once somebody was told. Raises `OpsError` for
    wrong settings.
    """
    notices.check_settings(settings)
    reason, known = why(ended), _read(state)
    if reason == (known.get("why") if known else None):
        return []
    since = str((known or {}).get("since") or _utc.iso_ms(_utc.now()))
    sent = notices.deliver(_notice(environment, reason, since, ended.get("EXIT_STATUS", "")), settings)
    told = [sentence for _arrived, sentence in sent] or ["nobody is told: verify_daily_notices names no way"]
    if any(arrived for arrived, _sentence in sent):
        if reason is None:
            state.unlink()
        else:
            state.write_text(json.dumps({"why": reason, "since": since}) + "\n", encoding="utf-8")
    return told


def _read(state: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(state.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        # A state that cannot be read must not keep people from hearing of it.
        return {}
    return found if isinstance(found, dict) else {}


def _notice(environment: str, reason: str | None, since: str, status: str) -> dict[str, Any]:
    host = socket.gethostname()
    look = f"See journalctl -u verify-daily.service on {host}; systemctl start verify-daily.service tries again."
    if reason is None:
        answer, told = "Mornings again", f"the verification of {environment} on {host} gives results again"
        text = f"{environment}: there was no morning since {since}; now {told}. What it found is in its report."
    else:
        answer, told = "No morning", f"the verification of {environment} on {host} gave no result: {reason}"
        text = f"{environment}: NO MORNING since {since}: {told}. Until it is mended nothing is known. {look}"
    return {
        "schema": notices.NOTICE,
        "environment": environment,
        "run": "",
        "complete": reason is None,
        "sign": False,
        "answer": answer,
        "why": f"{told[0].upper()}{told[1:]}.",
        "exit": int(status) if status.isdigit() else None,
        "compared": False,
        "changes": {},
        "owners": [],
        "summary": text,
    }


def _settings(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        told = exc.strerror if isinstance(exc, OSError) else "it is no JSON"
        raise OpsError(f"{path} cannot be read ({told}): run the role verify_daily again.") from exc
    if not isinstance(found, dict):
        raise OpsError(f"{path} holds no settings of notices: run the role verify_daily again.")
    return found


def main(words: Sequence[str], ended: Mapping[str, str]) -> int:
    """Read the command line, tell who has to be told, print what was done; return 0, or 1 after one sentence."""
    parser = argparse.ArgumentParser(description="Tell people when a scheduled verification gave no result.")
    parser.add_argument("environment")
    parser.add_argument("--settings", type=Path, required=True, help="a JSON file with what verify_notices holds")
    parser.add_argument("--state", type=Path, required=True, help="where what was told is remembered")
    asked = parser.parse_args(words)
    try:
        told = after_run(asked.environment, ended, _settings(asked.settings), asked.state)
    except (OpsError, OSError) as exc:
        print(exc.message if isinstance(exc, OpsError) else f"{asked.state}: {exc.strerror}.", file=sys.stderr)
        return 1
    for sentence in told:
        print(sentence)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
