# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that a host keeps: parser of the answer.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

__all__ = ["Certificate", "certificates"]

_BLOCK = re.compile(r"^(/.*)\n(-----BEGIN CERTIFICATE-----\n[0-9A-Za-z+/=\s]+-----END CERTIFICATE-----)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One X.509 certificate. Instants are seconds since the epoch (UTC), ``key_bits`` the size of the public key.

    ``names`` are the subject alternative names (DNS names and addresses), ``fingerprint`` the SHA-256 in hex.
    """

    path: str
    subject: str
    issuer: str
    serial: str
    not_before: float
    not_after: float
    names: tuple[str, ...]
    key_type: str
    key_bits: int
    signature_hash: str
    is_ca: bool
    fingerprint: str

    @property
    def self_signed(self) -> bool:
        """Return whether the certificate names itself as its issuer."""
        return self.subject == self.issuer

    def days_left(self, now: float) -> float:
        """Return the days until the certificate ends; negative when it has."""
        return (self.not_after - now) / 86400


def certificates(text: str) -> list[Certificate]:
    """Read blocks of a path and a certificate in PEM below it; no block at all is no certificate.

    Raises ValueError when something else stands there, or a block is no certificate.
    """
    found = [_certificate(match[1], match[2]) for match in _BLOCK.finditer(text)]
    if len(found) != text.count("-----BEGIN CERTIFICATE-----"):
        raise ValueError("a certificate breaks off, so the list is not whole")
    return found


def _certificate(path: str, pem: str) -> Certificate:
    read = x509.load_pem_x509_certificate(pem.encode())
    key_type, key_bits = _key(read)
    return Certificate(
        path=path,
        subject=read.subject.rfc4514_string(),
        issuer=read.issuer.rfc4514_string(),
        serial=f"{read.serial_number:x}",
        not_before=read.not_valid_before_utc.timestamp(),
        not_after=read.not_valid_after_utc.timestamp(),
        names=_names(read),
        key_type=key_type,
        key_bits=key_bits,
        signature_hash=read.signature_hash_algorithm.name if read.signature_hash_algorithm else "",
        is_ca=_is_ca(read),
        fingerprint=read.fingerprint(hashes.SHA256()).hex(),
    )


def _key(read: x509.Certificate) -> tuple[str, int]:
    try:
        key = read.public_key()
    except UnsupportedAlgorithm as exc:
        raise ValueError(f"its key is of a kind that nobody knows: {exc}") from exc
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ec", key.key_size
    if isinstance(key, dsa.DSAPublicKey):
        return "dsa", key.key_size
    return type(key).__name__.removesuffix("PublicKey").lstrip("_").lower(), 256


def _names(read: x509.Certificate) -> tuple[str, ...]:
    try:
        value = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (
        *value.get_values_for_type(x509.DNSName),
        *(str(address) for address in value.get_values_for_type(x509.IPAddress)),
    )


def _is_ca(read: x509.Certificate) -> bool:
    try:
        return bool(read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
