# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pack of a verification run: the verifier names what was done to its results, its evidence or its days."""

from __future__ import annotations

import datetime
import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.module_utils._seal import (
    UNSIGNED,
    manifest_text,
    newest_seal,
    read_facts,
    seal,
)
from ansible_collections.ccobservatory.ops.plugins.module_utils._sshsig import sign
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._pack import Sealing
from tests.unit.verify_report.sample import BEGAN, Maker, write_chain
from verify.report import write_all

ROOT = Path(__file__).resolve().parents[3]
DAYS = 3
Mutation = Callable[[list[Path], random.Random, Sealing], str]


def sealed_run(base: Path, day: int, sealing: Sealing | None) -> Path:
    """Make and seal the pack of one day; without a key nobody signs it."""
    began = BEGAN + datetime.timedelta(days=day)
    folder = Maker(hosts=3, seed=day, open_share=0.3, dead=1, began=began, most=12).write(
        base / f"{began:%Y%m%dT%H%M%SZ}"
    )
    write_all(folder)
    (folder / "verify_pack.py").write_bytes((ROOT / "verify" / "verify_pack.py").read_bytes())
    if sealing:
        (folder / "allowed_signers").write_bytes(sealing.allowed_signers.read_bytes())
    before = newest_seal(base, without=folder)
    lines = (folder / "results.jsonl").read_bytes().splitlines()
    facts = {
        "id": folder.name,
        "environment": "prod",
        "sealed": f"{began:%Y-%m-%dT%H:%M:%S}.000Z",
        "journal": f"{len(lines)} {json.loads(lines[-1])['hash']}",
        "previous": f"{before[0]} {before[1]}" if before else "none",
        "signer": sealing.principal if sealing else UNSIGNED,
    }
    seal(folder, facts, key=sealing.key if sealing else None)
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, sealing: Sealing) -> Path:
    """A folder with the packs of three days, which no test touches."""
    base = tmp_path_factory.mktemp("kept") / "prod"
    base.mkdir()
    for day in range(DAYS):
        sealed_run(base, day, sealing)
    return base


@pytest.fixture
def runs(kept: Path, tmp_path: Path) -> list[Path]:
    """A copy of the packs, the oldest first."""
    shutil.copytree(kept, tmp_path / "prod")
    return sorted((tmp_path / "prod").iterdir())


def faults(verifier: ModuleType, pack: Path, sealing: Sealing, *options: str) -> list[dict[str, str]]:
    """Return what the verifier finds."""
    parser = ["--allowed-signers", str(sealing.allowed_signers), *options]
    found: list[dict[str, str]] = verifier.run(verifier.arguments([str(pack), *parser]))["faults"]
    return found


def resealed(pack: Path, sealing: Sealing, *, lines: list[bytes] | None = None) -> None:
    """Seal a changed pack again, with the real key: what only its inner chains can tell."""
    facts = read_facts(pack / "MANIFEST")
    if lines is not None:
        (pack / "results.jsonl").write_bytes(b"".join(lines))
    (pack / "MANIFEST").unlink()
    (pack / "MANIFEST").write_bytes(manifest_text(pack, facts))
    sign(pack / "MANIFEST", key=sealing.key)


def test_untouched_runs_are_intact(runs: list[Path], verifier: ModuleType, sealing: Sealing) -> None:
    for pack in runs:
        assert faults(verifier, pack, sealing, "--chain", "--daily") == []


