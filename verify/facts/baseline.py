# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The baseline: rules that every host has to keep, as one table over the evidence of a host.

The claims are ours; the references are recommendations of the CIS Benchmark for Debian Linux 12 that say the same. An
environment leaves a rule out by an approved exception that ends (``verify_baseline``, see `verify.engine.left_out`).

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from verify.engine.evidence import NoEvidence
from verify.engine.left_out import holds
from verify.facts.declarations import meant
from verify.facts.host_filter import packet_filter
from verify.facts.patching import in_container

__all__ = ["RULES", "Outcome", "Rule", "judged_rules", "loosened", "needless", "skipped"]

Test = Callable[[Any], tuple[bool | None, Any]]
"""From a host to whether the rule holds (None: it does not concern this host) and what was seen."""

_OLD_CIPHERS = ("3des", "arcfour", "blowfish", "cast128", "-cbc")
_OLD_MACS = ("md5", "sha1", "ripemd", "umac-64")
_OLD_KEX = ("-sha1", "group1-", "group-exchange-sha1")
_CLEAR_TEXT = ("inetutils-telnetd", "nis", "rsh-redone-server", "rsh-server", "telnetd", "tftpd", "tftpd-hpa", "xinetd")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, the claim about a host in present tense, the test, and where others say the same."""

    id: str
    claim: str
    test: Test
    cis: tuple[str, ...] = ()


class Outcome(NamedTuple):
    """What a rule found on a host: whether it holds (None: it does not concern the host), and what was seen."""

    rule: Rule
    holds: bool | None
    observed: Any


def judged_rules(host: Any, rules: Iterable[Rule] | None = None) -> list[Outcome]:
    """Return the outcome of each rule that the environment does not skip for the host.

    Raises `NoEvidence` when what a rule needs was not collected: a rule that nobody could test has not passed.
    """
    left_out = skipped(host)
    return [Outcome(rule, *rule.test(host)) for rule in (RULES if rules is None else rules) if rule.id not in left_out]


def needless(hosts: Iterable[Any]) -> list[str]:
    """Return the rules that are left out although they hold wherever they are left out.

    A rule that nobody could test on one of those hosts is not among them.
    """
    left_out = [(host, name) for host in hosts for name in skipped(host)]
    needed = {name for host, name in left_out if not _keeps(host, name)}
    return sorted({name for _host, name in left_out} - needed)


def _keeps(host: Any, name: str) -> bool:
    (rule,) = [one for one in RULES if one.id == name]
    try:
        return rule.test(host)[0] is not False
    except NoEvidence:
        return False


def loosened(host: Any) -> Iterator[str]:
    """Yield in words each setting of a Match block of sshd that a rule of the baseline forbids in general.

    Blocks are taken one by one: that an earlier one may already have decided for the same connection is no excuse.
    """
    left_out = skipped(host)
    for block in host.sshd_blocks:
        for rule in (*RULES, _INTERACTIVE):
            test = rule.test
            if isinstance(test, Setting) and rule.id not in left_out and test.keyword in block.settings:
                value = block.settings[test.keyword]
                if not test.wanted(value):
                    yield f"{block.name} sets {test.keyword} {value} (the rule {rule.id}: {rule.claim})"


def skipped(host: Any) -> dict[str, str]:
    """Return the rules that the environment leaves out for the host, with the reasons.

    An exception that nobody approved, or that has run out, leaves nothing out. Raises `NoEvidence` for a rule that does
    not exist.
    """
    declared = host.estate.declared("verify_baseline") or {}
    unknown = sorted(set(declared) - {rule.id for rule in RULES})
    if unknown:
        raise NoEvidence(f"verify_baseline skips {', '.join(unknown)}, which is no rule of the baseline.")
    return {
        name: row["reason"]
        for name, row in declared.items()
        if meant(host.estate, row.get("hosts"), host.name) and holds(row, host.estate.now)
    }


@dataclass(frozen=True, slots=True)
class Setting:
    """The test of one setting of sshd."""

    keyword: str
    wanted: Callable[[str], bool]

    def __call__(self, host: Any) -> tuple[bool | None, Any]:
        """Test the general setting."""
        value = host.sshd.get(self.keyword)
        return value is not None and self.wanted(value), value


def _none_of(words: Iterable[str]) -> Callable[[str], bool]:
    return lambda value: not any(word in one for one in value.split(",") for word in words)


def _at_most(limit: int, least: int = 1) -> Callable[[str], bool]:
    return lambda value: value.isdigit() and least <= int(value) <= limit


def _startups(value: str) -> bool:
    return all(int(part) <= limit for part, limit in zip(value.split(":"), (10, 30, 60), strict=True))


def _kernel(wanted: tuple[str, ...], *names: str, of_machine: bool = False) -> Test:
    """Test kernel settings. Those of the machine beneath are none of a container's business."""

    def test(host: Any) -> tuple[bool | None, Any]:
        seen = {name: host.sysctl[name] for name in names if name in host.sysctl}
        if not seen or (of_machine and in_container(host)):
            return None, seen
        return all(value in wanted for value in seen.values()), seen

    return test


