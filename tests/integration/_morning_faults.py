# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of one morning on the lab: independent of one another, each made for real, each with what undoes it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

import _morning_records as records
import _world
from _lab import PREFIX, ROOT, lab, on, sql
from _morning_records import Cell

from verify.engine.words import GREEN

STATE = ROOT / ".lab" / PREFIX
PAGES = STATE / "repositories" / "documentation"
RULES = "/etc/prometheus/ops.rules.yml"
# After this time without a line the log host is behind by more than its bound.
SHIPPING_BOUND_S = 310
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIC5jbGVhcmx5LW5vdC1hLXJlYWwta2V5LWp1c3QtYS10"
# Originals lie where nothing reads configuration or keys.
ASIDE = "/var/backups/before-fault"
HOST = re.compile(r"(?:lb|app|db|repo|mon)[0-9]")
# Controls that may see an open door, or a broken rule of the baseline, beside the one that is there for it.
DOORS = {"INFRA-04", "SECURITY-02.plain", "STANDUP-01"}
BASELINE = {"INFRA-08", "INFRA-08.change", "CORE-05.baseline"}


@dataclass(frozen=True)
class Fault:
    """A fault: how it is made and undone, the cells that have to turn red, and others that rightly may.

    ``tells`` names cells that may be red for another reason in a lab, as where nobody is paged or the machine is busy:
    with the fault they have to say this, and they must not say it without.
    """

    name: str
    make: Callable[[], object]
    undo: Callable[[], object]
    red: set[Cell]
    also: set[str] = field(default_factory=set)
    tells: dict[Cell, str] = field(default_factory=dict)

    @property
    def cells(self) -> set[Cell]:
        """Return the cells that are there for this fault."""
        return {*self.red, *self.tells}

    def explains(self, cell: Cell, others: Iterable[Fault]) -> bool:
        """Return whether a cell that turned red beside its own can be of this fault: its control rightly may, and its
        subject is not a host on which another fault was made."""
        here = {subject for _control, subject in self.cells}
        elsewhere = {subject for one in others for _control, subject in one.cells if HOST.fullmatch(subject)} - here
        return cell[0] in self.also and cell[1] not in elsewhere


def shell(host: str, script: str) -> Callable[[], str]:
    """Return what runs a script as root on a host."""
    return lambda: on(host, "sh", "-ec", script)


def keep(host: str, path: str, change: str) -> tuple[Callable[[], str], Callable[[], str]]:
    """Return what changes a file by a script in which ``$F`` is its path, and what puts the file back."""
    saved = f"{ASIDE}/{path.strip('/').replace('/', '-')}"
    return (
        shell(host, f"F={path}; mkdir -p -m 700 {ASIDE}; cp -a $F {saved}; {change}"),
        shell(host, f"F={path}; if [ -e {saved} ]; then cat {saved} > $F; rm {saved}; fi"),
    )


def key_added() -> Fault:
    """A key that nobody declared opens the administration account."""
    make, undo = keep("app1", "/home/ops/.ssh/authorized_keys", f'echo "ssh-ed25519 {KEY} stranger" >> $F')
    return Fault("a key was added", make, undo, {("SECURITY-01.keys", "app1")})


def reboot_overdue() -> Fault:
    """The sign of a reboot that waits for ten days."""
    path = "/run/reboot-required"
    make = shell("app2", f"echo restart > {path}; touch -d '10 days ago' {path}")
    red = {("INFRA-02", "app2"), ("SECURITY-04", "app2")}
    return Fault("a reboot waits", make, shell("app2", f"rm -f {path}"), red)


def port_opened() -> Fault:
    """A program listens on a port that nobody declared."""
    make = shell("app3", "systemd-run --quiet --unit=stray-listener python3 -m http.server 4444")
    undo = shell("app3", "systemctl stop stray-listener.service || true")
    return Fault("a port was opened", make, undo, {("INFRA-07", "app3")}, DOORS)


