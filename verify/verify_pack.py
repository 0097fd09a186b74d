#!/usr/bin/env python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that nobody has touched a sealed pack. One file, standard library only; ssh-keygen checks the signature.

    python3 verify_pack.py [PACK] [--allowed-signers FILE] [--chain] [--alone] [--json]

Checks, and names what differs:
  - each file against MANIFEST: edited, removed, added;
  - the journal of a drill or the results of a run, line by line: edited, removed, added, put in another order;
  - the evidence of a run: bodies that do not fit their digest, facts without their body, results without their facts;
  - the link to the pack before this one, which is expected beside it (--alone: do not look for it; --chain: check
    all of them, back to the first; --daily: name each day without a pack from the first to this one). Where older
    packs were removed after their time, the file BEGINNING beside them names the last of these, signed like a pack;
  - the signature of MANIFEST. Give --allowed-signers from a place you trust: a list that lies in the pack was put
    there by whoever made the pack. Likewise run your own copy of this script.

A pack of an environment without a signing key has a manifest and no signature. Its files can be checked, and that is
said; who made it cannot. With --allowed-signers such a pack is broken: one of these had to sign.

Exit codes: 0 intact, 10 all fits but a pack is not signed, 12 broken, 2 it could not be checked (wrong usage, no pack,
no ssh-keygen).
A seal is tamper-evident, not tamper-proof: the holder of the signing key can make another one, and the removal of
the newest packs of a chain leaves no mark in the ones before them.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

OK, USAGE, UNPROVED, BROKEN = 0, 2, 10, 12
NAMESPACE = "ccobservatory.ops"
TITLE = "# ccobservatory.ops manifest 1"
UNSIGNED = "none"
FACTS = ("id", "environment", "sealed", "journal", "previous", "signer")
OUTSIDE = ("MANIFEST", "MANIFEST.sig")
BEGINNING = "BEGINNING"
BEGINNING_TITLE = "# ccobservatory.ops beginning 1"
BEGINNING_FACTS = ("environment", "removed", "sealed", "written", "signer")
ARMOUR = b"-----BEGIN SSH SIGNATURE-----\n"
GENESIS = "0" * 64
FILE_LINE = re.compile(r"^([0-9a-f]{64})  (\S.*)$")
GOOD = re.compile(r'^Good "[^"]*" signature for (.+) with (\S+) key (SHA256:\S+)\s*$', re.MULTILINE)


class CannotCheck(Exception):
    """The check itself is impossible; says why."""