def _net(wanted: tuple[str, ...], name: str) -> Test:
    return _kernel(wanted, f"net.ipv4.conf.all.{name}", f"net.ipv4.conf.default.{name}")


def _mode(path: str, most: int) -> Test:
    """Test that a file belongs to root and nobody has more rights in it than ``most``."""

    def test(host: Any) -> tuple[bool | None, Any]:
        state = host.file_states.get(path)
        if state is None:
            return None, "is not there"
        return state.uid == 0 and not state.mode & ~most, f"mode {state.mode:04o}, owner {state.uid}"

    return test


def _one_root(host: Any) -> tuple[bool | None, Any]:
    found = sorted(name for name, one in host.accounts.items() if one.uid == 0)
    return found == ["root"], found


def _no_shared_number(host: Any) -> tuple[bool | None, Any]:
    numbers = [one.uid for one in host.accounts.values()]
    return len(set(numbers)) == len(numbers), sorted({one for one in numbers if numbers.count(one) > 1})


def _no_empty_password(host: Any) -> tuple[bool | None, Any]:
    found = sorted(name for name, one in host.account_status.items() if one.state == "NP")
    return not found, found


def _root_locked(host: Any) -> tuple[bool | None, Any]:
    state = host.account_status["root"].state
    return state in ("L", "P"), state


def _absent(*packages: str) -> Test:
    def test(host: Any) -> tuple[bool | None, Any]:
        found = sorted(name for name in packages if name in host.packages and host.packages[name].installed)
        return not found, found

    return test


def _running(*services: str) -> Test:
    def test(host: Any) -> tuple[bool | None, Any]:
        found = [name for name in services if name in host.services and host.services[name].running]
        return bool(found), found

    return test


def _time_kept(host: Any) -> tuple[bool | None, Any]:
    if in_container(host):
        return None, "a container has the clock of its machine"
    return bool(host.time_synchronised), None


def _filtered(host: Any) -> tuple[bool | None, Any]:
    """Test that the host drops what no rule lets in; a container may leave that to its machine."""
    rules = host.read("firewall", packet_filter)
    if not rules.drops and in_container(host):
        return None, "a container behind the filter of its machine"
    return rules.drops, f"{len(rules.openings)} rules let something in"


def _persistent(host: Any) -> tuple[bool | None, Any]:
    return host.journal.persistent, [one.path for one in host.journal.system]


# PAM may ask for a password by it too; in general that is left to PAM's own rules.
_INTERACTIVE = Rule(
    "sshd-password", "ssh takes keys, not passwords", Setting("kbdinteractiveauthentication", "no".__eq__)
)

