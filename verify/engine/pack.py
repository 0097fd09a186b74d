# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a run, ``reports/<environment>/<UTC time>/``: written from its first minute, sealed at its end.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _sshsig, _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._seal import MANIFEST, UNSIGNED, newest_seal, seal
from verify import report
from verify.engine import attestations, changes, left_out, replay, store, waivers
from verify.engine.catalogue import Catalogue
from verify.engine.declared import Environment
from verify.engine.estate import Estate
from verify.engine.judge import ControlResult
from verify.engine.kpis import samples, with_words
from verify.engine.ledger import KEEP_DAYS, Ledger
from verify.engine.results import Results, read_results
from verify.report import notices
from verify.report.data import item_row, read_pack

__all__ = ["Finished", "check_key", "check_settings", "finish_abandoned", "newest", "write_begin"]

RUN, CATALOGUE, RESULTS = "run.json", "catalogue.json", "results.jsonl"
_VERIFIER = Path(__file__).resolve().parents[1] / "verify_pack.py"


def check_settings(environment: Environment) -> None:
    """Raise `OpsError` for settings that cannot work: a key that cannot sign, a way of telling people that is none."""
    notices.check_settings(environment.variables.get("verify_notices") or {})
    key, signers = _signing(environment)
    if key is None:
        return
    if not environment.variables.get("verify_signing_principal"):
        raise OpsError("verify_signing_principal is not set: name the signing key as the list of allowed signers does.")
    if signers is None or not signers.is_file():
        raise OpsError(
            f"verify_allowed_signers: there is no list of allowed signers at {signers}; make it (docs/operator.md, "
            "Keys)."
        )
    if not key.is_file():
        raise OpsError(
            f"verify_signing_key: there is no key at {key}; make it with ssh-keygen -t ed25519 -f {key}, and write its "
            f"public half into {signers} (docs/operator.md, Keys)."
        )
    _sshsig.fingerprint(key)


def check_key(environment: Environment) -> None:
    """Raise `OpsError` for a protected environment without a key: nobody could tell who made its packs."""
    if _signing(environment)[0] is None and environment.variables.get("ops_protected", True) is not False:
        raise OpsError(
            f"verify_signing_key is not set, and {environment.name} is protected: name the key that seals its runs, or "
            "set ops_protected to false where nobody is served."
        )


def newest(base: Path, environment: Environment, *, env: str) -> tuple[Path, str]:
    """Return the newest run of an inventory that holds evidence, and which run collected it.

    ``env`` is how the inventory is called: two of them may speak of one environment, such as two copies of a lab. Where
    runs are sealed, only a sealed one counts, and its seal has to hold. Raises `OpsError` when there is none, with
    ``exit_code`` 12 when its seal is broken.
    """
    key, signers = _signing(environment)
    found = []
    for path in sorted(base.glob("*/evidence/index.jsonl")):
        header = _header(path.parent.parent / RUN)
        if header.get("env") == env and (key is None or (path.parent.parent / MANIFEST).exists()):
            found.append((path.parent.parent, str(header.get("evidence_of") or path.parent.parent.name)))
    if not found:
        raise OpsError(f"There is no run of {env} with evidence below {base} that ended; run once with --live.")
    if key is not None:
        replay.check_seal(found[-1][0], signers)
    return found[-1]


