# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SECURITY-02 and SECURITY-05: encryption on the wire and at rest, and a trail of administration without a gap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verify.engine.attestations import attestation
from verify.engine.control import Said, control, expect, not_applicable, unknown
from verify.engine.evidence import ManualDue
from verify.facts import admin_trail, doors, encryption
from verify.facts.grants import verifier
from verify.facts.host_uses import uses
from verify.facts.registers import register
from verify.facts.verdicts import span

DAY = 86400.0
_SSH_OF_THE_PAST = {
    "ciphers": ("3des", "arcfour", "blowfish", "cast128", "-cbc"),
    "macs": ("md5", "sha1", "ripemd", "umac-64"),
    "kexalgorithms": ("-sha1", "group1-", "group-exchange-sha1"),
}


@control("SECURITY-02")
def certificates_are_valid_and_strong(host: Any, bounds: Any) -> Iterator[Said]:
    """Read every certificate that lies where services of the host keep theirs: each is valid now and for longer than
    the bound, with a key and a signature that are strong enough."""
    found = host.certificates
    for one in found:
        yield from encryption.sound_certificate(host, one, bounds)
    if not found:
        yield not_applicable(f"no service of {host.name} keeps a certificate", observed=0)


@control("SECURITY-02", "protocols")
def no_weak_protocol_is_spoken(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Begin TLS with each port that is declared for it, once as a client of today and once as one that knows nothing
    newer than TLS 1.1; the second has to be turned down. And read sshd's own settings for weak methods.

    The handshakes are made on the host itself, so they see what the program does and not what a file says. The
    certificate has to be good for the name that clients use (``name`` of the port's line, else that of the service's
    probe, else the host's own) and by the ``authority`` that they trust, the system's own without one.
    """
    for keyword, weak in _SSH_OF_THE_PAST.items():
        value = host.sshd.get(keyword, "")
        found = [one for one in value.split(",") if any(word in one for word in weak)]
        yield expect(
            value and len(found) <= bounds.weak_max_count, f"sshd of {host.name} has no weak {keyword}", observed=found
        )
    for port in encryption.tls_ports(estate, host):
        yield from encryption.tls_port(host, port, bounds)
    yield from encryption.trusted_ports(estate, host)


@control("SECURITY-02", "plain")
def nothing_is_spoken_in_the_clear(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Take each port on which the host listens beyond its loopback, and what ``verify_ports`` says protects it: TLS or
    ssh, not nothing; only sshd itself speaks ssh. Of a port that is not declared nobody knows."""
    declared = doors.ports(estate, host)
    found = doors.listeners(host)
    rows = {f"{one.port}/{one.protocol}": doors.row_of(declared, one.protocol, one.port) for one in found}
    plain = {port: row["why"] for port, row in rows.items() if row is not None and row["encrypted"] == "none"}
    yield expect(
        len(plain) <= bounds.plain_max_count,
        f"nothing on {host.name} is spoken in the clear beyond its loopback",
        observed=plain,
        expected=bounds.plain_max_count,
    )
    others = encryption.not_sshd(host, declared)
    yield expect(not others, f"each port of {host.name} that is declared as ssh is held by sshd", observed=others)
    strange = sorted(port for port, row in rows.items() if row is None)
    if strange:
        yield unknown(f"What protects {', '.join(strange)} of {host.name} is not declared.", observed=strange)


@control("SECURITY-02", "disks", attested=True)
def disks_are_encrypted(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Follow each file system with data down to its block device and expect an encrypted layer.

    What lies below a guest or container cannot be seen from inside; there a signed statement says who answers for it
    (of the host, or of the environment as a whole).
    """
    yield expect(host.disks, f"the file systems of {host.name} were read", observed=len(host.disks))
    plain = encryption.plain_file_systems(host)
    if not plain:
        yield expect(True, f"all data of {host.name} lies on encrypted devices", observed=plain)
        return
    try:
        stated = attestation(estate, "SECURITY-02", host.name)
    except ManualDue:
        stated = attestation(estate, "SECURITY-02")
    yield expect(
        len(plain) <= bounds.plain_max_count or stated.person,
        f"{stated.person} stands for the encryption below {host.name}: {stated.statement}",
        observed=plain,
    )


@control("SECURITY-02", "backups")
def backups_are_encrypted(asset: Any) -> Iterator[Said]:
    """Ask the repository of the asset's backups whether what it keeps is encrypted."""
    repository = asset.repository
    yield expect(repository.backups, f"backups of {asset.name} are known", observed=len(repository.backups))
    yield expect(repository.encrypted, f"the backups of {asset.name} are encrypted", observed=repository.encrypted)


@control("SECURITY-02", "storage")
def volumes_and_buckets_are_encrypted(estate: Any, bounds: Any) -> Iterator[Said]:
    """Take the newest inventory of resources of each source: it is young, and says of each volume and bucket that what
    it keeps is encrypted. One of which it says nothing may lie in the clear."""
    newest = {row.source: row for row in register(estate, "resource_inventory")}
    kept = []
    for source, listing in sorted(newest.items()):
        age, most = estate.now - listing.at, bounds.listing_max_age_s
        claim = f"the inventory of {source} was taken within {span(most)}"
        yield expect(age <= most, claim, observed=age, expected=most)
        kept += [one for one in listing.resources if one.kind in ("volume", "bucket")]
    plain = [f"{one.kind} {one.id}" for one in kept if one.encrypted is False]
    silent = [f"{one.kind} {one.id}" for one in kept if one.encrypted is None]
    if silent:
        yield unknown(f"Whether {', '.join(silent)} is encrypted is not on record.", observed=silent)
    if kept:
        claim = f"none of {len(kept)} volumes and buckets keeps something in the clear"
        yield expect(len(plain) <= bounds.plain_max_count, claim, observed=plain, expected=bounds.plain_max_count)
    else:
        whole = sum(len(listing.resources) for listing in newest.values())
        yield not_applicable(f"none of {whole} resources of {estate.name} is a volume or bucket", observed=0)


@control("SECURITY-05")
def administration_is_logged(host: Any, bounds: Any) -> Iterator[Said]:
    """Look for the traces that this very visit left in the host's journal: the login of verification's account, and its
    use of sudo. The journal lies on disk, is sealed, and no entry is missing between its files.

    A visit as root uses no sudo; then its login alone is the trace.
    """
    journal, who = host.journal, verifier(host)
    yield expect(journal.persistent, f"the journal of {host.name} is kept on disk", observed=journal.persistent)
    yield expect(journal.sealed, f"the journal of {host.name} is sealed", observed=journal.sealed)
    gaps = list(journal.gaps)
    yield expect(
        len(gaps) <= bounds.gap_max_count,
        f"no entry is missing in the journal of {host.name}",
        observed=gaps,
        expected=bounds.gap_max_count,
    )
    seen, read = uses(host), host.estate.fact(host.name, "access_uses").collected
    came = seen.accounts.get(who)
    yield expect(
        came is not None and read - came <= DAY, f"the login of {who} is in the journal of {host.name}", observed=came
    )
    if host.connection.uid != 0:
        since = read - seen.sudo.get(who, 0.0)
        yield expect(
            since <= bounds.delay_max_s,
            f"the use of sudo by {who} a moment ago is in the journal of {host.name}",
            observed=since,
            expected=bounds.delay_max_s,
        )


@control("SECURITY-05", "shipped")
def the_trail_arrives_elsewhere(host: Any, estate: Any, bounds: Any) -> Iterator[Said]:
    """Compare, for each of sshd, sudo and su, its newest line in the host's journal with the newest one that the log
    host has of it: the second is at most so much behind the first. And the host's rsyslog sends somewhere."""
    receiver = host.in_group(admin_trail.RECEIVERS)
    yield expect(
        receiver or host.log_forwarding, f"{host.name} sends its logs to another host", observed=host.log_forwarding
    )
    here = admin_trail.newest_here(host.admin_lines, estate.now)
    yield expect(here, f"{host.name} logged what sshd and sudo did in the last day", observed=len(host.admin_lines))
    if not here:
        return
    there = admin_trail.arrived(estate, host.name)
    for program, at in sorted(here.items()):
        behind = max(0.0, at - there[program]) if program in there else "nothing of the last day"
        yield expect(
            program in there and at - there[program] <= bounds.delay_max_s,
            f"the log host has what {program} logged on {host.name}, at most {span(bounds.delay_max_s)} late",
            observed=behind,
            expected=bounds.delay_max_s,
        )
