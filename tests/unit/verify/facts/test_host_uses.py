# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long something idles, whose key it is, and what a TLS port agreed to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify.facts.host_access import Account, AuthorizedKey
from verify.facts.host_tls import handshake
from verify.facts.host_uses import account_of, idle_s

NOW = 1_000_000_000.0
INSTANTS = st.floats(min_value=0, max_value=NOW, allow_nan=False)


@given(since=INSTANTS, birth=INSTANTS)
def test_silence_bounds_idleness_by_what_is_known(since: float, birth: float) -> None:
    least, most = idle_s(NOW, None, since, birth)
    assert 0 <= least <= most == NOW - birth


@given(last=INSTANTS, since=INSTANTS, birth=INSTANTS)
def test_a_use_decides_alone(last: float, since: float, birth: float) -> None:
    assert idle_s(NOW, last, since, birth) == (NOW - last, NOW - last)


ACCOUNTS = {
    "root": Account("root", 0, 0, "/root", "/bin/bash"),
    "ops": Account("ops", 1000, 1000, "/home/ops", "/bin/bash"),
    "ops2": Account("ops2", 1001, 1001, "/home/ops2", "/bin/bash"),
    "fb_db1": Account("fb_db1", 990, 990, "/var/lib/fb", "/usr/sbin/nologin"),
}


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/home/ops/.ssh/authorized_keys", "ops"),
        ("/home/ops2/.ssh/authorized_keys", "ops2"),
        ("/etc/ssh/keys/fb_db1", "fb_db1"),
        ("/etc/ssh/keys/ops.pub", "ops"),
        ("/etc/ssh/ops/authorized_keys", "ops"),
        ("/etc/ssh/keys/nobody_knows", "nobody_knows"),
    ],
)
def test_a_key_belongs_to_the_account_of_its_place(path: str, owner: str) -> None:
    assert account_of(AuthorizedKey(path, "ssh-ed25519", "SHA256:x", "", ""), ACCOUNTS) == owner


def spoken(read: int, written: int, agreed: str, cipher: str) -> str:
    counts = f"SSL handshake has read {read} bytes and written {written} bytes"
    return f"CONNECTED(00000003)\n---\n{counts}\nVerification: OK\n---\nNew, {agreed}, Cipher is {cipher}\n"


@pytest.mark.parametrize(
    ("text", "offered", "refused", "agreed"),
    [
        (spoken(7, 132, "(NONE)", "(NONE)"), True, True, ""),
        (spoken(2100, 400, "TLSv1.3", "TLS_AES_256_GCM_SHA384"), True, False, "TLSv1.3"),
        (spoken(1500, 300, "TLSv1.0", "ECDHE-RSA-AES128-SHA"), True, False, "TLSv1.0"),
        # openssl itself could offer nothing, or the port took the offer and said nothing: nothing is proved.
        (spoken(0, 0, "(NONE)", "(NONE)"), False, False, ""),
        (spoken(0, 132, "(NONE)", "(NONE)"), True, False, ""),
    ],
)
def test_a_handshake(text: str, offered: bool, refused: bool, agreed: str) -> None:
    found = handshake(text)
    assert (found.offered, found.refused, found.agreed) == (offered, refused, agreed)


@pytest.mark.parametrize("text", ["", "connect:errno=111", "CONNECTED(00000003)\nwrite:errno=104\n"])
def test_what_is_no_handshake_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"port|handshake"):
        handshake(text)
