# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What openssl really says of a port's certificate, by the name and the authority that the port's line declares."""

from __future__ import annotations

import datetime
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_doors import handshakes
from verify.facts.host_tls import handshake

NAME = "web.example.org"


def signed(name: str, by: tuple[str, Any] | None = None) -> tuple[bytes, Any]:
    """Return a certificate in PEM and its key, signed by an authority (its name and key) or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by[0])]) if by else subject
    begin = datetime.datetime.now(tz=datetime.UTC) - datetime.timedelta(hours=1)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(by[1] if by else key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM), key


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path, Path]]:
    """A port that speaks TLS, the file of its authority, and that of another one."""
    folder = tmp_path_factory.mktemp("tls")
    authority, key = signed("an authority")
    certificate, own = signed(NAME, ("an authority", key))
    (folder / "ca.pem").write_bytes(authority)
    (folder / "other.pem").write_bytes(signed("another authority")[0])
    pem = own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(certificate + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, args=(listener, context), daemon=True).start()
        yield listener.getsockname()[1], folder / "ca.pem", folder / "other.pem"


def answer(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Shake hands with whoever comes, until the listener is closed."""
    while True:
        try:
            connection, _address = listener.accept()
        except OSError:
            return
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()


@pytest.mark.parametrize(
    ("name", "authority", "trusted"),
    [(NAME, 0, True), ("mail.example.org", 0, False), (NAME, 1, False), ("", 0, True), ("", None, False)],
)
def test_a_certificate_is_good_for_the_declared_name_and_authority(
    served: tuple[int, Path, Path], name: str, authority: int | None, trusted: bool
) -> None:
    port, *authorities = served
    row: dict[str, Any] = {"port": port, "encrypted": "tls", "why": "a test"}
    row |= {"name": name} if name else {}
    row |= {} if authority is None else {"authority": str(authorities[authority])}
    today, _past = handshakes([row])
    said = subprocess.run(today.argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    shown = handshake(said.stdout)
    assert shown.agreed.startswith("TLSv1.")
    assert (shown.trusted, shown.verdict == "ok") == (trusted, trusted)
