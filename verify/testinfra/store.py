# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users' tests asked of hosts: kept as facts, asked ahead all at once, or live where something is new.

A command's fact is named after its text, so equal commands are asked once and any run can be judged again from what it
kept. The list of commands of one run is what the next run asks ahead, by one exec a host.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import HostFact
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_program import Answer, read_reply
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._only_reads import fact_of, refusal
from verify.collect import hosts
from verify.collect._keep import Visit
from verify.collect._session import Spoken
from verify.engine.declared import Environment
from verify.engine.evidence import Evidence, NoEvidence
from verify.testinfra.channel import Channel, Silent

__all__ = ["SOURCE", "Said", "Store"]

SOURCE = "testinfra"


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended: exit code, standard output and standard error."""

    code: int
    stdout: bytes
    stderr: bytes


class Store:
    """Commands of tests and what hosts said to them."""

    def __init__(
        self, environment: Environment, evidence: Evidence, *, live: bool, ahead: Mapping[str, Sequence[str]]
    ) -> None:
        """``ahead`` are the commands that the last run needed, by host; they are asked at the first need of any."""
        self.environment = environment
        self.evidence = evidence
        self.live = live
        self.used: dict[str, dict[str, None]] = {}
        self._ahead = {host: list(commands) for host, commands in ahead.items()}
        self._channels: dict[str, Channel] = {}
        self._silent: dict[str, str] = {}
        self._redact = hosts.redactor(environment)

    def run(self, host: str, command: str) -> Said:
        """Return how a command ended on a host: from evidence, or live once.

        Raises `NoEvidence` for a command that may change something, and for a host that does not answer.
        """
        __tracebackhide__ = True
        why = refusal(command)
        if why is not None:
            raise NoEvidence(f"{command!r} is not run on {host}: {why}. Verification only reads.")
        self.used.setdefault(host, {})[command] = None
        asked = fact_of(command)
        known = self.evidence.get(host, asked.name)
        if known is None and self.live and self._ahead:
            self.ask_ahead()
            known = self.evidence.get(host, asked.name)
        if known is None:
            if not self.live:
                raise NoEvidence(f"{command!r} was not collected from {host}, and this run collects nothing.")
            self._ask_live(host, asked)
            known = self.evidence.get(host, asked.name)
        if known is None or known.error is not None:
            raise NoEvidence(known.error if known and known.error else f"{host} did not answer to {command!r}.")
        row = json.loads(self.evidence.body(known))
        return Said(int(known.rc or 0), *(row[key].encode("utf-8", "surrogateescape") for key in ("stdout", "stderr")))

    def ask_ahead(self) -> None:
        """Ask every host at once what the last run needed of it, by one exec each."""
        waiting, self._ahead = self._ahead, {}
        visits = []
        for name, commands in waiting.items():
            host = self.environment.hosts.get(name)
            facts = [fact_of(one) for one in dict.fromkeys(commands) if refusal(one) is None]
            if host is not None and facts:
                visits.append(hosts.visit(self.environment, host, facts))
        hosts.ask(self.environment, visits, self._kept)

    def _kept(self, visit: Visit, spoken: Spoken) -> bool:
        try:
            reply = read_reply(bytes(spoken.stdout), visit.token)
        except ValueError:
            return False
        if not reply.complete and not visit.dial.argv:
            told = spoken.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
            self._silent[visit.host] = f"{told[-1][:200]} (by {visit.dial.address}: try ansible {visit.host} -m ping)"
        for fact in visit.facts:
            answer = reply.answers.get(fact.name)
            if answer is not None:
                self._keep(visit.host, fact, answer, spoken.ended)
        return reply.complete

    def _ask_live(self, name: str, asked: HostFact) -> None:
        host = self.environment.hosts.get(name)
        if host is None:
            raise NoEvidence(f"{name} is not in the scope of this run.")
        visit = hosts.visit(self.environment, host, [asked])
        try:
            if visit.dial.argv:
                channel = self._channels.setdefault(name, Channel(visit.dial.argv))
                self._keep(name, asked, channel.ask(asked), time.time())
            else:
                self._ask_through_ansible(visit)
        except Silent as exc:
            self.evidence.missing(
                f"{name} does not answer to tests: {exc}.",
                **self._about(name, asked, time.time()),
            )

    def _ask_through_ansible(self, visit: Visit) -> None:
        """Ask by a run of ansible-playbook: there is no channel that could stay open."""
        if visit.host not in self._silent:
            hosts.ask(self.environment, [visit], self._kept)
        if self.evidence.get(visit.host, visit.facts[0].name) is None:
            raise Silent(self._silent.get(visit.host, "it left the command out of its answer"))

    def _keep(self, name: str, fact: HostFact, answer: Answer, instant: float) -> None:
        about = self._about(name, fact, instant)
        if answer.timed_out or answer.size > len(answer.output):
            what = "was stopped" if answer.timed_out else f"printed {answer.size} bytes, more than are kept"
            self.evidence.missing(f"{fact.why!r} on {name} {what}.", **about)
            return
        said = {
            "stdout": self._redact(answer.output).decode("utf-8", "surrogateescape"),
            "stderr": self._redact(answer.errors).decode("utf-8", "surrogateescape"),
        }
        body = canonical_json(said).decode()
        self.evidence.record(body, rc=answer.code, seconds=round(answer.ended - answer.begun, 4), **about)

    def _about(self, name: str, fact: HostFact, instant: float) -> dict[str, object]:
        return {"subject": name, "name": fact.name, "source": SOURCE, "collected": instant, "command": fact.why}

    def close(self) -> None:
        """End all channels."""
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()

    def plan(self) -> dict[str, list[str]]:
        """Return the commands that this run needed, by host, for the next run to ask ahead."""
        return {host: list(commands) for host, commands in self.used.items()}

    def matching(self, patterns: Iterable[str]) -> list[str]:
        """Return the hosts in scope that patterns of names and groups mean, in the order of the inventory."""
        groups, names = self.environment.groups, list(self.environment.hosts)
        wanted: set[str] = set()
        for pattern in patterns:
            wanted |= {name for name in names if _means(pattern, name, groups)}
        return [name for name in names if name in wanted]


def _means(pattern: str, name: str, groups: Mapping[str, Sequence[str]]) -> bool:
    """Return whether an Ansible pattern means a host: names, groups, ``:`` and ``,`` for or, ``:&`` and ``:!``."""
    own = {name, "all", "*", *(group for group, members in groups.items() if name in members)}
    parts = [part for part in pattern.replace(",", ":").split(":") if part]
    plain = [part for part in parts if part[0] not in "&!"]
    return (
        any(part in own for part in plain)
        and all(part[1:] in own for part in parts if part[0] == "&")
        and not any(part[1:] in own for part in parts if part[0] == "!")
    )
