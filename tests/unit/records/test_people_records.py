# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People's records: read whole or refused by name, attested only by a signature that holds, and nothing is lost."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils import _sshsig
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils import _source_records
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_fields import RecordType
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import (
    RECORD_TYPES,
    SCHEMAS,
    TYPES,
    instants,
    validate,
)
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._records import complete, write
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_records import load_records, read_records

ROOT = Path(__file__).resolve().parents[3]
COMMON = {"id": "r-1", "environment": "production", "at": "2026-11-20T16:00:00Z", "by": "operations"}


def example(name: str, **change: Any) -> dict[str, Any]:
    """The example of a type, as a whole record."""
    return {**COMMON, **RECORD_TYPES[name].example, **change}


def put(folder: Path, name: str, content: Any) -> Path:
    """Write a file of records: text as it is, everything else as YAML."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    # Through JSON, because equal lists would become aliases.
    text = content if isinstance(content, str) else yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False)
    path.write_text(text, encoding="utf-8")
    return path


def faults(folder: Path, **how: Any) -> list[str]:
    return [fault.says for fault in read_records(folder, environments=["production"], **how).faults]


@pytest.mark.parametrize("one", RECORD_TYPES.values(), ids=RECORD_TYPES)
def test_every_example_is_a_record(one: RecordType) -> None:
    validate(example(one.name), one.name)
    assert one.says.endswith(".")
    assert len(one.says) > 20


@pytest.mark.parametrize("one", RECORD_TYPES.values(), ids=RECORD_TYPES)
def test_every_example_lacks_nothing_that_could_be_left_out(one: RecordType) -> None:
    for field in one.fields:
        if field.required:
            without = {key: value for key, value in example(one.name).items() if key != field.name}
            with pytest.raises(OpsError, match=f"'{field.name}' is a required property"):
                validate(without, one.name)


@pytest.mark.parametrize("name", RECORD_TYPES)
def test_a_misspelt_key_is_named_with_the_right_one(name: str) -> None:
    key = RECORD_TYPES[name].fields[0].name
    with pytest.raises(OpsError, match=rf"has a key '{key}x' that it may not have; did you mean '{key}'\?"):
        validate(example(name, **{f"{key}x": 1}), name)


@pytest.mark.parametrize("name", RECORD_TYPES)
def test_every_instant_has_to_be_utc_and_of_the_calendar(name: str) -> None:
    record = example(name)
    for place, _text in instants(record, SCHEMAS[name]):
        for wrong in ("2026-11-20T16:00:00", "2026-11-20T16:00:00+01:00", "2026-11-20", "2026-02-30T16:00:00Z"):
            broken = json.loads(json.dumps(record))
            inner: Any = broken
            *way, last = place.split(".")
            for step in way:
                inner = inner[int(step) if step.isdigit() else step]
            inner[last] = wrong
            with pytest.raises(OpsError, match=place.replace(".", r"\.")):
                validate(broken, name)


def test_the_page_about_records_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "records_page.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_page_and_the_schemas_name_the_same_keys() -> None:
    page = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
    for name, one in RECORD_TYPES.items():
        chapter = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        told = [line.split("`")[1] for line in chapter.splitlines() if line.startswith("| `")]
        assert [key for key in told if "." not in key] == [field.name for field in one.fields], name
        validate(yaml.safe_load(chapter.partition("```yaml\n")[2].partition("```")[0]), name)


def test_the_module_takes_every_type() -> None:
    source = (ROOT / "plugins" / "modules" / "record.py").read_text(encoding="utf-8")
    node = next(node for node in ast.parse(source).body if isinstance(node, ast.Assign))
    choices = yaml.safe_load(ast.literal_eval(node.value))["options"]["type"]["choices"]
    assert sorted(choices) == sorted(TYPES)


def test_a_playbook_leaves_a_record_of_such_a_type(tmp_path: Path) -> None:
    content = dict(RECORD_TYPES["patch"].example)
    record = complete(content, record_type="patch", environment="production", defaults={"operator": "op"})
    path, _digest = write(record, records_dir=tmp_path)
    assert json.loads(path.read_bytes())["by"] == "op"


# The directory.


def test_one_record_or_a_list_in_yaml_or_json(tmp_path: Path) -> None:
    put(tmp_path, "incident/a.yml", example("incident"))
    put(tmp_path, "incident/2026/b.yaml", [example("incident", id="r-2"), example("incident", id="r-3")])
    put(tmp_path, "review/c.json", json.dumps(example("review")))
    put(tmp_path, "README.md", "Who reviews these records.")
    reading = load_records(tmp_path, environments=["production"])
    assert [row.record["id"] for row in reading.found["incident"]] == ["r-2", "r-3", "r-1"]
    assert (reading.files["incident"], reading.files["review"], reading.files["roster"]) == (2, 1, 0)
    assert {row.klass for row in reading.found["incident"]} == {"declared"}
    assert reading.found["incident"][0].file == "incident/2026/b.yaml"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("incidnet/a.yml", example("incident"), "there is no record type 'incidnet'"),
        ("a.yml", example("incident"), "there is no record type 'a.yml'"),
        ("incident/a.txt", "x", "is not a record; its name has to end in"),
        ("incident/a.yml", "", "holds no record"),
        ("incident/a.yml", "[]", "holds no record"),
        ("incident/a.yml", "id: [", "cannot be read"),
        ("incident/a.yml", "id: a\nid: b\n", "the key 'id' is there twice"),
        ("incident/a.json", '{"id": "a", "id": "b"}', "the key 'id' is there twice"),
        ("incident/a.json", '{"id": NaN}', "NaN is no number"),
        ("incident/a.yml", "id: &x a\nby: *x\n", "alias"),
        ("incident/a.yml", example("incident", environment="prodution"), "this directory serves production"),
        ("incident/a.yml", example("incident", type="review"), "lies in the folder incident"),
        ("incident/a.yml", example("incident", restord="2026-11-20T16:00:00Z"), "did you mean 'restored'"),
        (
            "incident/a.yml",
            example("incident", detected="2026-11-20T16:00:00"),
            "detected: .* not an instant in UTC",
        ),
        ("incident/a.yml", example("incident", detected="2026-11-31T16:00:00Z"), "detected: .* is not an instant"),
        ("incident/a.yml", [example("incident"), {"id": "r-2"}], "record 2: .*required property"),
        ("incident/a.yml.sig", "x", "is the signature of a file that is gone"),
        ("vulnerability_scan/db1.trivy.json", "{", "it is not JSON, or was cut short"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_file(tmp_path: Path, name: str, content: Any, told: str) -> None:
    path = put(tmp_path, name, content)
    with pytest.raises(OpsError, match=told) as raised:
        load_records(tmp_path, environments=["production"])
    assert str(path) in raised.value.message


def test_an_instant_without_quotes_stays_text(tmp_path: Path) -> None:
    """YAML would make a local time of it, or one without a zone."""
    put(tmp_path, "incident/a.yml", yaml.safe_dump(example("incident")).replace("'", ""))
    reading = load_records(tmp_path, environments=["production"])
    assert reading.found["incident"][0].record["at"] == COMMON["at"]


def test_an_id_is_taken_once_a_type_and_environment(tmp_path: Path) -> None:
    put(tmp_path, "incident/a.yml", example("incident"))
    put(tmp_path, "incident/b.yml", example("incident"))
    put(tmp_path, "review/a.yml", example("review"))
    (told,) = faults(tmp_path)
    assert "incident/b.yml" in told
    assert "the id 'r-1' is taken by incident/a.yml" in told


def test_one_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    put(tmp_path, "incident/a.yml", example("incident"))
    put(tmp_path, "incident/b.yml", "id: [")
    put(tmp_path, "review/a.yml", example("review"))
    reading = read_records(tmp_path, environments=["production"])
    assert len(reading.found["incident"]) == 1
    assert (len(reading.wrong("incident")), reading.wrong("review")) == (1, [])


def test_a_file_that_nobody_can_place_is_wrong_for_all(tmp_path: Path) -> None:
    put(tmp_path, "incidnet/a.yml", example("incident"))
    put(tmp_path, "review/a.yml", example("review"))
    reading = read_records(tmp_path, environments=["production"])
    assert all(reading.wrong(name) for name in TYPES)


def test_a_link_is_no_record(tmp_path: Path) -> None:
    real = put(tmp_path.parent, f"{tmp_path.name}-outside.yml", example("incident"))
    (tmp_path / "incident").mkdir()
    (tmp_path / "incident" / "a.yml").symlink_to(real)
    assert "is a link" in faults(tmp_path)[0]


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="correct verify_records_dir"):
        read_records(tmp_path / "none", environments=["production"])


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_text.MOST_BYTES", 10)
    put(tmp_path, "incident/a.yml", example("incident"))
    assert "split it" in faults(tmp_path)[0]


# Signatures.


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two keys, of which the list of signers has one."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("lead", "foreign"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(command, check=True)
    public = (folder / "lead.pub").read_text(encoding="utf-8").split()
    (folder / "allowed_signers").write_text(f"lead {public[0]} {public[1]}\n", encoding="utf-8")
    return folder


def test_a_signature_that_holds_attests(tmp_path: Path, keys: Path) -> None:
    path = put(tmp_path, "incident/a.yml", example("incident"))
    put(tmp_path, "incident/b.yml", example("incident", id="r-2"))
    _sshsig.sign(path, key=keys / "lead")
    signers = keys / "allowed_signers"
    reading = load_records(tmp_path, environments=["production"], allowed_signers=signers)
    assert [(row.klass, row.signed_by) for row in reading.found["incident"]] == [("attested", "lead"), ("declared", "")]
    # Without a list of signers nobody can tell whose signature it is.
    assert load_records(tmp_path, environments=["production"]).found["incident"][0].klass == "declared"


@pytest.mark.parametrize("harm", ["edited", "foreign", "garbage"])
def test_a_signature_that_does_not_hold_is_a_fault(tmp_path: Path, keys: Path, harm: str) -> None:
    path = put(tmp_path, "incident/a.yml", example("incident"))
    signature = _sshsig.sign(path, key=keys / ("foreign" if harm == "foreign" else "lead"))
    if harm == "edited":
        path.write_text(path.read_text(encoding="utf-8").replace("critical", "low"), encoding="utf-8")
    if harm == "garbage":
        signature.write_text("-----BEGIN SSH SIGNATURE-----\nAAAA\n", encoding="utf-8")
    reading = read_records(tmp_path, environments=["production"], allowed_signers=keys / "allowed_signers")
    assert reading.found["incident"] == []
    assert len(reading.faults) == 1
    assert str(path) in reading.faults[0].says


@given(st.lists(st.sampled_from(["good", "bad", "twice"]), max_size=8))
def test_every_record_is_found_or_told(kinds: list[str]) -> None:
    """However good and bad files are mixed, each record is either kept or named in a fault."""
    rows = {
        "good": lambda number: example("review", id=f"r-{number}"),
        "bad": lambda number: example("review", id=f"r-{number}", outcom="x"),
        "twice": lambda _number: example("review", id="again"),
    }
    reading = _source_records.Reading(Path("/records"))
    for number, kind in enumerate(kinds):
        record = rows[kind](number)
        try:
            validate(record, "review")
        except OpsError as exc:
            reading.fault(Path(f"/records/review/{number}.yml"), "review", exc.message)
        else:
            reading.found["review"].append(_source_records.Found("review", f"{number}.yml", "declared", "", record))
    _source_records._unique(reading)
    assert len(reading.found["review"]) + kinds.count("bad") == len(kinds)
    assert len(reading.faults) == kinds.count("bad") + max(0, kinds.count("twice") - 1)
