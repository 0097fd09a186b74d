# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing the runs that are past their time, whole, and leaving a record of where their chain begins from then on.

Each pack names the one before it. ``BEGINNING`` beside the packs names the last that was removed, with the digest of
its manifest, signed by the key that seals runs; ``verify_pack.py`` takes a chain that begins behind it as whole.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.ccobservatory.ops.plugins.module_utils import _sshsig, _utc
from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import sha256_file
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._seal import MANIFEST, UNSIGNED, read_facts
from verify import verify_pack
from verify.engine import environment as environments

__all__ = ["BEGINNING", "Sealer", "main", "prune"]

BEGINNING = verify_pack.BEGINNING
_NAME = re.compile(r"\d{8}T\d{6}Z")
_LEAVING = ".leaving"
_FAILED = 5


@dataclass(frozen=True)
class Sealer:
    """Who signs the record: the key and the name it has in the list of signers; both None where runs are not signed."""

    key: Path | None
    principal: str | None
    allowed_signers: Path | None


@dataclass(frozen=True)
class _Sealed:
    folder: Path
    sealed: str
    previous: str

    @property
    def link(self) -> str:
        """Return how the pack after this one names it."""
        return f"{self.folder.name} {sha256_file(self.folder / MANIFEST)}"


def prune(base: Path, environment: str, *, keep_days: float, now: datetime.datetime, sealer: Sealer) -> list[str]:
    """Remove the runs of an environment that were sealed more than so many days ago; return the names of what went.

    ``base`` is the folder of its runs; drills and the ledger are never touched, nor is the newest sealed run. A run
    that was killed has no seal, and goes by its name. Raises `OpsError`, and removes nothing, when the chain is not
    whole up to the first run that stays: what was tampered with has to be looked at first.
    """
    _finish(base)
    oldest = now - datetime.timedelta(days=keep_days)
    packs = sorted(_packs(base), key=lambda one: one.sealed)
    past = [one for one in packs[:-1] if one.sealed < _utc.iso_ms(oldest)]
    if past:
        _check_links(base, environment, packs[: len(past) + 1], sealer)
        _write_record(base, environment, past[-1], now=now, sealer=sealer)
    killed = [path for path in _runs(base) if not (path / MANIFEST).exists() and path.name < _utc.compact(oldest)]
    gone = sorted(path.name for path in [*killed, *(one.folder for one in past)])
    leaving = base / _LEAVING
    for name in gone:
        # A folder goes at once, so that no half of a pack is ever seen.
        leaving.mkdir(exist_ok=True)
        (base / name).rename(leaving / name)
    _finish(base)
    return gone


def _finish(base: Path) -> None:
    if (base / _LEAVING).is_dir():
        shutil.rmtree(base / _LEAVING)


def _runs(base: Path) -> list[Path]:
    return [path for path in base.iterdir() if path.is_dir() and not path.is_symlink() and _NAME.match(path.name)]


def _packs(base: Path) -> list[_Sealed]:
    found = []
    for folder in _runs(base):
        if (folder / MANIFEST).exists():
            facts = read_facts(folder / MANIFEST)
            found.append(_Sealed(folder, facts.get("sealed", ""), facts.get("previous", "")))
    return found


def _check_links(base: Path, environment: str, packs: Sequence[_Sealed], sealer: Sealer) -> None:
    """Raise `OpsError` unless each pack names the one before it, and the first the record of what went before."""
    begun, told = verify_pack.read_beginning(base, environment, sealer.allowed_signers)
    if told:
        raise OpsError(f"{base / BEGINNING}: {told} Nothing is removed.")
    before = begun["removed"] if begun else "none"
    for pack in packs:
        if pack.previous != before and not (begun and pack is packs[0] and pack.sealed <= begun["sealed"]):
            raise OpsError(
                f"The run {pack.folder.name} does not name the one before it ({before.partition(' ')[0]}): check the "
                "chain with verify_pack.py --chain. Nothing is removed."
            )
        before = pack.link


def _write_record(base: Path, environment: str, last: _Sealed, *, now: datetime.datetime, sealer: Sealer) -> None:
    """Write and sign the record in one step: it is there whole, or the one before it is."""
    facts = {
        "environment": environment,
        "removed": last.link,
        "sealed": last.sealed,
        "written": _utc.iso_ms(now),
        "signer": sealer.principal if sealer.key and sealer.principal else UNSIGNED,
    }
    head = [verify_pack.BEGINNING_TITLE, *(f"# {key}: {facts[key]}" for key in verify_pack.BEGINNING_FACTS)]
    text = ("\n".join(head) + "\n").encode("utf-8")
    with tempfile.TemporaryDirectory() as place:
        plain = Path(place) / BEGINNING
        plain.write_bytes(text)
        signature = _sshsig.sign(plain, key=sealer.key).read_bytes() if sealer.key else b""
    fresh = base / f".{BEGINNING}"
    with fresh.open("wb") as handle:
        handle.write(text + signature)
        handle.flush()
        os.fsync(handle.fileno())
    fresh.replace(base / BEGINNING)


def main(words: Sequence[str]) -> int:
    """Read the command line and the environment, prune, say what went; return 0, or 5 after one sentence."""
    parser = argparse.ArgumentParser(description="Remove the runs of an environment that are past their time.")
    parser.add_argument("environment", help="the folder below inventories/, as --env of the suite")
    parser.add_argument("--keep-days", type=float, required=True)
    parser.add_argument("--reports", type=Path, help="the folder of all reports (default: as a run finds it)")
    asked = parser.parse_args(words)
    try:
        found = environments.load(asked.environment, limit="", cwd=Path.cwd())
        base = asked.reports or Path(str(found.variables.get("verify_reports_dir") or Path.cwd() / "reports"))
        principal = found.variables.get("verify_signing_principal")
        sealer = Sealer(
            *(found.path("verify_signing_key"), str(principal) if principal else None),
            found.path("verify_allowed_signers"),
        )
        folder = base / found.name
        now = _utc.now()
        gone = prune(folder, found.name, keep_days=asked.keep_days, now=now, sealer=sealer) if folder.is_dir() else []
    except (OpsError, OSError) as exc:
        print(exc.message if isinstance(exc, OpsError) else f"Runs cannot be removed: {exc}.", file=sys.stderr)
        return _FAILED
    print(f"{len(gone)} runs past their {asked.keep_days:g} days were removed{': ' if gone else '.'}{', '.join(gone)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
