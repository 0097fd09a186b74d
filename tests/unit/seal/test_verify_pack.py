# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verifier names whatever was done to a pack, and is content with one that nobody touched."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._seal import manifest_text, read_facts
from ansible_collections.ccobservatory.ops.plugins.module_utils._sshsig import sign
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._pack import Sealing

Mutation = Callable[[Path, random.Random], str]


def codes(verifier: ModuleType, pack: Path, signers: Path | None = None) -> set[str]:
    """Return the codes of what the verifier found."""
    checked, _command, _before = verifier.check(pack, allowed_signers=signers)
    return {fault["code"] for fault in checked.faults}


def files(pack: Path) -> list[Path]:
    """Return the files of a pack."""
    return sorted(path for path in pack.rglob("*") if path.is_file())


def test_untouched_packs_are_intact(packs: list[Path], verifier: ModuleType, sealing: Sealing) -> None:
    for pack in packs:
        assert codes(verifier, pack) == set()
        assert codes(verifier, pack, sealing.allowed_signers) == set()


def test_the_script_in_the_pack_says_so(packs: list[Path]) -> None:
    command = [sys.executable, "verify_pack.py", "--chain"]
    done = subprocess.run(command, cwd=packs[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("INTACT") == 2
    assert "Signed by seal@example with ED25519 key SHA256:" in done.stdout
    assert "compare the fingerprint" in done.stdout
    assert "ssh-keygen -Y verify -f" in done.stdout


def test_the_printed_commands_work_without_our_code(packs: list[Path]) -> None:
    page = (packs[1] / "drill.html").read_text(encoding="utf-8")
    verify = "ssh-keygen -Y verify -f allowed_signers -I 'seal@example' -n ccobservatory.ops"
    command = f"{verify} -s MANIFEST.sig < MANIFEST"
    assert command.replace("'", "&#39;").replace("<", "&lt;") in page
    for line in (command, "sha256sum --check MANIFEST"):
        done = subprocess.run(["sh", "-c", line], cwd=packs[1], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_exit_code_tells_broken_from_impossible(packs: list[Path], verifier: ModuleType, tmp_path: Path) -> None:
    assert verifier.main([str(packs[0])]) == 0
    (packs[0] / "drill.json").write_text("{}", encoding="utf-8")
    assert verifier.main([str(packs[0])]) == 12
    assert verifier.main([str(packs[1])]) == 0
    assert verifier.main([str(packs[1]), "--chain"]) == 12
    assert verifier.main([str(tmp_path / "nothing")]) == 2
    assert verifier.main([str(packs[1]), "--allowed-signers", str(tmp_path / "nothing")]) == 2
    with pytest.raises(SystemExit) as wrong:
        verifier.main(["--dance"])
    assert wrong.value.code == 2


def test_a_folder_without_a_seal_is_broken(verifier: ModuleType, tmp_path: Path) -> None:
    assert codes(verifier, tmp_path) == {"manifest_missing"}


@pytest.mark.parametrize("fact", ["id", "signer", "previous", "sealed"])
def test_unprintable_characters_in_a_head_line_are_a_fault(packs: list[Path], verifier: ModuleType, fact: str) -> None:
    manifest = packs[1] / "MANIFEST"
    manifest.write_bytes(manifest.read_bytes().replace(f"# {fact}: ".encode(), f"# {fact}: \0".encode()))
    assert "manifest_malformed" in codes(verifier, packs[1])


def test_a_signature_by_another_key_does_not_hold(packs: list[Path], verifier: ModuleType, sealing: Sealing) -> None:
    foreign = sealing.key.with_name("foreign")
    sign(packs[1] / "MANIFEST", key=foreign)
    assert codes(verifier, packs[1]) == {"signature_wrong"}


def test_a_forged_pack_with_its_own_list_is_seen_with_the_real_list(
    packs: list[Path], verifier: ModuleType, sealing: Sealing
) -> None:
    pack, foreign = packs[1], sealing.key.with_name("foreign")
    public = foreign.with_suffix(".pub").read_text(encoding="utf-8").split()
    (pack / "allowed_signers").write_text(f"seal@example {public[0]} {public[1]}\n", encoding="utf-8")
    page = pack / "drill.html"
    page.write_bytes(page.read_bytes().replace(b"Passed with conditions", b"Passed"))
    facts = read_facts(pack / "MANIFEST")
    (pack / "MANIFEST").unlink()
    text = manifest_text(pack, facts)
    (pack / "MANIFEST").write_bytes(text)
    sign(pack / "MANIFEST", key=foreign)
    # Consistent in itself: this is why the list has to come from elsewhere.
    assert codes(verifier, pack) == set()
    assert codes(verifier, pack, sealing.allowed_signers) == {"signature_wrong"}


def test_the_pack_before_is_missed(packs: list[Path], verifier: ModuleType) -> None:
    shutil.rmtree(packs[0])
    assert codes(verifier, packs[1]) == {"previous_missing"}
    checked, _command, _before = verifier.check(packs[1], alone=True)
    assert checked.faults == []


def test_a_pack_before_that_was_sealed_anew_is_named(packs: list[Path], verifier: ModuleType, sealing: Sealing) -> None:
    facts = read_facts(packs[0] / "MANIFEST")
    (packs[0] / "people" / "approve.json").write_text("{}", encoding="utf-8")
    (packs[0] / "MANIFEST").unlink()
    (packs[0] / "MANIFEST").write_bytes(manifest_text(packs[0], facts))
    sign(packs[0] / "MANIFEST", key=sealing.key)
    assert codes(verifier, packs[0]) == set()
    assert codes(verifier, packs[1]) == {"previous_changed"}


def test_lines_of_the_journal_in_another_order_are_named(
    packs: list[Path], verifier: ModuleType, sealing: Sealing
) -> None:
    pack = packs[1]
    lines = (pack / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (pack / "journal.jsonl").write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))
    facts = read_facts(pack / "MANIFEST")
    (pack / "MANIFEST").unlink()
    (pack / "MANIFEST").write_bytes(manifest_text(pack, facts))
    sign(pack / "MANIFEST", key=sealing.key)
    checked, _command, _before = verifier.check(pack)
    assert [fault["subject"] for fault in checked.faults] == ["journal.jsonl line 2"]
    assert "another order" in checked.faults[0]["text"]


def test_a_shortened_journal_is_seen_though_its_chain_holds(
    packs: list[Path], verifier: ModuleType, sealing: Sealing
) -> None:
    pack = packs[1]
    lines = (pack / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (pack / "journal.jsonl").write_bytes(b"".join(lines[:-1]))
    facts = read_facts(pack / "MANIFEST")
    (pack / "MANIFEST").unlink()
    (pack / "MANIFEST").write_bytes(manifest_text(pack, facts))
    sign(pack / "MANIFEST", key=sealing.key)
    assert codes(verifier, pack) == {"journal_short"}


# Whatever is done to a pack at random is found.


def flip_a_bit(pack: Path, chance: random.Random) -> str:
    path = chance.choice(files(pack))
    data = bytearray(path.read_bytes())
    place = chance.randrange(len(data))
    data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(data))
    return f"bit in byte {place} of {path.name}"


def cut_off(pack: Path, chance: random.Random) -> str:
    path = chance.choice(files(pack))
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data))])
    return f"end of {path.name}"


