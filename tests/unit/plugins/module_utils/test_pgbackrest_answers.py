# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pgBackRest answers, as it was recorded, becomes what we say about it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _pgbackrest_answers
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

AT = 1795471000.0
FLIPPED_WAL = "15-1/0000000100000000/000000010000000000000016-2b53f796f09a124d6dee32b7e59bc70de9ee867c.zst"


def test_info_tells_backups_oldest_first(recorded: Callable[[str], str]) -> None:
    info = _pgbackrest_answers.parse_info(recorded("pgbackrest/info.json"), stanza="main", at=AT)
    labels = [row["label"] for row in info["backups"]]
    assert labels == sorted(labels)
    assert info["newest"]["label"] == labels[-1]
    assert info["newest"]["timeline"] == 2
    first = info["backups"][0]
    assert (first["type"], first["wal_min"], first["lsn_stop"]) == ("full", "00000001000000000000000A", "0/A00100")
    assert first["start"] == "2026-11-23T21:25:25.000Z"
    assert first["age_s"] == AT - 1795469127
    assert (first["size_bytes"], first["repo_size_bytes"], first["error"]) == (22992608, 2840336, False)
    assert info["backups"][1]["annotation"] == {"why": "test"}
    assert info["databases"] == [{"id": 1, "system_identifier": "7711481165364725715", "version": "15"}]
    assert (info["status"], info["cipher"], info["backup_running"]) == ("ok", "aes-256-cbc", False)
    assert info["archive"]["min"] == "00000001000000000000000A"


def test_info_with_a_wrong_key_is_read_although_its_json_carries_broken_bytes(recorded: Callable[[str], str]) -> None:
    info = _pgbackrest_answers.parse_info(recorded("pgbackrest/info_wrong_key.json"), stanza="main", at=AT)
    assert info["status"] == "other"
    assert "unable to load info file" in info["status_message"]
    assert info["status_message"].isascii()
    torn = '[{"name":"main","message":"unable to load info file "torn"}]'
    assert _pgbackrest_answers.parse_info(torn, stanza="main", at=AT)["status"] == "other"


def test_info_without_the_stanza_is_an_answer() -> None:
    info = _pgbackrest_answers.parse_info("[]", stanza="main", at=AT)
    assert (info["status"], info["newest"], info["backups"]) == ("missing_stanza", None, [])


@pytest.mark.parametrize("text", ["", "not JSON", "{}", '[{"label": 1}]'])
def test_info_that_is_no_json_is_an_error(text: str) -> None:
    with pytest.raises(OpsError, match="did not answer with JSON"):
        _pgbackrest_answers.parse_info(text, stanza="main", at=AT)


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("clean", "ok", []),
        ("wal_missing", "ok", []),
        ("backup_flipped", "error", [("bit_flip", "20261123-212530F/pg_data/base/4/2658.zst")]),
        ("wal_flipped", "error", [("bit_flip", FLIPPED_WAL)]),
        ("wal_duplicate", "error", [("duplicate_wal", "000000010000000000000016")]),
        ("wal_truncated", "error", [("truncated_wal", FLIPPED_WAL)]),
        ("wrong_key", "error", [("unreadable_info", "backup.info"), ("unreadable_info", "archive.info")]),
    ],
)
def test_verify_is_judged_by_its_text(
    name: str, status: str, expected: list[tuple[str, str]], recorded: Callable[[str], str]
) -> None:
    result = _pgbackrest_answers.parse_verify(recorded(f"pgbackrest/verify_{name}.txt"))
    assert result["status"] == status
    assert [(row["code"], row["name"]) for row in result["findings"]] == expected
    assert all(row["text"] for row in result["findings"])


def test_verify_tells_each_file_of_a_missing_bundle(recorded: Callable[[str], str]) -> None:
    result = _pgbackrest_answers.parse_verify(recorded("pgbackrest/verify_bundle_missing.txt"))
    assert {row["code"] for row in result["findings"]} == {"missing_file"}
    assert all(row["name"].startswith("20261123-212530F/") for row in result["findings"])


def test_verify_totals_that_no_line_explains_are_findings() -> None:
    text = (
        "stanza: main\nstatus: error\n"
        "  archiveId: 15-1, total WAL checked: 14, total valid WAL: 13\n    other: 1\n"
        "  backup: 20261123-212530F, status: invalid, total files checked: 966, total valid files: 965\n"
    )
    assert [(row["code"], row["name"]) for row in _pgbackrest_answers.parse_verify(text)["findings"]] == [
        ("verify_error", "15-1"),
        ("verify_error", "20261123-212530F"),
    ]
    alone = _pgbackrest_answers.parse_verify("stanza: main\nstatus: error\n")["findings"]
    assert [row["code"] for row in alone] == ["verify_error"]


def test_the_log_of_a_restore_tells_set_and_size(recorded: Callable[[str], str]) -> None:
    told = _pgbackrest_answers.parse_restore_log(recorded("pgbackrest/restore.txt"))
    assert told["label"] == "20261123-212530F_20261123-215356I"
    assert told["bytes"] > 20 * 2**20
    assert told["files"] > 900
    assert _pgbackrest_answers.parse_restore_log("") == {"label": None, "bytes": None, "files": None}


def test_the_log_of_a_backup_tells_its_label(recorded: Callable[[str], str]) -> None:
    label = _pgbackrest_answers.parse_backup_log(recorded("pgbackrest/backup.txt"))
    assert label is not None
    assert label.startswith("20261123-212530F_")
    assert _pgbackrest_answers.parse_backup_log("nothing") is None


def test_a_manifest_reads_as_sections(recorded: Callable[[str], str]) -> None:
    sections = _pgbackrest_answers.read_ini(recorded("pgbackrest/20261123-212530F.manifest"))
    assert sections["backup"]["backup-label"] == '"20261123-212530F"'
    assert sections["target:file"]


@pytest.mark.parametrize("text", ["", "   \n", "garbage", "key=value\n[late]\n", "[a]\nno separator\n"])
def test_content_decrypted_with_a_wrong_key_is_refused(text: str) -> None:
    with pytest.raises(OpsError):
        _pgbackrest_answers.read_ini(text)
