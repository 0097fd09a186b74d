# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedures in earnest: a site is really gone, the other one takes over, people are told, the service returns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _drills
import _receivers
import pytest
from _lab import lab

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]

ACTIVATE = "playbooks/dr_activate.yml"
RETURN = "playbooks/dr_failback.yml"
CONFIRMED = ("-e", f"dr_activate_confirm={_drills.ENVIRONMENT}", "-e", "dr_activate_reason=exercise")
TOKEN = "a-token-that-must-not-be-told"
PEOPLE = ["continuity@example.org", "executives@example.org"]
CLOSED_PORT = 9


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
            {"name": "chat", "url": f"http://127.0.0.1:{web_port}/hook", "headers": headers},
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
        activated = _drills.run(*CONFIRMED, *ways(mail_port, web_port), cwd=tmp_path, playbook=ACTIVATE)
        assert activated.returncode == 0, activated.stdout[-3000:]
        assert _drills.writable() == ["db2"]
        record = _drills.record(_drills.drills(tmp_path)[-1])
        assert record["verdict"] in {"pass", "pass_with_conditions"}, record["verdict_reasons"]
        assert {proof["proof"] for proof in record["fencing"]} == {"power", "repository", "address"}
        assert abs(record["phase_sum_difference_s"]) <= 0.5
        assert record["achieved"]["rto_s"] > 1, "clients waited for the recovery, not for the next of many writes"
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
    assert len(told) == 2 and "is about to begin" in told[0] and "service is back" in told[1]
    assert {address.strip() for mail in mailbox.mails for address in mail["To"].split(",")} == set(PEOPLE)
    assert all(record["id"] in mail["Subject"] and mail["X-Encrypted"] == "yes" for mail in mailbox.mails)
    assert [message["text"] for message in posted] == told
    assert {message["drill"] for message in posted} == {record["id"]}
    missed = [row["text"] for row in record["deviations"] if "did not go out by webhook pager" in row["text"]]
    assert len(missed) == 2, record["deviations"]
    traces = [activated.stdout, *(path.read_text("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file())]
    assert not any(TOKEN in trace for trace in traces), "the webhook's token was told"