def account_added() -> Fault:
    """An account with a password that nobody declared."""
    make = shell("lb2", "useradd --create-home --shell /bin/bash guest; echo guest:a-word-of-the-lab-4711 | chpasswd")
    undo = shell("lb2", "userdel --remove guest 2>/dev/null || true")
    return Fault("an account was added", make, undo, {("SECURITY-01.accounts", "lb2")})


def logs_stopped() -> Fault:
    """A host no longer ships its logs."""
    unit = "rsyslog.service"
    red = {("SECURITY-05.shipped", "lb1"), ("MONITORING-03", "lb1")}
    return Fault(
        "log shipping stopped",
        lambda: lab("fault", "service-stop", "lb1", unit),
        lambda: lab("heal", "service-stop", "lb1", unit),
        red,
        BASELINE,
    )


def role_created() -> Fault:
    """A role that nobody declared can log in to the database."""

    red = {("SECURITY-01.roles", "db1")}
    return Fault(
        "a role was created",
        lambda: sql("CREATE ROLE tmp_export LOGIN"),
        lambda: sql("DROP ROLE IF EXISTS tmp_export"),
        red,
    )


def motd_writable() -> Fault:
    """Everybody, verification's account too, can write a file below /etc."""
    path = "/etc/motd"
    make, undo = shell("repo1", f"touch {path}; chmod 666 {path}"), shell("repo1", f"chmod 644 {path}")
    return Fault("a file is open to everybody", make, undo, {("ACCESS-01", "repo1")})


def sudo_widened() -> Fault:
    """An account may run every program below /usr/bin as root."""
    path = "/etc/sudoers.d/95-wide"
    make = shell(
        "db2", f"echo 'postgres ALL=(root) NOPASSWD: /usr/bin/*' > {path}; chmod 440 {path}; visudo -cqf {path}"
    )
    return Fault("sudo was widened", make, shell("db2", f"rm -f {path}"), {("SECURITY-01", "db2")})


def passwords_for_some() -> Fault:
    """One network may log in with passwords; the general settings of sshd still say that nobody may."""
    path = "/etc/ssh/sshd_config.d/95-some.conf"
    make = shell("app3", f"printf 'Match Address 192.0.2.0/24\\n  PasswordAuthentication yes\\n' > {path}; sshd -t")
    return Fault("sshd takes passwords from some", make, shell("app3", f"rm -f {path}"), {("INFRA-08.sshd", "app3")})


def certificate_expired() -> Fault:
    """The certificate by which a host serves its backups has ended."""
    red = {("SECURITY-02", "db2"), ("SECURITY-02.protocols", "db2")}
    return Fault(
        "a certificate ended",
        lambda: lab("fault", "expire-certificate", "db2"),
        lambda: lab("heal", "expire-certificate", "db2"),
        red,
        {"MORNING-03", "INFRA-06"},
    )


def files_opened() -> Fault:
    """Three files that are root's alone can be read again, and one rule more of the baseline is broken."""
    opened = "chmod 644 /etc/ssh/sshd_config /etc/crontab; chmod 755 /etc/cron.d"
    closed = "chmod 600 /etc/ssh/sshd_config /etc/crontab; chmod 700 /etc/cron.d"
    also = {"INFRA-08.change", "CORE-05.baseline"}
    return Fault("the baseline is broken", shell("mon1", opened), shell("mon1", closed), {("INFRA-08", "mon1")}, also)


def alert_rule_removed() -> Fault:
    """The rule that fires when the probe of a service fails is gone."""
    drop = (
        "python3 -c 'import re, sys; p = sys.argv[1]; t = open(p).read(); "
        'n = re.sub(r"(?s)      - alert: ServiceDown\\n.*?(?=      - alert:)", "", t); '
        'assert n != t; open(p, "w").write(n)\' $F; systemctl reload prometheus'
    )
    make, undo = keep("mon1", RULES, drop)
    names = ("web", "web-recovery-site")
    tells = {("MONITORING-02", name): f"a rule fires when the probe of {name} fails" for name in names}
    reload_ = shell("mon1", "systemctl reload prometheus")
    return Fault("an alert rule was removed", make, lambda: (undo(), reload_()), set(), {"CORE-04"}, tells)


