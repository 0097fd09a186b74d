# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encryption on the wire and at rest as claims: certificates, what TLS ports agree to, file systems on encrypted disks.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.engine.control import Said, expect, unknown
from verify.facts.doors import listeners, ports, row_of
from verify.facts.host_certificates import Certificate
from verify.facts.host_tls import Handshake, handshake
from verify.facts.verdicts import span

__all__ = ["not_sshd", "plain_file_systems", "sound_certificate", "tls_port", "tls_ports", "trusted_ports"]

_WEAK_HASHES = ("md5", "sha1")
_LEAST_BITS = {"rsa": 2048, "dsa": 1 << 30, "ec": 224}
_MODERN = ("TLSv1.2", "TLSv1.3")
# File systems without a disk of their own below them.
_NO_DISK = ("tmpfs", "devtmpfs", "ramfs", "squashfs", "nfs", "nfs4", "cifs")


def sound_certificate(host: Any, one: Certificate, bounds: Any) -> Iterator[Said]:
    """Claim that a certificate is valid now and for long enough, and that nobody can forge it for little money."""
    left = one.not_after - host.estate.now
    about = f"the certificate {one.path} ({one.subject}) of {host.name}"
    yield expect(
        left > bounds.validity_min_s,
        f"{about} is valid for more than {span(bounds.validity_min_s)}",
        observed=left,
        expected=bounds.validity_min_s,
    )
    yield expect(one.not_before <= host.estate.now, f"{about} is valid already", observed=one.not_before)
    strong = one.signature_hash not in _WEAK_HASHES and one.key_bits >= _LEAST_BITS.get(one.key_type, 0)
    observed = f"{one.key_type} {one.key_bits}, {one.signature_hash}"
    yield expect(strong, f"{about} has a strong key and signature", observed=observed)


def tls_ports(estate: Any, host: Any) -> list[int]:
    """Return the ports of a host that are declared as TLS and on which something listens."""
    open_ = {one.port for one in host.sockets if one.protocol == "tcp"}
    return sorted({row["port"] for row in ports(estate, host) if row["encrypted"] == "tls"} & open_)


def tls_port(host: Any, port: int, bounds: Any) -> Iterator[Said]:
    """Claim that a port agrees to nothing older than TLS 1.2, and shows a certificate that is valid for long enough.

    Where the port's line declares its ``name`` or ``authority``, openssl has to find the certificate good for them.
    """
    today: Handshake = host.read(f"tls_{port}", handshake)
    yield expect(
        today.agreed in _MODERN,
        f"port {port} of {host.name} speaks TLS 1.2 or newer",
        observed=today.agreed or "nothing",
    )
    past: Handshake = host.read(f"tls_{port}_old", handshake)
    if past.offered:
        claim = f"port {port} of {host.name} refuses TLS 1.1 and older"
        yield expect(past.refused, claim, observed=past.agreed or "refused")
    else:
        yield unknown(f"openssl of {host.name} offers no TLS 1.1, so nobody knows whether port {port} agrees to it.")
    yield expect(today.certificate is not None, f"port {port} of {host.name} shows a certificate")
    if today.certificate is not None:
        left = today.certificate.not_after - host.estate.now
        yield expect(
            left > bounds.validity_min_s,
            f"the certificate shown on port {port} of {host.name} is valid for more than {span(bounds.validity_min_s)}",
            observed=left,
            expected=bounds.validity_min_s,
        )


def trusted_ports(estate: Any, host: Any) -> Iterator[Said]:
    """Claim of each TLS port whose line declares a name or an authority that its certificate is good for them."""
    open_ = set(tls_ports(estate, host))
    for row in ports(estate, host):
        if row["port"] in open_ and row["encrypted"] == "tls" and ("name" in row or "authority" in row):
            shown: Handshake = host.read(f"tls_{row['port']}", handshake)
            good = f"is good for {row.get('name', 'any name')} by {row.get('authority', 'the authorities of the host')}"
            yield expect(
                shown.trusted,
                f"the certificate on port {row['port']} of {host.name} {good}",
                observed=shown.verdict,
                expected="ok",
            )


def not_sshd(host: Any, declared: Any) -> list[str]:
    """Return the ports that are declared as protected by ssh and on which something else than sshd listens.

    A socket that systemd holds for sshd is sshd's own when sshd's settings name its port.
    """
    own = {int(port) for port in host.sshd.get("port", "22").split()}
    return [
        f"{one.process or 'a program'} on {one.port}/{one.protocol}"
        for one in listeners(host)
        if (row_of(declared, one.protocol, one.port) or {}).get("encrypted") == "ssh"
        and not (one.process == "sshd" or (one.process in (None, "", "systemd") and one.port in own))
    ]


def plain_file_systems(host: Any) -> list[str]:
    """Return the file systems with data of which the host does not show that they lie on an encrypted device."""
    encrypted = {place for one in host.block_devices if one.encrypted for place in one.mountpoints}
    boot = ("/boot", "/boot/efi")
    return [
        f"{one.target} on {one.device}"
        for one in host.disks
        if one.fstype not in _NO_DISK and one.target not in encrypted and one.target not in boot
    ]
