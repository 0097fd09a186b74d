# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence and environment on disk, so that a run can be judged again from its folder alone.

``evidence/blobs.jsonl`` holds each distinct body once, ``evidence/index.jsonl`` a line a fact; a body stands before the
facts that need it. Lines are appended as facts come: a killed run leaves whole lines and at most one cut short.
``environment.json`` holds what checks read of the inventory, and no secret.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import sha256_bytes
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine.declared import Declared, Environment
from verify.engine.evidence import Evidence, Fact
from verify.engine.words import EvidenceClass

__all__ = ["ENVIRONMENT", "KeptEvidence", "copy_evidence", "read_environment", "read_evidence", "write_environment"]

ENVIRONMENT = "environment.json"
_INDEX, _BLOBS = "evidence/index.jsonl", "evidence/blobs.jsonl"
_FIELDS = tuple(field.name for field in fields(Fact) if field.init)

# What checks read of the inventory besides verify_*: which environment this is, and where a host answers.
_OF_ALL = re.compile(r"^(verify_|ops_environment$|ops_protected$)")
_OF_HOST = re.compile(r"^(verify_|ansible_host$|ansible_port$)")
# What only collecting, signing and the ledger need stays out of a pack.
_NEVER = re.compile(r"^verify_(user|private_key_file|signing_key|ledger_url|webhook|mail|notices?)(_|$)")
_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|credential|api_?key|private_?key|authorization|bearer|cookie|vault_",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")
_PASSWORD = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
_QUERY = re.compile(r"(?<=[?&])([^=&\s]+)=([^&\s#]+)")
_ARMOUR = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\$ANSIBLE_VAULT;")
_SHORTEST = 6
_REMOVED = "(removed)"


class KeptEvidence(Evidence):
    """Evidence that is written to a run's folder as it is added to. Several threads may add at the same time."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        (folder / "evidence").mkdir(parents=True, exist_ok=True)
        self._index = _append(folder / _INDEX)
        self._blobs = _append(folder / _BLOBS)
        self._lock = threading.Lock()

    def add(self, fact: Fact, body: str | None) -> Fact:
        """Keep a fact in memory and on disk."""
        with self._lock:
            new = body is not None and fact.digest is not None and fact.digest not in self._bodies
            super().add(fact, body)
            if new:
                self._blobs.write(_line({"digest": fact.digest, "body": body}))
            self._index.write(_line({name: getattr(fact, name) for name in _FIELDS}))
        return fact

    def close(self) -> None:
        """Close the files; nothing can be added afterwards."""
        self._blobs.close()
        self._index.close()

    def __enter__(self) -> KeptEvidence:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _append(path: Path) -> BinaryIO:
    # Unbuffered: a line is with the system before the next fact comes, so that killing the run loses none.
    return path.open("ab", buffering=0)


def _line(value: Mapping[str, Any]) -> bytes:
    # All values are text, numbers or nothing. A byte that is no UTF-8 becomes its escape and reads back as it was.
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"


def read_evidence(folder: Path) -> Evidence:
    """Return the evidence of a run's folder; a fact that was read again counts as it was read last.

    Raises `OpsError` for a line that is none, and a body that is missing or does not fit its digest.
    """
    bodies = {}
    for number, row in _lines(folder / _BLOBS):
        body, digest = row.get("body"), row.get("digest")
        if not isinstance(body, str) or sha256_bytes(body.encode("utf-8", "surrogatepass")) != digest:
            raise OpsError(f"{folder / _BLOBS}, line {number}: the body does not fit its digest; it was edited.")
        bodies[digest] = body
    evidence = Evidence()
    for number, row in _lines(folder / _INDEX):
        try:
            fact = Fact(**{**row, "klass": EvidenceClass(row["klass"])})
            evidence.add(fact, None if fact.digest is None else bodies[fact.digest])
        except (KeyError, TypeError, ValueError) as exc:
            raise OpsError(f"{folder / _INDEX}, line {number}: this is no fact with its body ({exc}).") from exc
    return evidence


def copy_evidence(run: Path, folder: Path) -> Evidence:
    """Return the evidence of a run, kept in another run's folder too: a pack has what it speaks of."""
    with KeptEvidence(folder) as kept:
        found = read_evidence(run)
        for fact in found:
            kept.add(fact, None if fact.digest is None else found.body(fact))
    return kept


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return number and content of each whole line; a last line that a killed run cut short is left out."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise OpsError(f"{path} cannot be read ({exc.strerror}); is this the folder of a run?") from exc
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            row = json.loads(line)
        except ValueError as exc:
            raise OpsError(f"{path}, line {number}: this is no JSON; it was edited or damaged.") from exc
        if not isinstance(row, dict):
            raise OpsError(f"{path}, line {number}: this is no mapping; it was edited or damaged.")
        yield number, row


