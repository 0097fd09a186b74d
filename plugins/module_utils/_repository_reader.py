# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect from a backup repository, read only, what the judging functions need.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils import _wal
from ansible_collections.ccobservatory.ops.plugins.module_utils._command import Run
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import Pgbackrest
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest_answers import read_ini
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository import Bounds, Repository
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_faults import finding
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_judge import judge_verify
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_upkeep import judge_certificate

__all__ = ["Reader", "certificate_paths", "peer_certificate", "peers", "settings"]

_DEFAULT_CONFIG = "/etc/pgbackrest/pgbackrest.conf"
_SETTLE_S = 1.0


def settings(config: str | None, *, stanza: str) -> dict[str, str]:
    """Return the settings that the configuration gives *stanza*, its own over the global ones, without cipher passes.

    Reads the file *config* (by default the one of pgBackRest) and, for the default, the files beside it in C(conf.d).
    Files that are not there count as empty; raises OpsError when one cannot be read.
    """
    main = Path(config or _DEFAULT_CONFIG)
    files = [main, *(sorted((main.parent / "conf.d").glob("*.conf")) if config in (None, _DEFAULT_CONFIG) else [])]
    found: dict[str, str] = {}
    own: dict[str, str] = {}
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except OSError as exc:
            raise OpsError(
                f"{file} cannot be read ({exc.strerror}); run as root or as the user of pgBackRest."
            ) from exc
        if not text.strip() or all(line.lstrip().startswith("#") for line in text.splitlines() if line.strip()):
            continue
        sections = read_ini(text)
        found.update(sections.get("global", {}))
        own.update(sections.get(stanza, {}))
    return {key: value for key, value in {**found, **own}.items() if not key.endswith("cipher-pass")}


def certificate_paths(configured: Mapping[str, str]) -> list[str]:
    """Return the certificate files that the *configured* settings name, authorities included, without repetition."""
    ends = ("-cert-file", "-ca-file")
    return sorted({value for key, value in configured.items() if key.endswith(ends)})


def peers(configured: Mapping[str, str]) -> list[tuple[str, int]]:
    """Return address and port of the database hosts that the *configured* settings reach by TLS."""
    found = []
    for key, host in sorted(configured.items()):
        match = re.fullmatch(r"(pg\d+)-host", key)
        if match and configured.get(f"{match[1]}-host-type") == "tls":
            found.append((host, int(configured.get(f"{match[1]}-host-port", "8432"))))
    return found


