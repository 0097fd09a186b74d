# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a port agrees to when TLS is begun: parser of ``openssl s_client``.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from verify.facts.host_certificates import Certificate, certificates

__all__ = ["Handshake", "handshake"]

_READ = re.compile(r"SSL handshake has read (\d+) bytes and written (\d+) bytes")
_AGREED = re.compile(r"^New, (\S+), Cipher is (\S+)$", re.MULTILINE)
_VERDICT = re.compile(r"^\s*Verify return code: (\d+) \((.*)\)$", re.MULTILINE)
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Handshake:
    """One attempt: whether something was offered, whether the port answered it, what both agreed to, and who it is.

    ``agreed`` is the protocol (``TLSv1.3``), empty when the port refused all that was offered. ``trusted`` is what
    openssl made of the certificate by the authorities and the name that it was given, ``verdict`` its words for that.
    """

    offered: bool
    answered: bool
    agreed: str
    cipher: str
    certificate: Certificate | None
    trusted: bool
    verdict: str

    @property
    def refused(self) -> bool:
        """Return whether the port looked at the offer and turned it down."""
        return self.offered and self.answered and not self.agreed


def handshake(text: str) -> Handshake:
    """Read what s_client prints on standard output.

    Raises ValueError when nobody listened there: nothing was tried then.
    """
    if not text.startswith("CONNECTED("):
        raise ValueError("nobody answered on that port, so nothing was tried")
    counts = _READ.search(text)
    if counts is None:
        raise ValueError("s_client says nothing of a handshake")
    read, written = (int(number) for number in counts.groups())
    agreed = _AGREED.search(text)
    protocol, cipher = agreed.groups() if agreed else ("(NONE)", "(NONE)")
    block = _PEM.search(text)
    shown = certificates(f"/port\n{block[0]}")[0] if block else None
    none = cipher == "(NONE)"
    told = _VERDICT.search(text)
    code, verdict = told.groups() if told else ("", "said nothing")
    agreed_on = ("", "") if none else (protocol, cipher)
    return Handshake(written > 0, read > 0, *agreed_on, shown, code == "0", verdict)