RULES: tuple[Rule, ...] = (
    # Remote login
    Rule("sshd-root", "root cannot log in over ssh", Setting("permitrootlogin", "no".__eq__), ("5.1.20",)),
    Rule("sshd-password", "ssh takes keys, not passwords", Setting("passwordauthentication", "no".__eq__)),
    Rule("sshd-empty", "ssh takes no empty password", Setting("permitemptypasswords", "no".__eq__), ("5.1.19",)),
    Rule("sshd-x11", "ssh forwards no X11", Setting("x11forwarding", "no".__eq__), ("5.1.8",)),
    Rule("sshd-tries", "ssh allows four tries at most", Setting("maxauthtries", _at_most(4)), ("5.1.16",)),
    Rule("sshd-grace", "a login takes a minute at most", Setting("logingracetime", _at_most(60)), ("5.1.13",)),
    Rule("sshd-alive", "dead sessions end", Setting("clientaliveinterval", _at_most(900)), ("5.1.7",)),
    Rule("sshd-startups", "few logins may wait", Setting("maxstartups", _startups), ("5.1.18",)),
    Rule("sshd-sessions", "a connection has ten sessions at most", Setting("maxsessions", _at_most(10)), ("5.1.17",)),
    Rule("sshd-hostbased", "no host vouches for a user", Setting("hostbasedauthentication", "no".__eq__), ("5.1.10",)),
    Rule("sshd-rhosts", "rhosts files are ignored", Setting("ignorerhosts", "yes".__eq__), ("5.1.11",)),
    Rule("sshd-environment", "users set no environment", Setting("permituserenvironment", "no".__eq__), ("5.1.21",)),
    Rule("sshd-log", "ssh logs each login", Setting("loglevel", ("INFO", "VERBOSE").__contains__), ("5.1.14",)),
    Rule("sshd-pam", "ssh asks PAM", Setting("usepam", "yes".__eq__), ("5.1.22",)),
    Rule("sshd-ciphers", "ssh has no old cipher", Setting("ciphers", _none_of(_OLD_CIPHERS)), ("5.1.6",)),
    Rule("sshd-macs", "ssh has no old MAC", Setting("macs", _none_of(_OLD_MACS)), ("5.1.15",)),
    Rule("sshd-kex", "ssh has no old key exchange", Setting("kexalgorithms", _none_of(_OLD_KEX)), ("5.1.12",)),
    # Kernel
    Rule(
        "kernel-aslr", "addresses are random", _kernel(("2",), "kernel.randomize_va_space", of_machine=True), ("1.5.1",)
    ),
    Rule(
        "kernel-ptrace",
        "processes cannot trace each other",
        _kernel(("1", "2", "3"), "kernel.yama.ptrace_scope", of_machine=True),
        ("1.5.2",),
    ),
    Rule(
        "kernel-dumps", "setuid programs dump no core", _kernel(("0",), "fs.suid_dumpable", of_machine=True), ("1.5.3",)
    ),
    Rule("kernel-dmesg", "only root reads the kernel's log", _kernel(("1",), "kernel.dmesg_restrict", of_machine=True)),
    Rule("kernel-pointers", "pointers are hidden", _kernel(("1", "2"), "kernel.kptr_restrict", of_machine=True)),
    Rule(
        "kernel-links",
        "links in shared directories are not followed blindly",
        _kernel(("1",), "fs.protected_hardlinks", "fs.protected_symlinks", of_machine=True),
    ),
    Rule("net-forward", "the host is no router", _kernel(("0",), "net.ipv4.ip_forward"), ("3.3.1",)),
    Rule("net-send-redirects", "the host sends no redirects", _net(("0",), "send_redirects"), ("3.3.2",)),
    Rule(
        "net-bogus",
        "bogus answers are ignored",
        _kernel(("1",), "net.ipv4.icmp_ignore_bogus_error_responses"),
        ("3.3.3",),
    ),
    Rule(
        "net-broadcast",
        "broadcast pings are ignored",
        _kernel(("1",), "net.ipv4.icmp_echo_ignore_broadcasts"),
        ("3.3.4",),
    ),
    Rule("net-redirects", "redirects are not believed", _net(("0",), "accept_redirects"), ("3.3.5",)),
    Rule(
        "net-redirects-6",
        "IPv6 redirects are not believed",
        _kernel(("0",), "net.ipv6.conf.all.accept_redirects"),
        ("3.3.5",),
    ),
    Rule("net-path", "packets come from where they should", _net(("1", "2"), "rp_filter"), ("3.3.7",)),
    Rule("net-source-route", "nobody chooses the way of packets", _net(("0",), "accept_source_route"), ("3.3.8",)),
    Rule("net-martians", "impossible packets are logged", _net(("1",), "log_martians"), ("3.3.9",)),
    Rule(
        "net-syncookies", "floods of connections are survived", _kernel(("1",), "net.ipv4.tcp_syncookies"), ("3.3.10",)
    ),
    Rule(
        "net-advertisements",
        "routers on the link are not believed",
        _kernel(("0",), "net.ipv6.conf.all.accept_ra"),
        ("3.3.11",),
    ),
    Rule("net-filter", "what no rule lets in is dropped", _filtered, ("4.3.8",)),
    # Files
    Rule("file-passwd", "/etc/passwd is root's to change", _mode("/etc/passwd", 0o644), ("7.1.1",)),
    Rule("file-group", "/etc/group is root's to change", _mode("/etc/group", 0o644), ("7.1.3",)),
    Rule("file-shadow", "/etc/shadow is not readable", _mode("/etc/shadow", 0o640), ("7.1.5",)),
    Rule("file-gshadow", "/etc/gshadow is not readable", _mode("/etc/gshadow", 0o640), ("7.1.7",)),
    Rule("file-sudoers", "/etc/sudoers is nobody's to change", _mode("/etc/sudoers", 0o440)),
    Rule("file-sshd", "sshd's configuration is root's", _mode("/etc/ssh/sshd_config", 0o600), ("5.1.1",)),
    Rule("file-host-key", "the host key is root's", _mode("/etc/ssh/ssh_host_ed25519_key", 0o600), ("5.1.2",)),
    Rule("file-crontab", "/etc/crontab is root's", _mode("/etc/crontab", 0o600), ("2.4.1.2",)),
    Rule("file-cron", "/etc/cron.d is root's", _mode("/etc/cron.d", 0o700), ("2.4.1.7",)),
    Rule("file-root", "root's home is closed", _mode("/root", 0o750)),
    # Accounts
    Rule("account-root", "only root has the number 0", _one_root, ("5.4.2.1",)),
    Rule("account-numbers", "no two accounts share a number", _no_shared_number, ("7.2.5",)),
    Rule("account-empty", "no account has an empty password", _no_empty_password, ("7.2.2",)),
    Rule("account-root-password", "root has a password or none can be used", _root_locked, ("5.4.2.4",)),
    # Services
    Rule(
        "service-clear-text",
        "no service of the time before encryption is installed",
        _absent(*_CLEAR_TEXT),
        ("2.1.10", "2.1.16", "2.1.19"),
    ),
    Rule("service-journal", "the journal is kept on disk", _persistent, ("6.1.1.1", "6.1.2.4")),
    Rule(
        "service-syslog",
        "a daemon passes the logs on",
        _running("rsyslog.service", "systemd-journal-upload.service", "syslog-ng.service"),
        ("6.1.3.2",),
    ),
    Rule("service-cron", "planned work runs", _running("cron.service", "cronie.service"), ("2.4.1.1",)),
    Rule("service-time", "the clock is kept", _time_kept, ("2.3.1.1",)),
)
