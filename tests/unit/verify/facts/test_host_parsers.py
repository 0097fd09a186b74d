# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers of a host's answers, on what real hosts said (shortened) and on what they must refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from verify.facts import (
    host_access,
    host_certificates,
    host_network,
    host_software,
    host_storage,
    host_trail,
    host_units,
)

RECORDED = Path(__file__).with_name("recorded")


def said(name: str) -> str:
    return (RECORDED / f"{name}.txt").read_text(encoding="utf-8")


def test_the_distribution() -> None:
    found = host_software.os_release(said("os_release"))
    assert (found.id, found.version_id, found.codename) == ("debian", "12", "bookworm")


def test_packages_with_their_source() -> None:
    found = host_software.packages(said("packages"))
    assert found["libssl3"].source == "openssl"
    assert all(package.installed for package in found.values())
    left = host_software.packages("rc \told\t1\tall\told\n" + said("packages"))
    assert not left["old"].installed
    assert host_software.packages("iF \thalf\t1\tall\thalf\n" + said("packages"))["half"].installed is False


def test_updates_with_their_suites() -> None:
    text = (
        "Listing...\n"
        "appstream/oldstable 0.16.1-2+b1 amd64 [upgradable from: 0.16.1-2]\n"
        "apt/oldstable-security 2.6.2 amd64 [upgradable from: 2.6.1]\n"
        "base-files/oldstable,now 12.4+deb12u15 amd64 [upgradable from: 12.4+deb12u11]\n"
    )
    found = host_software.upgradable(text)
    assert [(one.package, one.security) for one in found] == [
        ("appstream", False),
        ("apt", True),
        ("base-files", False),
    ]
    assert (found[1].installed, found[1].candidate, found[2].suites) == ("2.6.1", "2.6.2", ("oldstable",))


def test_archives_with_the_date_of_their_signature() -> None:
    found = {one.codename: one for one in host_software.apt_archives(said("apt_archives"))}
    security = found["bookworm-security"]
    assert (security.suite, security.label) == ("oldstable-security", "Debian-Security")
    assert security.date == 1795573350.0
    assert security.valid_until == security.date + 7 * 86400
    assert found["bookworm"].valid_until is None


def test_what_apt_did() -> None:
    runs = host_software.apt_history(said("apt_history"))
    assert (runs[0].start, runs[0].end) == (1795687027.0, 1795687050.0)
    assert "pgbackrest" in runs[0].installed
    assert all(run.succeeded for run in runs)
    text = (
        "Start-Date: 2026-11-20  03:00:00\nCommandline: apt-get upgrade\n"
        "Upgrade: libc6:amd64 (2.36-9+deb12u13, 2.36-9+deb12u14), old:amd64 (1, 2, automatic)\n"
        "Remove: gone:amd64 (1)\nError: Sub-process /usr/bin/dpkg returned an error code (1)\n"
    )
    (broken,) = host_software.apt_history(text)
    assert broken.upgraded == {"libc6": ("2.36-9+deb12u13", "2.36-9+deb12u14"), "old": ("1", "2")}
    assert (broken.removed, broken.end, broken.succeeded) == (("gone",), None, False)


def test_shared_memory_is_no_replaced_file() -> None:
    assert host_software.stale_processes(said("stale_processes")) == []
    line = "/proc/812/maps:7f00-7f01 r-xp 00000000 fe:01 7 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)\n"
    (found,) = host_software.stale_processes(said("stale_processes") + line + line)
    assert (found.pid, found.paths) == (812, ("/usr/lib/x86_64-linux-gnu/libssl.so.3",))


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        ([], None),
        (["linux-image-amd64"], None),
        (["linux-image-6.1.0-9-amd64", "linux-image-6.1.0-28-amd64", "linux-image-amd64"], "6.1.0-28-amd64"),
    ],
)
def test_the_newest_kernel(names: list[str], newest: str | None) -> None:
    known = {name: host_software.Package(name, "1", "amd64", name, "ii ") for name in names}
    assert host_software.newest_kernel(known) == newest


