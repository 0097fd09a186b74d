# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedures in earnest: a site is really gone, the other one takes over, people are told, the service returns."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _drills
import _receivers
import pytest
from _lab import lab, on, run_on, sql, until
from _synchronous import receiving
from _writers import writing

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]

ACTIVATE = "playbooks/dr_activate.yml"
RETURN = "playbooks/dr_failback.yml"
CONFIRMED = ("-e", f"dr_activate_confirm={_drills.ENVIRONMENT}", "-e", "dr_activate_reason=exercise")
TOKEN = "a-token-that-must-not-be-told"
PEOPLE = ["continuity@example.org", "executives@example.org"]
CLOSED_PORT = 9
# A switch of the power that is wired to another machine: it says off, and the primary goes on.
WRONG_SWITCH = json.dumps({"fence_power_off": ["true"], "fence_power_status": ["echo", "off"]})
DOUBTED = ("-e", "dr_activate_lost=database", "-e", "dr_activate_living_primary=true", "-e", WRONG_SWITCH)
ACCESS = "/etc/pgbackrest/conf.d/access-db1.conf"
SECOND_ACCESS = "/etc/pgbackrest/conf.d/lab-second-access.conf"
SAVED = "/var/backups/access-db1.conf"
ARCHIVES = "SELECT last_archived_time > coalesce(last_failed_time, 'epoch') FROM pg_stat_archiver"


@pytest.fixture
def lost_site() -> Iterator[None]:
    """Take the primary site away, and give it back in any case."""
    lab("fault", "site-kill", "site_a")
    yield
    lab("heal", "--all")


