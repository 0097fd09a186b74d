# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask every host once: one exec a host, the program on its standard input, many hosts at a time.

Only what the table of `_host_commands` lists is asked. A host that gives no answer leaves an error for each of its
facts, one sentence with the mend, and costs one time limit.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import asyncio
import resource
import secrets
import statistics
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_commands import TABLE
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_doors import plan as plan_of
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import HostFact
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_program import COMMAND, SHELL_COMMAND, program
from verify.collect._contained import contained
from verify.collect._keep import CLOCK, CONNECTION, SOURCE, Visit, keep, owe
from verify.collect._session import Limits, Places, Spoken, talk
from verify.collect._ssh import Dial, ssh_dial
from verify.collect._through_ansible import through_ansible
from verify.collect.redact import Redactor, secret_values
from verify.engine.declared import Declared, Environment
from verify.engine.evidence import Evidence

__all__ = ["SOURCE", "Options", "about", "ask", "collect", "owed", "plan", "redactor", "speak", "visit"]

SSH = ("ssh", "smart", "ansible.builtin.ssh")
LOCAL = ("local", "ansible.builtin.local")
_SLACK = 1 << 20


@dataclass(frozen=True)
class Options:
    """How hosts are asked: how many at a time, seconds for one host, and the table of what may be asked."""

    concurrency: int = 32
    deadline_s: float = 120.0
    table: Sequence[HostFact] = TABLE

    @classmethod
    def of(cls, variables: Mapping[str, Any], table: Sequence[HostFact] = TABLE) -> Options:
        """Read ``verify_concurrency`` and ``verify_host_deadline_s``. Raises `OpsError` for no number above 0."""
        concurrency = _positive(variables, "verify_concurrency", cls.concurrency)
        return cls(int(concurrency), _positive(variables, "verify_host_deadline_s", cls.deadline_s), table)


def _positive(variables: Mapping[str, Any], name: str, default: float) -> float:
    value = variables.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise OpsError(f"{name} is {value!r}; it has to be a number above 0 (without it, {default:g} is used).")
    return value


def plan(environment: Environment, host: Declared, table: Sequence[HostFact] = TABLE) -> list[HostFact]:
    """Return what is asked of a host, in order. Raises `OpsError` for a malformed variable of the inventory."""
    groups = [name for name, members in environment.groups.items() if host.name in members]
    variables = {**environment.variables, **host.about}
    return plan_of(table, host.name, groups, variables, environment.variables.get("verify_ports") or ())


def collect(
    environment: Environment,
    evidence: Evidence,
    *,
    now: Callable[[], float],
    progress: Callable[[str], None],
    forks: int | None = None,
    names: Collection[str] | None = None,
    options: Options | None = None,
) -> None:
    """Ask every host in scope and keep each answer as a fact of the source ``host``.

    ``forks`` is how many hosts are asked at a time, ``names`` narrows the facts. Beside the facts of the table each
    host gets ``connection`` (host key, key exchange, seconds) and ``clock`` (offset to the controller in seconds, with
    its bound). Raises `OpsError` for malformed
    variables, before any host is dialled.
    """
    chosen = options or Options.of(environment.variables)
    if forks is not None:
        chosen = replace(chosen, concurrency=forks)
    redact = redactor(environment)
    visits: list[Visit] = []

    def contain(some: Sequence[Visit], work: Callable[[], object]) -> bool:
        """Do some work for these visits; what it fails with is why each fact that they still owe is missing."""
        what = f"asking {some[0].host}" if len(some) == 1 else f"asking {len(some)} hosts"
        return contained(what, work, lambda told: owe(evidence, some, told, now()), redact)

    def dialled(host: Declared, facts: Iterable[HostFact]) -> None:
        visits.append(visit(environment, host, facts))

    for host in environment.hosts.values():
        facts = [fact for fact in plan(environment, host, chosen.table) if names is None or fact.name in names]
        nobody = Visit(host.name, Dial((), host.name, ""), tuple(facts), "")
        contain([nobody], partial(dialled, host, facts))

    def kept(one: Visit, spoken: Spoken) -> bool:
        whole: list[bool] = []
        done = contain([one], lambda: whole.append(keep(evidence, one, spoken, redact, deadline_s=chosen.deadline_s)))
        return done and whole == [True]

    known = [one for one in visits if one.dial.argv]
    strange = [one for one in visits if not one.dial.argv]
    contain(known, lambda: speak(known, kept, options=chosen, now=now, progress=progress))
    ask = partial(through_ansible, inventory=environment.inventory, deadline_s=chosen.deadline_s)
    contain(strange, lambda: ask(strange, kept, forks=chosen.concurrency))


def owed(environment: Environment) -> Iterator[tuple[str, str, Iterable[str]]]:
    """Yield subject, source and names of the facts of each host, as far as the table alone knows them."""
    for host in environment.hosts:
        yield host, SOURCE, (CONNECTION, CLOCK, *(fact.name for fact in TABLE))