def test_units_services_and_timers() -> None:
    units = {unit.name: unit for unit in host_units.units(said("units"))}
    assert units["ssh.service"].sub == "running"
    assert host_units.units("x.service loaded failed failed A unit that broke\n")[0].failed
    services = host_units.services(said("services"))
    assert services["ssh.service"].running
    assert services["ssh.service"].enabled == "enabled"
    assert services["systemd-tmpfiles-setup.service"].exited == 1795686708.0
    timers = host_units.timers(said("timers"))
    assert timers["logrotate.timer"].next == 1795737600.0
    assert timers["logrotate.timer"].last is None
    system = host_units.system(said("system"))
    assert (system.state, system.booted, system.failed_units) == ("running", 1795686703.0, 0)


@pytest.mark.parametrize(
    ("text", "instant"),
    [("", None), ("n/a", None), ("@1795686708", 1795686708.0), ("Fri 2026-11-27 00:00:00 UTC", 1795737600.0)],
)
def test_instants_of_systemd(text: str, instant: float | None) -> None:
    assert host_units.instant(text) == instant


def test_sockets() -> None:
    found = {(one.protocol, one.address, one.port): one for one in host_network.sockets(said("sockets"))}
    assert found["tcp", "::", 22].process == "sshd"
    assert found["tcp", "*", 9090].world
    (own,) = host_network.sockets('tcp LISTEN 0 128 127.0.0.53%lo:53 0.0.0.0:* users:(("resolved",pid=9,fd=3))\n')
    assert (own.loopback, own.world, own.pid) == (True, False, 9)
    (ip6,) = host_network.sockets("tcp LISTEN 0 128 [::1]:5432 [::]:*\n")
    assert (ip6.loopback, ip6.process, ip6.pid) == (True, "", None)


def test_the_firewall() -> None:
    assert host_network.firewall(said("firewall")).empty
    text = (
        '{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "f"}},'
        '{"chain": {"family": "inet", "table": "f", "name": "in", "hook": "input", "policy": "drop"}},'
        '{"rule": {"family": "inet", "table": "f", "chain": "in", "expr": []}}]}'
    )
    found = host_network.firewall(text)
    assert (found.empty, found.drops_input, found.chains[0].rules) == (False, True, 1)


def test_disks_count_only_what_holds_data() -> None:
    found = host_storage.disks(said("disks"))
    assert [(disk.target, disk.fstype) for disk in found] == [("/", "overlay"), ("/etc/hostname", "ext4")]
    assert 0.28 < found[0].used_ratio < 0.30
    assert found[0].inode_ratio == pytest.approx(540563 / 16777216)


def test_encryption_is_inherited_by_what_lies_on_it() -> None:
    text = (
        '{"blockdevices": [{"name": "sda", "type": "disk", "size": 9, "fstype": null, "mountpoints": [null], '
        '"children": [{"name": "sda1", "type": "part", "size": 1, "fstype": "ext4", "mountpoints": ["/boot"]},'
        '{"name": "sda2", "type": "part", "size": 8, "fstype": "crypto_LUKS", "mountpoints": [null], "children":'
        '[{"name": "root", "type": "crypt", "size": 8, "fstype": "ext4", "mountpoints": ["/"]}]}]}]}'
    )
    found = {device.name: device.encrypted for device in host_storage.block_devices(text)}
    assert found == {"sda": False, "sda1": False, "sda2": False, "root": True}


def test_files_memory_load_and_processors() -> None:
    states = host_storage.file_states(said("file_states"))
    assert (oct(states["/etc/shadow"].mode), states["/etc/shadow"].gid) == ("0o640", 42)
    assert "/run/reboot-required" not in states
    assert host_storage.memory(said("memory"))["MemTotal"] == 25276063744
    assert host_storage.load("0.10 0.20 0.30 1/100 5\n") == (0.1, 0.2, 0.3)
    assert host_storage.cpus("0-3,6\n") == 5
    assert host_storage.sysctl(said("sysctl"))["kernel.randomize_va_space"] == "2"
    assert any(mount.target == "/" for mount in host_storage.mounts(said("mounts")))


def test_accounts_and_their_passwords() -> None:
    accounts = host_access.accounts(said("accounts"))
    assert accounts["ops"].can_log_in and not accounts["ops"].system
    assert not accounts["daemon"].can_log_in
    assert accounts["verify"].system
    status = host_access.account_status(said("account_status"))
    assert {one.state for one in status.values()} == {"L"}
    assert host_access.groups(said("groups"))["sudo"] == ()
    logins = host_access.last_logins(said("last_logins"))
    assert logins["root"] is None
    assert logins["ops"] == 1795686371.0


