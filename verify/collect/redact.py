# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets are taken out of what a host said before anybody keeps it.

Two nets: the values that the inventory knows as secrets (by the name of their variable), wherever they turn up and
however JSON, an address or a shell spells them, and forms that give a secret away by themselves (private keys in PEM,
passwords in URLs and options, tokens in headers).

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "Redactor", "secret_values"]

MASK = b"[redacted]"
SHORTEST = 6
MOST_SEEN, LONGEST_SEEN = 4096, 64 * 1024
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:pass|passwd|password|passphrase|secret|secrets|token|api_?key|access_?key|private_?key|cipher_?pass|"
    r"credential|credentials|auth_?key)(?:$|_(?!file|path|dir|hash$|policy|length|min|max|age))",
    re.IGNORECASE,
)
_PRIVATE_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
_FORMS = (
    # user:password@ in a URL
    (re.compile(rb"(\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,64}:)[^\s/@]{1,256}(?=@)", re.IGNORECASE), rb"\1" + MASK),
    # password=..., token: "...", --repo1-cipher-pass ...; a switch (yes, false, 12) is no secret
    (
        re.compile(
            rb"((?:passw(?:or)?d|passphrase|(?<![a-z0-9])pass|secret|token|api[_-]?key|cipher-pass|key-secret)[\"']?"
            rb"[ \t]*[=:][ \t]*[\"']?)(?!\s|[\"']|(?:true|false|null|none)\b)[^\s\"',;&]{4,}",
            re.IGNORECASE,
        ),
        rb"\1" + MASK,
    ),
    # what openssl s_client prints of a session that could be taken up again
    (re.compile(rb"((?:Master-Key|Resumption PSK): )[0-9A-F]{16,}"), rb"\1" + MASK),
    (re.compile(rb"(authorization:\s*(?:basic|bearer)\s+)\S+", re.IGNORECASE), rb"\1" + MASK),
)
# A form is looked for only where one of these words stands: searching for words is cheap, for forms it is not.
_SIGNS = (b"://", b"pass", b"secret", b"token", b"api", b"authorization", b"master-key", b"psk:")


def secret_values(variables: Mapping[str, Any]) -> Iterator[str]:
    """Yield the text values of all variables whose name says that they are secret, at any depth."""
    for name, value in variables.items():
        if _SECRET_NAME.search(str(name)):
            yield from _texts(value)
        elif isinstance(value, Mapping):
            yield from secret_values(value)
        elif isinstance(value, (list, tuple)):
            for entry in value:
                if isinstance(entry, Mapping):
                    yield from secret_values(entry)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _texts(entry)


def _spellings(value: str) -> set[str]:
    """Return a secret as it is, and as JSON (also inside a text of JSON), an address or a shell would spell it."""
    once = {value, *(json.dumps(value, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True))}
    twice = {json.dumps(one, ensure_ascii=False)[1:-1] for one in once}
    address = {quote(value, safe=""), quote(value), quote_plus(value)}
    return {*once, *twice, *address, shlex.quote(value).removeprefix("'").removesuffix("'")}


class Redactor:
    """Takes known secrets and whatever looks like one out of bytes."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Values shorter than six characters are left alone: they would tear holes into everything."""
        known = {value.strip() for value in secrets if len(value.strip()) >= SHORTEST}
        self._seen: dict[bytes, bytes] = {}
        spelled = {one.encode() for value in known for one in _spellings(value)}
        self._known = sorted(spelled, key=len, reverse=True)

    def __call__(self, data: bytes) -> bytes:
        """Return the bytes with every secret replaced by ``[redacted]``; hosts say the same often, so that is kept."""
        known = self._seen.get(data)
        if known is None:
            known = self._clean(data)
            if len(self._seen) < MOST_SEEN and len(data) <= LONGEST_SEEN:
                self._seen[data] = known
        return known

    def _clean(self, data: bytes) -> bytes:
        for value in self._known:
            if value in data:
                data = data.replace(value, MASK)
        if b"PRIVATE KEY-----" in data:
            data = _PRIVATE_KEY.sub(rb"-----BEGIN \1-----" + MASK, data)
        lower = data.lower()
        if not any(sign in lower for sign in _SIGNS):
            return data
        return b"".join(_line(line) for line in data.splitlines(keepends=True))


def _line(line: bytes) -> bytes:
    lower = line.lower()
    if any(sign in lower for sign in _SIGNS):
        for form, replacement in _FORMS:
            line = form.sub(replacement, line)
    return line