def redactor(environment: Environment) -> Redactor:
    """Return what takes the secrets of an environment out of bytes."""
    known = set(environment.secrets) | set(secret_values(environment.variables))
    for host in environment.hosts.values():
        known |= set(secret_values(host.about))
    return Redactor(known)


def visit(environment: Environment, host: Declared, facts: Iterable[HostFact]) -> Visit:
    """Return how a host is visited to ask these facts; one that only Ansible can dial has no command of its own."""
    connection = str(host.get("ansible_connection", "ssh"))
    if connection in LOCAL:
        dial = Dial(("/bin/sh", "-c"), "this machine", "")
    elif connection in SSH:
        dial = ssh_dial(host.name, host.about, environment.variables)
    else:
        dial = Dial((), f"{connection} of {host.name}", "")
    return Visit(host.name, dial, tuple(facts), secrets.token_hex(8))


def ask(environment: Environment, visits: Sequence[Visit], kept: Callable[[Visit, Spoken], bool]) -> None:
    """Visit hosts beside the collection, each by the way that reaches it, and hand over what each said."""
    options = Options.of(environment.variables)
    dialled = [one for one in visits if one.dial.argv]
    speak(dialled, kept, options=options, now=time.time, progress=lambda _text: None)
    through_ansible(
        [one for one in visits if not one.dial.argv],
        kept,
        inventory=environment.inventory,
        forks=options.concurrency,
        deadline_s=options.deadline_s,
    )


def speak(
    visits: Sequence[Visit],
    kept: Callable[[Visit, Spoken], bool],
    *,
    options: Options,
    now: Callable[[], float],
    progress: Callable[[str], None],
) -> None:
    """Visit hosts, many at a time, and hand over what each said; ``kept`` returns whether that was whole."""
    if visits:
        asyncio.run(_Round(kept, options, now, progress).go(visits))


class _Round:
    """One round over all hosts: first those without late facts, then those with them."""

    def __init__(
        self,
        kept: Callable[[Visit, Spoken], bool],
        options: Options,
        now: Callable[[], float],
        progress: Callable[[str], None],
    ) -> None:
        self.kept, self.options, self.now, self.progress = kept, options, now, progress
        self.answered = 0

    async def go(self, visits: Sequence[Visit]) -> None:
        """Visit all hosts and say how many answered."""
        self.places = Places(self.options.concurrency, min(self.options.concurrency * 3 // 2, _most_processes()))
        self.progress(f"hosts: asking {len(visits)}, {min(self.options.concurrency, len(visits))} at a time")
        late = [visit for visit in visits if any(fact.late for fact in visit.facts)]
        for wave in ([visit for visit in visits if visit not in late], late):
            await asyncio.gather(*(self.visit(visit) for visit in wave))
        self.progress(f"hosts: {self.answered} of {len(visits)} answered")

    async def visit(self, visit: Visit) -> None:
        """Ask one host and keep what it said."""
        spoken = await self._talk(visit, COMMAND)
        if spoken.code not in (0, None, 255) and not spoken.stdout:
            # An interpreter that cannot read the program (Python before 3.8) leaves the shell.
            spoken = await self._talk(visit, SHELL_COMMAND)
        whole = self.kept(visit, spoken)
        self.answered += whole
        if not whole:
            self.progress(f"hosts: {visit.host} gave no whole answer")

    async def _talk(self, visit: Visit, command: str) -> Spoken:
        most = sum(fact.cap for fact in visit.facts) + _SLACK
        text = program(visit.facts, visit.token)
        argv = [*visit.dial.argv, command]
        try:
            return await talk(argv, text, Limits(self.options.deadline_s, most), self.places, now=self.now)
        except Exception as exc:  # whatever it is, the other hosts are asked on
            told = exc.strerror if isinstance(exc, OSError) else f"{type(exc).__name__}: {exc}"
            failed = Spoken(begun=self.now(), ended=self.now())
            failed.stderr += f"{argv[0]}: {told}".encode("utf-8", "replace")
            return failed


def _most_processes() -> int:
    """Return how many processes fit: each needs three pipes here, and some descriptors are others'."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(8, (soft - 100) // 6)


def about(evidence: Evidence) -> dict[str, Any]:
    """Return what the connections tell of a run: ``kex`` counts hosts by key exchange, ``clock`` sums the offsets up.

    ``clock.offset_s`` is the median over all hosts (hosts minus controller, seconds; None without any host),
    ``clock.widest_s`` the largest distance of one host. A post-quantum or other costly key exchange is told, not
    changed: it is a choice of the hosts.
    """
    kex: Counter[str] = Counter()
    offsets: list[float] = []
    for fact in evidence:
        if fact.source != SOURCE or fact.error is not None:
            continue
        if fact.name == CONNECTION:
            kex[str(evidence.json(fact)["kex"]) or "none"] += 1
        elif fact.name == CLOCK:
            offsets.append(float(evidence.json(fact)["offset_s"]))
    clock = {
        "offset_s": round(statistics.median(offsets), 3) if offsets else None,
        "widest_s": round(max(abs(value) for value in offsets), 3) if offsets else None,
    }
    return {"kex": dict(sorted(kex.items())), "clock": clock}
