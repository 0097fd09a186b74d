# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units, services and timers of systemd: parsers of the answers.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from verify.facts.host_software import properties

__all__ = ["Service", "System", "Timer", "Unit", "services", "system", "timers", "units"]


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: whether its file was loaded, whether it is active or failed, and the state its kind gives it."""

    name: str
    load: str
    active: str
    sub: str

    @property
    def failed(self) -> bool:
        """Return whether the unit failed and nobody reset it."""
        return self.active == "failed"


@dataclass(frozen=True, slots=True)
class Service:
    """One loaded service. Instants are seconds since the epoch (UTC), None where there is none."""

    name: str
    load: str
    active: str
    sub: str
    result: str
    enabled: str
    restarts: int
    exit_code: int
    started: float | None
    exited: float | None
    main_pid: int

    @property
    def running(self) -> bool:
        """Return whether the service is active, also one that did its work and stays so."""
        return self.active == "active"


@dataclass(frozen=True, slots=True)
class Timer:
    """One timer: the unit it starts, when it did last and does next (seconds since the epoch, UTC; None: never)."""

    name: str
    unit: str
    active: str
    enabled: str
    last: float | None
    next: float | None


@dataclass(frozen=True, slots=True)
class System:
    """systemd itself: its state in one word, how many units failed, since when it runs, and in what machine."""

    state: str
    failed_units: int
    booted: float | None
    version: str
    virtualization: str


def units(text: str) -> list[Unit]:
    """Read ``systemctl list-units --plain --no-legend``."""
    found = []
    for line in text.splitlines():
        if line.strip():
            name, load, active, sub, *_description = line.split(None, 4)
            found.append(Unit(name, load, active, sub))
    if not found:
        raise ValueError("systemd lists no unit at all")
    return found


def services(text: str) -> dict[str, Service]:
    """Read ``systemctl show *.service``; the names keep their ending."""
    found = {}
    for row in _blocks(text):
        name = row["Id"]
        found[name] = Service(
            name=name,
            load=row["LoadState"],
            active=row["ActiveState"],
            sub=row["SubState"],
            result=row["Result"],
            enabled=row["UnitFileState"],
            restarts=int(row["NRestarts"]),
            exit_code=int(row["ExecMainStatus"]),
            started=instant(row["ExecMainStartTimestamp"]),
            exited=instant(row["ExecMainExitTimestamp"]),
            main_pid=int(row["MainPID"]),
        )
    if not found:
        raise ValueError("systemd shows no service at all")
    return found


def timers(text: str) -> dict[str, Timer]:
    """Read ``systemctl show *.timer``; the names keep their ending."""
    return {
        row["Id"]: Timer(
            row["Id"],
            row["Unit"],
            row["ActiveState"],
            row["UnitFileState"],
            instant(row["LastTriggerUSec"]),
            instant(row["NextElapseUSecRealtime"]),
        )
        for row in _blocks(text)
    }


def system(text: str) -> System:
    """Read ``systemctl show`` of systemd itself."""
    row = properties(text)
    return System(
        state=row["SystemState"],
        failed_units=int(row["NFailedUnits"]),
        booted=instant(row["UserspaceTimestamp"]),
        version=row["Version"],
        virtualization=row["Virtualization"],
    )


def _blocks(text: str) -> Iterator[dict[str, str]]:
    for block in text.split("\n\n"):
        if block.strip():
            yield properties(block)


def instant(text: str) -> float | None:
    """Read an instant as systemd writes it: ``@1795686708``, ``Thu 2026-11-26 10:07:18 UTC``, or nothing for never.

    Some properties stay in words whatever ``--timestamp`` asks for; the commands run in UTC.
    """
    if not text or text in ("n/a", "0", "@0", "infinity"):
        return None
    if text.startswith("@"):
        return float(text[1:])
    _day, date, time, zone = text.split()
    if zone != "UTC":
        raise ValueError(f"systemd writes {text!r}, which is not in UTC")
    return datetime.strptime(f"{date} {time.partition('.')[0]}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
