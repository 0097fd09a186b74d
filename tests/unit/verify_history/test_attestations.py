# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A statement counts when its person signed it, its subject exists and its day has not come; else the cell is due."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._sshsig import sign
from tests.unit.verify_history.conftest import NOW, item_of, nothing, row
from verify.engine.attestations import as_record, attestation, check, collector, unused
from verify.engine.catalogue import Catalogue
from verify.engine.control import Control, expect
from verify.engine.coverage import coverage
from verify.engine.declared import Environment
from verify.engine.estate import Estate
from verify.engine.evidence import Evidence, NoEvidence
from verify.engine.judge import ControlResult, Row, judge
from verify.engine.words import EvidenceClass, Status

PERSON = "b.brown@example.org"
ROW: dict[str, Any] = {
    "id": "A-1",
    "environment": "test",
    "item": "TEAM-01",
    "person": PERSON,
    "role": "operations",
    "statement": "I read the roster of December; every shift has two people.",
    "made_on": "2025-11-20T09:00:00Z",
    "valid_until": "2025-12-31T23:59:59Z",
}


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a key of the person, and one of somebody else."""
    folder = tmp_path_factory.mktemp("keys")
    made = {PERSON: folder / "person", "c.clark@example.org": folder / "other"}
    for who, path in made.items():
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", who, "-f", str(path)]
        subprocess.run(command, check=True, capture_output=True)
    return made


class Desk:
    """A directory of statements, and the environment that names it."""

    def __init__(self, folder: Path, environment: Environment, catalogue: Catalogue, keys: dict[str, Path]) -> None:
        self.folder = folder / "attestations"
        self.folder.mkdir()
        self.catalogue = catalogue
        self.keys = keys
        signers = folder / "allowed_signers"
        signers.write_text(
            "".join(
                f'{who} namespaces="ccobservatory.ops" {key.with_suffix(".pub").read_text()}'
                for who, key in keys.items()
            )
        )
        self.environment = self.with_variables(
            environment, verify_attestations_dir="attestations", verify_allowed_signers="allowed_signers"
        )
        self.environment = dataclasses.replace(self.environment, inventory=str(folder / "hosts.yml"))

    @staticmethod
    def with_variables(environment: Environment, **variables: Any) -> Environment:
        return dataclasses.replace(environment, variables={**environment.variables, **variables})

    def write(self, *, name: str = "a.yml", signer: str | None = PERSON, **over: Any) -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump({**ROW, **over}))
        if signer:
            sign(path, key=self.keys[signer])
        return path

    def collect(self, **variables: Any) -> Evidence:
        evidence = Evidence()
        environment = self.with_variables(self.environment, **variables)
        collector(self.catalogue)(environment, evidence, now=lambda: NOW, progress=lambda _line: None)
        return evidence

    def judge(self, *, now: float = NOW, subject: str = "", **variables: Any) -> Any:
        def stated(estate: Any) -> Iterator[Any]:
            found = attestation(estate, "TEAM-01", subject)
            yield expect(found.person, f"{found.person} stands for the roster", observed=found.statement)

        control = Control("TEAM-01", "", "estate", None, stated, (), "m", attested=True)
        estate = Estate(self.environment, self.collect(**variables), now=now)
        return judge(control, item_of("TEAM-01"), estate).rows[0]

    def unused(self, *rows: Row, attested: bool = True) -> dict[str, str]:
        control = Control("TEAM-01", "", "estate", None, nothing, (), "m", attested)
        return unused([ControlResult(control, item_of("TEAM-01"), rows)], self.collect())


@pytest.fixture
def desk(tmp_path: Path, environment: Environment, catalogue: Catalogue, keys: dict[str, Path]) -> Desk:
    return Desk(tmp_path, environment, catalogue, keys)


def test_a_signed_statement_counts(desk: Desk) -> None:
    desk.write()
    found = desk.judge()
    assert (found.status, found.says) == (Status.PASS, f"{PERSON} stands for the roster")
    assert found.evidence == ("attestations/index", "attestations/A-1")
    assert found.klass is EvidenceClass.ATTESTED


def test_a_statement_is_never_counted_as_proved_by_machines(desk: Desk) -> None:
    desk.write()
    assert coverage(1, 0, [("TEAM-01", (row("pass"), desk.judge()))])["attested"] == 1
    assert coverage(1, 0, [("TEAM-01", (row("pass"),))])["machine"] == 1


def test_without_a_statement_somebody_is_due(desk: Desk) -> None:
    found = desk.judge()
    assert found.status is Status.MANUAL_DUE
    assert found.says == "Nobody stands for TEAM-01 of test: there is no statement. Have one signed."
    assert found.evidence == ("attestations/index",)


def test_the_day_comes_to_the_second(desk: Desk) -> None:
    desk.write(valid_until="2025-11-26T09:40:00Z")
    assert desk.judge(now=NOW).status is Status.PASS
    late = desk.judge(now=NOW + 0.001)
    assert late.status is Status.MANUAL_DUE
    assert "A-1: it ran out on 2025-11-26T09:40:00.000Z" in late.says


def test_a_statement_of_tomorrow_does_not_count_today(desk: Desk) -> None:
    desk.write(made_on="2025-11-26T09:40:01Z")
    assert "it is dated in the future" in desk.judge().says


def test_a_newer_statement_takes_over(desk: Desk) -> None:
    desk.write(statement="old", valid_until="2025-11-25T00:00:00Z")
    desk.write(name="b.yml", id="A-2", statement="new", made_on="2025-11-25T09:00:00Z")
    found = desk.judge()
    assert (found.status, found.observed) == (Status.PASS, "new")


@pytest.mark.parametrize(("subject", "status"), [("api", "pass"), ("admin", "manual_due"), ("", "manual_due")])
def test_a_statement_is_about_its_subject(desk: Desk, subject: str, status: str) -> None:
    desk.write(subject="api")
    assert desk.judge(subject=subject).status == status


def test_the_environment_as_such_can_be_named(desk: Desk) -> None:
    desk.write(subject="test")
    assert desk.judge(subject="").status is Status.PASS
    assert desk.judge(subject="test").status is Status.PASS


# What makes a statement worthless


def test_nobody_signed(desk: Desk) -> None:
    desk.write(signer=None)
    assert "A-1: There is no signature" in desk.judge().says


def test_somebody_else_signed(desk: Desk) -> None:
    desk.write(signer="c.clark@example.org")
    assert f"but only {PERSON} may sign it" in desk.judge().says


def test_the_signer_is_not_listed(desk: Desk) -> None:
    desk.write()
    (desk.folder.parent / "allowed_signers").write_text("")
    assert desk.judge().status is Status.MANUAL_DUE


def test_it_was_edited_after_it_was_signed(desk: Desk) -> None:
    path = desk.write()
    path.write_text(path.read_text().replace("two people", "one person"))
    found = desk.judge()
    assert found.status is Status.MANUAL_DUE
    assert "does not fit" in found.says


def test_nobody_can_verify_it(desk: Desk) -> None:
    desk.write()
    found = desk.judge(verify_allowed_signers=None)
    assert "A-1: it cannot be verified: verify_allowed_signers is not set" in found.says


@pytest.mark.parametrize(("protected", "status"), [(True, "manual_due"), (None, "manual_due"), (False, "pass")])
def test_a_stand_in_counts_only_where_nothing_is_protected(desk: Desk, protected: bool | None, status: str) -> None:
    desk.write(stand_in=True)
    found = desk.judge(**({} if protected is None else {"ops_protected": protected}))
    assert found.status == status


@pytest.mark.parametrize("damage", ["missing", "edited", "whole"])
def test_the_attachment_is_the_one_that_was_seen(desk: Desk, damage: str) -> None:
    digest = hashlib.sha256(b"roster").hexdigest()
    desk.write(attachment={"file": "roster.pdf", "sha256": digest})
    if damage != "missing":
        (desk.folder / "roster.pdf").write_bytes(b"roster" if damage == "whole" else b"another")
    found = desk.judge()
    assert found.status == ("pass" if damage == "whole" else "manual_due")
    assert damage == "whole" or "names the attachment roster.pdf, which is missing or has another digest" in found.says


def test_a_statement_about_another_environment_is_none_here(desk: Desk) -> None:
    desk.write(environment="prod", subject="a-host-of-prod")
    assert desk.judge().says.startswith("Nobody stands for TEAM-01 of test: there is no statement")


def test_without_a_directory_nothing_is_known(desk: Desk) -> None:
    found = desk.judge(verify_attestations_dir=None)
    assert (found.status, found.says) == (Status.UNKNOWN, "verify_attestations_dir is not set.")


def test_what_was_not_collected_is_unknown(desk: Desk) -> None:
    with pytest.raises(NoEvidence, match="Nothing was collected as index of attestations"):
        attestation(Estate(desk.environment, Evidence(), now=NOW), "TEAM-01")


# What nobody asks for


def test_a_statement_that_no_control_asks_for_is_told(desk: Desk) -> None:
    desk.write()
    assert desk.unused(desk.judge()) == {}
    assert desk.unused(row("pass")) == {
        "A-1": "verify_attestations_dir: a.yml: no control asks for the statement A-1 about TEAM-01: "
        "correct its item and subject and sign it anew, or remove it."
    }
    desk.write(name="b.yml", id="A-2", subject="api")
    assert list(desk.unused(desk.judge())) == ["A-2"]
    assert "about TEAM-01 of api" in desk.unused(desk.judge())["A-2"]


def test_what_was_asked_for_and_did_not_count_is_due_and_not_unused(desk: Desk) -> None:
    desk.write(valid_until="2025-11-25T00:00:00Z")
    assert desk.judge().evidence == ("attestations/index", "attestations/A-1")
    assert desk.unused(desk.judge()) == {}


def test_a_statement_may_be_renewed_before_it_is_over(desk: Desk) -> None:
    desk.write()
    desk.write(name="b.yml", id="A-2", made_on="2025-11-25T09:00:00Z")
    assert desk.judge().evidence == ("attestations/index", "attestations/A-2")
    assert desk.unused(desk.judge()) == {}


def test_a_control_that_came_no_further_does_not_make_a_statement_unused(desk: Desk) -> None:
    desk.write()
    assert desk.unused(row("unknown")) == {}
    assert desk.unused(row("waived", original=Status.STALE)) == {}
    assert list(desk.unused(row("unknown"), attested=False)) == ["A-1"]


# What is refused before anything is recorded


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"item": "TEAM-99"}, "item: the catalogue has no item 'TEAM-99'"),
        ({"subject": "web7"}, "subject: test declares no 'web7'"),
        ({"personn": "x"}, "personn: there is no such key; was person meant"),
        ({"statement": " "}, "statement is ' '; write a text"),
        ({"valid_until": "2025-12-31"}, "valid_until: write a whole instant in UTC"),
        ({"valid_until": "2025-12-31T23:59:59+01:00"}, "valid_until: 2025-12-31T23:59:59+01:00 is not in UTC"),
        ({"valid_until": "2025-11-20T09:00:00Z"}, "valid_until has to be after made_on, by at most 366 days"),
        ({"valid_until": "2026-11-22T09:00:00Z"}, "valid_until has to be after made_on, by at most 366 days"),
        ({"stand_in": "yes"}, "stand_in is 'yes'; write true or false"),
        ({"attachment": "roster.pdf"}, "attachment: write {file:"),
        ({"attachment": {"file": "../x", "sha256": "0"}}, "attachment: write {file:"),
        ({"id": "index"}, "id: index is taken"),
    ],
)
def test_a_careless_statement_is_refused(desk: Desk, change: dict[str, Any], told: str) -> None:
    desk.write(signer=None, **change)
    with pytest.raises(OpsError) as caught:
        check(desk.environment, desk.catalogue)
    assert told in str(caught.value)
    assert "a.yml" in str(caught.value)


@pytest.mark.parametrize("key", sorted(ROW))
def test_every_key_is_needed(desk: Desk, key: str) -> None:
    path = desk.write(signer=None)
    path.write_text(yaml.safe_dump({name: value for name, value in ROW.items() if name != key}))
    with pytest.raises(OpsError, match=f"{key}: it is missing"):
        check(desk.environment, desk.catalogue)


def test_an_id_is_given_once(desk: Desk) -> None:
    desk.write(signer=None)
    desk.write(signer=None, name="b.yml")
    with pytest.raises(OpsError, match=r"b\.yml: id: A-1 is taken"):
        check(desk.environment, desk.catalogue)


def test_a_file_holds_one_statement(desk: Desk) -> None:
    (desk.folder / "a.yml").write_text(json.dumps([ROW, ROW]))
    with pytest.raises(OpsError, match="a signature is for one statement"):
        check(desk.environment, desk.catalogue)


def test_a_directory_that_is_not_there_is_refused(desk: Desk) -> None:
    lost = desk.with_variables(desk.environment, verify_attestations_dir="nowhere")
    with pytest.raises(OpsError, match="verify_attestations_dir: there is no directory"):
        check(lost, desk.catalogue)


# The pack


def test_all_statements_stand_in_the_pack(desk: Desk) -> None:
    desk.write()
    desk.write(name="b.yml", id="A-2", signer=None)
    desk.write(name="c.yml", id="A-3", valid_until="2025-11-21T00:00:00Z")
    kept = {one["id"]: one for one in as_record(desk.collect(), NOW)}
    assert {name: one["state"] for name, one in kept.items()} == {
        "A-1": "valid",
        "A-2": "rejected",
        "A-3": "not valid at this time",
    }
    assert kept["A-1"]["signed_by"] == PERSON
    assert kept["A-1"]["fingerprint"].startswith("SHA256:")
    assert kept["A-1"]["sha256"] == hashlib.sha256((desk.folder / "a.yml").read_bytes()).hexdigest()
    assert "There is no signature" in kept["A-2"]["reason"]
    assert as_record(Evidence(), NOW) == []
    idle = {one["id"]: (one["state"], one["reason"]) for one in as_record(desk.collect(), NOW, idle=["A-1", "A-2"])}
    assert idle["A-1"] == ("proves nothing", "no control asks for it")
    assert idle["A-2"][0] == "rejected"
