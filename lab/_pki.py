# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the lab: its certificate authority, a certificate per host, ssh keys, and keys of the stand-ins.

The openssl and ssh-keygen programs do this in about a second and need nothing installed, so the lab can stand before
any virtual environment exists; production environments bring certificates of their own.
"""

from __future__ import annotations

import datetime
import os
import subprocess
import tempfile
from pathlib import Path

from ._console import LabError
from ._estate import ADMIN_USER, HOSTS, Estate

CA_DAYS = 3650
HOST_DAYS = 825
SIGNATURE_NAMESPACE = "ccobservatory.ops"
# Roles of people whose statements a drill needs; in the lab a key stands in for each of them.
STAND_INS = ("drill_lead", "approver", "reviewer", "operator", "communications", "management")
REPORT_SIGNER = "drill_report"
# Who commits to the repositories of the lab: git signs in a namespace of its own, under an address. The key is no
# stand-in's, because a list of signers is searched by key and the first entry of it counts.
COMMITTER, COMMITTER_ADDRESS = "committer", "committer@lab.example"
# The account that collects evidence has a key of its own.
VERIFIER = "verify"

_CA_CONFIG = """[ca]
default_ca = lab
[lab]
database = {work}/index.txt
new_certs_dir = {work}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = none
x509_extensions = host
unique_subject = no
[any]
commonName = supplied
[host]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:{name}, IP:{address}
"""


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise LabError(f"{' '.join(command[:2])} failed: {lines[-1]}")


def _private(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)


def ensure(estate: Estate) -> None:
    """Make every missing key and certificate; what exists stays as it is.

    Raises: LabError with what openssl or ssh-keygen said.
    """
    _private(estate.state)
    _private(estate.pki)
    _private(estate.keys)
    _ensure_ca(estate)
    for host in HOSTS:
        _ensure_host_certificate(estate, host.name)
        _ensure_ssh_key(host_key(estate, host.name), host.name)
    _ensure_ssh_key(estate.keys / ADMIN_USER, f"{ADMIN_USER}@{estate.prefix}")
    for name in (*STAND_INS, REPORT_SIGNER):
        _ensure_ssh_key(estate.keys / name, name)
    _write_known_hosts(estate)
    ensure_committer(estate)


def ensure_committer(estate: Estate) -> None:
    """Make the key of the one who commits, for a lab that was built without it, and write the list of signers."""
    _ensure_ssh_key(estate.keys / COMMITTER, COMMITTER_ADDRESS)
    _ensure_ssh_key(estate.keys / VERIFIER, f"{VERIFIER}@{estate.prefix}")
    _write_allowed_signers(estate)


def _ensure_key(path: Path) -> None:
    if not path.exists():
        _run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(path))
        path.chmod(0o600)


def _ensure_ca(estate: Estate) -> None:
    key, certificate = estate.pki / "ca.key", estate.pki / "ca.crt"
    _ensure_key(key)
    if certificate.exists():
        return
    _run(
        "openssl", "req", "-x509", "-new", "-key", str(key), "-out", str(certificate), "-sha256", "-days", str(CA_DAYS),
        "-subj", f"/CN=ccobservatory lab {estate.prefix} CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip


def _ensure_host_certificate(estate: Estate, host: str) -> None:
    _ensure_key(estate.pki / f"{host}.key")
    certificate = estate.pki / f"{host}.crt"
    if not certificate.exists():
        now = datetime.datetime.now(tz=datetime.UTC)
        # A minute of slack: a client whose clock is a little behind must accept a new certificate.
        sign(estate, host, certificate, now - datetime.timedelta(minutes=1), now + datetime.timedelta(days=HOST_DAYS))


def sign(estate: Estate, host: str, target: Path, begin: datetime.datetime, end: datetime.datetime) -> None:
    """Write a certificate for the host's key, signed by the lab's CA and valid between two instants.

    Raises: LabError with what openssl said.
    """
    stamp = "%Y%m%d%H%M%SZ"
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        (work / "index.txt").touch()
        config, request = work / "ca.cnf", work / "request.csr"
        config.write_text(_CA_CONFIG.format(work=work, name=host, address=estate.address(host)), encoding="utf-8")
        key = str(estate.pki / f"{host}.key")
        _run("openssl", "req", "-new", "-key", key, "-out", str(request), "-subj", f"/CN={host}")
        _run(
            "openssl", "ca", "-batch", "-notext", "-config", str(config), "-in", str(request), "-out", str(target),
            "-cert", str(estate.pki / "ca.crt"), "-keyfile", str(estate.pki / "ca.key"),
            "-startdate", begin.strftime(stamp), "-enddate", end.strftime(stamp),
        )  # fmt: skip


def expired_certificate(estate: Estate, host: str) -> bytes:
    """Return a certificate of the host's own key that ended an hour ago."""
    now = datetime.datetime.now(tz=datetime.UTC)
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "expired.crt"
        sign(estate, host, target, now - datetime.timedelta(days=2), now - datetime.timedelta(hours=1))
        return target.read_bytes()


def _ensure_ssh_key(path: Path, comment: str) -> None:
    if not path.exists():
        _private(path.parent)
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path))


def host_key(estate: Estate, host: str) -> Path:
    """Return where the ssh host key of a host is kept."""
    return estate.state / "hosts" / host / "ssh_host_ed25519_key"


def public_key(path: Path) -> str:
    """Return type and key of the public half, without its comment."""
    return " ".join(Path(f"{path}.pub").read_text(encoding="utf-8").split()[:2])


def _write_known_hosts(estate: Estate) -> None:
    lines = [f"{host.name},{estate.address(host.name)} {public_key(host_key(estate, host.name))}\n" for host in HOSTS]
    (estate.state / "known_hosts").write_text("".join(lines), encoding="utf-8")


def _write_allowed_signers(estate: Estate) -> None:
    lines = [
        f'{name} namespaces="{SIGNATURE_NAMESPACE}" {public_key(estate.keys / name)}\n'
        for name in (*STAND_INS, REPORT_SIGNER)
    ]
    lines.append(f'{COMMITTER_ADDRESS} namespaces="git" {public_key(estate.keys / COMMITTER)}\n')
    (estate.keys / "allowed_signers").write_text("".join(lines), encoding="utf-8")


def hand_over(path: Path, uid: int, gid: int) -> None:
    """Give a tree to the person who called sudo, so that Ansible can run without it."""
    if os.geteuid() != 0 or uid == 0:
        return
    for directory, names, files in os.walk(path):
        for name in (".", *names, *files):
            os.chown(Path(directory) / name, uid, gid, follow_symlinks=False)
