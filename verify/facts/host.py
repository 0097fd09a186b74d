# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host as its evidence shows it, with a name for each thing a check may ask.

Every property raises `NoEvidence` for what was not collected, could not be had, was cut off or cannot be read, and
`StaleEvidence` for what is too old; a check need not ask first. Nothing here connects to anything.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from verify.engine.estate import View
from verify.engine.evidence import NoEvidence
from verify.facts import (
    host_access,
    host_certificates,
    host_network,
    host_software,
    host_sshd,
    host_storage,
    host_trail,
    host_units,
)
from verify.facts.host_updates import Apt, PendingUpdate, pending, sightings

__all__ = ["Host"]

T = TypeVar("T")


class Host(View, kind="host"):
    """One host of the inventory."""

    def read(self, name: str, parser: Callable[[str], T]) -> T:
        """Return a fact of this host as a parser reads it; one that was cut off at its cap is no evidence."""
        fact = self.estate.fact(self.name, name)
        if fact.size > fact.kept:
            raise NoEvidence(
                f"{name} of {self.name} was cut off after {fact.kept} of {fact.size} bytes; what is missing is unknown."
            )
        return self.estate.evidence.parsed(fact, parser)

    def in_group(self, group: str) -> bool:
        """Return whether the inventory has the host in a group."""
        return self.name in self.estate.environment.groups.get(group, ())

    # What it is
    @property
    def os(self) -> host_software.OsRelease:
        """Return the distribution."""
        return self.read("os_release", host_software.os_release)

    @property
    def machine_id(self) -> str:
        """Return the id that systemd gave the machine, whatever it is called."""
        found = self.read("machine_id", str.strip)
        if not found:
            raise NoEvidence(f"{self.name} has an empty /etc/machine-id, so nobody knows which machine it is.")
        return found

    @property
    def kernel(self) -> str:
        """Return the release of the kernel that runs."""
        return self.read("kernel_release", str.strip)

    @property
    def newest_kernel(self) -> str | None:
        """Return the release of the newest kernel installed; None where the host has none of its own (a container)."""
        return host_software.newest_kernel(self.packages)

    @property
    def system(self) -> host_units.System:
        """Return systemd's own state: ``state``, ``failed_units``, ``booted`` (epoch seconds), ``virtualization``."""
        return self.read("system", host_units.system)

    @property
    def cpus(self) -> int:
        """Return how many processors work."""
        return self.read("cpus", host_storage.cpus)

    @property
    def memory(self) -> dict[str, int]:
        """Return /proc/meminfo: name -> bytes."""
        return self.read("memory", host_storage.memory)

    @property
    def load(self) -> tuple[float, float, float]:
        """Return the load averages over 1, 5 and 15 minutes."""
        return self.read("load", host_storage.load)

    # Software
    @property
    def packages(self) -> dict[str, host_software.Package]:
        """Return every package that dpkg knows, by name."""
        return self.read("packages", host_software.packages)

    @property
    def apt(self) -> Apt:
        """Return what apt knows of its archives, and how old that is."""
        return Apt(tuple(self.read("apt_archives", host_software.apt_archives)), self.file_states, self.estate.now)

    @property
    def updates(self) -> list[PendingUpdate]:
        """Return every update that the archives offer and the host lacks, with bounds for its age."""
        offered = self.read("updates", host_software.upgradable)
        known = sightings(self.estate, self.name) if offered else {}
        return pending(offered, self.apt.archives, known, now=self.estate.now)

    @property
    def security_updates(self) -> list[PendingUpdate]:
        """Return the pending updates that an archive for security updates offers."""
        return [update for update in self.updates if update.security]

    @property
    def patch_runs(self) -> list[host_software.PatchRun]:
        """Return the transactions of apt of this month and the last, oldest first."""
        return self.read("apt_history", host_software.apt_history)

    @property
    def reboot_required(self) -> bool:
        """Return whether the host waits for a restart (its packages said so in /run/reboot-required)."""
        return bool(self.read("reboot_required", host_storage.grepped)) or "/run/reboot-required" in self.file_states

    @property
    def reboot_packages(self) -> list[str]:
        """Return the packages that asked for a restart."""
        lines = self.read("reboot_required", host_storage.grepped)
        return sorted({line for path, line in lines if path.endswith(".pkgs")})

    @property
    def stale_processes(self) -> list[host_software.StaleProcess]:
        """Return the processes that still use files of the system which an update replaced."""
        return self.read("stale_processes", host_software.stale_processes)

    # Units
    @property
    def units(self) -> list[host_units.Unit]:
        """Return every unit that systemd has loaded."""
        return self.read("units", host_units.units)

    @property
    def failed_units(self) -> list[str]:
        """Return the names of the units that failed."""
        return [unit.name for unit in self.units if unit.failed]

    @property
    def services(self) -> dict[str, host_units.Service]:
        """Return every loaded service by its full name, such as ``ssh.service``."""
        return self.read("services", host_units.services)

    @property
    def timers(self) -> dict[str, host_units.Timer]:
        """Return every loaded timer by its full name."""
        return self.read("timers", host_units.timers)

    # Network
    @property
    def sockets(self) -> list[host_network.Socket]:
        """Return the listening sockets."""
        return self.read("sockets", host_network.sockets)

    @property
    def addresses(self) -> dict[str, list[str]]:
        """Return interface -> addresses with prefix length."""
        return self.read("addresses", host_network.addresses)

    @property
    def firewall(self) -> host_network.Firewall:
        """Return the packet filter as the kernel has it."""
        return self.read("firewall", host_network.firewall)

    # Storage
    @property
    def mounts(self) -> list[host_storage.Mount]:
        """Return what is mounted."""
        return self.read("mounts", host_storage.mounts)

    @property
    def fstab(self) -> list[host_storage.Mount]:
        """Return what has to be mounted; nothing on a host that has no such file."""
        return self.read("fstab", host_storage.fstab)

    @property
    def disks(self) -> list[host_storage.Disk]:
        """Return the file systems that hold data, with space and inodes."""
        return self.read("disks", host_storage.disks)

    @property
    def block_devices(self) -> list[host_storage.BlockDevice]:
        """Return the block devices; none at all in a container, which sees only its host's file systems."""
        return self.read("block_devices", host_storage.block_devices)

    @property
    def file_states(self) -> dict[str, host_storage.FileState]:
        """Return owner, mode and age of the files that matter; a file that is not there has no entry."""
        return self.read("file_states", host_storage.file_states)

    @property
    def textfiles(self) -> dict[str, tuple[float, int]]:
        """Return the node exporter's textfiles: name -> (changed, in epoch seconds; bytes)."""
        return self.read("textfiles", host_trail.textfiles)

    # Access
    @property
    def accounts(self) -> dict[str, host_access.Account]:
        """Return the accounts by name."""
        return self.read("accounts", host_access.accounts)

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return group -> members."""
        return self.read("groups", host_access.groups)

    @property
    def account_status(self) -> dict[str, host_access.AccountStatus]:
        """Return the state of each account's password."""
        return self.read("account_status", host_access.account_status)

    @property
    def last_logins(self) -> dict[str, float | None]:
        """Return account -> when it logged in last (epoch seconds), None for never."""
        return self.read("last_logins", host_access.last_logins)

    @property
    def authorized_keys(self) -> list[host_access.AuthorizedKey]:
        """Return every key that opens an account, from the homes and from below /etc/ssh."""
        return self.read("authorized_keys", host_access.authorized_keys) + self.read(
            "authorized_keys_etc", host_access.authorized_keys
        )

    @property
    def homes_not_searched(self) -> list[str]:
        """Return the accounts whose home lies where no keys were looked for, although their shell lets people in."""
        return host_access.homes_not_searched(self.accounts.values())

    @property
    def sudo_rules(self) -> list[host_access.SudoRule]:
        """Return who may do what by sudo."""
        return self.read("sudoers", host_access.sudo_rules)

    @property
    def sshd(self) -> dict[str, str]:
        """Return the settings that sshd works by, keywords in small letters."""
        return self.read("sshd", host_access.sshd)

    @property
    def sshd_blocks(self) -> list[host_sshd.Block]:
        """Return what sshd's Match blocks set for some connections alone."""
        return self.read("sshd_files", host_sshd.blocks)

    @property
    def own_writable(self) -> list[str]:
        """Return the paths below /etc, /usr, /var/lib and the like that verification's own account could write."""
        return self.read("own_writable", str.splitlines)

    @property
    def root_refused(self) -> bool:
        """Return whether sudo refused verification's own account a command outside of its list (``true``)."""
        self.read("own_root_refused", str.strip)
        return self.estate.fact(self.name, "own_root_refused").rc != 0

    # Hardening
    @property
    def sysctl(self) -> dict[str, str]:
        """Return kernel settings by their dotted name."""
        return self.read("sysctl", host_storage.sysctl)

    @property
    def certificates(self) -> list[host_certificates.Certificate]:
        """Return the certificates that lie where services keep theirs, and where ``verify_certificates`` says."""
        return self.read("certificates", host_certificates.certificates)

    # Trail
    @property
    def journal(self) -> host_trail.Journal:
        """Return the files of the journal: sealed or not, from when to when, with or without gaps."""
        return self.read("journal_header", host_trail.journal)

    @property
    def admin_lines(self) -> list[host_trail.AdminLine]:
        """Return the last lines (600 at most) that sudo, su and sshd left during the last day."""
        return self.read("journal_admin", host_trail.admin_lines)

    @property
    def log_forwarding(self) -> list[str]:
        """Return the hosts that rsyslog sends to."""
        return self.read("log_forwarding", host_trail.forwarding)

    @property
    def log_keep_days(self) -> dict[str, float]:
        """Return pattern of log paths -> days for which logrotate keeps them."""
        return self.read("log_rotation", host_trail.keep_days)

    @property
    def central_logs(self) -> dict[str, host_trail.CentralLog]:
        """Return, on the log host, what each host sent last."""
        return self.read("central_logs", host_trail.central_logs)

    @property
    def central_log_files(self) -> Mapping[str, list[tuple[str, float, int]]]:
        """Return, on the log host, host -> (path, changed in epoch seconds, bytes) of each of its log files."""
        return self.read("central_log_files", host_trail.log_files)

    # Clock and connection
    @property
    def clock(self) -> host_trail.Clock:
        """Return how far the host's clock is from the controller's, in seconds, with the bound of that figure."""
        return self.read("clock", host_trail.clock)

    @property
    def time_synchronised(self) -> bool:
        """Return whether a service of the host keeps its clock: chrony, or systemd-timesyncd once it has an answer.

        Raises `NoEvidence` when neither can be seen to run, which a container without a clock of its own shows too.
        """
        running = {name for name, service in self.services.items() if service.running}
        if running & host_trail.CHRONY:
            return abs(self.read("chrony", host_trail.chrony_offset)) < 1.0
        if host_trail.TIMESYNCD in running:
            return host_trail.TIMESYNCD_ANSWERED in self.file_states
        raise NoEvidence(f"Neither chrony nor systemd-timesyncd runs on {self.name}, so nobody there knows its clock.")

    @property
    def connection(self) -> host_trail.Connection:
        """Return how the host was reached: account, host key and key exchange."""
        return self.read("connection", host_trail.connection)

    # Services
    @property
    def postgresql(self) -> dict[str, Any]:
        """Return the database's settings, roles, rules, standbys, archiver and databases."""
        found: dict[str, Any] = self.read("postgresql", json.loads)
        return found

    @property
    def pgbackrest_info(self) -> list[dict[str, Any]]:
        """Return what pgBackRest knows of its stanzas, on the host of the repository."""
        found: list[dict[str, Any]] = self.read("pgbackrest_info", json.loads)
        return found

    @property
    def file_backup_snapshots(self) -> dict[str, Any]:
        """Return the file backups of this host: ``repository``, ``sources`` and ``snapshots``, oldest first."""
        found: dict[str, Any] = self.read("file_backup_snapshots", json.loads)
        return found
