# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule of the baseline holds on a sound host, and each can fail."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from verify.facts.baseline import RULES
from verify.facts.host_access import Account, AccountStatus
from verify.facts.host_filter import Filter
from verify.facts.host_storage import FileState

SSHD = {
    "permitrootlogin": ("no", "prohibit-password"),
    "passwordauthentication": ("no", "yes"),
    "permitemptypasswords": ("no", "yes"),
    "x11forwarding": ("no", "yes"),
    "maxauthtries": ("4", "6"),
    "logingracetime": ("30", "0"),
    "clientaliveinterval": ("300", "0"),
    "maxstartups": ("10:30:60", "10:30:100"),
    "maxsessions": ("10", "100"),
    "hostbasedauthentication": ("no", "yes"),
    "ignorerhosts": ("yes", "no"),
    "permituserenvironment": ("no", "yes"),
    "loglevel": ("VERBOSE", "QUIET"),
    "usepam": ("yes", "no"),
    "ciphers": ("aes256-gcm@openssh.com", "aes256-gcm@openssh.com,aes256-cbc"),
    "macs": ("hmac-sha2-512-etm@openssh.com", "hmac-sha1"),
    "kexalgorithms": ("curve25519-sha256", "diffie-hellman-group14-sha1"),
}
SYSCTL = {
    "kernel.randomize_va_space": ("2", "0"),
    "kernel.yama.ptrace_scope": ("1", "0"),
    "fs.suid_dumpable": ("0", "2"),
    "kernel.dmesg_restrict": ("1", "0"),
    "kernel.kptr_restrict": ("2", "0"),
    "fs.protected_symlinks": ("1", "0"),
    "net.ipv4.ip_forward": ("0", "1"),
    "net.ipv4.icmp_ignore_bogus_error_responses": ("1", "0"),
    "net.ipv4.icmp_echo_ignore_broadcasts": ("1", "0"),
    "net.ipv4.tcp_syncookies": ("1", "0"),
    "net.ipv6.conf.all.accept_redirects": ("0", "1"),
    "net.ipv6.conf.all.accept_ra": ("0", "1"),
    "net.ipv4.conf.default.send_redirects": ("0", "1"),
    "net.ipv4.conf.default.accept_redirects": ("0", "1"),
    "net.ipv4.conf.all.rp_filter": ("2", "0"),
    "net.ipv4.conf.all.accept_source_route": ("0", "1"),
    "net.ipv4.conf.all.log_martians": ("1", "0"),
}
FILES = {
    "/etc/passwd": (0o644, 0o646),
    "/etc/group": (0o644, 0o664),
    "/etc/shadow": (0o640, 0o644),
    "/etc/gshadow": (0o640, 0o644),
    "/etc/sudoers": (0o440, 0o640),
    "/etc/ssh/sshd_config": (0o600, 0o644),
    "/etc/ssh/ssh_host_ed25519_key": (0o600, 0o640),
    "/etc/crontab": (0o600, 0o644),
    "/etc/cron.d": (0o700, 0o755),
    "/root": (0o700, 0o755),
}


def sound() -> Any:
    """Return a host on which every rule holds."""
    active = SimpleNamespace(running=True)
    return SimpleNamespace(
        sshd={key: good for key, (good, _bad) in SSHD.items()},
        sysctl={key: good for key, (good, _bad) in SYSCTL.items()},
        file_states={path: FileState(path, "file", mode, 0, 0, 1, 0.0) for path, (mode, _bad) in FILES.items()},
        accounts={"root": Account("root", 0, 0, "/root", "/bin/bash"), "a": Account("a", 1, 1, "/a", "/bin/sh")},
        account_status={"root": AccountStatus("root", "L", None), "a": AccountStatus("a", "P", None)},
        packages={"dpkg": SimpleNamespace(installed=True)},
        services={name: active for name in ("rsyslog.service", "cron.service")},
        journal=SimpleNamespace(persistent=True, system=()),
        time_synchronised=True,
        system=SimpleNamespace(virtualization="kvm"),
        read=lambda _name, _parser: Filter(True, ()),
    )


def bad_sshd(key: str) -> Callable[[Any], object]:
    return lambda host: host.sshd.update({key: SSHD[key][1]})


def bad_sysctl(key: str) -> Callable[[Any], object]:
    return lambda host: host.sysctl.update({key: SYSCTL[key][1]})


def bad_file(path: str) -> Callable[[Any], object]:
    return lambda host: host.file_states.update({path: FileState(path, "file", FILES[path][1], 0, 0, 1, 0.0)})


def put(part: str, key: str, value: Any) -> Callable[[Any], object]:
    return lambda host: getattr(host, part).update({key: value})


DAMAGES: tuple[Callable[[Any], object], ...] = (
    *map(bad_sshd, SSHD),
    *map(bad_sysctl, SYSCTL),
    *map(bad_file, FILES),
    put("accounts", "toor", Account("toor", 0, 0, "/root", "/bin/bash")),
    put("accounts", "b", Account("b", 1, 1, "/b", "/bin/sh")),
    put("account_status", "a", AccountStatus("a", "NP", None)),
    put("account_status", "root", AccountStatus("root", "NP", None)),
    put("packages", "telnetd", SimpleNamespace(installed=True)),
    lambda host: host.services.pop("rsyslog.service"),
    lambda host: host.services.pop("cron.service"),
    lambda host: setattr(host, "journal", SimpleNamespace(persistent=False, system=())),
    lambda host: setattr(host, "time_synchronised", False),
    lambda host: setattr(host, "read", lambda _name, _parser: Filter(False, ())),
)


def broken(host: Any) -> set[str]:
    return {rule.id for rule in RULES if rule.test(host)[0] is not True}


def test_all_rules_hold_on_a_sound_host() -> None:
    assert broken(sound()) == set()
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_every_rule_can_fail() -> None:
    seen = set()
    for damage in DAMAGES:
        host = sound()
        damage(host)
        assert broken(host), "this damage breaks no rule"
        seen |= broken(host)
    assert seen == {rule.id for rule in RULES}


@pytest.mark.parametrize("owner", [1, 1000])
def test_a_private_file_belongs_to_root(owner: int) -> None:
    host = sound()
    host.file_states["/etc/crontab"] = FileState("/etc/crontab", "file", 0o600, owner, 0, 1, 0.0)
    assert broken(host) == {"file-crontab"}


def test_rules_of_the_machine_do_not_concern_a_container() -> None:
    host = sound()
    host.system.virtualization = "podman"
    host.read = lambda _name, _parser: Filter(False, ())
    host.time_synchronised = False
    for key in SYSCTL:
        bad_sysctl(key)(host)
    failed = {rule.id for rule in RULES if rule.test(host)[0] is False}
    assert {name.partition("-")[0] for name in failed} == {"net"}
    assert "net-filter" not in failed
    assert {rule.id for rule in RULES if rule.test(host)[0] is None} == {
        *("kernel-aslr", "kernel-ptrace", "kernel-dumps", "kernel-dmesg", "kernel-pointers", "kernel-links"),
        *("net-filter", "service-time"),
    }


def test_what_the_kernel_lacks_is_not_counted() -> None:
    host = sound()
    host.sysctl = {key: value for key, value in host.sysctl.items() if "ipv6" not in key}
    assert broken(host) == {"net-redirects-6", "net-advertisements"}
    assert [rule.test(host)[0] for rule in RULES if rule.id == "net-advertisements"] == [None]
