# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attestations: what a person states, signs and answers for until a day, where no machine can tell.

A statement is a file of ``verify_attestations_dir`` with its signature beside it (``FILE.sig``, made by
``ssh-keygen -Y sign -n ccobservatory.ops``), by a person whom ``verify_allowed_signers`` lists::

    id: A-2026-11-disks
    environment: prod
    item: SECURITY-02
    subject: ""                      # a subject's name; empty for the environment as a whole
    person: b.brown@example.org      # the name of the signing key in the list of allowed signers
    role: platform
    statement: The disks below the guests of this environment are encrypted.
    made_on: 2026-11-20T09:00:00Z
    valid_until: 2026-12-31T23:59:59Z
    attachment: {file: contract.pdf, sha256: ...}   # optional, beside the statement

A statement that is missing, not validly signed or over makes a cell ``manual_due``. An item that rests on one is never
counted as proved by machines. One that no control asks for is an error: whoever signed it believes that it proves
something.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _sshsig
from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json, sha256_file
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import from_epoch, iso_ms, parse_iso
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_text import entries_of, read_text
from verify.engine.approval import instant, strange_keys
from verify.engine.catalogue import Catalogue
from verify.engine.declared import LISTS, Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence, ManualDue
from verify.engine.judge import ControlResult
from verify.engine.words import EvidenceClass, Status

__all__ = ["Attestation", "as_record", "attestation", "check", "collector", "unused"]

SUBJECT, INDEX = "attestations", "index"
MOST_S = 366 * 86_400.0
"""How long a statement may hold, in seconds."""

_TEXTS = ("id", "environment", "item", "person", "role", "statement")
_KEYS = (*_TEXTS, "made_on", "valid_until")
_OPTIONAL = ("subject", "attachment", "stand_in")
_SUFFIXES = (".yml", ".yaml", ".json")
Collect = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Attestation:
    """A valid statement. Instants are seconds since the epoch (UTC), ``valid_until`` is the last one."""

    id: str
    person: str
    role: str
    statement: str
    made_on: float
    valid_until: float
    fingerprint: str
    stand_in: bool


def attestation(estate: Estate, item: str, subject: str = "") -> Attestation:
    """Return the newest valid statement about an item and a subject (the estate as a whole when empty).

    Raises `ManualDue` when there is none, with the reason; `NoEvidence` when statements were not collected.
    """
    listed = estate.json(SUBJECT, INDEX)["statements"]
    wanted = "" if subject == estate.name else subject
    about = [one for one in listed if one["item"] == item and one["subject"] == wanted]
    valid = [one for one in about if not _wrong(one, estate.now)]
    if not valid:
        for one in about:
            estate.fact(SUBJECT, one["id"])
        what = f"{item} of {subject or estate.name}"
        reasons = "; ".join(f"{one['id']}: {_wrong(one, estate.now)}" for one in about)
        raise ManualDue(f"Nobody stands for {what}: {reasons or 'there is no statement'}. Have one signed.")
    newest = max(valid, key=lambda one: (one["made_on"], one["id"]))
    estate.fact(SUBJECT, newest["id"])
    return Attestation(
        id=newest["id"],
        person=newest["person"],
        role=newest["role"],
        statement=newest["statement"],
        made_on=parse_iso(newest["made_on"]).timestamp(),
        valid_until=parse_iso(newest["valid_until"]).timestamp(),
        fingerprint=newest["fingerprint"],
        stand_in=newest["stand_in"],
    )


def unused(results: Iterable[ControlResult], evidence: Evidence) -> dict[str, str]:
    """Return what has to be done about each statement that no control of a whole run asked for, by its id.

    A statement is asked for when a cell read it, or another one about the same item and subject. Where a control that
    rests on statements could not decide a cell, it may have come no further: then nothing is said of its item.
    """
    judged = list(results)
    read = {key for result in judged for row in result.rows for key in row.evidence}
    stuck = {result.item.id for result in judged if result.control.attested and _undecided(result)}
    given = _statements(evidence)
    asked = {_about(one) for one in given if f"{SUBJECT}/{one['id']}" in read}
    return {
        one["id"]: f"verify_attestations_dir: {one['file']}: no control asks for the statement {one['id']} about "
        f"{' of '.join(filter(None, _about(one)))}: correct its item and subject and sign it anew, or remove it."
        for one in given
        if _about(one) not in asked and one["item"] not in stuck
    }


def _undecided(result: ControlResult) -> bool:
    return any((row.original or row.status) in (Status.UNKNOWN, Status.STALE) for row in result.rows)


def _about(one: Mapping[str, Any]) -> tuple[str, str]:
    return str(one["item"]), str(one["subject"])


def _statements(evidence: Evidence) -> list[dict[str, Any]]:
    """Return the statements that were collected; none where they could not be."""
    fact = evidence.get(SUBJECT, INDEX)
    return list(evidence.json(fact)["statements"]) if fact is not None and fact.error is None else []


