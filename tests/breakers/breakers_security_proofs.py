# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that SECURITY-02 and SECURITY-05 have to see: encryption, and the trail of administration."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from _world import DAY, HOUR, NOW, World, breaker
from breakers_infra_doors import failed_yesterday
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from golden_records import add, at


def certificate(*, days: float, key: Any = None) -> str:
    """Return a certificate in PEM that ends in so many days."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lb1")])
    end = datetime.fromtimestamp(NOW, UTC) + timedelta(days=days)
    made = x509.CertificateBuilder(name, name, own.public_key(), 4711)
    made = made.not_valid_before(end - timedelta(days=90)).not_valid_after(end)
    return made.sign(own, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@breaker("SECURITY-02", "a certificate ends in twelve days")
def certificate_ends(world: World) -> None:
    block = f"/etc/haproxy/tls/next.pem\n{certificate(days=12)}"
    world.set("lb1", "certificates", world.body("lb1", "certificates").rstrip() + f"\n{block}")


@breaker("SECURITY-02", "a certificate ended a week ago")
def certificate_ended(world: World) -> None:
    block = f"/etc/haproxy/tls/next.pem\n{certificate(days=-7)}"
    world.set("lb1", "certificates", world.body("lb1", "certificates").rstrip() + f"\n{block}")


@breaker("SECURITY-02", "a certificate has a key of 1024 bits")
def weak_certificate(world: World) -> None:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - a weak key is the fault
    block = f"/etc/haproxy/tls/next.pem\n{certificate(days=60, key=key)}"
    world.set("lb1", "certificates", world.body("lb1", "certificates").rstrip() + f"\n{block}")


@breaker("SECURITY-02", "the certificates were not read")
def certificates_unread(world: World) -> None:
    world.lose("lb1", "certificates")


@breaker("SECURITY-02.protocols", "the balancer agrees to TLS 1.1")
def old_tls(world: World) -> None:
    agreed = "New, TLSv1.0, Cipher is ECDHE-ECDSA-AES128-SHA"
    world.edit("lb1", "tls_443_old", "New, (NONE), Cipher is (NONE)", agreed)


@breaker("SECURITY-02.protocols", "the certificate that a port shows is older than the file beside it")
def stale_certificate(world: World) -> None:
    text = world.body("lb1", "tls_443")
    shown = re.search(r"-----BEGIN CERT.*?-----END CERTIFICATE-----", text, re.DOTALL)
    assert shown
    world.set("lb1", "tls_443", text.replace(shown[0], certificate(days=3).strip()))


@breaker("SECURITY-02.protocols", "nobody answered the handshake of a port that listens")
def no_handshake(world: World) -> None:
    world.set("db1", "tls_8432", "", rc=1)


@breaker("SECURITY-02.protocols", "openssl of the host could not even offer TLS 1.1")
def nothing_offered(world: World) -> None:
    text = re.sub(
        r"has read \d+ bytes and written \d+", "has read 0 bytes and written 0", world.body("lb1", "tls_443_old")
    )
    world.set("lb1", "tls_443_old", text)


@breaker("SECURITY-02.protocols", "sshd offers an old cipher", also="INFRA-08.change")
def old_cipher(world: World) -> None:
    world.edit("app1", "sshd", "ciphers chacha20", "ciphers aes256-cbc,chacha20")


@breaker("SECURITY-02.plain", "a port is declared as one that speaks in the clear")
def declared_plain(world: World) -> None:
    row = next(one for one in world.variables["verify_ports"] if one["port"] == 8000)
    row["encrypted"] = "none"


def bucket(world: World, **keys: Any) -> None:
    """Put a bucket of another provider into the inventory of resources."""
    resource = {"id": "backups", "kind": "bucket", "attached": True, **keys}
    row = {"id": "RES-8", "at": at(HOUR), "source": "second provider", "resources": [resource]}
    add(world, "resource_inventory", row)


@breaker("SECURITY-02.storage", "a bucket keeps its content in the clear")
def plain_bucket(world: World) -> None:
    bucket(world, encrypted=False)


@breaker("SECURITY-02.storage", "nothing says whether a bucket is encrypted")
def silent_bucket(world: World) -> None:
    bucket(world)


@breaker("SECURITY-02.disks", "a file system lies on a plain disk, and nobody stands for it")
def plain_disk(world: World) -> None:
    text = (
        world.body("db1", "disks") + "/dev/vdb ext4 107374182400 53687091200 48318382080 6553600 65536 6488064 /srv\n"
    )
    world.set("db1", "disks", text)


@breaker("SECURITY-02.backups", "the repository of the database is not encrypted")
def plain_backups(world: World) -> None:
    def open_it(body: Any) -> None:
        for stanza in body:
            stanza["cipher"] = "none"
            for repository in stanza["repo"]:
                repository["cipher"] = "none"

    world.change("repo1", "pgbackrest_info", open_it)


@breaker("SECURITY-05", "the journal lies in memory only, since yesterday already")
def volatile_journal(world: World) -> None:
    world.set(
        "app1", "journal_header", world.body("app1", "journal_header").replace("/var/log/journal/", "/run/log/journal/")
    )
    failed_yesterday(world, "app1")


@breaker("SECURITY-05", "the journal is no longer sealed")
def unsealed(world: World) -> None:
    world.set(
        "app1",
        "journal_header",
        world.body("app1", "journal_header").replace("Compatible flags: SEALED", "Compatible flags:"),
    )


@breaker("SECURITY-05", "entries are missing between two files of the journal")
def journal_gap(world: World) -> None:
    text = re.sub(
        r"Head sequential number: 1 \(1\)", "Head sequential number: 40 (28)", world.body("app1", "journal_header")
    )
    blocks = text.split("\n\n")
    hole = re.sub(
        r"Head sequential number: \d+ \(\w+\)",
        "Head sequential number: 999000 (f3e58)",
        re.sub(r"Tail sequential number: \d+ \(\w+\)", "Tail sequential number: 999900 (f41dc)", blocks[1]),
    )
    world.set("app1", "journal_header", "\n\n".join([blocks[0], *blocks[1:], hole]))


def days_ago(world: World, host: str, pattern: str) -> None:
    """Let the newest line of a kind in the journal of a host be three days old."""
    for fact in ("access_uses", "journal_admin"):
        lines = world.body(host, fact).splitlines(keepends=True)
        mine = [line for line in lines if re.search(pattern, line)]
        old = [f"{NOW - 3 * DAY:.6f} {line.partition(' ')[2]}" for line in mine[:1] if fact == "access_uses"]
        world.set(host, fact, "".join([*(line for line in lines if line not in mine), *old]))


@breaker("SECURITY-05", "the login of this visit left no trace, that of three days ago did")
def no_trace(world: World) -> None:
    days_ago(world, "app1", "for verify ")


@breaker("SECURITY-05", "sudo has not logged for three days")
def sudo_silent(world: World) -> None:
    days_ago(world, "app1", r"sudo\[\d+\]:\s+verify")


def other_lines(world: World) -> None:
    """Let another program of app1 send its lines to the log host."""
    stamp = f"{datetime.fromtimestamp(NOW - 10, UTC):%Y-%m-%dT%H:%M:%S.000000+00:00}"
    lines = f"==> /var/log/remote/app1/cron.log <==\n{stamp} app1 CRON[51]: (root) CMD (true)\n"
    world.set("mon1", "central_logs", f"{world.body('mon1', 'central_logs')}\n{lines}")


@breaker(
    "SECURITY-05.shipped",
    "the log host has nothing of the last hours of a host's administration, but other lines",
    also="MONITORING-03",
)
def not_shipped(world: World) -> None:
    stamp_ = f"{datetime.fromtimestamp(NOW - 3 * HOUR, UTC):%Y-%m-%dT%H:%M:%S.000000+00:00}"
    parts = re.split(r"(?m)^(?===> )", world.body("mon1", "central_logs"))
    parts = [re.sub(r"(?m)^\d{4}-\S+", stamp_, part) if "/app1/" in part else part for part in parts]
    world.set("mon1", "central_logs", "".join(parts))
    other_lines(world)


@breaker("SECURITY-05.shipped", "what sudo logs on a host does not arrive, but what sshd logs does")
def sudo_not_shipped(world: World) -> None:
    parts = re.split(r"(?m)^(?===> )", world.body("mon1", "central_logs"))
    world.set("mon1", "central_logs", "".join(part for part in parts if "/app1/sudo.log" not in part))


@breaker("SECURITY-05.shipped", "what sudo logs on a host stopped to arrive three hours ago, but what sshd logs does")
def sudo_late(world: World) -> None:
    stamp_ = f"{datetime.fromtimestamp(NOW - 3 * HOUR, UTC):%Y-%m-%dT%H:%M:%S.000000+00:00}"
    parts = re.split(r"(?m)^(?===> )", world.body("mon1", "central_logs"))
    parts = [re.sub(r"(?m)^\d{4}-\S+", stamp_, part) if "/app1/sudo.log" in part else part for part in parts]
    world.set("mon1", "central_logs", "".join(parts))


@breaker("SECURITY-05.shipped", "a host sends its logs nowhere")
def sent_nowhere(world: World) -> None:
    world.set("app1", "log_forwarding", '/etc/rsyslog.conf:module(load="imuxsock")\n')


@breaker(
    "SECURITY-05.shipped",
    "the log host knows nothing of a host's administration, but other lines",
    also="MONITORING-03",
)
def unknown_to_the_log_host(world: World) -> None:
    parts = re.split(r"(?m)^(?===> )", world.body("mon1", "central_logs"))
    world.set("mon1", "central_logs", "".join(part for part in parts if "/app1/" not in part))
    other_lines(world)
