# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of whole hosts, of the network, of a service and of a file system's space."""

from __future__ import annotations

from . import _network, _power
from ._console import LabRefused
from ._estate import get_site
from ._fault import Bench, Fault, host_target, site_target
from ._podman import in_parallel
from ._records import Record

FREEZE_ATTEMPTS = 5
MEGABYTE = 1024 * 1024
FILLER = ".lab-filler"


def _kill(bench: Bench, record: Record, hosts: list[str]) -> None:
    # What this fault killed is what its undoing switches on again, also when it is made twice.
    killed = _power.kill_hosts(bench.podman, bench.estate, hosts)
    record.undo["killed"] = sorted({*record.undo.get("killed", []), *killed})


def _make_host_kill(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    del settings
    _kill(bench, record, record.targets)


def _make_site_kill(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    del settings
    _kill(bench, record, get_site(record.targets[0]))


def _heal_kill(bench: Bench, record: Record) -> str:
    killed = record.undo.get("killed", [])
    in_parallel(lambda host: _power.power_on(bench.podman, bench.estate, host), killed)
    return f"{', '.join(killed) or 'no host'} switched on"


def _make_freeze(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    del settings
    host = record.targets[0]
    state = bench.podman.states().get(host)
    if state == "paused":
        return
    bench.require_running(host)
    # runc gives a freeze up when the processes of a busy host do not stand still in its time; asked again they do.
    for _attempt in range(FREEZE_ATTEMPTS - 1):
        if bench.podman.try_run("pause", bench.estate.container(host)).returncode == 0:
            return
    bench.podman.run("pause", bench.estate.container(host))


def _heal_freeze(bench: Bench, record: Record) -> str:
    host = record.targets[0]
    if bench.podman.states().get(host) != "paused":
        return f"{host} was no longer frozen"
    bench.podman.run("unpause", bench.estate.container(host))
    return ""


def _make_cut(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    del settings
    record.undo["rules"] = _network.isolation_rules(bench.estate, record.targets[0])
    _load_with(bench, record)


def _make_link_cut(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    del settings
    record.undo["rules"] = _network.link_rules(bench.estate, record.targets[0], record.targets[1])
    _load_with(bench, record)


def _load_with(bench: Bench, record: Record) -> None:
    bench.save(record)
    bench.load_cuts()


def _heal_cut(bench: Bench, record: Record) -> str:
    record.undo.pop("rules", None)
    _load_with(bench, record)
    return ""


def _make_service_stop(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    del settings
    host, unit = record.targets
    if not bench.is_active(host, unit):
        raise LabRefused(
            f"{unit} is not running on {host}, so there is nothing to stop; look at: lab ssh {host} systemctl status"
        )
    # What would wake the unit up again, as syslog.socket does with rsyslog, stops with it.
    triggers = bench.podman.execute(host, "systemctl", "show", "--value", "--property", "TriggeredBy", unit).split()
    record.undo["stopped"] = [*(name for name in triggers if bench.is_active(host, name)), unit]
    bench.save(record)
    bench.podman.execute(host, "systemctl", "stop", *record.undo["stopped"])


def _heal_service_stop(bench: Bench, record: Record) -> str:
    host, unit = record.targets
    bench.require_running(host)
    bench.podman.execute(host, "systemctl", "start", *record.undo.get("stopped", [unit]))
    return ""


def _make_disk_full(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    host, path = record.targets
    left, unit = int(settings["leave_mb"]), settings["unit"]
    facts = bench.ask(host, "usage", path=path)
    if bench.podman.try_run("exec", bench.estate.container(host), "mountpoint", "-q", path).returncode == 0:
        raise LabRefused(f"{path} on {host} is already a file system of its own; undo the fault that made it first.")
    record.undo["unit"] = unit
    bench.save(record)
    size = facts["bytes"] + (left + 8) * MEGABYTE
    flags = f"size={size},mode={facts['mode']},uid={facts['uid']},gid={facts['gid']}"
    # The containers share the disk of this machine, so the directory gets a small file system of its own, which is
    # then filled; the fill is what the fault is, the file system only keeps it off everybody else.
    steps = [
        "mkdir -p /run/lab-full",
        "touch /run/lab-full-since",
        f"mount -t tmpfs -o {flags} lab-full /run/lab-full",
        'cp -a "$1/." /run/lab-full/',
        'mount --move /run/lab-full "$1"',
        'free=$(df --output=avail -B1 "$1" | tail -n 1)',
        f'fallocate -l $((free - {left * MEGABYTE})) "$1/{FILLER}"',
    ]
    with bench.stopped(host, unit):
        bench.podman.execute(host, "sh", "-ec", "\n".join(steps), "sh", path)


def _heal_disk_full(bench: Bench, record: Record) -> str:
    host, path = record.targets
    if "unit" not in record.undo:
        return "it was never filled"
    bench.require_running(host)
    if bench.podman.try_run("exec", bench.estate.container(host), "mountpoint", "-q", path).returncode != 0:
        # What is left of a fault that was killed while it was made.
        bench.podman.try_run("exec", bench.estate.container(host), "umount", "-l", "/run/lab-full")
        if record.undo["unit"]:
            bench.podman.execute(host, "systemctl", "start", record.undo["unit"])
        return f"{path} on {host} was not filled, or the host was switched off meanwhile"
    # A line each: in a list joined by && the shell goes on after a command that failed. Others may write below the path
    # from the moment it is free again, so what is newer than the fault stays, and what was removed since goes.
    steps = [
        f'rm -f "$1/{FILLER}"',
        "mkdir -p /run/lab-full",
        'mount --bind "$1" /run/lab-full',
        'umount -l "$1"',
        'find "$1" -mindepth 1 ! -type d ! -cnewer /run/lab-full-since -delete',
        'cp -a --update /run/lab-full/. "$1/"',
        "umount -l /run/lab-full",
        "rmdir /run/lab-full",
        "rm -f /run/lab-full-since",
    ]
    with bench.stopped(host, record.undo["unit"]):
        bench.podman.execute(host, "sh", "-ec", "\n".join(steps), "sh", path)
    return ""


def _absolute(path: str) -> str:
    if not path.startswith("/") or path in ("/", "/run", "/proc", "/sys", "/dev"):
        raise LabRefused(f"'{path}' is not a directory that can be filled; give the absolute path of a data directory.")
    return path.rstrip("/")


FAULTS = (
    Fault(
        name="host-kill",
        title="power is cut, memory is lost",
        undo="power on",
        usage="HOST...",
        kinds=(host_target,),
        each=True,
        make=_make_host_kill,
        heal=_heal_kill,
        repeatable=True,
    ),
    Fault(
        name="host-freeze",
        title="all processes stand still",
        undo="they go on",
        usage="HOST...",
        kinds=(host_target,),
        each=True,
        make=_make_freeze,
        heal=_heal_freeze,
        repeatable=True,
    ),
    Fault(
        name="site-kill",
        title="all hosts of a site lose power",
        undo="power on of those it killed",
        usage="SITE...",
        kinds=(site_target,),
        each=True,
        make=_make_site_kill,
        heal=_heal_kill,
        repeatable=True,
    ),
    Fault(
        name="site-cut",
        title="a site loses every link, the controller's too",
        undo="links back",
        usage="SITE...",
        kinds=(site_target,),
        each=True,
        make=_make_cut,
        heal=_heal_cut,
        repeatable=True,
    ),
    Fault(
        name="host-cut",
        title="a host loses every link",
        undo="links back",
        usage="HOST...",
        kinds=(host_target,),
        each=True,
        make=_make_cut,
        heal=_heal_cut,
        repeatable=True,
    ),
    Fault(
        name="link-cut",
        title="two hosts or sites cannot reach one another",
        undo="link back",
        usage="END END (host, site or controller)",
        kinds=(_network.check_end, _network.check_end),
        unordered=True,
        make=_make_link_cut,
        heal=_heal_cut,
        repeatable=True,
    ),
    Fault(
        name="service-stop",
        title="a systemd unit is stopped",
        undo="started",
        usage="HOST UNIT",
        kinds=(host_target, str),
        inside=True,
        make=_make_service_stop,
        heal=_heal_service_stop,
    ),
    Fault(
        name="disk-full",
        title="the file system of a directory is filled",
        undo="space back, files kept",
        usage="HOST DIRECTORY",
        kinds=(host_target, _absolute),
        inside=True,
        make=_make_disk_full,
        heal=_heal_disk_full,
        options={
            "leave_mb": ("1", "megabytes left free"),
            "unit": ("", "systemd unit to stop while the directory is moved (needed for a database)"),
        },
    ),
)