def test_keys_that_open_accounts() -> None:
    keys = {key.path: key for key in host_access.authorized_keys(said("authorized_keys"))}
    own = keys["/var/lib/verify/.ssh/authorized_keys"]
    assert (own.type, own.options) == ("ssh-ed25519", "restrict")
    assert own.fingerprint.startswith("SHA256:") and len(own.fingerprint) == 50
    assert keys["/home/ops/.ssh/authorized_keys"].options == ""


def test_a_fingerprint_is_that_of_ssh_keygen() -> None:
    line = (
        '/home/a/.ssh/authorized_keys:from="10.0.0.1",command="echo a b" ssh-ed25519 '
        "AAAAC3NzaC1lZDI1NTE5AAAAIPL0K6mGkQOzJUbd3kMSqxEmHqGKJHGsPmGFXjMtlHHo someone else\n"
    )
    (key,) = host_access.authorized_keys(line + "/x:# ssh-ed25519 AAAA commented out\n")
    assert key.options == 'from="10.0.0.1",command="echo a b"'
    assert key.comment == "someone else"


def test_sudo_rules() -> None:
    rules = host_access.sudo_rules(said("sudoers"))
    by = {rule.who: rule for rule in rules}
    assert by["%sudo",].everything
    assert not by["verify",].everything
    assert by["verify",].nopasswd
    assert not any(rule.wildcards for rule in rules)
    aliased = (
        '{"Command_Aliases": {"READ": [{"command": "/bin/cat *"}]}, "User_Aliases": {"CREW": [{"username": "a"}]},'
        '"User_Specs": [{"User_List": [{"useralias": "CREW"}], "Cmnd_Specs": [{"Commands": [{"cmndalias": "READ"},'
        '{"command": "/bin/su", "negated": true}]}]}]}'
    )
    (rule,) = host_access.sudo_rules(aliased)
    assert (rule.who, rule.runas, rule.commands, rule.nopasswd) == (
        ("a",),
        ("root",),
        ("/bin/cat *", "!/bin/su"),
        False,
    )
    assert rule.wildcards == ("/bin/cat *",)
    assert (rule.since, rule.until) == (None, None)


def test_a_rule_of_sudo_may_have_a_beginning_and_an_end() -> None:
    """As cvtsudoers 1.9.13 prints ``NOTBEFORE=20260101000000Z NOTAFTER=20261231235959+0100``."""
    options = '[{"notbefore": "20260101000000Z"}, {"notafter": "20261231225959Z"}, {"authenticate": false}]'
    limited = (
        '{"User_Specs": [{"User_List": [{"username": "a"}], "Cmnd_Specs": [{"Options": '
        + options
        + ', "Commands": [{"command": "ALL"}]}]}]}'
    )
    (rule,) = host_access.sudo_rules(limited)
    assert (rule.since, rule.until) == (1767225600.0, 1798757999.0)


def test_settings_of_sshd() -> None:
    found = host_access.sshd(said("sshd"))
    assert found["passwordauthentication"] == "no"
    assert "[::]:22" in found["listenaddress"] and "0.0.0.0:22" in found["listenaddress"]


def test_certificates() -> None:
    found = {one.path: one for one in host_certificates.certificates(said("certificates"))}
    authority = found["/etc/haproxy/tls/ca.crt"]
    assert found["/etc/haproxy/tls/haproxy.pem"].names[0] == "lb1"
    assert (authority.is_ca, authority.self_signed, authority.key_type, authority.key_bits) == (True, True, "ec", 256)
    assert authority.signature_hash == "sha256"
    assert authority.days_left(authority.not_after - 86400) == 1
    assert host_certificates.certificates("") == []


def test_the_journal() -> None:
    found = host_trail.journal(said("journal_header"))
    assert found.persistent and found.sealed
    assert found.oldest is not None and found.newest is not None and found.oldest < found.newest
    assert found.gaps == ()


