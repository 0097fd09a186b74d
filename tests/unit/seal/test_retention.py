# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs past their time go whole, and the chain that stays is whole to the verifier; a forged record is named."""

from __future__ import annotations

import datetime
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._pack import Sealing
from tests.unit.seal.test_verify_run_pack import ROOT, faults, sealed_run
from tests.unit.verify.test_small_morning import inventory
from tests.unit.verify_report.sample import BEGAN
from verify.engine.retention import BEGINNING, Sealer, main, prune

NOW = BEGAN + datetime.timedelta(days=4)
UNSIGNED = Sealer(None, None, None)


def sealer(sealing: Sealing) -> Sealer:
    return Sealer(sealing.key, sealing.principal, sealing.allowed_signers)


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory, sealing: Sealing) -> Path:
    """A folder with the packs of five days, a drill and the ledger, which no test touches."""
    base = tmp_path_factory.mktemp("five") / "prod"
    (base / "drills" / "20250101T000000Z-site_lost").mkdir(parents=True)
    (base / "ledger.sqlite").write_bytes(b"")
    for day in range(5):
        sealed_run(base, day, sealing)
    return base


@pytest.fixture
def base(five: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(five, tmp_path / "prod"))


def runs(base: Path) -> list[Path]:
    return sorted(base.glob("2026*"))


def prune_to(base: Path, sealing: Sealing, keep_days: float, *, now: datetime.datetime = NOW) -> list[str]:
    return prune(base, "prod", keep_days=keep_days, now=now, sealer=sealer(sealing))


def test_an_archive_that_nobody_touched_stays_intact(base: Path, verifier: ModuleType, sealing: Sealing) -> None:
    first, second = (folder.name for folder in runs(base)[:2])
    assert prune_to(base, sealing, 2.5) == [first, second]
    assert len(runs(base)) == 3
    assert faults(verifier, runs(base)[-1], sealing, "--chain", "--daily") == []
    checked = verifier.check(runs(base)[0], allowed_signers=sealing.allowed_signers)[0]
    assert f"{second} and what was before it were removed" in " ".join(checked.notes)
    # And again on another day, from the record of the first time.
    assert len(prune_to(base, sealing, 1.5)) == 1
    assert faults(verifier, runs(base)[-1], sealing, "--chain", "--daily") == []
    assert (base / "drills" / "20250101T000000Z-site_lost").is_dir() and (base / "ledger.sqlite").exists()


def test_nothing_past_its_time_is_no_change(base: Path, sealing: Sealing) -> None:
    assert prune_to(base, sealing, 90) == []
    assert len(runs(base)) == 5 and not (base / BEGINNING).exists()


def test_the_newest_run_stays_however_old(base: Path, verifier: ModuleType, sealing: Sealing) -> None:
    assert len(prune_to(base, sealing, 1, now=NOW + datetime.timedelta(days=900))) == 4
    assert faults(verifier, runs(base)[-1], sealing, "--chain", "--daily") == []


def test_a_killed_run_goes_by_its_name(base: Path, sealing: Sealing) -> None:
    for name in ("20250101T000000Z", "20261130T093000Z"):
        (base / name).mkdir()
    assert prune_to(base, sealing, 90) == ["20250101T000000Z"]


def test_a_pruning_that_was_interrupted_is_finished(base: Path, verifier: ModuleType, sealing: Sealing) -> None:
    """The record is written, but only one of two folders went, and that one is not yet removed whole."""
    untouched = shutil.copytree(base, base.parent / "before" / "prod")
    first, second = runs(base)[:2]
    prune_to(base, sealing, 2.5)
    shutil.copytree(untouched / second.name, second)
    (base / ".leaving" / first.name).mkdir(parents=True)
    assert prune_to(base, sealing, 2.5) == [second.name]
    assert not (base / ".leaving").exists()
    assert faults(verifier, runs(base)[-1], sealing, "--chain", "--daily") == []


def test_a_chain_that_was_tampered_with_is_not_pruned(base: Path, sealing: Sealing) -> None:
    shutil.rmtree(runs(base)[1])
    with pytest.raises(OpsError, match=r"does not name the one before it .* Nothing is removed"):
        prune_to(base, sealing, 1.5)
    assert len(runs(base)) == 4 and not (base / BEGINNING).exists()


def test_a_missing_record_is_named(base: Path, verifier: ModuleType, sealing: Sealing) -> None:
    prune_to(base, sealing, 2.5)
    (base / BEGINNING).unlink()
    found = faults(verifier, runs(base)[-1], sealing, "--chain")
    assert [fault["code"] for fault in found] == ["previous_missing"]
    with pytest.raises(OpsError, match="Nothing is removed"):
        prune_to(base, sealing, 1.5)


