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

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_doors import handshakes, served_name
from verify.engine.control import Expectation
from verify.engine.declared import Declared, Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence
from verify.facts import encryption
from verify.facts.host import Host
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


SERVICES = [
    {"name": "web", "probe": "https://web.example.org/health/ready", "hosts": "haproxy"},
    {"name": "api", "probe": "https://192.0.2.7:8443/ready", "hosts": ["api1"]},
    {"name": "inner", "probe": "http://inner:8443/ready", "hosts": ["lb1"]},
    {"name": "odd", "probe": "https://a b;c:25", "hosts": ["lb1"]},
]


@pytest.mark.parametrize(
    ("port", "names", "own", "asked"),
    [
        (443, ("lb1", "haproxy"), {}, "web.example.org"),
        (443, ("lb1", "haproxy"), {"name": "other.example.org"}, "other.example.org"),
        (443, ("db1",), {}, ""),
        (8443, ("api1",), {}, "192.0.2.7"),
        (8443, ("lb1", "haproxy"), {}, ""),
        (25, ("lb1",), {}, ""),
        (443, None, {}, ""),
    ],
)
def test_the_name_of_a_port_is_what_the_inventory_says_that_it_serves(
    port: int, names: tuple[str, ...] | None, own: dict[str, str], asked: str
) -> None:
    assert served_name({"port": port, **own}, names, SERVICES) == asked


def test_a_port_is_tried_by_its_name_or_address() -> None:
    rows = [{"port": port, "encrypted": "tls"} for port in (443, 8443)]
    named, _old = handshakes(rows[:1], ("lb1", "haproxy"), SERVICES)
    assert named.argv[-4:] == ("-servername", "web.example.org", "-verify_hostname", "web.example.org")
    addressed, _old = handshakes(rows[1:], ("api1",), SERVICES)
    assert addressed.argv[-2:] == ("-verify_ip", "192.0.2.7")


def said_of(names: tuple[str, ...], verdict: str = "0 (ok)", **row: str) -> list[Any]:
    """Return what is said of the port 8432 of the host db1 (192.0.2.31), whose certificate bears these names."""
    pem = signed(names[0])[0].decode() if names else ""
    text = (
        f"CONNECTED(3)\n{pem}SSL handshake has read 818 bytes and written 361 bytes\n"
        f"New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256\nVerify return code: {verdict}\n"
    )
    listening = 'tcp LISTEN 0 128 0.0.0.0:8432 0.0.0.0:* users:(("pgbackrest",pid=1,fd=3))\n'
    ports = [{"port": 8432, "encrypted": "tls", "why": "backups", **row}]
    host = Declared("host", "db1", {"ansible_host": "192.0.2.31"})
    environment = Environment("e", "-", "-", {"db1": host}, {"all": ["db1"]}, {"verify_ports": ports})
    evidence = Evidence()
    for name, body in (("tls_8432", text), ("sockets", listening)):
        evidence.record(body, subject="db1", name=name, source="host", collected=0.0, command=name)
    estate = Estate(environment, evidence, now=0.0)
    return list(encryption.trusted_ports(estate, Host(estate, host)))


def test_a_port_without_a_declared_name_bears_that_of_its_host() -> None:
    assert [one.holds for one in said_of(("db1",))] == [True, True]
    assert "by the authorities that its system trusts" in said_of(("db1",))[0].says
    assert [one.holds for one in said_of(("db1",), "20 (unable to get local issuer certificate)")] == [False, True]


def test_a_name_that_nobody_knows_is_unknown() -> None:
    trusted, name = said_of((NAME,))
    assert trusted.holds
    assert not isinstance(name, Expectation)
    assert name.says.startswith("By which name clients ask for port 8432 of db1 is not known")
    assert len(said_of((NAME,), name=NAME, authority="/ca.crt")) == 1


def test_a_port_that_shows_no_certificate_is_not_trusted() -> None:
    assert [one.holds for one in said_of(())] == [False]
