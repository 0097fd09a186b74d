# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ssh tells of a connection is read as that of the host itself, whoever else speaks on the way."""

from __future__ import annotations

import pytest

from verify.collect._ssh import Dial, Handshake, explain, handshake

DIAL = Dial(("ssh",), "192.0.2.31", "verify")
BEGIN = "OpenSSH_9.2p1 Debian-2+deb12u6, OpenSSL 3.0.19 27 Jan 2026\n"
JUMPING = f"{BEGIN}debug1: Executing proxy command: exec ssh -v -W '[192.0.2.31]:22' jump\n{BEGIN}"
TARGET = Handshake("ssh-ed25519", "SHA256:target", "sntrup761x25519-sha512")
NOTHING = Handshake("", "", "")


def meets(name: str, kex: str = "curve25519-sha256") -> str:
    """Return what ssh says until it knows the key of a host."""
    return f"debug1: kex: algorithm: {kex}\ndebug1: Server host key: ssh-ed25519 SHA256:{name}\n"


AT_JUMP = f'{meets("jump")}Authenticated to jump ([192.0.2.9]:22) using "publickey".\n'
AT_TARGET = meets("target", TARGET.kex)
IN = 'Authenticated to 192.0.2.31 (via proxy) using "publickey".\ndebug1: Sending command: exec python3\n'


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (BEGIN + AT_TARGET + IN, TARGET),
        (BEGIN, NOTHING),
        # A banner, or the program on the host, that speaks like ssh changes nothing.
        (BEGIN + AT_TARGET + meets("forged") + IN + meets("forged"), TARGET),
        (JUMPING + AT_JUMP + AT_TARGET + IN, TARGET),
        (JUMPING + AT_JUMP + AT_TARGET + IN + meets("forged"), TARGET),
        (JUMPING + BEGIN + AT_JUMP + AT_JUMP + AT_TARGET + IN, TARGET),
        # The host itself was not reached: there is no key of it to tell.
        (JUMPING, NOTHING),
        (JUMPING + AT_JUMP, NOTHING),
        (JUMPING + BEGIN + AT_JUMP + AT_JUMP, NOTHING),
        # It is not clear who says it.
        (JUMPING + AT_JUMP + meets("forged") + AT_TARGET + IN, NOTHING),
        # The jump host was there already, by a connection that others share.
        (
            JUMPING
            + "debug1: auto-mux: Trying existing master\ndebug1: mux_client_request_stdio_fwd: master session id: 2\n"
            + (AT_TARGET + IN),
            TARGET,
        ),
    ],
)
def test_the_key_is_that_of_the_host_itself(said: str, found: Handshake) -> None:
    assert handshake(said.encode()) == found


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            BEGIN + AT_TARGET + "verify@192.0.2.31: Permission denied (publickey).\n",
            "db1 at 192.0.2.31 lets verify not",
        ),
        (
            JUMPING + meets("jump") + "ops@192.0.2.9: Permission denied (publickey).\nConnection closed by UNKNOWN\n",
            "A jump host on the way to db1 at 192.0.2.31 lets nobody through (ops@192.0.2.9: Permission denied",
        ),
        (
            JUMPING + meets("jump") + "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nIT IS POSSIBLE\n",
            "lets nobody through (WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!): mend",
        ),
        (JUMPING + AT_JUMP + "channel 0: open failed: connect failed: Connection refused\n", "db1 refuses connections"),
        (JUMPING + AT_JUMP + AT_TARGET + "verify@x: Permission denied (publickey).\n", "db1 at 192.0.2.31 lets verify"),
    ],
)
def test_who_on_the_way_refuses_is_told(said: str, told: str) -> None:
    sentence = explain("db1", DIAL, said.encode(), 255)
    assert told in sentence
    assert "\n" not in sentence