def _header(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_begin(folder: Path, header: dict[str, Any], catalogue: Catalogue, environment: Environment) -> None:
    """Write what is known before the first judgement: a run that is killed after this leaves a report, incomplete."""
    (folder / ".pid").write_text(f"{os.getpid()}\n", encoding="utf-8")
    _json(folder / RUN, header)
    _json(folder / CATALOGUE, [item_row(item) for item in catalogue])
    store.write_environment(environment, folder, secrets=environment.secrets)
    report.write_all(folder)


def finish_abandoned(base: Path, progress: Callable[[str], None]) -> None:
    """Give runs that were killed their report over what they decided, and say so; they are not sealed, but kept.

    A run of a version that sealed nothing without a key is told from a killed one by its closing line.
    """
    for path in sorted(base.glob(f"*/{RESULTS}")):
        folder = path.parent
        if (folder / MANIFEST).exists() or (folder / "abandoned").exists():
            continue
        if _living(folder) or _closed(path):
            continue
        report.write_all(folder)
        (folder / "abandoned").write_text("This run was killed before it ended.\n", encoding="utf-8")
        progress(f"run {folder.name} was killed before it ended; its report is marked incomplete")


def _closed(results: Path) -> bool:
    """Return whether a run wrote its closing line and removed the mark that says that it is being written."""
    if (results.parent / ".pid").exists():
        return False
    try:
        return read_results(results).complete
    except OpsError:
        # Edited since; what becomes of it is for the one who checks it.
        return True


def _living(folder: Path) -> bool:
    """Return whether the process that writes a run still lives."""
    try:
        pid = int((folder / ".pid").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return Path(f"/proc/{pid}").exists()


def _signing(environment: Environment) -> tuple[Path | None, Path | None]:
    return environment.path("verify_signing_key"), environment.path("verify_allowed_signers")


def _json(path: Path, value: Any) -> None:
    # What a host said can hold bytes that are no UTF-8; they become their escapes and read back as they were.
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_bytes(text.encode("utf-8", "backslashreplace") + b"\n")


@dataclass
class Finished:
    """A run whose controls are judged; `write` makes the pack of it.

    ``idle`` holds a sentence for each statement that no control asked for, by its id.
    """

    folder: Path
    header: dict[str, Any]
    environment: Environment
    catalogue: Catalogue
    estate: Estate
    idle: Mapping[str, str]

    def write(
        self,
        results: Sequence[ControlResult],
        given: Sequence[waivers.Waiver],
        review: waivers.Review,
        ledger: Ledger,
        log: Results,
        code: int,
    ) -> list[str]:
        """Write every part, seal the folder, append the run to the ledger, tell people; return the summary's lines."""
        folder, header = self.folder, self.header
        kpis = samples(self.estate, self.catalogue)
        now = changes.snapshot(header, results)
        compared = changes.compare(
            *(now, ledger.previous(now), ledger.findings(self.environment.name)),
            expired=review.expired_cells,
            flapping=changes.flapping_of(self.environment.variables),
        )
        _json(folder / RUN, header)
        _json(folder / "changes.json", compared)
        _json(folder / "history.json", with_words(ledger.history(now, kpis), self.estate, self.catalogue))
        _json(folder / "waivers.json", waivers.as_record(given, review))
        stated = attestations.as_record(self.estate.evidence, self.estate.now, idle=self.idle)
        _json(folder / "attestations.json", stated)
        replay.keep_rules(folder)
        (folder / ".pid").unlink(missing_ok=True)
        report.write_all(folder)
        manifest = self._seal(log)
        ledger.append(now, header=header, exit_code=code, kpis=kpis, manifest=manifest)
        keep_days = self.environment.variables.get("verify_ledger_keep_days", KEEP_DAYS)
        ledger.prune(_utc.now().timestamp(), keep_days=float(keep_days))
        told = (folder / "summary.txt").read_text(encoding="utf-8").splitlines()
        ways = self.environment.variables.get("verify_notices") or {}
        sent = notices.notify(read_pack(folder), ways, base=folder.parent)
        return [
            *told,
            *review.sentences,
            *left_out.sentences(header["left_out"]),
            *self.idle.values(),
            *sent,
            f"report: {folder / 'audit.html'}",
        ]

    def _seal(self, log: Results) -> str:
        """Seal the folder, signed where the environment has a key; return the digest of its manifest."""
        key, signers = _signing(self.environment)
        (self.folder / _VERIFIER.name).write_bytes(_VERIFIER.read_bytes())
        if key is not None and signers is not None:
            (self.folder / "allowed_signers").write_bytes(signers.read_bytes())
        before = newest_seal(self.folder.parent, without=self.folder)
        told = {
            "id": str(self.header["id"]),
            "environment": self.environment.name,
            "sealed": _utc.iso_ms(_utc.now()),
            "journal": f"{log.lines} {log.head}",
            "previous": f"{before[0]} {before[1]}" if before else "none",
            "signer": str(self.environment.variables["verify_signing_principal"]) if key else UNSIGNED,
        }
        return seal(self.folder, told, key=key)
