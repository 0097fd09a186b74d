# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a host said to facts: each answer redacted and kept, each gap with the sentence that says why.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import HostFact
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_program import Answer, Reply, read_reply
from verify.collect._session import Spoken
from verify.collect._ssh import Dial, Handshake, explain, handshake
from verify.collect.redact import Redactor
from verify.engine.evidence import Evidence

__all__ = ["CLOCK", "CONNECTION", "SOURCE", "Visit", "keep", "owe"]

SOURCE = "host"
CONNECTION = "connection"
CLOCK = "clock"
_SUDO = ("sudo: a password is required", "sudo: a terminal is required", "is not allowed to", "may not run sudo")


@dataclass(frozen=True, slots=True)
class Visit:
    """One host to be asked: how it is dialled, what is asked, and the token of its frame."""

    host: str
    dial: Dial
    facts: tuple[HostFact, ...]
    token: str


def keep(evidence: Evidence, visit: Visit, spoken: Spoken, redact: Redactor, *, deadline_s: float) -> bool:
    """Keep every fact of a visit, or why it could not be had; return whether the host answered to the end."""
    try:
        reply = read_reply(bytes(spoken.stdout), visit.token)
    except ValueError as exc:
        reply = Reply(None, None, False, {})
        problem: str | None = f"The answer of {visit.host} cannot be read ({exc}): something on the way changed it."
    else:
        problem = None if reply.complete else _why(visit, spoken, reply, deadline_s)
    if problem is not None:
        problem = redact(problem.encode("utf-8", "replace")).decode("utf-8", "replace")
    about = _handshake_of(visit, spoken)
    offset = _keep_own(evidence, visit, spoken, reply, about, problem)
    for fact in visit.facts:
        answer = reply.answers.get(fact.name)
        if answer is None:
            lost = problem or f"{visit.host} left {fact.name} out of its answer."
            _missing(evidence, visit, fact, lost, spoken.ended, about)
        else:
            _answered(evidence, visit, fact, answer, redact, about, _instant(answer, offset, spoken))
    return problem is None


def owe(evidence: Evidence, visits: Iterable[Visit], problem: str, instant: float) -> None:
    """Keep for each fact of these visits that has neither an answer nor a reason so far why it is missing."""
    for visit in visits:
        own = dict.fromkeys((CONNECTION, CLOCK), f"ssh {visit.dial.address}")
        for name, command in {**own, **{fact.name: fact.asked for fact in visit.facts}}.items():
            if evidence.get(visit.host, name) is None:
                evidence.missing(
                    problem, subject=visit.host, name=name, source=SOURCE, collected=instant, command=command
                )


def _why(visit: Visit, spoken: Spoken, reply: Reply, deadline_s: float) -> str:
    """Return why a host did not come to the end of its answer."""
    host = visit.host
    if spoken.flooded:
        return f"{host} said more than it may: the answer was cut off; look at what its commands print."
    if spoken.late and reply.clock is None:
        waited = spoken.ended - spoken.begun
        return f"{host} took the connection and then said nothing for {waited:.0f} s: see its sshd and its load."
    if spoken.late:
        return f"{host} did not finish within {deadline_s:.0f} s: see its load, or raise verify_host_deadline_s."
    if reply.clock is not None:
        return f"{host} broke off in the middle of its answer: see its load and its journal."
    if spoken.stdout:
        return f"{host} printed something else than its answer: a login shell of the account says it; make it silent."
    if not visit.dial.argv:
        told = (spoken.stderr.decode("utf-8", "replace").splitlines() or ["nothing"])[-1].strip()[:200]
        return f"Ansible had no answer from {host} by {visit.dial.address} ({told}): try ansible {host} -m ping."
    return explain(host, visit.dial, bytes(spoken.stderr), spoken.code)


