# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the table that tries doors: who came in by which key, which grant was used, what a TLS port agrees to.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import KIB, HostFact

__all__ = ["DOORS", "TLS_PORTS"]

# Port, groups that listen there, and how TLS is begun where the protocol starts in the clear.
TLS_PORTS: tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...] = (
    (443, ("haproxy",), ()),
    (5432, ("postgresql",), ("-starttls", "postgres")),
    (8432, ("postgresql", "pgbackrest_repository"), ()),
)

# Ansible becomes root by the same words all day; its lines would push out those of people.
_USES = HostFact(
    "access_uses",
    "which key opened which account, and which grant of sudo was used, in the last 90 days, the newest first",
    argv=(
        *("/usr/bin/journalctl", "-q", "--no-pager", "-r", "-o", "short-unix", "--since", "-90d", "-n", "3000"),
        *("-t", "sshd", "-t", "sudo", "--grep", "Accepted |COMMAND=(?!/bin/sh -c '?echo BECOME)"),
    ),
    user="root",
    cap=512 * KIB,
    deadline_s=30,
    accepts=(0, 1),
)


def _handshakes(port: int, groups: tuple[str, ...], begin: tuple[str, ...]) -> tuple[HostFact, HostFact]:
    ask = ("/usr/bin/openssl", "s_client", "-connect", f"127.0.0.1:{port}", *begin)
    return (
        HostFact(
            f"tls_{port}",
            f"what port {port} agrees to, and the certificate that it shows",
            argv=ask,
            groups=groups,
            accepts=(0, 1),
        ),
        # Everything of the past is offered, and nothing else: whoever agrees to it speaks a weak protocol.
        HostFact(
            f"tls_{port}_old",
            f"whether port {port} refuses TLS 1.1 and older",
            argv=(*ask, "-no_tls1_2", "-no_tls1_3", "-cipher", "ALL:@SECLEVEL=0"),
            groups=groups,
            accepts=(0, 1),
        ),
    )


DOORS: tuple[HostFact, ...] = (_USES, *(fact for door in TLS_PORTS for fact in _handshakes(*door)))
