# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drafts: whole and readable for every type, never taken for a record, filed only when a person completed them."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_draft import (
    Filed,
    draft_path,
    draft_text,
    file_record,
    filed,
    write_new,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import (
    PROCEDURES,
    RECORD_TYPES,
    SCHEMAS,
    faults,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_records import read_records

MOMENT = datetime.datetime(2026, 11, 26, 9, 15, tzinfo=datetime.UTC)
COMMAND = "ansible-playbook playbooks/record.yml -e record_file=FILE"
WHOLE = {"id": "r-1", "environment": "production", "at": "2026-11-20T16:00:00Z", "by": "operations"}


def text_of(kind: str, environment: str = "production") -> str:
    return draft_text(kind, environment=environment, moment=MOMENT, command=COMMAND)


def example(kind: str) -> dict[str, Any]:
    # Through JSON, because equal parts would become aliases.
    loaded: dict[str, Any] = json.loads(json.dumps({**WHOLE, **RECORD_TYPES[kind].example}))
    return loaded


def put(path: Path, content: Any) -> Path:
    """Write a file below a folder that may not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def check(path: Path, records: Path) -> Filed:
    return filed(path, records_dir=records, environments=["production"], moment=MOMENT)


def mistakes(path: Path, records: Path) -> list[str]:
    with pytest.raises(OpsError) as caught:
        check(path, records)
    return list(caught.value.details.get("mistakes", [caught.value.message]))


@pytest.mark.parametrize("kind", RECORD_TYPES)
def test_a_draft_has_every_key_that_has_to_be_there_and_says_what_it_means(kind: str) -> None:
    text, schema = text_of(kind), SCHEMAS[kind]
    draft = yaml.safe_load(text)
    assert draft.pop("draft") is True
    assert set(draft) == set(schema["required"])
    assert draft["environment"] == "production"
    own = [field for field in RECORD_TYPES[kind].fields if field.required]
    flat = re.sub(r"\n\s*#+ ", " ", text)
    assert [field.name for field in own if field.says not in flat] == []
    assert max(map(len, text.splitlines())) < 200


@pytest.mark.parametrize("kind", RECORD_TYPES)
def test_an_empty_draft_is_refused_key_by_key(kind: str, tmp_path: Path) -> None:
    path = put(tmp_path / kind / "a.draft.yml", text_of(kind))
    told = mistakes(path, tmp_path)
    known = {"id", "environment", "at"}
    wanted = {field.name for field in RECORD_TYPES[kind].fields if field.required} | {"by"}
    assert {one.partition(" ")[0].partition(".")[0] for one in told} == wanted - known
    assert all(" is empty; write " in one for one in told)


@pytest.mark.parametrize("kind", RECORD_TYPES)
def test_keys_behind_a_hash_are_those_that_may_be_left_out(kind: str) -> None:
    """Taking the hashes away gives every other key of the type, at its place."""
    whole = yaml.safe_load(re.sub(r"^#(?!#)", "", text_of(kind), flags=re.MULTILINE))
    known = set(SCHEMAS[kind]["properties"]) - {"schema", "type", "operator", "collection_version", "previous"}
    assert set(whole) - {"draft"} == known


@pytest.mark.parametrize("kind", RECORD_TYPES)
def test_what_a_person_completed_is_filed_and_read(kind: str, tmp_path: Path) -> None:
    path = put(tmp_path / kind / "a.draft.yml", {"draft": True, **example(kind)})
    one = check(path, tmp_path)
    assert one.path == tmp_path / kind / "a.yml"
    file_record(one)
    assert not path.exists()
    reading = read_records(tmp_path, environments=["production"])
    assert reading.faults == []
    assert [found.record for found in reading.found[kind]] == [example(kind)]
    assert [found.klass for found in reading.found[kind]] == ["declared"]


def test_a_draft_is_neither_evidence_nor_an_error(tmp_path: Path) -> None:
    put(tmp_path / "incident" / "real.yml", example("incident"))
    for kind in RECORD_TYPES:
        put(tmp_path / kind / "2026-11-26.draft.yml", {"draft": True, **example(kind), "id": "other"})
    reading = read_records(tmp_path, environments=["production"])
    assert reading.faults == []
    assert {kind: len(rows) for kind, rows in reading.found.items() if rows} == {"incident": 1}
    assert reading.files["incident"] == 1


def test_a_draft_that_is_only_renamed_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "incident" / "real.yml", example("incident"))
    put(tmp_path / "incident" / "renamed.yml", {"draft": True, **example("incident"), "id": "other"})
    reading = read_records(tmp_path, environments=["production"])
    assert [one.type for one in reading.faults] == ["incident"]
    assert "it is a draft still" in reading.faults[0].says
    assert len(reading.found["incident"]) == 1


def test_a_draft_outside_the_folder_of_a_type_is_still_an_error(tmp_path: Path) -> None:
    put(tmp_path / "incidents" / "a.draft.yml", text_of("incident"))
    assert "no record type 'incidents'" in read_records(tmp_path, environments=["production"]).faults[0].says


def test_left_empty_the_instant_is_that_of_filing(tmp_path: Path) -> None:
    path = put(tmp_path / "incident" / "a.draft.yml", {"draft": True, **example("incident"), "at": None})
    assert yaml.safe_load(check(path, tmp_path).text)["at"] == "2026-11-26T09:15:00.000Z"


def test_every_mistake_is_named_with_its_key(tmp_path: Path) -> None:
    wrong = {**example("incident"), "priority": "urgent", "detected": "2026-11-20 16:00", "titel": "x", "title": ""}
    told = mistakes(put(tmp_path / "incident" / "a.draft.yml", wrong), tmp_path)
    assert len(told) == 4
    assert any("titel" in one and "did you mean 'title'" in one for one in told)
    assert any(one.startswith("priority: 'urgent'") for one in told)
    assert any(one.startswith("detected: ") and "instant in UTC" in one for one in told)
    assert "title is empty; write what happened, in one line" in told


def test_an_empty_choice_names_the_words() -> None:
    told = faults({**example("incident"), "priority": None}, "incident")
    assert told == ["priority is empty; write how bad it is (critical, high, medium, low)"]


def test_an_id_that_is_taken_or_another_environment_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "incident" / "real.yml", example("incident"))
    path = put(tmp_path / "incident" / "a.draft.yml", {"draft": True, **example("incident")})
    assert mistakes(path, tmp_path) == ["the id 'r-1' is taken by incident/real.yml; give it another one"]
    put(path, {**example("incident"), "environment": "elsewhere"})
    assert "environment is 'elsewhere'" in mistakes(path, tmp_path)[0]


def test_an_id_that_stands_twice_in_a_file_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "incident" / "a.yml", json.dumps([example("incident"), example("incident")]))
    assert mistakes(path, tmp_path) == ["the id 'r-1' stands twice in the file; give each record its own"]


def test_filing_never_overwrites(tmp_path: Path) -> None:
    kept = put(tmp_path / "incident" / "a.yml", {**example("incident"), "id": "first"})
    before = kept.read_bytes()
    path = put(tmp_path / "incident" / "a.draft.yml", {"draft": True, **example("incident")})
    one = check(path, tmp_path)
    with pytest.raises(OpsError, match="is there already"):
        file_record(one)
    assert kept.read_bytes() == before
    assert path.exists()
    with pytest.raises(OpsError, match="is there already"):
        write_new(path, "other")
    assert sorted(found.name for found in kept.parent.iterdir()) == ["a.draft.yml", "a.yml"]


def test_filing_that_was_cut_off_is_completed(tmp_path: Path) -> None:
    path = put(tmp_path / "incident" / "a.draft.yml", {"draft": True, **example("incident")})
    one = check(path, tmp_path)
    write_new(one.path, one.text)
    file_record(check(path, tmp_path))
    assert [found.name for found in one.path.parent.iterdir()] == ["a.yml"]


def test_a_record_that_was_edited_is_checked_and_left(tmp_path: Path) -> None:
    path = put(tmp_path / "incident" / "a.yml", "# ours\n" + yaml.safe_dump(example("incident")))
    before = path.read_bytes()
    one = check(path, tmp_path)
    file_record(one)
    assert (one.path, one.draft, path.read_bytes()) == (path, None, before)
    put(path, {**example("incident"), "by": ""})
    assert mistakes(path, tmp_path) == ["by is empty; write who says it: a person, a team or a system"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("incident/gone.draft.yml", "There is no file"),
        ("../outside.yml", "does not lie below"),
        ("loose.yml", "no record that people write"),
        ("drill/x.yml", "no record that people write"),
        ("incident/x.txt", "no record that people write"),
    ],
)
def test_only_a_record_of_people_in_its_folder_is_filed(name: str, told: str, tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    if "gone" not in name:
        put(records / name, example("incident"))
    with pytest.raises(OpsError, match=told):
        check(records / name, records)


def test_a_draft_is_named_by_its_day_and_a_number_where_that_is_taken(tmp_path: Path) -> None:
    def path(name: str = "") -> str:
        return draft_path(tmp_path, "incident", name=name, moment=MOMENT).relative_to(tmp_path).as_posix()

    assert path() == "incident/2026-11-26.draft.yml"
    put(tmp_path / "incident" / "2026-11-26.yml", "")
    assert path() == "incident/2026-11-26-2.draft.yml"
    assert path("INC-42") == "incident/INC-42.draft.yml"
    put(tmp_path / "incident" / "INC-42.yml", "")
    with pytest.raises(OpsError, match="is a record already"):
        path("INC-42")


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("outing", "", "record_kind is 'outing'; use one of incident"),
        ("drill", "", "left by the playbook"),
        ("incident", "../../etc/x", "record_name is"),
        ("incident", ".hidden", "record_name is"),
    ],
)
def test_a_draft_of_nothing_and_a_name_that_leads_away_are_refused(
    kind: str, name: str, told: str, tmp_path: Path
) -> None:
    assert "drill" in PROCEDURES
    with pytest.raises(OpsError, match=told):
        draft_path(tmp_path, kind, name=name, moment=MOMENT)


def test_an_environment_with_a_name_that_yaml_reads_otherwise_stays_text(tmp_path: Path) -> None:
    assert yaml.safe_load(text_of("incident", "no"))["environment"] == "no"
    with pytest.raises(OpsError, match="no directory of records"):
        draft_path(tmp_path / "away", "incident", name="", moment=MOMENT)
