# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling people by mail and web hook: only when something changed, one message a run, grouped by owner.

Settings are the variable ``verify_notices`` of the environment::

    mail: {host: mail.example.org, port: 587, tls: starttls, user: ops, password: ..., from: ops@example.org, to: [..]}
    webhook: {url: https://chat.example.org/hook, secret: ...}

``tls`` is starttls (default), tls or none; ``ca_file`` names authorities of one's own; ``timeout_s`` is 20. A web hook
with a secret carries ``X-Ops-Timestamp`` (seconds since the epoch) and ``X-Ops-Signature``: ``sha256=`` and the HMAC of
the timestamp, a dot and the body. A receiver compares both and refuses what is older than a few minutes.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import jsonschema

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.report import undelivered
from verify.report.data import ReportData
from verify.report.summary import answer, owner_of, summary_text, transitions
from verify.report.text import clean

__all__ = ["NOTICE", "SCHEMA", "check_settings", "deliver", "notice", "notify"]

NOTICE = "ccobservatory.ops/notice/1"
"""The schema of what a web hook receives."""

TELLING = ("new", "newly_unknown", "waiver_expired", "fixed")
"""The changes that are worth a message; what is still open or flaps was told before, or is `undelivered`."""

_SHOWN = 20
_HOME = ("localhost", "127.0.0.1", "::1")
_TEXT = {"type": "string", "minLength": 1}
_SECONDS = {"type": "number", "exclusiveMinimum": 0, "maximum": 300}
_MAIL = {
    "type": "object",
    "required": ["host", "from", "to"],
    "additionalProperties": False,
    "properties": {
        **dict.fromkeys(("host", "from", "user", "password", "ca_file"), _TEXT),
        "to": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^[^@\\s]+@[^@\\s]+$"}},
        "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "tls": {"enum": ["starttls", "tls", "none"]},
        "timeout_s": _SECONDS,
    },
}
_WEBHOOK = {
    "type": "object",
    "required": ["url"],
    "additionalProperties": False,
    "properties": {**dict.fromkeys(("url", "secret", "ca_file"), _TEXT), "timeout_s": _SECONDS},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"mail": _MAIL, "webhook": _WEBHOOK},
}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise `OpsError` for settings that cannot work; no value of them is repeated, because some are secret."""
    error = next(iter(jsonschema.Draft202012Validator(SCHEMA).iter_errors(dict(settings))), None)
    if error is not None:
        place = ".".join(["verify_notices", *(str(part) for part in error.absolute_path)])
        wanted = str(error.schema.get(str(error.validator)))[:120]
        raise OpsError(f"{place}: this breaks the rule {error.validator} ({wanted}); correct the setting.")
    url = urllib.parse.urlsplit(str((settings.get("webhook") or {}).get("url", "https://x")))
    if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _HOME):
        raise OpsError("verify_notices.webhook.url: a notice leaves this host by https only; correct the URL.")
    mail = settings.get("mail") or {}
    if "password" in mail and mail.get("tls") == "none" and mail["host"] not in _HOME:
        raise OpsError("verify_notices.mail.tls: a password is never sent without TLS; set starttls or tls.")


def notify(data: ReportData, settings: Mapping[str, Any], *, base: Path | None = None) -> list[str]:
    """Send the notice of a run where there is one to send; return a sentence for each way, sent or not.

    A way that is closed is told, and changes nothing about the run; what it could not tell is kept in ``base``, the
    folder of the environment's runs, and told with the next run. Raises `OpsError` for wrong settings.
    """
    check_settings(settings)
    if _nobodys(data):
        return []
    told, before = notice(data), undelivered.read(base / undelivered.FILE) if base else {}
    due = {
        way: undelivered.merged(told or _told(data, {}), before.get(way))
        for way in ("mail", "webhook")
        if settings.get(way) and (told is not None or way in before)
    }
    sentences = _kept(base, due)
    for way in list(due):
        ((arrived, sentence),) = deliver(due[way], {way: settings[way]})
        sentences.append(sentence)
        if arrived:
            del due[way]
    return [*sentences, *_kept(base, due)]


def _kept(base: Path | None, due: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Keep what is due; return a sentence when that cannot be done."""
    if base is None:
        return []
    try:
        undelivered.write(base / undelivered.FILE, due)
    except OSError as exc:
        return [f"notice: what is not delivered cannot be kept in {base / undelivered.FILE} ({exc.strerror})"]
    return []