def test_a_missing_file_of_the_journal_is_a_gap() -> None:
    block = (
        "File path: /var/log/journal/1/system@{n}.journal\nState: ARCHIVED\nCompatible flags: SEALED\n"
        "Sequential number ID: s\nHead sequential number: {first} (1)\nTail sequential number: {last} (2)\n"
        "Head realtime timestamp: Thu 2026-11-26 09:51:56 UTC (6612ae4e2abd3)\n"
        "Tail realtime timestamp: Thu 2026-11-26 09:55:15 UTC (6612af0bb3799)\n"
    )
    spans = [(1, 100), (101, 200), (301, 400)]
    text = "\n".join(block.format(n=number, first=first, last=last) for number, (first, last) in enumerate(spans))
    assert host_trail.journal(text).gaps == ("entries 201 to 300 of s are missing",)


def test_lines_of_sessions() -> None:
    found = host_trail.admin_lines(said("journal_admin"))
    assert {line.program for line in found} >= {"sshd", "sudo"}
    assert any("Accepted publickey for ops" in line.message for line in found)


def test_forwarding_and_rotation() -> None:
    assert host_trail.forwarding(said("log_forwarding")) == ["mon1"]
    assert host_trail.forwarding("/etc/rsyslog.conf:*.* @@log.example:514\n") == ["log.example"]
    kept = host_trail.keep_days(said("log_rotation"))
    assert kept["/var/log/auth.log"] == 28.0
    text = "/a:/var/log/x/*.log {\n/a:  su root adm\n/a:  daily\n/a:  rotate 90\n/a:  maxage 60\n/a:}\n"
    assert host_trail.keep_days(text) == {"/var/log/x/*.log": 60.0}


def test_central_logs_by_host() -> None:
    text = (
        "==> /var/log/remote/db1/sshd.log <==\n"
        "2026-11-26T10:00:00.000001+00:00 db1 sshd[1]: Accepted publickey\n\n"
        "==> /var/log/remote/db1/cron.log <==\n"
        "2026-11-26T09:00:00+01:00 db1 CRON[2]: x\n\n"
        "==> /var/log/remote/lb1/odd.log <==\nno date here\n"
    )
    found = host_trail.central_logs(text)
    assert list(found) == ["db1"]
    assert (found["db1"].newest, found["db1"].logs) == (1795687200.000001, 2)
    files = host_trail.log_files("1795687200.5 10 /var/log/remote/db1/a b.log\n")
    assert files == {"db1": [("/var/log/remote/db1/a b.log", 1795687200.5, 10)]}


WRONG: list[tuple[Callable[[str], Any], str]] = [
    (host_software.os_release, "NAME=x\n"),
    (host_software.packages, ""),
    (host_software.packages, "ii \tacl\n"),
    (host_software.upgradable, "E: something broke\n"),
    (host_software.apt_archives, "grep: x\n"),
    (host_software.stale_processes, "find: x\n"),
    (host_units.units, ""),
    (host_units.services, ""),
    (host_units.instant, "Fri 2026-11-27 00:00:00 CET"),
    (host_network.sockets, "Cannot open netlink socket\n"),
    (host_network.firewall, '{"nftables": []}'),
    (host_storage.disks, ""),
    (host_storage.mounts, ""),
    (host_storage.file_states, ""),
    (host_storage.sysctl, ""),
    (host_storage.memory, ""),
    (host_access.accounts, ""),
    (host_access.account_status, "passwd: x\n"),
    (host_access.last_logins, ""),
    (host_access.authorized_keys, "/home/a/.ssh/authorized_keys:no key AAAA here\n"),
    (host_access.sshd, ""),
    (host_access.sudo_rules, "{"),
    (host_certificates.certificates, "/x\n-----BEGIN CERTIFICATE-----\nMII\n"),
    (host_trail.journal, ""),
    (host_trail.admin_lines, "Failed to add match\n"),
    (host_trail.chrony_offset, "506 Cannot talk to daemon\n"),
]


@pytest.mark.parametrize(("parser", "text"), WRONG, ids=lambda value: getattr(value, "__name__", None))
def test_what_is_not_an_answer_is_refused(parser: Callable[[str], Any], text: str) -> None:
    with pytest.raises((ValueError, KeyError, IndexError, TypeError)):
        parser(text)