def _handshake_of(visit: Visit, spoken: Spoken) -> Handshake:
    if visit.dial.argv[:1] in ((), ("/bin/sh",)):
        # Not ssh: whom we spoke with is known by the name under which the connection found it.
        return Handshake("", visit.dial.address, "")
    return handshake(bytes(spoken.stderr))


def _keep_own(
    evidence: Evidence, visit: Visit, spoken: Spoken, reply: Reply, about: Handshake, problem: str | None
) -> float:
    """Keep the facts about the connection itself and return the offset of the host's clock in seconds."""
    common: Mapping[str, Any] = {
        "subject": visit.host,
        "source": SOURCE,
        "collected": spoken.ended,
        "seconds": round(spoken.ended - spoken.begun, 3),
        "identity": about.fingerprint,
        "command": f"ssh {visit.dial.address}",
    }
    if reply.clock is None or spoken.first is None:
        told = problem or f"{visit.host} gave no answer."
        evidence.missing(told, name=CONNECTION, **common)
        evidence.missing(told, name=CLOCK, **common)
        return 0.0
    details = {
        "address": visit.dial.address,
        "user": visit.dial.user,
        "uid": reply.uid,
        "key_type": about.key_type,
        "fingerprint": about.fingerprint,
        "kex": about.kex,
        "seconds": round(spoken.ended - spoken.begun, 3),
        "complete": reply.complete,
    }
    evidence.record(canonical_json(details).decode(), name=CONNECTION, rc=spoken.code, **common)
    # The host read its clock between the instant its command was sent and the instant its first byte came back.
    earliest = spoken.sent or spoken.begun
    offset = reply.clock - (earliest + spoken.first) / 2
    clock = {"offset_s": round(offset, 3), "uncertainty_s": round((spoken.first - earliest) / 2, 3)}
    evidence.record(canonical_json(clock).decode(), name=CLOCK, rc=0, **common)
    return offset


def _instant(answer: Answer, offset: float, spoken: Spoken) -> float:
    """Return when an answer was read, by the controller's clock, never outside of the conversation."""
    return min(max(answer.begun - offset, spoken.begun), spoken.ended)


def _missing(evidence: Evidence, visit: Visit, fact: HostFact, problem: str, instant: float, about: Handshake) -> None:
    evidence.missing(
        problem,
        subject=visit.host,
        name=fact.name,
        source=SOURCE,
        collected=instant,
        command=fact.asked,
        identity=about.fingerprint,
    )


def _answered(
    evidence: Evidence,
    visit: Visit,
    fact: HostFact,
    answer: Answer,
    redact: Redactor,
    about: Handshake,
    instant: float,
) -> None:
    common: Mapping[str, Any] = {
        "subject": visit.host,
        "name": fact.name,
        "source": SOURCE,
        "collected": instant,
        "command": fact.asked,
        "rc": answer.code,
        "seconds": round(answer.ended - answer.begun, 4),
        "identity": about.fingerprint,
    }
    if answer.timed_out or answer.code not in fact.accepts:
        evidence.missing(_refused(visit.host, fact, answer, redact), **common)
        return
    body = redact(answer.output)
    text = body.decode("utf-8", "backslashreplace")
    kept = len(text.encode())
    cut = answer.size > len(answer.output)
    evidence.record(text, size=max(answer.size, kept + 1) if cut else kept, **common)


def _refused(host: str, fact: HostFact, answer: Answer, redact: Redactor) -> str:
    """Return why the answer to one question does not count."""
    told = redact(answer.errors).decode("utf-8", "replace")
    first = next((line.strip() for line in told.splitlines() if line.strip()), "")
    asked = f"{fact.name} ({fact.words[0]}{' as ' + fact.user if fact.user else ''}) on {host}"
    if answer.timed_out:
        return f"{asked} was stopped after {fact.deadline_s} s: see the host's load and its disks."
    if fact.user and any(sign in told for sign in _SUDO):
        return f"sudo refuses {asked}: apply the role verify_access."
    return f"{asked} ended with {answer.code}" + (f": {first[:200]}" if first else ".")