def as_record(evidence: Evidence, now: float, *, idle: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return all statements as ``attestations.json`` keeps them, each with its state as of an instant.

    ``idle`` are the ids of those that `unused` found.
    """
    found = []
    for one in _statements(evidence):
        reason = _wrong(one, now)
        state = "rejected" if one["rejected"] else "not valid at this time" if reason else "valid"
        if one["id"] in idle and not reason:
            state, reason = "proves nothing", "no control asks for it"
        found.append({**one, "state": state, "reason": reason})
    return found


def _wrong(one: Mapping[str, Any], now: float) -> str:
    """Return why a statement does not count at an instant; empty when it does."""
    if one["rejected"]:
        return str(one["rejected"])
    if parse_iso(one["made_on"]).timestamp() > now:
        return f"it is dated in the future ({one['made_on']})"
    if parse_iso(one["valid_until"]).timestamp() < now:
        return f"it ran out on {one['valid_until']}"
    return ""


# Collecting


def collector(catalogue: Catalogue) -> Collect:
    """Return the collector of statements."""

    def collect(
        environment: Environment,
        evidence: Evidence,
        *,
        now: Callable[[], float],
        progress: Callable[[str], None],
    ) -> None:
        """Read and verify every statement; `OpsError` for one that is malformed or about nothing."""
        folder = environment.path("verify_attestations_dir")
        about: dict[str, Any] = {"subject": SUBJECT, "source": "attestations", "command": str(folder or "")}
        if folder is None:
            evidence.missing("verify_attestations_dir is not set.", name=INDEX, collected=now(), **about)
            return
        statements = check(environment, catalogue)
        for one in statements:
            evidence.record(
                canonical_json(one).decode("utf-8", "surrogatepass"),
                name=one["id"],
                collected=now(),
                identity=one["fingerprint"],
                klass=EvidenceClass.ATTESTED,
                **about,
            )
        evidence.record(
            canonical_json({"statements": statements}).decode("utf-8", "surrogatepass"),
            name=INDEX,
            collected=now(),
            **about,
        )
        rejected = [one for one in statements if one["rejected"]]
        progress(f"attestations: {len(statements)} statements, {len(rejected)} rejected")

    return collect


def check(environment: Environment, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return the statements about an environment, each with its signer or the reason why it is rejected.

    Statements about other environments are left out. Raises `OpsError` naming file, key and mend for what is no
    statement, about an unknown item or subject, or there twice.
    """
    folder = environment.path("verify_attestations_dir")
    if folder is None:
        return []
    if not folder.is_dir():
        raise OpsError(f"verify_attestations_dir: there is no directory {folder}; correct it or make it.")
    found: list[dict[str, Any]] = []
    for path in sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES):
        rows = entries_of(path, read_text(path))
        if len(rows) != 1:
            raise OpsError(f"{path}: a signature is for one statement; write each into a file of its own.")
        one = _statement(rows[0], str(path), environment, catalogue)
        if one["id"] in [other["id"] for other in found] or one["id"] == INDEX:
            raise OpsError(f"{path}: id: {one['id']} is taken; give the statement an id of its own.")
        if one["environment"] == environment.name:
            found.append({**one, **_signed(path, one, environment)})
    return found


def _statement(row: Mapping[str, Any], where: str, environment: Environment, catalogue: Catalogue) -> dict[str, Any]:
    strange_keys(row, (*_KEYS, *_OPTIONAL), where, required=_KEYS)
    for key in _TEXTS:
        if not isinstance(row[key], str) or not row[key].strip():
            raise OpsError(f"{where}: {key} is {row[key]!r}; write a text.")
    made, until = instant(row, "made_on", where), instant(row, "valid_until", where)
    if not made < until <= made + MOST_S:
        raise OpsError(f"{where}: valid_until has to be after made_on, by at most {MOST_S / 86_400:g} days.")
    if row["item"] not in catalogue:
        raise OpsError(f"{where}: item: the catalogue has no item {row['item']!r}.")
    subject = row.get("subject") or ""
    if row["environment"] == environment.name and subject and subject not in _subjects(environment):
        raise OpsError(f"{where}: subject: {environment.name} declares no {subject!r}; leave it empty for all of it.")
    stand_in = row.get("stand_in", False)
    if not isinstance(stand_in, bool):
        raise OpsError(f"{where}: stand_in is {stand_in!r}; write true or false.")
    return {
        **{key: row[key].strip() for key in _TEXTS},
        "subject": "" if subject == environment.name else subject,
        "made_on": iso_ms(from_epoch(made)),
        "valid_until": iso_ms(from_epoch(until)),
        "attachment": _attachment(row.get("attachment"), where),
        "stand_in": stand_in,
    }


def _attachment(given: Any, where: str) -> dict[str, str] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping) or set(given) != {"file", "sha256"} or "/" in str(given["file"]):
        raise OpsError(f"{where}: attachment: write {{file: a file beside the statement, sha256: its digest}}.")
    return {"file": str(given["file"]), "sha256": str(given["sha256"]).lower()}


def _subjects(environment: Environment) -> set[str]:
    known = {subject.name for kind in ("host", "estate", *LISTS) for subject in environment.subjects(kind)}
    return known | set(environment.excluded)


def _signed(path: Path, one: Mapping[str, Any], environment: Environment) -> dict[str, Any]:
    """Return file, digest, and who signed or why the statement is rejected."""
    told = {"file": path.name, "sha256": sha256_file(path), "signed_by": "", "fingerprint": "", "rejected": ""}
    try:
        _check_attachment(path, one["attachment"])
        if one["stand_in"] and environment.variables.get("ops_protected", True) is not False:
            raise OpsError("it comes from a stand-in, and the environment is protected")
        signers = environment.path("verify_allowed_signers")
        if signers is None:
            raise OpsError("it cannot be verified: verify_allowed_signers is not set")
        signer = _sshsig.verify(
            path,
            signature=path.with_name(path.name + ".sig"),
            allowed_signers=signers,
            principals=[one["person"]],
        )
    except OpsError as exc:
        return {**told, "rejected": exc.message.rstrip(".")}
    return {**told, "signed_by": signer.principal, "fingerprint": signer.fingerprint}


def _check_attachment(path: Path, attachment: Mapping[str, str] | None) -> None:
    if attachment is None:
        return
    file = path.with_name(attachment["file"])
    if not file.is_file() or sha256_file(file) != attachment["sha256"]:
        raise OpsError(f"it names the attachment {attachment['file']}, which is missing or has another digest")
