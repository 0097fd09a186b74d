# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault is, and the bench it is made on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import _network, _records
from ._console import LabError, LabRefused
from ._estate import Estate, get_host, get_site
from ._podman import Podman
from ._records import Record

ON_HOST = Path(__file__).resolve().parent / "_on_host.py"


@dataclass(frozen=True)
class Bench:
    """The lab a fault works on."""

    podman: Podman
    estate: Estate

    def ask(self, host: str, verb: str, **arguments: Any) -> dict[str, Any]:
        """Run a verb of _on_host.py on a host and return its answer.

        Raises: LabError with the sentence of the verb.
        """
        request = json.dumps({"verb": verb, **arguments})
        answer: dict[str, Any] = json.loads(
            self.podman.execute(host, "python3", "-", request, data=ON_HOST.read_bytes()).strip().splitlines()[-1]
        )
        if "error" in answer:
            raise LabError(f"On {host}: {answer['error']}")
        return answer

    def ask_noted(self, record: Record, key: str, verb: str, **arguments: Any) -> None:
        """Run a verb on the first target; what undoing it needs is written down before it changes anything."""
        host = record.targets[0]
        record.undo[key] = self.ask(host, verb, plan=True, **arguments)
        self.save(record)
        self.ask(host, verb, **arguments)

    def keep_original(self, record: Record, host: str, path: str) -> None:
        """Save a file with its owner, mode and times, so that undoing needs nothing from the host."""
        # The posix format keeps times to the nanosecond.
        archive = ("tar", "--format=posix", "-C", "/", "-cf", "-", path.lstrip("/"))
        content = self.podman.try_run("exec", self.estate.container(host), *archive)
        if content.returncode != 0:
            raise LabError(f"On {host}, {path} could not be saved; is the host running?")
        target = _records.saved_original(self.estate, record.key)
        target.touch(mode=0o600)
        target.write_bytes(content.stdout)

    def put_back(self, record: Record, host: str) -> None:
        """Put the saved file back as it was."""
        saved = _records.saved_original(self.estate, record.key)
        if saved.exists():
            self.podman.execute(host, "tar", "-C", "/", "--same-owner", "-xpf", "-", data=saved.read_bytes())

    def save(self, record: Record) -> None:
        """Write the record down as it is now."""
        _records.save(self.estate, record)

    @contextmanager
    def stopped(self, host: str, unit: str) -> Iterator[None]:
        """Stop a unit for a piece of work and start it again when it was running; an empty name means none."""
        was_active = bool(unit) and self.is_active(host, unit)
        if was_active:
            self.podman.execute(host, "systemctl", "stop", unit)
        try:
            yield
        finally:
            if was_active:
                self.podman.execute(host, "systemctl", "start", unit)

    def load_cuts(self) -> None:
        """Load the firewall with the cuts of all records."""
        _network.apply(self.estate, _records.cuts(self.estate))

    def is_active(self, host: str, unit: str) -> bool:
        """Return whether a systemd unit is active on a host."""
        done = self.podman.try_run("exec", self.estate.container(host), "systemctl", "is-active", "--quiet", unit)
        return done.returncode == 0

    def require_running(self, host: str) -> None:
        """Refuse work inside a host that is off or frozen.

        Raises: LabRefused with the mend.
        """
        state = self.podman.states().get(host, "missing")
        if state != "running":
            raise LabRefused(
                f"{host} is {state}, so nothing can be changed inside it; switch it on with: lab power on {host}"
            )


def host_target(name: str) -> str:
    """Return the name of an existing host."""
    return get_host(name).name


def site_target(name: str) -> str:
    """Return the name of an existing site."""
    get_site(name)
    return name


@dataclass(frozen=True)
class Fault:
    """A named fault.

    kinds: one checker a target. each: further targets are faults of their own. default: used when no target is given.
    repeatable: making it again makes sure of it (killing what was resurrected), instead of doing nothing.
    inside: it is made inside the first target, which has to run.
    options: name -> (default, explanation).
    """

    name: str
    title: str
    undo: str
    usage: str
    kinds: tuple[Callable[[str], str], ...]
    make: Callable[[Bench, Record, dict[str, str]], None]
    heal: Callable[[Bench, Record], str]
    each: bool = False
    default: tuple[str, ...] = ()
    repeatable: bool = False
    unordered: bool = False
    inside: bool = False
    options: dict[str, tuple[str, str]] = field(default_factory=dict)

    def split(self, targets: list[str]) -> list[list[str]]:
        """Return the targets as one list for each fault to make, checked.

        Raises: LabRefused when number or kind is wrong.
        """
        words = targets or list(self.default)
        wrong = len(words) == 0 if self.each else len(words) != len(self.kinds)
        if wrong:
            raise LabRefused(f"Usage: lab fault {self.name} {self.usage}")
        if self.each:
            return [[self.kinds[0](word)] for word in dict.fromkeys(words)]
        checked = [kind(word) for kind, word in zip(self.kinds, words, strict=True)]
        return [sorted(checked) if self.unordered else checked]

    def settle(self, options: dict[str, str]) -> dict[str, str]:
        """Return the options with their defaults.

        Raises: LabRefused for an unknown one.
        """
        for name in options:
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise LabRefused(f"The fault {self.name} has no option '{name}' (it has: {known}).")
        return {name: options.get(name, default) for name, (default, _help) in self.options.items()}

    def options_text(self) -> str:
        """Return the options in one line."""
        return "; ".join(f"{name} ({default or 'chosen'}): {text}" for name, (default, text) in self.options.items())