def insert(pack: Path, chance: random.Random) -> str:
    path = chance.choice(files(pack))
    data = path.read_bytes()
    place = chance.randrange(len(data) + 1)
    path.write_bytes(data[:place] + chance.choice([b"\n", b" ", b"x", b"\x00", b"# x\n"]) + data[place:])
    return f"byte {place} of {path.name}"


def remove(pack: Path, chance: random.Random) -> str:
    path = chance.choice(files(pack))
    path.unlink()
    return f"file {path.name}"


def add(pack: Path, chance: random.Random) -> str:
    path = chance.choice([pack, pack / "people"]) / f"extra{chance.randrange(100)}.txt"
    path.write_bytes(b"x" * chance.randrange(3))
    return f"new file {path.name}"


def rename(pack: Path, chance: random.Random) -> str:
    path = chance.choice(files(pack))
    path.rename(path.with_name("renamed"))
    return f"name of {path.name}"


def swap(pack: Path, chance: random.Random) -> str:
    first, second = chance.sample(files(pack), 2)
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    return f"{first.name} and {second.name}"


def swap_lines(pack: Path, chance: random.Random) -> str:
    path = chance.choice([pack / "journal.jsonl", pack / "MANIFEST"])
    lines = path.read_bytes().splitlines(keepends=True)
    first, second = chance.sample(range(len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]
    path.write_bytes(b"".join(lines))
    return f"lines {first} and {second} of {path.name}"


def link(pack: Path, chance: random.Random) -> str:
    path = chance.choice(files(pack))
    outside = pack.parent.parent / "outside"
    outside.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(outside)
    return f"link for {path.name}"


MUTATIONS: list[Mutation] = [flip_a_bit, cut_off, insert, remove, add, rename, swap, swap_lines, link]
TURNS = [pytest.param(200, id="200"), pytest.param(1000, id="1000", marks=pytest.mark.slow)]


@pytest.mark.parametrize("turns", TURNS)
def test_every_random_mutation_is_found(
    packs: list[Path], verifier: ModuleType, sealing: Sealing, tmp_path: Path, turns: int
) -> None:
    chance = random.Random(20261123)  # noqa: S311 - repeatable on purpose
    kept, missed = tmp_path / "kept", []
    shutil.copytree(packs[1], kept, symlinks=True)
    for turn in range(turns):
        mutation = MUTATIONS[turn % len(MUTATIONS)]
        told = mutation(packs[1], chance)
        if not codes(verifier, packs[1], sealing.allowed_signers):
            missed.append(f"{mutation.__name__}: {told}")
        shutil.rmtree(packs[1])
        shutil.copytree(kept, packs[1], symlinks=True)
    assert missed == []
    assert codes(verifier, packs[1], sealing.allowed_signers) == set()