def test_the_script_in_the_pack_says_so(runs: list[Path]) -> None:
    command = [sys.executable, "verify_pack.py", "--chain", "--daily"]
    done = subprocess.run(command, cwd=runs[-1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("INTACT") == DAYS


def test_a_missing_day_is_named(runs: list[Path], verifier: ModuleType, sealing: Sealing) -> None:
    shutil.rmtree(runs[1])
    found = faults(verifier, runs[-1], sealing, "--chain", "--daily")
    assert {fault["code"] for fault in found} == {"previous_missing", "outside_chain", "missing_day"}
    assert [fault["subject"] for fault in found if fault["code"] == "missing_day"] == ["2026-11-27"]
    assert faults(verifier, runs[-1], sealing, "--alone") == []


def test_the_newest_day_of_a_chain_is_where_it_ends(runs: list[Path], verifier: ModuleType, sealing: Sealing) -> None:
    """What lies after the pack that is looked at is not missed: that is said, and not hidden."""
    shutil.rmtree(runs[-1])
    assert faults(verifier, runs[-2], sealing, "--chain", "--daily") == []
    assert "removal of the newest packs" in " ".join((verifier.__doc__ or "").split())


def results(pack: Path) -> list[bytes]:
    """Return the lines of the results."""
    return (pack / "results.jsonl").read_bytes().splitlines(keepends=True)


def test_results_in_another_order_are_named(runs: list[Path], verifier: ModuleType, sealing: Sealing) -> None:
    lines = results(runs[-1])
    resealed(runs[-1], sealing, lines=[lines[0], lines[2], lines[1], *lines[3:]])
    [fault] = [one for one in faults(verifier, runs[-1], sealing) if one["code"] == "journal_edited"]
    assert fault["subject"] == "results.jsonl line 2"
    assert "another order" in fault["text"]


def test_a_result_that_was_taken_out_is_named(runs: list[Path], verifier: ModuleType, sealing: Sealing) -> None:
    lines = results(runs[-1])
    resealed(runs[-1], sealing, lines=[*lines[:5], *lines[6:]])
    assert faults(verifier, runs[-1], sealing)[0]["subject"] == "results.jsonl line 6"


def test_a_result_that_was_rewritten_with_its_chain_is_seen(
    runs: list[Path], verifier: ModuleType, sealing: Sealing
) -> None:
    """Whoever rewrites all hashes of the file still has to change what the seal says of its end."""
    entries = [json.loads(line) for line in results(runs[-1])]
    bare = [{key: value for key, value in entry.items() if key not in ("seq", "prev", "hash")} for entry in entries]
    failed = next(entry for entry in bare if entry.get("status") == "fail")
    failed["status"] = "pass"
    write_chain(runs[-1] / "results.jsonl", bare)
    resealed(runs[-1], sealing)
    assert [fault["code"] for fault in faults(verifier, runs[-1], sealing)] == ["journal_short"]


def test_results_of_another_run_are_named(runs: list[Path], verifier: ModuleType, sealing: Sealing) -> None:
    foreign = (runs[0] / "results.jsonl").read_bytes().splitlines(keepends=True)
    resealed(runs[-1], sealing, lines=foreign)
    codes = {fault["code"] for fault in faults(verifier, runs[-1], sealing)}
    assert "results_foreign" in codes


def edit_line(path: Path, number: int, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change one JSON line of a file; None takes it out."""
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    changed = change(rows[number])
    rows[number : number + 1] = [] if changed is None else [changed]
    path.write_bytes(b"".join(canonical_json(row) + b"\n" for row in rows))


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        ("blobs.jsonl", lambda row: {**row, "body": row["body"] + "x"}, "evidence_edited"),
        ("blobs.jsonl", lambda row: None, "evidence_missing"),
        ("index.jsonl", lambda row: {**row, "digest": "0" * 64}, "evidence_missing"),
        ("index.jsonl", lambda row: None, "evidence_missing"),
        ("index.jsonl", lambda row: {"digest": None}, "evidence_missing"),
        ("index.jsonl", lambda row: ["x"], "evidence_edited"),
    ],
)
def test_evidence_that_does_not_fit_is_named(
    runs: list[Path],
    verifier: ModuleType,
    sealing: Sealing,
    name: str,
    change: Callable[[dict[str, Any]], Any],
    code: str,
) -> None:
    edit_line(runs[-1] / "evidence" / name, 0, change)
    resealed(runs[-1], sealing)
    assert code in {fault["code"] for fault in faults(verifier, runs[-1], sealing)}


def test_a_body_that_nobody_names_is_told(runs: list[Path], verifier: ModuleType, sealing: Sealing) -> None:
    with (runs[-1] / "evidence" / "blobs.jsonl").open("ab") as handle:
        handle.write(canonical_json({"digest": hashlib.sha256(b"x").hexdigest(), "body": "x"}) + b"\n")
    resealed(runs[-1], sealing)
    assert [fault["code"] for fault in faults(verifier, runs[-1], sealing)] == ["evidence_added"]


def test_a_run_that_did_not_end_is_sealed_as_such(tmp_path: Path, verifier: ModuleType, sealing: Sealing) -> None:
    folder = Maker(hosts=3, seed=1, most=12).write(tmp_path / "prod" / "20261126T083000Z", complete=False)
    lines = (folder / "results.jsonl").read_bytes().splitlines()
    facts = {"id": folder.name, "environment": "prod", "sealed": "2026-11-26T08:32:00.000Z", "previous": "none"}
    head = json.loads(lines[-1])["hash"]
    seal(folder, {**facts, "journal": f"{len(lines)} {head}", "signer": sealing.principal}, key=sealing.key)
    checked, _command, _before = verifier.check(folder, allowed_signers=sealing.allowed_signers)
    assert checked.faults == []
    assert any(note.startswith("INCOMPLETE") for note in checked.notes)


# Whatever is done to one of the packs at random is found from the newest of them.


def any_file(runs: list[Path], chance: random.Random) -> Path:
    """Return a file of any pack; one that is large has no better chance than the others."""
    return chance.choice(sorted(path for path in chance.choice(runs).rglob("*") if path.is_file()))


def flip_a_bit(runs: list[Path], chance: random.Random, _sealing: Sealing) -> str:
    path = any_file(runs, chance)
    data = bytearray(path.read_bytes())
    place = chance.randrange(len(data))
    data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(data))
    return f"bit in byte {place} of {path}"


def truncate(runs: list[Path], chance: random.Random, _sealing: Sealing) -> str:
    path = any_file(runs, chance)
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data))])
    return f"end of {path}"


def delete(runs: list[Path], chance: random.Random, _sealing: Sealing) -> str:
    path = any_file(runs, chance)
    path.unlink()
    return f"file {path}"


def swap(runs: list[Path], chance: random.Random, _sealing: Sealing) -> str:
    """Exchange a file of one day for the same file of another, where they differ."""
    one, other = chance.sample(runs, 2)
    names = [path.relative_to(one) for path in sorted(one.rglob("*.json*"))]
    name = chance.choice([name for name in names if (one / name).read_bytes() != (other / name).read_bytes()])
    first, second = (one / name).read_bytes(), (other / name).read_bytes()
    (one / name).write_bytes(second)
    (other / name).write_bytes(first)
    return f"{name} of {one.name} and {other.name}"


def reorder(runs: list[Path], chance: random.Random, _sealing: Sealing) -> str:
    pack = chance.choice(runs)
    path = pack / chance.choice(["results.jsonl", "evidence/index.jsonl", "evidence/blobs.jsonl", "MANIFEST"])
    lines = path.read_bytes().splitlines(keepends=True)
    first, second = chance.sample(range(len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]
    path.write_bytes(b"".join(lines))
    return f"lines {first} and {second} of {path}"


def forge(runs: list[Path], chance: random.Random, sealing: Sealing) -> str:
    """Turn a failure into a pass, make chain, totals and manifest agree, and sign with a key that is not listed."""
    pack = chance.choice(runs)
    entries = [json.loads(line) for line in results(pack)]
    bare = [{key: value for key, value in entry.items() if key not in ("seq", "prev", "hash")} for entry in entries]
    failed = chance.choice([entry for entry in bare if entry.get("status") in ("fail", "unknown")])
    failed.update(status="pass", rows=[{**row, "status": "pass"} for row in failed["rows"]])
    write_chain(pack / "results.jsonl", bare)
    lines = results(pack)
    facts = read_facts(pack / "MANIFEST") | {"journal": f"{len(lines)} {json.loads(lines[-1])['hash']}"}
    (pack / "MANIFEST").unlink()
    (pack / "MANIFEST").write_bytes(manifest_text(pack, facts))
    sign(pack / "MANIFEST", key=sealing.key.with_name("foreign"))
    return f"{failed['control']} of {pack.name}"


def add(runs: list[Path], chance: random.Random, _sealing: Sealing) -> str:
    path = chance.choice([chance.choice(runs), chance.choice(runs) / "evidence"]) / f"extra{chance.randrange(100)}"
    path.write_bytes(b"x" * chance.randrange(3))
    return f"new file {path}"


def drop_a_day(runs: list[Path], chance: random.Random, _sealing: Sealing) -> str:
    pack = chance.choice(runs[:-1])
    shutil.rmtree(pack)
    return f"day {pack.name}"


MUTATIONS: list[Mutation] = [flip_a_bit, delete, swap, truncate, forge, reorder, add, drop_a_day]
TURNS = [pytest.param(64, id="64"), pytest.param(1000, id="1000", marks=pytest.mark.slow)]


@pytest.mark.parametrize("turns", TURNS)
def test_every_random_mutation_is_found(
    kept: Path, runs: list[Path], verifier: ModuleType, sealing: Sealing, turns: int
) -> None:
    chance = random.Random(20261126)  # noqa: S311 - repeatable on purpose
    missed = []
    for turn in range(turns):
        mutation = MUTATIONS[turn % len(MUTATIONS)]
        told = mutation(runs, chance, sealing)
        if not faults(verifier, runs[-1], sealing, "--chain", "--daily"):
            missed.append(f"{mutation.__name__}: {told}")
        restore(kept, runs)
    assert missed == []
    assert faults(verifier, runs[-1], sealing, "--chain", "--daily") == []


def restore(kept: Path, runs: list[Path]) -> None:
    """Make the packs what they were, with as few copies as that takes."""
    for pack in runs:
        for path in [path for path in pack.rglob("*") if path.is_file()]:
            if not (kept / pack.name / path.relative_to(pack)).exists():
                path.unlink()
        for original in [path for path in (kept / pack.name).rglob("*") if path.is_file()]:
            path = pack / original.relative_to(kept / pack.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_bytes() != original.read_bytes():
                shutil.copyfile(original, path)