class Pack:
    """One sealed folder, and what was found wrong with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[dict[str, str]] = []
        self.notes: list[str] = []
        self.facts: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.manifest = b""

    def fault(self, code: str, subject: str, text: str) -> None:
        """Keep what is wrong: a code, the file or line it is about, a sentence."""
        self.faults.append({"code": code, "subject": subject, "text": text})

    # The manifest and the files

    def read_manifest(self) -> None:
        """Read MANIFEST; a line that does not belong there is a fault."""
        path = self.folder / "MANIFEST"
        if not path.is_file():
            self.fault("manifest_missing", "MANIFEST", "There is no MANIFEST: never sealed, or removed.")
            return
        self.manifest = path.read_bytes()
        lines = self.manifest.decode("utf-8", "replace").split("\n")
        if lines[0] != TITLE or lines[-1] != "":
            self.fault("manifest_malformed", "MANIFEST", "MANIFEST does not begin and end as a manifest does.")
        head = lines[1 : 1 + len(FACTS)]
        for key, line in zip(FACTS, head):  # noqa: B905 - read by Pythons without strict=
            if not line.startswith(f"# {key}: "):
                self.fault("manifest_malformed", "MANIFEST", f"MANIFEST lacks the line '# {key}: ...' at its place.")
            self.facts[key] = line.partition(": ")[2]
            if not self.facts[key].isprintable():
                # ssh-keygen is given the signer as a word, and a word cannot hold a NUL.
                self.fault("manifest_malformed", "MANIFEST", f"The line '# {key}: ...' holds unprintable characters.")
                self.facts[key] = ""
        self._read_file_lines(lines[1 + len(FACTS) : -1])

    def _read_file_lines(self, lines: list[str]) -> None:
        before = ""
        for line in lines:
            match = FILE_LINE.match(line)
            if not match or match.group(2) <= before or ".." in Path(match.group(2)).parts:
                self.fault("manifest_malformed", "MANIFEST", f"MANIFEST holds a foreign line: {line[:90]!r}.")
                continue
            before = match.group(2)
            self.files[before] = match.group(1)

    def check_files(self) -> None:
        """Compare the folder with the manifest."""
        for name, expected in self.files.items():
            path = self.folder / name
            if path.is_symlink() or not path.is_file():
                self.fault("removed", name, f"{name} is in the manifest, not in the pack: removed or renamed.")
            elif sha256_of(path) != expected:
                self.fault("edited", name, f"{name} is not what it was when the pack was sealed: it was edited.")
        for name in OUTSIDE:
            if (self.folder / name).is_symlink():
                self.fault("edited", name, f"{name} is a link; it was a file when the pack was sealed.")
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if (path.is_symlink() or not path.is_dir()) and name not in self.files and name not in OUTSIDE:
                self.fault("added", name, f"{name} is in the pack but not in the manifest: it was added.")

    # The journal

    @property
    def is_run(self) -> bool:
        """Return whether this is the pack of a verification run; otherwise it is that of a drill."""
        return bool({"run.json", "results.jsonl"} & set(self.files))

    def check_journal(self) -> list[dict[str, Any]]:
        """Follow the chain of lines; name the first that does not belong where it stands. Return the good ones."""
        said, name = self.facts.get("journal", ""), "results.jsonl" if self.is_run else "journal.jsonl"
        entries: list[dict[str, Any]] = []
        if said == "none":
            return entries
        if not (self.folder / name).is_file():
            self.fault("journal_removed", name, f"{name} is missing.")
            return entries
        lines = (self.folder / name).read_bytes().split(b"\n")
        if lines.pop() != b"":
            self.fault("journal_edited", name, f"The last line of {name} is cut short.")
        previous = GENESIS
        for number, line in enumerate(lines, start=1):
            wrong, entry = journal_line(line, number, previous)
            if wrong:
                self.fault("journal_edited", f"{name} line {number}", f"Line {number} of {name} {wrong}.")
                return entries
            previous = entry["hash"]
            entries.append(entry)
        if said != f"{len(lines)} {previous}":
            ends = f"{name} has {len(lines)} lines and ends in {previous[:12]}..., the seal says {said[:80]}."
            self.fault("journal_short", name, ends)
        return entries

    def check_record(self) -> None:
        """The record must tell of this very drill or run."""
        name = "run.json" if self.is_run else "drill.json"
        path = self.folder / name
        if name not in self.files or not path.is_file():
            return
        try:
            record = json.loads(path.read_bytes())
            told = (record["id"], record["environment"])
        except (ValueError, KeyError, TypeError):
            self.fault("record_malformed", name, f"{name} is not the record of a drill or run.")
            return
        if told != (self.facts.get("id"), self.facts.get("environment")):
            self.fault("record_foreign", name, f"{name} tells of another one: {told[0]} in {told[1]}.")

    # The results of a run and their evidence

    def check_results(self, entries: list[dict[str, Any]]) -> None:
        """The results must be of this run, add up, and rest on evidence that is there."""
        first, last = (entries[0], entries[-1]) if entries else ({}, {})
        told = (first.get("event"), first.get("id"), first.get("environment"))
        if told != ("run", self.facts.get("id"), self.facts.get("environment")):
            self.fault("results_foreign", "results.jsonl", "results.jsonl does not begin with the header of this run.")
        rows = [row for entry in entries if entry.get("event") == "control" for row in entry.get("rows", [])]
        if last.get("event") != "close":
            self.notes.append("INCOMPLETE: this run did not come to its end.")
        elif last.get("decided") != len(rows):
            text = f"results.jsonl holds {len(rows)} results, its last line says {last.get('decided')}."
            self.fault("results_short", "results.jsonl", text)
        facts = self.check_evidence()
        lost = sorted({key for row in rows for key in row.get("evidence", [])} - facts)
        for key in lost[:20]:
            self.fault("evidence_missing", key, f"A result rests on {key}, which the index of the evidence lacks.")

    def check_evidence(self) -> set[str]:
        """Compare bodies with their digests and facts with their bodies; return the names of the facts."""
        bodies: dict[str, int] = {}
        for number, row in self.json_lines("evidence/blobs.jsonl"):
            digest, body = str(row["digest"]), row.get("body")
            where = f"evidence/blobs.jsonl line {number}"
            data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else b""
            if not isinstance(body, str) or hashlib.sha256(data).hexdigest() != digest:
                self.fault("evidence_edited", where, f"The body of {where} does not fit its digest {digest[:12]}...")
            if digest in bodies:
                self.fault("evidence_added", where, f"{where} repeats the body of line {bodies[digest]}.")
            bodies[digest] = number
        facts, used = set(), set()
        for number, row in self.json_lines("evidence/index.jsonl"):
            facts.add(f"{row.get('subject')}/{row.get('name')}")
            used.add(row["digest"])
            if row["digest"] is not None and row["digest"] not in bodies:
                where, named = f"evidence/index.jsonl line {number}", str(row["digest"])[:12]
                self.fault("evidence_missing", where, f"{where} names the body {named}..., which is not there.")
        for digest in set(bodies) - used:
            where = f"evidence/blobs.jsonl line {bodies[digest]}"
            self.fault("evidence_added", where, f"{where} is a body that no fact of the index names.")
        return facts

    def json_lines(self, name: str) -> list[tuple[int, dict[str, Any]]]:
        """Return number and content of the lines of a file; one that is no evidence is a fault."""
        found: list[tuple[int, dict[str, Any]]] = []
        path = self.folder / name
        lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line.decode("utf-8"))
                found.append((number, {**row, "digest": row["digest"]}))
            except (ValueError, KeyError, TypeError):
                self.fault("evidence_edited", f"{name} line {number}", f"Line {number} of {name} is no evidence.")
        return found

    # The pack before this one

    def check_previous(self, allowed_signers: Path | None = None) -> Path | None:
        """Return the folder of the pack before this one when its link holds."""
        said = self.facts.get("previous", "")
        older = [folder for folder in sealed_beside(self.folder) if sealed_at(folder) < self.facts.get("sealed", "")]
        if said == "none":
            if older:
                names = ", ".join(sorted(folder.name for folder in older))
                self.fault("previous_missing", "previous", f"The pack names none before it, but there are: {names}.")
            return None
        name, _blank, expected = said.partition(" ")
        if not re.fullmatch(r"[0-9a-f]{64}", expected) or "/" in name or name in ("", ".", ".."):
            self.fault("previous_missing", "previous", "The link to the pack before this one is missing or damaged.")
            return None
        folder = self.folder.parent / name
        if not (folder / "MANIFEST").is_file():
            if self.begins_behind(said, allowed_signers):
                return None
            told = f"The pack before this one, {name}, is not beside it (--alone: do not look for it)."
            self.fault("previous_missing", name, told)
            return None
        if sha256_of(folder / "MANIFEST") != expected:
            self.fault("previous_changed", name, f"The MANIFEST of {name} is not the one that this pack names.")
            return None
        return folder

    def begins_behind(self, said: str, allowed_signers: Path | None) -> bool:
        """Return whether the record of what was removed after its time names the pack before this one."""
        newest = max([self.folder, *sealed_beside(self.folder)], key=sealed_at)
        signers = allowed_signers or newest / "allowed_signers"
        record, wrong = read_beginning(self.folder.parent, self.facts.get("environment", ""), signers)
        if not wrong and record and record["signer"] == UNSIGNED != self.facts.get("signer"):
            wrong = "Nobody signed it, but this pack is signed."
        if wrong:
            self.fault("beginning_wrong", BEGINNING, f"The record of what was removed does not hold. {wrong}")
            return False
        if not record or record["removed"] != said:
            return False
        self.notes.append(
            f"The chain begins here: {said.partition(' ')[0]} and what was before it were removed after their time, as "
            f"{record['signer']} stated at {record['written']}."
        )
        return True

    # The signature

    def check_signature(self, allowed_signers: Path | None) -> str:
        """Check the signature of MANIFEST with ssh-keygen; return the command, for people to repeat it."""
        signer = self.facts.get("signer", "")
        own = self.folder / "allowed_signers"
        if signer == UNSIGNED and not (allowed_signers or own.exists() or (self.folder / "MANIFEST.sig").exists()):
            told = "its files are not as they were, and" if self.faults else "its files fit its manifest, but"
            self.fault("unsigned", "MANIFEST", f"Nobody signed this pack: {told} who made it is not proved.")
            return ""
        signers = allowed_signers or own
        if allowed_signers and not signers.is_file():
            raise CannotCheck(f"There is no allowed signers file at {signers}; give one with --allowed-signers.")
        if not signers.is_file():
            self.fault("signers_missing", "allowed_signers", "The list of signers is missing; give --allowed-signers.")
            return ""
        signature = self.folder / "MANIFEST.sig"
        words = keygen(signers, signer, signature)
        command = " ".join(quoted(word) for word in words) + " < " + quoted(str(self.folder / "MANIFEST"))
        if not signature.is_file():
            self.fault("signature_missing", "MANIFEST.sig", "There is no signature.")
            return command
        if not armoured(signature.read_bytes()):
            self.fault("signature_edited", "MANIFEST.sig", "The signature file is not as ssh-keygen wrote it.")
        match, said = signed_by(words, self.manifest)
        if not match:
            self.fault("signature_wrong", "MANIFEST.sig", f"The signature does not hold for {signer!r}: {said}.")
            return command
        self.notes.append(f"Signed by {match.group(1)} with {match.group(2)} key {match.group(3)}.")
        if not allowed_signers:
            self.notes.append(
                "The list of signers came from the pack itself: compare the fingerprint with one you know, or give "
                "--allowed-signers."
            )
        return command


def keygen(signers: Path, signer: str, signature: Path) -> list[str]:
    """Return the command that checks a signature of what it reads."""
    return ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", signer, "-n", NAMESPACE, "-s", str(signature)]


def signed_by(words: list[str], text: bytes) -> tuple[re.Match[str] | None, str]:
    """Return who signed a text (name, kind of key, fingerprint), or None and what ssh-keygen said."""
    try:
        done = subprocess.run(words, input=text, capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise CannotCheck(f"ssh-keygen cannot be run: {exc}.") from exc
    said = (done.stderr + done.stdout).decode("utf-8", "replace").strip().split("\n")[0]
    return (None if done.returncode else GOOD.search(done.stdout.decode("utf-8", "replace"))), said


def read_beginning(base: Path, environment: str, signers: Path | None) -> tuple[dict[str, str] | None, str]:
    """Return what the record beside the packs says of the last one that was removed, and what is wrong with it.

    Without a record there is neither. A signer `UNSIGNED` is told as such; whether that is enough is for the caller.
    """
    path = base / BEGINNING
    if not path.is_file():
        return None, ""
    text, _armour, rest = path.read_bytes().partition(ARMOUR)
    lines = text.decode("utf-8", "replace").split("\n")
    facts = {key: line.partition(": ")[2] for key, line in zip(BEGINNING_FACTS, lines[1:])}  # noqa: B905
    whole = [BEGINNING_TITLE, *(f"# {key}: {facts.get(key)}" for key in BEGINNING_FACTS), ""]
    if lines != whole or not all(value and value.isprintable() for value in facts.values()):
        return None, "It is not written as such a record is."
    if facts["environment"] != environment:
        return None, f"It is of {facts['environment'][:60]}."
    if facts["signer"] == UNSIGNED:
        return (None, "It names no signer, but carries a signature.") if rest else (facts, "")
    if not armoured(ARMOUR + rest):
        return None, "Its signature is not as ssh-keygen wrote it."
    if signers is None or not signers.is_file():
        return None, "The list of signers is missing; give --allowed-signers."
    with tempfile.TemporaryDirectory() as place:
        signature = Path(place) / f"{BEGINNING}.sig"
        signature.write_bytes(ARMOUR + rest)
        match, said = signed_by(keygen(signers, facts["signer"], signature), text)
    return (facts, "") if match else (None, f"The signature does not hold for {facts['signer']!r}: {said}.")


def armoured(text: bytes) -> bool:
    """Tell whether a signature file is written exactly as ssh-keygen writes it, with nothing beside the signature."""
    lines = text.split(b"\n")
    if lines[0] != b"-----BEGIN SSH SIGNATURE-----" or lines[-2:] != [b"-----END SSH SIGNATURE-----", b""]:
        return False
    body = lines[1:-2]
    try:
        exact = base64.b64encode(base64.b64decode(b"".join(body), validate=True)) == b"".join(body)
    except ValueError:
        return False
    return exact and all(len(line) == 70 for line in body[:-1])


def check(folder: Path, *, allowed_signers: Path | None = None, alone: bool = False) -> tuple[Pack, str, Path | None]:
    """Check one pack and return (pack, command that verifies its signature, folder of the pack before it)."""
    pack = Pack(folder)
    pack.read_manifest()
    command = ""
    before: Path | None = None
    if pack.manifest:
        pack.check_files()
        entries = pack.check_journal()
        pack.check_record()
        if pack.is_run:
            pack.check_results(entries)
        before = None if alone else pack.check_previous(allowed_signers)
        command = pack.check_signature(allowed_signers)
    if alone:
        pack.notes.append("The link to the pack before this one was not checked (--alone).")
    return pack, command, before


def journal_line(line: bytes, number: int, previous: str) -> tuple[str, dict[str, Any]]:
    """Return what is wrong with a chained line (or nothing) and what it holds."""
    try:
        entry = json.loads(line.decode("utf-8"))
        claimed = entry.pop("hash")
        computed = hashlib.sha256(canonical(entry)).hexdigest()
        entry["hash"] = claimed
        same = canonical(entry) == line
    except (ValueError, KeyError, TypeError, AttributeError):
        return "is not a chained line", {}
    if claimed != computed or not same:
        return "does not match its own hash: it was edited", entry
    if entry.get("prev") != previous or entry.get("seq") != number:
        return f"does not follow line {number - 1}: lines were removed, added or put in another order", entry
    return "", entry


def canonical(value: Any) -> bytes:
    """Return the canonical JSON text: sorted keys, no blanks, UTF-8."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    total = hashlib.sha256()
    with path.open("rb") as handle:
        for piece in iter(lambda: handle.read(1 << 20), b""):
            total.update(piece)
    return total.hexdigest()


