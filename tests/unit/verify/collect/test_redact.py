# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken out of evidence, and what must stay for a check to judge."""

from __future__ import annotations

import json
import shlex
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from verify.collect._keeper import Keeper
from verify.collect.redact import Redactor, secret_values
from verify.engine.evidence import Evidence

STAYS = [
    b"passwordauthentication no",
    b"permitemptypasswords no",
    b'{ "mail_badpass": true }',
    b"passwd\t1:4.13+dfsg1-1+b1\tamd64\tshadow",
    b"root:x:0:0:root:/root:/bin/bash",
    b'"password_encryption" : "scram-sha-256"',
    b'"method" : "password", "error" : null',
    b"/etc/ssh/sshd_config:PasswordAuthentication no",
    b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    b"http://127.0.0.1:9090/metrics",
    b"tcp LISTEN 0 128 0.0.0.0:22",
    b'"require_password": false',
]

GOES = [
    (b"password=swordfish99", b"swordfish99"),
    (b'"token": "abcdef012345"', b"abcdef012345"),
    (b"repo1-cipher-pass=verysecretword", b"verysecretword"),
    (b"Authorization: Bearer abc.def.ghi", b"abc.def.ghi"),
    (b"https://user:hunter2x@example.org/", b"hunter2x"),
    (b"RESTIC_PASSWORD=swordfish99 restic", b"swordfish99"),
    (b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END OPENSSH PRIVATE KEY-----", b"b3BlbnNzaC1r"),
    (b"-----BEGIN PRIVATE KEY-----\nMIIEbroken off", b"MIIEbroken"),
]


@pytest.mark.parametrize("data", STAYS)
def test_what_a_check_needs_stays(data: bytes) -> None:
    assert Redactor([])(data) == data


@pytest.mark.parametrize(("data", "secret"), GOES)
def test_what_gives_itself_away_goes(data: bytes, secret: bytes) -> None:
    cleaned = Redactor([])(data)
    assert secret not in cleaned
    assert b"[redacted]" in cleaned


def test_known_values_go_wherever_they_stand_and_short_ones_stay() -> None:
    redact = Redactor(["swordfish", "swordfish-longer", "abc"])
    assert redact(b"x swordfish-longer y swordfishes abc") == b"x [redacted] y [redacted]es abc"


# What JSON, an address or a shell spells in another way, and what they leave.
SECRETS = st.text("ab\"\\\n\té€😀 %/&+'$", min_size=6, max_size=12).filter(lambda text: text.strip() == text)


@given(SECRETS)
def test_a_secret_goes_from_a_fact_however_it_is_spelled(secret: str) -> None:
    redact, evidence = Redactor([secret]), Evidence()
    keeper = Keeper(evidence, redact, subject="wiki", source="wiki", now=lambda: 0.0)
    inner = {"said": secret}
    keeper.keep("page", {**inner, "raw": json.dumps(inner), "text": canonical_json(inner).decode()}, command="get")
    kept = evidence.get("wiki", "page")
    assert kept is not None and kept.error is None
    masked = json.dumps({"said": "[redacted]"})
    assert json.loads(evidence.body(kept)) == {
        "said": "[redacted]",
        "raw": masked,
        "text": masked.replace(" ", ""),
    }
    for spelled in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        assert redact(f"https://host/?x={spelled}&y=1".encode()) == b"https://host/?x=[redacted]&y=1"
    assert redact(f"log in with {shlex.quote(secret)} now".encode()).strip(b"' ").replace(b"'", b"") == (
        b"log in with [redacted] now"
    )


def test_secrets_are_found_by_the_name_of_their_variable() -> None:
    variables = {
        "db_password": "one",
        "vault_api_token": "two",
        "pgbackrest_cipher_pass": "three",
        "nested": [{"secret": {"inner": ["four"]}}],
        "ansible_ssh_private_key_file": "/path",
        "password_policy": "strong",
        "user": "five",
    }
    assert sorted(secret_values(variables)) == ["four", "one", "three", "two"]