def test_a_record_hides_no_more_than_it_says(base: Path, verifier: ModuleType, sealing: Sealing) -> None:
    prune_to(base, sealing, 2.5)
    shutil.rmtree(runs(base)[0])
    assert {fault["code"] for fault in faults(verifier, runs(base)[-1], sealing, "--chain")} == {"previous_missing"}


def test_a_record_of_before_does_not_do(base: Path, verifier: ModuleType, sealing: Sealing) -> None:
    prune_to(base, sealing, 3.5)
    earlier = (base / BEGINNING).read_bytes()
    prune_to(base, sealing, 2.5)
    (base / BEGINNING).write_bytes(earlier)
    assert {fault["code"] for fault in faults(verifier, runs(base)[-1], sealing, "--chain")} == {"previous_missing"}


def foreign_key(record: Path, base: Path, sealing: Sealing) -> None:
    record.unlink()
    forger = Sealer(sealing.key.with_name("foreign"), sealing.principal, sealing.allowed_signers)
    prune(base, "prod", keep_days=2.5, now=NOW, sealer=forger)


def unsigned(record: Path, base: Path, _sealing: Sealing) -> None:
    record.unlink()
    prune(base, "prod", keep_days=2.5, now=NOW, sealer=UNSIGNED)


def another_environment(record: Path, _base: Path, _sealing: Sealing) -> None:
    record.write_bytes(record.read_bytes().replace(b"environment: prod", b"environment: test"))


def signature_cut_off(record: Path, _base: Path, _sealing: Sealing) -> None:
    record.write_bytes(record.read_bytes().partition(b"-----BEGIN")[0])


@pytest.mark.parametrize("forge", [foreign_key, unsigned, another_environment, signature_cut_off])
def test_a_forged_record_is_named(
    five: Path,
    tmp_path: Path,
    verifier: ModuleType,
    sealing: Sealing,
    forge: Callable[[Path, Path, Sealing], None],
) -> None:
    base = Path(shutil.copytree(five, tmp_path / "prod"))
    (base / BEGINNING).touch()
    if forge in (another_environment, signature_cut_off):
        (base / BEGINNING).unlink()
        prune_to(base, sealing, 2.5)
    forge(base / BEGINNING, base, sealing)
    codes = {fault["code"] for fault in faults(verifier, runs(base)[-1], sealing, "--chain")}
    assert codes == {"beginning_wrong", "previous_missing"}


def test_each_random_change_of_the_record_is_named(base: Path, verifier: ModuleType, sealing: Sealing) -> None:
    prune_to(base, sealing, 2.5)
    record, dice = base / BEGINNING, random.Random(7)  # noqa: S311 - no secret
    whole = record.read_bytes()
    for turn in range(120):
        at = dice.randrange(len(whole))
        changed = {
            0: whole[:at] + bytes([whole[at] ^ (1 << dice.randrange(8))]) + whole[at + 1 :],
            1: whole[:at] + whole[at + 1 :],
            2: whole[:at] + bytes([dice.randrange(256)]) + whole[at:],
            3: whole[:at],
        }[turn % 4]
        record.write_bytes(changed)
        found = {fault["code"] for fault in faults(verifier, runs(base)[0], sealing)}
        assert "previous_missing" in found, (turn, at, changed)


def test_runs_that_nobody_signs_are_pruned_too(tmp_path: Path, verifier: ModuleType) -> None:
    base = tmp_path / "prod"
    base.mkdir()
    for day in range(3):
        sealed_run(base, day, None)
    assert len(prune(base, "prod", keep_days=2.5, now=NOW, sealer=UNSIGNED)) == 2
    assert verifier.main([str(runs(base)[-1]), "--chain", "--daily"]) == 10


def test_the_program_of_the_timer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sealing: Sealing
) -> None:
    named = {"verify_signing_key": str(sealing.key), "verify_signing_principal": sealing.principal}
    where = inventory(tmp_path, **named, verify_allowed_signers=str(sealing.allowed_signers))
    monkeypatch.chdir(where)
    base = where / "reports" / "small"
    base.mkdir(parents=True)
    for day in range(3):
        sealed_run(base, -900 + day, sealing)
    unit = (ROOT / "roles/verify_daily/templates/verify-daily.service.j2").read_text(encoding="utf-8")
    assert "-m verify.engine.retention {{ verify_daily_environment }} --keep-days {{ verify_daily_keep_days }}" in unit
    assert main(["small", "--keep-days", "400"]) == 0
    assert "2 runs past their 400 days were removed" in capsys.readouterr().out
    assert len(list(base.glob("2*"))) == 1 and (base / BEGINNING).is_file()
    assert main(["other", "--keep-days", "400"]) == 5
    assert "other" in capsys.readouterr().err