def sealed_beside(folder: Path) -> list[Path]:
    """Return the other sealed packs of the same environment."""
    return [path.parent for path in folder.parent.glob("*/MANIFEST") if path.parent != folder]


def sealed_at(folder: Path) -> str:
    """Return when a pack says it was sealed."""
    text = (folder / "MANIFEST").read_text(encoding="utf-8", errors="replace")
    match = re.search(r"^# sealed: (\S+)$", text, re.MULTILINE)
    return match.group(1) if match else ""


def quoted(word: str) -> str:
    """Quote a word for a POSIX shell."""
    return word if re.fullmatch(r"[A-Za-z0-9_@%+=:,./-]+", word) else "'" + word.replace("'", "'\"'\"'") + "'"


def outside_chain(seen: list[Pack]) -> list[dict[str, str]]:
    """Return a fault for each sealed pack beside the chain that the chain does not reach."""
    newest = seen[0].folder
    reached = {pack.folder for pack in seen}
    return [
        {"code": "outside_chain", "subject": folder.name, "text": f"{folder.name} is older but not in the chain."}
        for folder in sealed_beside(newest)
        if folder not in reached and sealed_at(folder) < seen[0].facts.get("sealed", "")
    ]


def days_without(folder: Path) -> list[dict[str, str]]:
    """Return a fault for each day without a sealed pack, from the first one beside this pack to this one."""
    sealed = {sealed_at(pack)[:10] for pack in [folder, *sealed_beside(folder)]}
    last = sealed_at(folder)[:10]
    days = sorted(day for day in sealed if re.fullmatch(r"\d{4}-\d\d-\d\d", day) and day <= last)
    found, day = [], datetime.date.fromisoformat(days[0]) if days else datetime.date.max
    while days and day.isoformat() < last:
        if day.isoformat() not in sealed:
            text = f"There is no pack of {day.isoformat()}, between {days[0]} and {last}."
            found.append({"code": "missing_day", "subject": day.isoformat(), "text": text})
        day += datetime.timedelta(days=1)
    return found


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Check what was asked for; return the report."""
    folder = Path(options.pack).resolve()
    if not folder.is_dir():
        raise CannotCheck(f"There is no pack at {options.pack}; give the folder of a drill or a run.")
    signers = Path(options.allowed_signers).resolve() if options.allowed_signers else None
    seen: list[Pack] = []
    commands: list[str] = []
    extra: list[dict[str, str]] = []
    current: Path | None = folder
    while current is not None and current not in [pack.folder for pack in seen]:
        pack, command, before = check(current, allowed_signers=signers, alone=options.alone)
        seen.append(pack)
        commands.append(command)
        current = before if options.chain else None
    if options.chain and seen[0].manifest:
        extra = outside_chain(seen)
    if getattr(options, "daily", False) and seen[0].manifest:
        extra += days_without(folder)
    faults = [{"pack": pack.folder.name, **fault} for pack in seen for fault in pack.faults]
    faults += [{"pack": fault["subject"], **fault} for fault in extra]
    return {
        "intact": not faults,
        "unsigned": bool(faults) and all(fault["code"] == "unsigned" for fault in faults),
        "packs": [{"pack": pack.folder.name, "files": len(pack.files), "notes": pack.notes} for pack in seen],
        "faults": faults,
        "command": commands[0],
    }


def tell(report: dict[str, Any]) -> None:
    """Print the report for people."""
    for entry in report["packs"]:
        wrong = [fault for fault in report["faults"] if fault["pack"] == entry["pack"]]
        unsigned = wrong and all(fault["code"] == "unsigned" for fault in wrong)
        print(
            f"{'UNSIGNED' if unsigned else 'BROKEN' if wrong else 'INTACT'}  {entry['pack']}  ({entry['files']} files)"
        )
        for fault in wrong:
            print(f"        {fault['code']}: {fault['text']}")
        for note in entry["notes"]:
            print(f"        {note}")
    listed = {entry["pack"] for entry in report["packs"]}
    for fault in report["faults"]:
        if fault["pack"] not in listed:
            print(f"BROKEN  {fault['pack']}  {fault['code']}: {fault['text']}")
    if report["command"]:
        print(f"The signature by hand: {report['command']}")


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the command line, read."""
    parser = argparse.ArgumentParser(description="Check that nobody has touched a sealed pack.")
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("pack", nargs="?", default=here, help="the folder of a pack")
    parser.add_argument("--allowed-signers", help="who may sign, from a place you trust")
    parser.add_argument("--chain", action="store_true", help="check all packs before this one too")
    parser.add_argument("--daily", action="store_true", help="name each day without a pack, from the first to this one")
    parser.add_argument("--alone", action="store_true", help="do not look for the pack before this one")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Return the exit code."""
    options = arguments(argv)
    try:
        report = run(options)
    except (CannotCheck, OSError) as exc:
        print(f"Cannot check: {exc}", file=sys.stderr)
        return USAGE
    if options.json:
        print(json.dumps(report, indent=2, ensure_ascii=True))
    else:
        tell(report)
    return OK if report["intact"] else UNPROVED if report["unsigned"] else BROKEN


if __name__ == "__main__":
    sys.exit(main())