def deliver(told: Mapping[str, Any], settings: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """Send a notice by each way that is set; return for each whether it arrived there, and a sentence."""
    ways = (("mail", _mail), ("webhook", _webhook))
    return [_sent(name, send, told, settings[name]) for name, send in ways if settings.get(name)]


def _sent(name: str, send: Any, told: Mapping[str, Any], way: Mapping[str, Any]) -> tuple[bool, str]:
    try:
        return True, str(send(told, way))
    except (OSError, smtplib.SMTPException, ValueError) as exc:
        reason = clean(f"{type(exc).__name__}: {exc}")[:200]
        return False, f"notice: the {name} was not sent ({reason}); tell people another way"


def notice(data: ReportData) -> dict[str, Any] | None:
    """Return what there is to tell, or None when nothing changed.

    A run that could not be compared is told while anything is open, and one that did not end is always told: silence
    must not look like health. A run that was judged again, or narrowed on the command line, is nobody's news.
    """
    if _nobodys(data):
        return None
    lists = {name: rows for name, rows in transitions(data).items() if name in TELLING and rows}
    compared = bool((data.changes or {}).get("comparable"))
    if not lists and data.complete and (compared or not data.open_findings):
        return None
    return _told(data, lists)


def _nobodys(data: ReportData) -> bool:
    return bool(data.run.get("replay_of") or data.run.get("evidence_of") or data.run.get("selection"))


def _told(data: ReportData, lists: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    said = answer(data)
    return {
        "schema": NOTICE,
        "environment": str(data.run["environment"]),
        "run": str(data.run["id"]),
        "complete": data.complete,
        "sign": said.sign,
        "answer": said.word,
        "why": said.why,
        "exit": data.close_exit,
        "compared": bool((data.changes or {}).get("comparable")),
        "changes": {name: len(rows) for name, rows in lists.items()},
        "owners": _owners(data, lists),
        "late": [],
        "summary": summary_text(data).strip(),
    }


def _owners(data: ReportData, lists: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, str]]] = {}
    for name in TELLING:
        for row in lists.get(name, ()):
            item = data.item(str(row["item"]))
            known = {
                key: str(row.get(key) or "") for key in ("finding", "control", "kind", "subject", "status", "says")
            }
            if row.get("terms"):
                known["terms"] = str(row["terms"])
            found.setdefault(item.owner, []).append(
                {"change": name, "item": item.id, "title": item.title, "severity": item.severity, **known}
            )
    return [{"role": role, "address": owner_of(data, role), "changes": rows} for role, rows in sorted(found.items())]


# Mail


def _mail(told: Mapping[str, Any], way: Mapping[str, Any]) -> str:
    message = EmailMessage()
    changes = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in told["changes"].items())
    about = f"{changes or 'look at the report'} ({told['run']})" if told["run"] else told["why"]
    head = f"[{told['environment']}] {told['answer']}: {about}"
    message["Subject"] = clean(head).replace("\u202f", " ")
    message["From"], message["To"] = way["from"], ", ".join(way["to"])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(_lines(told)) + "\n")
    tls, timeout = way.get("tls", "starttls"), float(way.get("timeout_s", 20))
    context = ssl.create_default_context(cafile=way.get("ca_file")) if tls != "none" else None
    port = int(way.get("port") or {"tls": 465, "starttls": 587, "none": 25}[tls])
    with _server(way["host"], port, timeout, context if tls == "tls" else None) as server:
        if tls == "starttls":
            server.starttls(context=context)
        if way.get("user"):
            server.login(way["user"], way.get("password", ""))
        refused = server.send_message(message)
    missed = f", refused for {', '.join(sorted(refused))}" if refused else ""
    return f"notice: mail sent to {', '.join(one for one in way['to'] if one not in refused)}{missed}"


def _server(host: str, port: int, timeout: float, context: ssl.SSLContext | None) -> smtplib.SMTP:
    if context is not None:
        return smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
    return smtplib.SMTP(host, port, timeout=timeout)


def _lines(told: Mapping[str, Any]) -> list[str]:
    """Return the body of the mail: the summary, then each owner with the changes, twenty at most."""
    lines = [told["summary"]]
    for owner in told["owners"]:
        address = f" <{owner['address']}>" if owner["address"] else ""
        lines += ["", clean(f"{owner['role']}{address}")]
        lines += [_line(row) for row in owner["changes"][:_SHOWN]]
        left = len(owner["changes"]) - _SHOWN
        lines += [f"  and {left} more in the report"] if left > 0 else []
    return [line.replace("\u202f", " ") for line in lines]


def _line(row: Mapping[str, str]) -> str:
    word = row["change"].replace("_", " ").upper()
    head = f"  {word} {row['control']} ({row['severity']}) {row['kind']} {row['subject']}"
    late = f", not delivered by the run {row['run']}" if row.get("run") else ""
    terms = f" (judged by other terms than before: {row['terms']})" if row.get("terms") else ""
    return clean(f"{head}: {row['says']} [{row['finding']}]{terms}{late}")


# Web hook


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected notice would arrive without its body, or elsewhere than it was meant to."""

    def redirect_request(self, *_args: Any) -> None:
        """Refuse; the redirect's status becomes the error."""


def _webhook(told: Mapping[str, Any], way: Mapping[str, Any]) -> str:
    body = json.dumps(told, sort_keys=True).encode("utf-8")
    stamp = str(int(time.time()))
    headers = {"Content-Type": "application/json", "X-Ops-Timestamp": stamp}
    if way.get("secret"):
        headers["X-Ops-Signature"] = f"sha256={signature(way['secret'], stamp, body)}"
    request = urllib.request.Request(way["url"], data=body, headers=headers, method="POST")  # noqa: S310 - checked
    context = ssl.create_default_context(cafile=way.get("ca_file"))
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=float(way.get("timeout_s", 20))) as answered:
            return f"notice: web hook answered {answered.status}"
    except urllib.error.HTTPError as exc:
        # The address may hold a token; the status says enough.
        raise OSError(f"the receiver answered {exc.code}") from None


def signature(secret: str, stamp: str, body: bytes) -> str:
    """Return the HMAC-SHA-256 (hex) of a timestamp, a dot and a body."""
    return hmac.new(secret.encode("utf-8"), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
