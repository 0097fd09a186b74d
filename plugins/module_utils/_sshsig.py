# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH signatures over files: made and checked with ``ssh-keygen -Y``, in the namespace of this collection.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["NAMESPACE", "Signer", "fingerprint", "sign", "verify", "verify_command"]

NAMESPACE = "ccobservatory.ops"
_GOOD = re.compile(r'^Good "[^"]*" signature for (?P<who>.+) with (?P<kind>\S+) key (?P<print>SHA256:\S+)\s*$', re.M)
_TIMEOUT_S = 20


@dataclass(frozen=True)
class Signer:
    """Who made a signature: the principal of the allowed signers file, and the key."""

    principal: str
    fingerprint: str
    key_type: str


def sign(path: Path, *, key: Path) -> Path:
    """Sign a file with a private key (or a public one whose private half an agent holds); return the signature file.

    Raises `OpsError` when the key is missing, locked by a passphrase without an agent, or refused.
    """
    if not key.is_file():
        raise OpsError(f"There is no signing key at {key}; give the path of a private SSH key.")
    signature = path.with_name(path.name + ".sig")
    signature.unlink(missing_ok=True)
    done = _ssh_keygen(["sign", "-f", str(key), "-n", NAMESPACE, str(path)])
    if done.returncode or not signature.is_file():
        raise OpsError(
            f"ssh-keygen did not sign {path} with {key}: {_reason(done)}. Use a key without a passphrase, or load "
            "it into an agent and give its public half."
        )
    return signature


def fingerprint(key: Path) -> str:
    """Return the fingerprint of a key file, for example ``SHA256:pXk...``; `OpsError` when it is no key."""
    done = _run(["ssh-keygen", "-l", "-E", "sha256", "-f", str(key)])
    found = re.search(r"SHA256:\S+", done.stdout)
    if done.returncode or not found:
        raise OpsError(f"{key} is not an SSH key that ssh-keygen can read: {_reason(done)}.")
    return found.group(0)


def verify(path: Path, *, signature: Path, allowed_signers: Path, principals: list[str] | None = None) -> Signer:
    """Check the signature of a file against an allowed signers file and return who made it.

    With ``principals`` only these may have signed. Raises `OpsError` with the reason when the signature does not hold.
    """
    if not allowed_signers.is_file():
        raise OpsError(
            f"There is no allowed signers file at {allowed_signers}; list who may sign there, with their keys."
        )
    if not signature.is_file():
        raise OpsError(f"There is no signature at {signature}.")
    found = _ssh_keygen(["find-principals", "-s", str(signature), "-f", str(allowed_signers)])
    names = [name for line in found.stdout.splitlines() for name in line.strip().split(",") if name]
    if found.returncode or not names:
        raise OpsError(f"The signature {signature} was made by a key that {allowed_signers} does not list.")
    wanted = [name for name in names if not principals or name in principals]
    if not wanted:
        raise OpsError(
            f"{signature} was signed by {', '.join(names)}, but only {', '.join(principals or [])} may sign it."
        )
    done = _ssh_keygen(_verify_arguments(allowed_signers, wanted[0], signature), text=path.read_bytes())
    match = _GOOD.search(done.stdout)
    if done.returncode or not match:
        raise OpsError(f"The signature {signature} does not fit {path}: {_reason(done)}.")
    return Signer(principal=match["who"], fingerprint=match["print"], key_type=match["kind"])


def verify_command(path: str, *, signature: str, allowed_signers: str, principal: str) -> str:
    """Return the command that checks a signature by hand, to be shown to people."""
    words = ["ssh-keygen", "-Y", *_verify_arguments(Path(allowed_signers), principal, Path(signature))]
    return " ".join(_quoted(word) for word in words) + f" < {_quoted(path)}"


def _verify_arguments(allowed_signers: Path, principal: str, signature: Path) -> list[str]:
    return ["verify", "-f", str(allowed_signers), "-I", principal, "-n", NAMESPACE, "-s", str(signature)]


def _ssh_keygen(arguments: list[str], *, text: bytes = b"") -> subprocess.CompletedProcess[str]:
    return _run(["ssh-keygen", "-Y", *arguments], text=text)


def _run(command: list[str], *, text: bytes = b"") -> subprocess.CompletedProcess[str]:
    # No terminal and no askpass: a key that needs a passphrase is refused at once instead of waiting for nobody.
    environment = {**os.environ, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "force", "SSH_ASKPASS": "/bin/false"}
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            check=False,
            env=environment,
            timeout=_TIMEOUT_S,
            start_new_session=True,
        )
    except FileNotFoundError as exc:
        raise OpsError("ssh-keygen is missing on this machine; install the OpenSSH client (8.9 or newer).") from exc
    except subprocess.TimeoutExpired as exc:
        raise OpsError(f"ssh-keygen did not answer in {_TIMEOUT_S} s; is an agent or a security key waiting?") from exc
    decoded = (done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
    return subprocess.CompletedProcess(done.args, done.returncode, *decoded)


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr + "\n" + done.stdout).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else f"it ended with {done.returncode}"


def _quoted(word: str) -> str:
    safe = re.fullmatch(r"[A-Za-z0-9_@%+=:,./-]+", word)
    return word if safe else "'" + word.replace("'", "'\"'\"'") + "'"