def write_environment(environment: Environment, folder: Path, *, secrets: Collection[str] = ()) -> None:
    """Write ``environment.json``: what checks read of the environment, secrets masked.

    Masked are the values of keys that name a secret, user and password in URLs, private keys, and wherever they occur
    the known secrets of the environment and ``secrets``.
    """
    known = {*environment.secrets, *secrets, *_secrets_in(environment.variables)}
    for host in environment.hosts.values():
        known.update(_secrets_in(host.about))
    mask = _mask_of(known)
    kept = {
        "name": environment.name,
        "inventory": environment.inventory,
        "inventory_digest": environment.inventory_digest,
        "hosts": {name: _cleaned(_kept(host.about, _OF_HOST), mask) for name, host in environment.hosts.items()},
        "groups": {name: list(members) for name, members in environment.groups.items()},
        "variables": _cleaned(_kept(environment.variables, _OF_ALL), mask),
        "excluded": dict(environment.excluded),
    }
    text = json.dumps(kept, sort_keys=True, ensure_ascii=False, indent=1)
    (folder / ENVIRONMENT).write_bytes(text.encode("utf-8", "backslashreplace") + b"\n")


def read_environment(folder: Path) -> Environment:
    """Return the environment of a run's folder; `OpsError` when it is not there or not whole."""
    path = folder / ENVIRONMENT
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        hosts = {name: Declared("host", name, about) for name, about in found.pop("hosts").items()}
        return Environment(hosts=hosts, **found)
    except OSError as exc:
        raise OpsError(f"{path} cannot be read ({exc.strerror}); is this the folder of a run?") from exc
    except (ValueError, TypeError, AttributeError, KeyError) as exc:
        raise OpsError(f"{path} is not the environment of a run ({exc}).") from exc


def _kept(variables: Mapping[str, Any], wanted: re.Pattern[str]) -> dict[str, Any]:
    return {name: value for name, value in variables.items() if wanted.match(name) and not _NEVER.match(name)}


def _secrets_in(value: Any, key: str = "") -> Iterator[str]:
    """Return the texts that stand under a key which names a secret, and the passwords in URLs."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _secrets_in(inner, name if _names_secret(str(name)) else key)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _secrets_in(inner, key)
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        if key:
            yield str(value)
        yield from _PASSWORD.findall(str(value))


def _names_secret(key: str) -> bool:
    # A file that holds a secret is a path, and a path may be told.
    return bool(_SECRET_KEY.search(key)) and not key.endswith(("_file", "_dir", "_path"))


def _mask_of(secrets: Collection[str]) -> re.Pattern[str] | None:
    """Return what finds a known secret in a text; one so short that it would blot out words is hidden by its key."""
    long = sorted({one for one in secrets if len(one) >= _SHORTEST}, key=len, reverse=True)
    return re.compile("|".join(re.escape(one) for one in long)) if long else None


def _cleaned(value: Any, mask: re.Pattern[str] | None) -> Any:
    if isinstance(value, Mapping):
        return {
            str(key): _REMOVED if _names_secret(str(key)) and inner else _cleaned(inner, mask)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_cleaned(inner, mask) for inner in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = str(value)
    if _ARMOUR.search(text):
        return _REMOVED
    text = mask.sub(_REMOVED, text) if mask else text
    text = _USERINFO.sub(f"{_REMOVED}@", text)
    return _QUERY.sub(lambda found: f"{found[1]}={_REMOVED}" if _names_secret(found[1]) else found[0], text)