def ways(mail_port: int, web_port: int) -> tuple[str, str]:
    """Return the arguments that name a mail server and two webhooks, one of which nobody answers."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    settings: dict[str, Any] = {
        "dr_notify_mail": {
            "host": "127.0.0.1", "port": mail_port, "sender": "drill@example.org", "to": PEOPLE, "secure": "starttls"
        },
        "dr_notify_webhooks": [
            {"name": "chat", "url": f"http://127.0.0.1:{web_port}/hook", "headers": headers, "recipients": "board"},
            {"name": "pager", "url": f"http://127.0.0.1:{CLOSED_PORT}/hook", "headers": headers},
        ],
    }  # fmt: skip
    return "-e", json.dumps(settings)


def test_without_its_confirmation_nothing_is_touched(tmp_path: Path) -> None:
    done = _drills.run(cwd=tmp_path, playbook=ACTIVATE)
    assert done.returncode != 0
    assert f"confirm with -e dr_activate_confirm={_drills.ENVIRONMENT}" in " ".join(done.stdout.split())
    assert _drills.drills(tmp_path) == []
    assert _drills.writable() == ["db1"]


def test_a_lost_site_is_replaced_and_the_service_returns(lost_site: None, tmp_path: Path) -> None:
    """Nobody asks the lost hosts, three proofs come before the first write, people are told, nothing is lost later."""
    with (
        _drills.Observer() as observer,
        _receivers.mail_server(tmp_path) as (mailbox, mail_port),
        _receivers.webhook(TOKEN) as (posted, web_port),
    ):
        since = ("-e", f"dr_activate_outage_started={now()}")
        activated = _drills.run(*CONFIRMED, *since, *ways(mail_port, web_port), cwd=tmp_path, playbook=ACTIVATE)
        assert activated.returncode == 0, activated.stdout[-3000:]
        assert _drills.writable() == ["db2"]
        record = _drills.record(_drills.drills(tmp_path)[-1])
        assert record["verdict"] in {"pass", "pass_with_conditions"}, record["verdict_reasons"]
        assert {proof["proof"] for proof in record["fencing"]} == {"power", "repository", "address"}
        assert abs(record["phase_sum_difference_s"]) <= 0.5
        assert record["achieved"]["rto_s"] > 1, "clients waited for the recovery, not for the next of many writes"
        assert record["achieved"]["lost_rows"] is None, "its canary began after the loss, of which it knows nothing"
        lab("heal", "--all")
        back = ("-e", f"dr_failback_confirm={_drills.ENVIRONMENT}")
        returned = _drills.run(*back, cwd=tmp_path, playbook=RETURN)
    assert returned.returncode == 0, returned.stdout[-3000:]
    assert observer.two_writers() == []
    assert _drills.writable() == ["db1"]
    returning = _drills.record(_drills.drills(tmp_path)[-1])
    assert returning["failback"]["lost"] == 0
    assert returning["failback"]["client_errors"] == 0
    assert returning["observer"]["two_writers_seen"] == 0

    # Before the recovery and after it, everybody was told by the ways that work; the way that is closed is on record.
    told = [_receivers.text_of(mail) for mail in mailbox.mails]
    assert len(told) == 2 and "this is no drill" in told[0] and "service is back" in told[1]
    assert {address.strip() for mail in mailbox.mails for address in mail["To"].split(",")} == set(PEOPLE)
    assert all(record["id"] in mail["Subject"] and mail["X-Encrypted"] == "yes" for mail in mailbox.mails)
    assert [message["text"] for message in posted] == told
    assert {message["drill"] for message in posted} == {record["id"]}
    sent = [(row["step"], row["channel"], row["name"], row["outcome"]) for row in record["notifications"]]
    ways_told = (("webhook", "chat", "accepted"), ("webhook", "pager", "failed"), ("mail", "127.0.0.1", "accepted"))
    assert sent == [(step, *way) for step in ("notify", "coordinate") for way in ways_told]
    instants = [row["at"] for row in record["notifications"]]
    assert record["started"] <= instants[0] and instants == sorted(instants) and instants[-1] <= record["ended"]
    assert {row["addresses"] for row in record["notifications"] if row["channel"] == "mail"} == {len(PEOPLE)}
    # The site is gone, so nobody can tell what protected it; that is said, and is no match.
    assert "verified" in {row["result"] for row in record["security"] if row["name"] == "certificate of the database"}
    assert any("is not known for" in row["text"] for row in record["findings"])
    missed = [row["text"] for row in record["deviations"] if "did not go out by webhook pager" in row["text"]]
    assert len(missed) == 2, record["deviations"]
    traces = [activated.stdout, *(path.read_text("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file())]
    assert not any(TOKEN in trace for trace in traces), "the webhook's token was told"


@pytest.mark.thorough
def test_what_only_receivers_hold_is_not_lost(tmp_path: Path) -> None:
    """The site dies while clients write; what they were told is in the repository or with the receivers, all of it."""
    with receiving(), writing(tmp_path) as writers, _drills.Observer() as observer:
        writers.go_on()
        try:
            lab("fault", "site-kill", "site_a")
            how = ("-e", "dr_activate_strategy=receivers")
            activated = _drills.run(*CONFIRMED, *how, cwd=tmp_path, playbook=ACTIVATE)
            assert activated.returncode == 0, activated.stdout[-3000:]
            assert _drills.writable() == ["db2"]
            writers.stop()
            assert writers.lost("db2") == set()
            folder = _drills.drills(tmp_path)[-1]
            assert list((folder / "receiver").iterdir()), "no receiver was asked for its segments"
        finally:
            lab("heal", "--all")
        back = ("-e", f"dr_failback_confirm={_drills.ENVIRONMENT}")
        returned = _drills.run(*back, cwd=tmp_path, playbook=RETURN)
        assert returned.returncode == 0, returned.stdout[-3000:]
        assert _drills.writable() == ["db1"]
        assert writers.lost("db1") == set()
    assert observer.two_writers() == []


def now() -> str:
    """Return the present instant as an operator writes it."""
    return f"{datetime.datetime.now(tz=datetime.UTC):%Y-%m-%dT%H:%M:%S}Z"


def canary(tmp_path: Path, **arguments: Any) -> None:
    """Ask the canary of the lab for something, as an operator would with a single module."""
    _drills.ad_hoc("client1", "-m", "ccobservatory.ops.canary_ledger", "-a", json.dumps(arguments), cwd=tmp_path)


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[str]:
    """Have a canary write as a service of its own, before anything is lost."""
    name = f"standing-{tmp_path.name}"[-60:]
    asked = {"endpoints": ["https://lb1", "https://lb2"], "ca_file": "/etc/ccobservatory/ca.crt", "rate": 50}
    canary(tmp_path, state="started", run=name, wait_acked=50, **asked)
    yield name
    run_on("client1", "systemctl", "stop", f"canary-ledger@{name}.service")


@pytest.mark.thorough
def test_who_wrote_before_the_disaster_tells_its_time_and_its_loss(standing: str, tmp_path: Path) -> None:
    """Writes come in for longer than the archive interval, so that some are archived and the last ones are lost."""
    time.sleep(25)
    lab("fault", "site-kill", "site_a")
    try:
        how = ("-e", f"dr_activate_canary_run={standing}", "-e", "dr_activate_strategy=restore")
        activated = _drills.run(*CONFIRMED, *how, cwd=tmp_path, playbook=ACTIVATE)
    finally:
        lab("heal", "--all")
    assert activated.returncode == 0, activated.stdout[-3000:]
    record = _drills.record(_drills.drills(tmp_path)[-1])
    assert record["client_gap"]["outage"]["source"].endswith(standing)
    assert record["achieved"]["rto_s"] > 1
    assert abs(record["phase_sum_difference_s"]) <= 0.5
    assert record["ledger"]["run"] == standing
    assert record["achieved"]["lost_rows"] is not None
    assert record["ledger"]["lost_after"] == 0
    back = ("-e", f"dr_failback_confirm={_drills.ENVIRONMENT}")
    returned = _drills.run(*back, cwd=tmp_path, playbook=RETURN)
    assert returned.returncode == 0, returned.stdout[-3000:]
    assert _drills.writable() == ["db1"]


def test_a_primary_that_still_writes_is_not_fenced_without_a_word(tmp_path: Path) -> None:
    done = _drills.run(*CONFIRMED, cwd=tmp_path, playbook=ACTIVATE)
    assert done.returncode != 0
    assert "-e dr_activate_living_primary=true" in " ".join(done.stdout.split())
    begun = {step: _drills.entered(step, cwd=tmp_path) for step in ("survey", "approve", "fence")}
    assert begun == {"survey": True, "approve": False, "fence": False}
    assert _drills.writable() == ["db1"]


@pytest.fixture
def doubted(tmp_path: Path) -> Iterator[None]:
    """Give the primary its credential back after a fence that was refused half-way, and end what was begun."""
    on("repo1", "cp", "-a", ACCESS, SAVED)
    yield
    on("repo1", "rm", "-f", SECOND_ACCESS)
    on("repo1", "mv", SAVED, ACCESS)
    on("repo1", "systemctl", "reload", "pgbackrest.service")
    for folder in _drills.drills(tmp_path):
        run_on("client1", "systemctl", "stop", f"canary-ledger@{folder.name}-a.service")
    # Nothing is left to wait for when no segment was due meanwhile.
    sql("SELECT pg_logical_emit_message(true, 'lab', 'archived again')", "SELECT pg_switch_wal()")
    until(lambda: sql(ARCHIVES) == "t", 120)


def refused(tmp_path: Path) -> str:
    """Activate beside a primary that is up, which has to be refused; return what was said on one line."""
    with _drills.Observer() as observer:
        done = _drills.run(*CONFIRMED, *DOUBTED, cwd=tmp_path, playbook=ACTIVATE)
    assert done.returncode != 0, done.stdout[-3000:]
    begun = {step: _drills.entered(step, cwd=tmp_path) for step in ("fence", "restore", "promote", "redirect")}
    assert begun == {"fence": True, "restore": False, "promote": False, "redirect": False}
    assert not any(answer for _stamp, answer in observer.samples["db2"]), "the recovery site took writes"
    assert _drills.writable() == ["db1"]
    return " ".join(done.stdout.split())


@pytest.mark.thorough
def test_a_credential_that_is_not_proved_revoked_promotes_nobody(doubted: None, tmp_path: Path) -> None:
    """A second file lets the old primary into the archive: it could still push what the new one must not find."""
    on("repo1", "sh", "-c", f"cat > {SECOND_ACCESS}", data="[global]\ntls-server-auth=db1=main\n")
    said = refused(tmp_path)
    assert f"The repository credential of db1 is not proved revoked: {SECOND_ACCESS} also lets it use main" in said
    assert f"move the line to {ACCESS} so that it can be revoked" in said
    assert "it goes on at step fence" in said


@pytest.mark.thorough
def test_an_address_that_still_answers_promotes_nobody(doubted: None, tmp_path: Path) -> None:
    """The power is said to be off and the credential is gone; a pooler still gets through to the old primary."""
    said = refused(tmp_path)
    assert "db1 is not proved off: power off, repository" in said
    assert "Nothing is promoted. Mend the address: find what answers at" in said
    assert "Mend the power" not in said and "Mend the repository" not in said
    assert "it goes on at step fence" in said
