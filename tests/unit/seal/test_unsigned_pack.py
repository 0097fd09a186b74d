# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of an environment without a signing key: what its manifest proves, and what nobody can take it for."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._seal import manifest_text, read_facts, seal
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._pack import Sealing
from tests.unit.seal.test_verify_run_pack import sealed_run
from tests.unit.verify.test_small_morning import inventory
from tests.unit.verify_report.sample import Maker
from verify.collect import collectors
from verify.engine.matrix import Selection
from verify.engine.options import Options
from verify.engine.replay import check_seal
from verify.engine.session import Run
from verify.report import write_all
from verify.report.data import ReportData, read_pack
from verify.report.summary import NOT_SEALED, answer

pytestmark = pytest.mark.slow


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs that nobody signed, the older one first."""
    base = tmp_path / "prod"
    base.mkdir()
    return [sealed_run(base, day, None) for day in range(2)]


def test_the_verifier_says_what_holds_and_what_is_not_proved(
    runs: list[Path], verifier: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verifier.main([str(runs[1]), "--chain", "--daily"]) == 10
    told = capsys.readouterr().out
    assert told.count("UNSIGNED") == 2
    assert "its files fit its manifest, but who made it is not proved" in told
    done = subprocess.run([sys.executable, "verify_pack.py"], cwd=runs[0], capture_output=True, check=False)
    assert done.returncode == 10


def test_damage_is_named(runs: list[Path], verifier: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    (runs[0] / "summary.txt").write_text("All is well.\n", encoding="utf-8")
    assert verifier.main([str(runs[0])]) == 12
    assert "edited: summary.txt" in capsys.readouterr().out
    assert verifier.main([str(runs[1]), "--chain"]) == 12


def test_who_names_the_signers_takes_no_pack_without_a_signature(
    runs: list[Path], verifier: ModuleType, sealing: Sealing
) -> None:
    assert verifier.main([str(runs[1]), "--allowed-signers", str(sealing.allowed_signers)]) == 12


def test_a_signed_pack_whose_signature_was_taken_away_is_broken(
    tmp_path: Path, verifier: ModuleType, sealing: Sealing
) -> None:
    base = tmp_path / "prod"
    base.mkdir()
    pack = sealed_run(base, 0, sealing)
    facts = read_facts(pack / "MANIFEST")
    for name in ("MANIFEST", "MANIFEST.sig"):
        (pack / name).unlink()
    (pack / "MANIFEST").write_bytes(manifest_text(pack, {**facts, "signer": "none"}))
    assert verifier.main([str(pack)]) == 12


def test_it_is_not_judged_again(runs: list[Path]) -> None:
    with pytest.raises(OpsError, match="is not signed, so nobody can tell who made it") as refused:
        check_seal(runs[0], None)
    assert refused.value.details["exit_code"] == 12


def test_a_manifest_without_a_key_names_no_signer(tmp_path: Path) -> None:
    facts = dict.fromkeys(("id", "environment", "sealed", "journal", "previous"), "x")
    with pytest.raises(OpsError, match="without a key it is none"):
        seal(tmp_path, {**facts, "signer": "seal@example"}, key=None)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def green(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """A run in which all is green."""
    folder = Maker(hosts=2, open_share=0, most=12).write(tmp_path_factory.mktemp("green") / "run")
    return read_pack(folder)


def test_a_green_run_without_a_key_cannot_be_signed(green: ReportData) -> None:
    assert answer(green).sign
    said = answer(dataclasses.replace(green, run={**green.run, "signed": False}))
    assert not said.sign
    assert green.close_exit == 0
    told = f"All {green.decided} cells are decided and green, so the exit code is 0, but {NOT_SEALED}."
    assert (said.css, said.why) == ("warn", told)


def test_the_exit_code_of_a_green_run_without_a_key_is_what_terminal_and_guide_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    selection = Selection(items=("EFFICIENCY-02",))
    asked = Options("small", "", selection, None, "today", None, True, tmp_path / "reports", None)
    run = Run.prepare(asked, cwd=inventory(tmp_path, verify_empty={"pool": "One host is no pool of anything."}))
    for name in ("collect", "remember"):
        monkeypatch.setattr(collectors, name, lambda *_given, **_named: None)
    run.gather(lambda _line: None)
    for control_id in run.control_ids:
        run.judge(control_id)
    assert run.finish(0, others_failed=False) == 0
    (line,) = [one for one in run.summary if "DO NOT SIGN" in one]
    assert "green, so the exit code is 0, but the run looked at a selection only" in line
    assert NOT_SEALED in line
    guide = (Path(__file__).parents[3] / "docs" / "operator.md").read_text(encoding="utf-8")
    assert "0 all green (of a selection too, and without a signing key" in " ".join(guide.split())


def test_the_page_claims_no_seal(tmp_path: Path) -> None:
    folder = Maker(hosts=2, open_share=0, most=12).write(tmp_path / "run")
    write_all(folder)
    assert "one file of a sealed folder" in (folder / "audit.html").read_text(encoding="utf-8")
    header = folder / "run.json"
    header.write_text(header.read_text(encoding="utf-8").replace("{", '{"signed": false,', 1), encoding="utf-8")
    write_all(folder)
    page = (folder / "audit.html").read_text(encoding="utf-8")
    assert "one file of a sealed folder" not in page and "ssh-keygen -Y verify" not in page
    assert "not sealed: no signing key" in page[: page.index('id="changes"')]


@pytest.mark.parametrize("protected", [True, None])
def test_a_protected_environment_without_a_key_is_refused(tmp_path: Path, protected: bool | None) -> None:
    asked = Options("small", "", Selection(), None, "today", None, True, tmp_path / "reports", None)
    with pytest.raises(OpsError, match="verify_signing_key is not set, and small is protected"):
        Run.prepare(asked, cwd=inventory(tmp_path, ops_protected=protected))
    assert not (tmp_path / "reports").exists()