def pages_writable() -> Fault:
    """Everybody on the controller may write the documentation."""
    mode = PAGES.stat().st_mode & 0o7777
    red = {("ACCESS-05.repository", "documentation")}
    return Fault("pages are open to everybody", lambda: PAGES.chmod(mode | 0o002), lambda: PAGES.chmod(mode), red)


def exporter_stopped() -> Fault:
    """Prometheus no longer sees a host."""
    unit = "prometheus-node-exporter.service"
    also = {
        "CORE-04",
        "STANDUP-01",
        "EFFICIENCY-02",
        "MORNING-01",
        "MORNING-06",
        "INFRA-01",
        "INFRA-04",
        "AUTOMATION-02",
        "EOD-05",
        "MORNING-02.storage",
    }
    return Fault(
        "an exporter stopped",
        lambda: lab("fault", "service-stop", "app2", unit),
        lambda: lab("heal", "service-stop", "app2", unit),
        {("CORE-04", "lab")},
        also,
        {("MORNING-02", "app2"): "every exporter of app2 answers"},
    )


def old_cipher_offered() -> Fault:
    """sshd is set up to offer a cipher of the past; the running one is not started anew."""
    path = "/etc/ssh/sshd_config.d/00-a-fault.conf"
    make = shell("app1", f"echo 'Ciphers aes256-ctr,aes128-cbc' > {path}; /usr/sbin/sshd -t")
    undo = shell("app1", f"rm -f {path}")
    return Fault("sshd offers an old cipher", make, undo, {("SECURITY-02.protocols", "app1")}, BASELINE)


def administrator_added() -> Fault:
    """An account that nobody declared opens the host through which one administers monitoring."""
    password = "echo intern:a-word-of-the-lab-4712 | chpasswd"
    make = shell("mon1", f"useradd --create-home --shell /bin/bash intern; {password}")
    undo = shell("mon1", "userdel --remove intern 2>/dev/null || true")
    red = {("ACCESS-03", records.ESTATE), ("SECURITY-01.accounts", "mon1")}
    return Fault("an administrator of monitoring was added", make, undo, red)


def monitoring_opened() -> Fault:
    """Prometheus' port listens on the network too, where nobody gives a name."""
    address = "$(hostname -I | cut -d' ' -f1)"
    serve = f"python3 -m http.server 9090 --bind {address} --directory /var/empty"
    make = shell("mon1", f"mkdir -p /var/empty; systemd-run --quiet --unit=stray-monitoring {serve}")
    undo = shell("mon1", "systemctl stop stray-monitoring.service 2>/dev/null || true")
    tells = {("ACCESS-03.anonymous", records.ESTATE): "prometheus on mon1 listens on the loopback only"}
    return Fault("monitoring was opened to the network", make, undo, {("INFRA-07", "mon1")}, DOORS, tells)


def upgrade_broke_off() -> Fault:
    """The last upgrade of a host ended in an error, by apt's own history."""
    now = "$(date '+%Y-%m-%d  %H:%M:%S')"
    entry = (
        *("", f"Start-Date: {now}", "Commandline: apt-get upgrade", "Upgrade: tzdata:all (2024a, 2024b)"),
        *("Error: Sub-process /usr/bin/dpkg returned an error code (1)", f"End-Date: {now}"),
    )
    words = " ".join(f'"{line}"' for line in entry)
    path = "/var/log/apt/history.log"
    make, undo = keep("app3", path, f"printf '%s\\n' {words} >> $F")
    begun = shell("app3", f"mkdir -p {path.rpartition('/')[0]}; touch {path}")
    return Fault("an upgrade broke off", lambda: (begun(), make()), undo, {("SECURITY-04", "app3")}, {"DELIVER-03"})