def peer_certificate(host: str, port: int, configured: Mapping[str, str]) -> str | None:
    """Return the certificate that a peer shows, as PEM; None when it does not answer within two seconds.

    Its dates are what is asked for, so an expired certificate has to be read and nothing is verified here.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    own, key = configured.get("tls-server-cert-file"), configured.get("tls-server-key-file")
    try:
        if own and key:
            context.load_cert_chain(own, key)
        with (
            socket.create_connection((host, port), timeout=2) as connection,
            context.wrap_socket(connection, server_hostname=host) as secured,
        ):
            shown = secured.getpeercert(binary_form=True)
    except (OSError, ValueError):
        return None
    return ssl.DER_cert_to_PEM_cert(shown) if shown else None


class Reader:
    """Reads one stanza through pgBackRest; *run* runs other programs."""

    def __init__(self, tool: Pgbackrest, *, run: Run) -> None:
        self.tool = tool
        self._run = run

    def collect(self, *, segment_size: int, all_manifests: bool) -> Repository:
        """Return listings, info, history files and manifests (of the newest backup, or of all).

        A segment that is not there while its successor arrived within the last seconds gets a second look, because
        asynchronous archiving stores segments out of order. Raises OpsError when the repository cannot be listed.
        """
        stanza = self.tool.stanza
        at = time.time()
        info = self.tool.info(at=at)
        listing = {**self.tool.listing(f"archive/{stanza}"), **self.tool.listing(f"backup/{stanza}")}
        if not listing:
            raise OpsError(
                f"The repository holds nothing of stanza {stanza}; check its name and repo1-path, or create it."
            )
        repository = Repository(stanza=stanza, at=at, listing=listing, info=info)
        repository.info_files = {path: self._text(path, listing) for path in self._info_paths()}
        self._read_archive(repository, segment_size)
        if self._may_settle(repository):
            time.sleep(_SETTLE_S)
            repository.listing.update(self.tool.listing(f"archive/{stanza}"))
            self._read_archive(repository, segment_size)
        rows = info["backups"] if all_manifests else [row for row in [info["newest"]] if row]
        for row in rows:
            path = f"backup/{stanza}/{row['label']}/backup.manifest"
            if path in listing:
                repository.manifests[row["label"]] = self._text(path, listing)
        return repository

    def _info_paths(self) -> list[str]:
        stanza = self.tool.stanza
        originals = [f"archive/{stanza}/archive.info", f"backup/{stanza}/backup.info"]
        return [path for original in originals for path in (original, f"{original}.copy")]

    def _text(self, path: str, listing: Mapping[str, Any]) -> str | None:
        """Return the text of a file whose sections can be read; None when it is not there or cannot be decoded."""
        if path not in listing:
            return None
        try:
            text = self.tool.read(path)
            read_ini(text)
        except OpsError:
            return None
        return text

    def _history(self, path: str) -> str | None:
        """Return the text of a history file; None when it cannot be decoded."""
        try:
            text = self.tool.read(path)
            _wal.parse_history(text)
        except OpsError:
            return None
        return text

    def _read_archive(self, repository: Repository, segment_size: int) -> None:
        """Fill in the archive of the present database and its history files."""
        archive_id = repository.info["archive"]["id"] or self._archive_id(repository)
        prefix = f"archive/{repository.stanza}/{archive_id}"
        repository.archive = _wal.parse_archive(repository.listing, prefix=prefix, segment_size=segment_size)
        repository.histories = {
            number: self._history(path) for number, path in sorted(repository.archive.histories.items())
        }

    @staticmethod
    def _archive_id(repository: Repository) -> str:
        """Return the id of the archive that archive.info calls the present one, as version and number."""
        text = repository.info_files.get(f"archive/{repository.stanza}/archive.info")
        database = read_ini(text).get("db", {}) if text else {}
        return f"{database.get('db-version', '').strip(chr(34))}-{database.get('db-id', '')}"

    @staticmethod
    def _may_settle(repository: Repository) -> bool:
        """Tell whether a gap in the archive stands right before a segment that has just arrived."""
        segments = repository.archive.segments
        return any(
            segment._replace(number=segment.number - 1) not in segments
            and any(other.timeline == segment.timeline and other.number < segment.number for other in segments)
            and repository.at - repository.archive.time_of(segment) < 10
            for segment in segments
        )

    @staticmethod
    def room(path: str) -> dict[str, int]:
        """Return free and total bytes of the file system at *path*; raises OpsError when it is not there."""
        try:
            state = os.statvfs(path)
        except OSError as exc:
            raise OpsError(f"{path} is not on this host: run the audit on the repository, or set repo_path.") from exc
        return {"free": state.f_bavail * state.f_frsize, "total": state.f_blocks * state.f_frsize}

    def certificates(self, paths: Iterable[str], *, bounds: Bounds) -> list[dict[str, str]]:
        """Return the findings about the certificate files at *paths*."""
        found: list[dict[str, str]] = []
        for path in paths:
            begins, ends = self._validity(path)
            found.extend(judge_certificate(path, begins, ends, at=time.time(), min_days=bounds.certificate_min_days))
        return found

    def peer_certificates(
        self, configured: Mapping[str, str], *, bounds: Bounds
    ) -> tuple[list[dict[str, str]], dict[str, bool]]:
        """Return the findings about the certificates that database hosts show, and which of them answered."""
        found: list[dict[str, str]] = []
        answered: dict[str, bool] = {}
        for host, port in peers(configured):
            name = f"{host}:{port}"
            text = peer_certificate(host, port, configured)
            answered[name] = text is not None
            if text is not None:
                with tempfile.NamedTemporaryFile("w", suffix=".crt") as file:
                    file.write(text)
                    file.flush()
                    begins, ends = self._validity(file.name)
                days = bounds.certificate_min_days
                found.extend(judge_certificate(name, begins, ends, at=time.time(), min_days=days))
        return found, answered

    def _validity(self, path: str) -> tuple[float | None, float | None]:
        """Return from when to when a certificate is valid, in seconds since the epoch; None when it cannot be read."""
        code, out, _err = self._run(["openssl", "x509", "-noout", "-startdate", "-enddate", "-in", path])
        dates = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
        if code != 0 or not {"notBefore", "notAfter"} <= set(dates):
            return None, None
        return float(ssl.cert_time_to_seconds(dates["notBefore"])), float(ssl.cert_time_to_seconds(dates["notAfter"]))

    def content(self, *, known: Iterable[Mapping[str, str]], timeout_s: int) -> list[dict[str, str]]:
        """Return what reading the whole repository finds beyond what is *known*."""
        try:
            result = self.tool.verify(processes=os.cpu_count() or 1, timeout_s=timeout_s)
        except OpsError as exc:
            return [finding("audit_incomplete", "pgbackrest verify", exc.message, f"an end in {timeout_s} s")]
        return judge_verify(result["findings"], known)
