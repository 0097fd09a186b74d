# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is collected from a repository, its settings and its peers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _repository_reader
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import Pgbackrest
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository import Bounds
from tests.unit.plugins.module_utils._planted import Recorded, audit, codes, segment


def test_settings_come_from_all_files_and_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = tmp_path / "pgbackrest.conf"
    main.write_text("[global]\nrepo1-cipher-pass=geheim\nrepo1-retention-full=2\ntls-server-cert-file=/a.crt\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.conf").write_text("# nothing here\n")
    (tmp_path / "conf.d" / "b.conf").write_text("[main]\nrepo1-retention-full=7\npg1-host-ca-file=/ca.crt\n")
    monkeypatch.setattr(_repository_reader, "_DEFAULT_CONFIG", str(main))
    found = _repository_reader.settings(None, stanza="main")
    assert "geheim" not in str(found)
    assert found["repo1-retention-full"] == "7"
    assert _repository_reader.certificate_paths(found) == ["/a.crt", "/ca.crt"]
    assert _repository_reader.settings(str(tmp_path / "other.conf"), stanza="main") == {}


def test_the_certificates_of_database_hosts_are_looked_at_where_they_answer(
    pgbackrest: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = {
        "pg1-host": "db1",
        "pg1-host-type": "tls",
        "pg1-host-port": "9999",
        "pg2-host": "db2",
        "pg2-host-type": "tls",
        "pg3-host": "db3",
        "repo1-host": "repo1",
    }
    assert _repository_reader.peers(configured) == [("db1", 9999), ("db2", 8432)]
    shown = {"db1": "-----BEGIN CERTIFICATE-----", "db2": None}
    monkeypatch.setattr(_repository_reader, "peer_certificate", lambda host, _port, _settings: shown[host])
    pgbackrest.answers["openssl"] = [(0, "notBefore=Nov 23 00:00:00 2020 GMT\nnotAfter=Nov 23 00:00:00 2021 GMT\n", "")]
    reader = _repository_reader.Reader(Pgbackrest(pgbackrest, stanza="main"), run=pgbackrest)
    found, answered = reader.peer_certificates(configured, bounds=Bounds())
    assert [(row["code"], row["subject"]) for row in found] == [("certificate_expired", "db1:9999")]
    assert "2021-11-23" in found[0]["observed"]
    assert answered == {"db1:9999": True, "db2:8432": False}
    assert not Path(pgbackrest.calls[-1][-1]).exists()


def test_a_peer_that_does_not_answer_shows_no_certificate() -> None:
    assert _repository_reader.peer_certificate("127.0.0.1", 1, {"tls-server-cert-file": "/no", "x": "y"}) is None
    assert _repository_reader.peer_certificate("127.0.0.1", 1, {}) is None


def test_a_repository_that_holds_nothing_of_the_stanza_is_an_error(pgbackrest: Recorded) -> None:
    pgbackrest.listing.clear()
    with pytest.raises(OpsError, match="holds nothing of stanza"):
        audit(pgbackrest)


def test_a_gap_that_closes_by_itself_is_none(pgbackrest: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    path = segment(pgbackrest, "00000002000000000000001A")
    kept = pgbackrest.listing.pop(path)
    now = pgbackrest.listing[segment(pgbackrest, "00000002000000000000001B")]["time"]
    monkeypatch.setattr(_repository_reader.time, "time", lambda: now + 1.0)

    def arrive(_seconds: float) -> None:
        pgbackrest.listing[path] = kept

    monkeypatch.setattr(_repository_reader.time, "sleep", arrive)
    assert "missing_wal" not in codes(audit(pgbackrest))