def logs_sent_nowhere() -> Fault:
    """The file that says where a host sends its logs is gone; what runs still sends them."""
    path = "/etc/rsyslog.d/90-forward.conf"
    make = shell("lb2", f"mkdir -p -m 700 {ASIDE}; mv {path} {ASIDE}/forward.conf")
    undo = shell("lb2", f"if [ -e {ASIDE}/forward.conf ]; then mv {ASIDE}/forward.conf {path}; fi")
    return Fault("logs are sent nowhere", make, undo, {("SECURITY-05.shipped", "lb2")}, BASELINE)


def retention_shortened() -> Fault:
    """Central logs are kept for a week only."""
    change = "sed -i -E 's/(rotate|maxage) [0-9]+/\\1 7/' $F"
    make, undo = keep("mon1", "/etc/logrotate.d/ops-remote", change)
    tells = {("MONITORING-03.retention", "mon1"): "mon1 keeps"}
    return Fault("central logs are kept for a week", make, undo, set(), set(), tells)


def filter_opened() -> Fault:
    """A rule of the packet filter lets in what nobody declared."""
    chain = "add chain inet stray in { type filter hook input priority 0; policy accept; }"
    rule = "add rule inet stray in tcp dport 4445 accept"
    make = shell("repo1", f"nft 'add table inet stray'; nft '{chain}'; nft '{rule}'")
    undo = shell("repo1", "nft delete table inet stray 2>/dev/null || true")
    tells = {("INFRA-07.filter", "repo1"): "rules that let something into repo1 is declared"}
    return Fault("the packet filter was opened", make, undo, set(), set(), tells)


def work_left() -> Fault:
    """Something new lies in the checkout of the pages and is not committed."""
    left = PAGES / "left-over.md"
    tells = {("EOD-06", "documentation"): "everything in documentation is committed"}
    return Fault(
        "work was not committed",
        lambda: left.write_text("Tomorrow.\n", encoding="utf-8"),
        lambda: left.unlink(missing_ok=True),
        set(),
        set(),
        tells,
    )


def register_abandoned(record_type: str) -> Fault:
    """Nobody keeps one of the registers any more."""
    make, undo = records.take_away(STATE / "records", record_type)
    name = f"nobody keeps the register {record_type}"
    return Fault(name, make, undo, set(), readers(record_type), dict(records.REGISTERS[record_type]))


def host_unscanned() -> Fault:
    """Nobody scans one of the hosts; what waits on it has no severity any more, and counts as critical."""
    make, undo = records.leave_unscanned(STATE / "records", records.UNSCANNED)
    also = {"INFRA-02", "SECURITY-04", "DELIVER-03"}
    return Fault("a host is not scanned", make, undo, set(), also, dict(records.SCANS))


@cache
def readers(record_type: str) -> set[str]:
    """Return the controls that an abandoned register turns red in the green world of the breakers."""
    world = _world.fresh()
    for source in ("records", "runs"):
        world.change(source, record_type, lambda body: body.update(records=[], files=0))
    return {result.control.id for result in _world.results(world) if result.status not in GREEN}


# Stopped log shipping shows only after its bound, five minutes: that one runs with OPS_PROOFS=all.
SLOW = (logs_stopped,) if os.environ.get("OPS_PROOFS") == "all" else ()
ON_HOSTS = (
    *SLOW,
    *(key_added, reboot_overdue, port_opened, account_added, role_created, motd_writable, sudo_widened),
    *(certificate_expired, files_opened, alert_rule_removed, pages_writable, exporter_stopped, old_cipher_offered),
    *(administrator_added, monitoring_opened, upgrade_broke_off, logs_sent_nowhere, retention_shortened),
    *(filter_opened, work_left, host_unscanned, passwords_for_some),
)
FAULTS: Mapping[str, Callable[[], Fault]] = {
    **{make.__name__: make for make in ON_HOSTS},
    **{f"without_{name}": partial(register_abandoned, name) for name in records.REGISTERS},
}
"""What makes each fault, by a name for the test."""
