# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the green world's host evidence from a run over the lab: ``record_hosts.py reports/lab/RUN``.

Bodies stay as the hosts gave them, but for what must not or need not be kept: addresses become documentation addresses
(RFC 5737), times move to the world's now, mirrors get their public names, certificates are made anew with the same
names, long lists are cut. A body that all hosts share is kept once, below ``_hosts``.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "collections"), str(ROOT / "tests" / "breakers")]

from _world import GOLDEN, NOW  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.x509.oid import NameOID  # noqa: E402

from verify.engine import store  # noqa: E402

HOSTS = ("lb1", "app1", "db1", "db2", "repo1", "mon1")
# What others compute, and what this world does not have.
LEFT_OUT = (
    *("block_devices", "central_log_files", "central_logs", "chrony", "disks", "file_backup_snapshots", "firewall"),
    *("kernel_release", "machine_id", "mounts", "pgbackrest_info"),
)
NETWORKS = {"1": "192.0.2", "2": "198.51.100", "3": "203.0.113"}
KERNEL = "6.1.0-41-amd64"
PACKAGES = re.compile(
    r"\t(adduser|apt|base-files|bash|ca-certificates|cron|dpkg|haproxy|libc6|libssl3|logrotate|nftables|openssh-server|"
    r"openssl|pgbackrest|postgresql-15|prometheus\S*|python3|restic|rsyslog|sudo|systemd|tzdata)\t"
)


def main(folder: Path) -> None:
    """Write the evidence of the run into the folder of the green world."""
    evidence = store.read_evidence(folder)
    facts = [fact for fact in evidence if fact.source == "host" and fact.subject in HOSTS]
    turn = _Turn(max(fact.collected for fact in facts) - (NOW - 60))
    bodies: dict[str, dict[str, str]] = {}
    for fact in facts:
        if fact.name in LEFT_OUT:
            continue
        if fact.error is not None:
            print(f"left out: {fact.key}: {fact.error}")
            continue
        bodies.setdefault(fact.name, {})[fact.subject] = turn(fact.name, evidence.body(fact))
    for path in (GOLDEN / "evidence").glob("*/*"):
        if path.parent.name in (*HOSTS, "_hosts") and path.name != "firewall":
            path.unlink()
    for name, own in bodies.items():
        if len(own) == len(HOSTS) and len(set(own.values())) == 1:
            own = {"_hosts": own[HOSTS[0]]}
        for subject, body in own.items():
            path = GOLDEN / "evidence" / subject / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, encoding="utf-8")


class _Turn:
    """How a body of the lab becomes one of the green world."""

    def __init__(self, delta: float) -> None:
        self.delta = timedelta(seconds=round(delta))
        self.authority = ec.generate_private_key(ec.SECP256R1())

    def __call__(self, name: str, body: str) -> str:
        """Return the body with other addresses, times, names and certificates."""
        body = re.sub(r"\b10\.8\d\.([123])\.(\d+)\b", lambda one: f"{NETWORKS[one[1]]}.{one[2]}", body)
        body = re.sub(r"/lists/(?:partial/)?[^ :]*?security[^ :]*?_dists_", "/lists/security.debian.org_dists_", body)
        body = re.sub(r"/lists/(?!security\.debian)[^ :]*?_dists_", "/lists/deb.debian.org_debian_dists_", body)
        body = re.sub(r"\b(?:vfy|ops|lab)\b(?= CA)|(?<=@)vfy\b", "example", body)
        body = re.sub(r"\b\d+\.\d+\.\d+-fc-\w+", KERNEL, body)
        if name == "packages":
            body = "".join(line for line in body.splitlines(keepends=True) if PACKAGES.search(line))
        if name in ("journal_admin", "access_uses"):
            body = _few(name, body)
        if name == "certificates" or name.startswith("tls_"):
            body = re.sub(r"-----BEGIN CERT.*?-----END CERTIFICATE-----", self._certificate, body, flags=re.DOTALL)
        return self._times(body)

    def _certificate(self, found: re.Match[str]) -> str:
        old = x509.load_pem_x509_certificate(found[0].encode())
        begin = datetime.fromtimestamp(NOW, UTC) - timedelta(days=60)
        ca = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example CA")])
        names = {old.subject, old.issuer}
        subject = ca if len(names) == 1 else old.subject
        key = self.authority if subject == ca else ec.generate_private_key(ec.SECP256R1())
        made = (
            x509.CertificateBuilder(ca, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=3650 if subject == ca else 397))
            .add_extension(x509.BasicConstraints(ca=subject == ca, path_length=None), critical=True)
        )
        return made.sign(self.authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode().strip()

    def _times(self, body: str) -> str:
        body = re.sub(r"(?<![\w.])1[78]\d{8}(?=[.\s]|$)", self._epoch, body, flags=re.MULTILINE)
        body = re.sub(r"(?<=@)1[78]\d{8}\b", self._epoch, body)
        body = re.sub(r"(?<=\()6[0-9a-f]{12}(?=\))", self._micro, body)
        body = re.sub(r"\b(?:[A-Z][a-z]{2} )?20\d\d-\d\d-\d\d {1,2}\d\d:\d\d:\d\d\b", self._words, body)
        return re.sub(r"\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} 20\d\d \d\d:\d\d:\d\d", self._mail, body)

    def _epoch(self, found: re.Match[str]) -> str:
        return str(int(found[0]) - int(self.delta.total_seconds()))

    def _micro(self, found: re.Match[str]) -> str:
        return f"{int(found[0], 16) - int(self.delta.total_seconds()) * 1_000_000:x}"

    def _words(self, found: re.Match[str]) -> str:
        day, date, time = ["", *found[0].split()][-3:]
        moment = datetime.fromisoformat(f"{date} {time}") - self.delta
        return (
            f"{moment:%a }" * bool(day)
            + f"{moment:%Y-%m-%d}"
            + found[0][found[0].rindex(date) + 10 :][: -len(time)]
            + f"{moment:%H:%M:%S}"
        )

    def _mail(self, found: re.Match[str]) -> str:
        form = "%a, %d %b %Y %H:%M:%S"
        return f"{datetime.strptime(found[0], form).replace(tzinfo=UTC) - self.delta:{form}}"


def _few(name: str, body: str) -> str:
    """Return the lines of a few uses: of each program and account the last ones."""
    lines = [line for line in body.splitlines() if re.match(r"\d", line) and len(line) < 260]
    kept: dict[tuple[str, str], list[str]] = {}
    for line in lines if name == "access_uses" else reversed(lines):
        match = re.search(r"(sshd|sudo)\[\d+\]: (?:Accepted \S+ for (\S+)|\s*(\S+) : .*COMMAND)", line)
        if match:
            kept.setdefault((match[1], match[2] or match[3]), []).append(line)
    few = {line for own in kept.values() for line in own[:4]}
    return "".join(f"{line}\n" for line in lines if line in few)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
