# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encryption on the wire and at rest as claims: certificates, what TLS ports agree to, file systems on encrypted disks.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_doors import served_name
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
    """Claim that a port agrees to nothing older than TLS 1.2, and shows a certificate that is valid for long enough."""
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
    """Claim of each TLS port that its certificate is good for the name that clients use, by the authority that they
    trust: the one that the port's line declares, else those of the host's own system.

    Where the inventory does not say the name, one by which it knows the host itself will do; otherwise it is unknown.
    """
    open_, services = set(tls_ports(estate, host)), estate.declared("verify_services") or ()
    names = {host.name, *(group for group, own in estate.environment.groups.items() if host.name in own)}
    rows = {row["port"]: row for row in reversed(ports(estate, host)) if row["encrypted"] == "tls"}
    for port in sorted(open_ & set(rows)):
        shown: Handshake = host.read(f"tls_{port}", handshake)
        name = served_name(rows[port], names, services)
        authority = rows[port].get("authority", "the authorities that its system trusts")
        yield expect(
            shown.trusted and shown.certificate is not None,
            f"the certificate on port {port} of {host.name} is good{f' for {name}' if name else ''} by {authority}",
            observed=shown.verdict,
            expected="ok",
        )
        if not name and shown.certificate is not None:
            yield _own_name(host, port, shown.certificate)


def _own_name(host: Any, port: int, shown: Certificate) -> Said:
    own = [str(one) for one in (host.name, host.get("ansible_host")) if one]
    if set(own) & set(shown.names):
        return expect(True, f"the certificate on port {port} of {host.name} bears its name", observed=list(shown.names))
    told = ", ".join(shown.names) or "no name"
    return unknown(
        f"By which name clients ask for port {port} of {host.name} is not known, and its certificate bears {told}; "
        "declare the name in verify_ports.",
        observed=list(shown.names),
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
