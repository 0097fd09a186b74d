# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On the running, provisioned lab: faults that are made for real turn the controls red that are there for them.

Three whole runs of the morning: over the healthy lab, with a batch of independent faults on different hosts, and after
they were undone. A fault has to turn its cells red; nothing else may turn red that was green in both healthy runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from _lab import INVENTORY, PREFIX, ROOT, lab, monitoring_settles, on, run_on, sql

from verify.engine.results import read_results
from verify.engine.words import GREEN

pytestmark = pytest.mark.lab

Cell = tuple[str, str]
ENVIRONMENT = INVENTORY.parent.name
PAGES = ROOT / ".lab" / PREFIX / "repositories" / "documentation"
RULES = "/etc/prometheus/ops.rules.yml"
# After this time without a line the log host is behind by more than its bound.
SHIPPING_BOUND_S = 310
# After this time Prometheus has asked every target again.
SCRAPED_S = 40
LONGEST_RUN_S = 900
BUSY = ("was stopped after", "did not finish within", "does not answer as an ssh server", "timed out")
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIC5jbGVhcmx5LW5vdC1hLXJlYWwta2V5LWp1c3QtYS10"


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


def shell(host: str, script: str) -> Callable[[], str]:
    """Return what runs a script as root on a host."""
    return lambda: on(host, "sh", "-ec", script)


def keep(host: str, path: str, change: str) -> tuple[Callable[[], str], Callable[[], str]]:
    """Return what changes a file by a script in which ``$F`` is its path, and what puts the file back."""
    saved = f"{path}.before-fault"
    return (
        shell(host, f"F={path}; cp -a $F {saved}; {change}"),
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
    also = {"INFRA-04", "SECURITY-02.plain", "STANDUP-01"}
    return Fault("a port was opened", make, undo, {("INFRA-07", "app3")}, also)


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
        {"INFRA-08", "INFRA-08.change", "CORE-05.baseline"},
    )


def role_created() -> Fault:
    """A role that nobody declared can log in to the database."""

    red = {("SECURITY-01.roles", "db1")}
    make, undo = lambda: sql("CREATE ROLE tmp_export LOGIN"), lambda: sql("DROP ROLE IF EXISTS tmp_export")
    return Fault("a role was created", make, undo, red)


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
    }
    return Fault(
        "an exporter stopped",
        lambda: lab("fault", "service-stop", "app2", unit),
        lambda: lab("heal", "service-stop", "app2", unit),
        {("CORE-04", "lab")},
        also,
        {("MORNING-02", "app2"): "every exporter of app2 answers"},
    )


# Stopped log shipping shows only after its bound, five minutes: that one runs with OPS_PROOFS=all.
SLOW = (logs_stopped,) if os.environ.get("OPS_PROOFS") == "all" else ()
FAULTS = (
    *SLOW,
    *(key_added, reboot_overdue, port_opened, account_added, role_created, motd_writable, sudo_widened),
    *(certificate_expired, files_opened, alert_rule_removed, pages_writable, exporter_stopped),
)


def red_cells(folder: Path) -> dict[Cell, str]:
    """Run the morning over the lab and return the cells that are not green, with what they say.

    A machine that is too busy to answer in time says nothing about a fault; then the run is repeated, twice at most.
    """
    for _attempt in range(3):
        found = _run(folder)
        busy = {cell: told for cell, told in found.items() if any(words in told for words in BUSY)}
        if not busy:
            return found
    pytest.fail(f"The lab is too busy to be judged, run again on a quieter machine: {sorted(busy.items())[:3]}")


def _run(folder: Path) -> dict[Cell, str]:
    command = [sys.executable, "-m", "pytest", "verify/", "--env", ENVIRONMENT, "--report-dir", str(folder), "-q"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONGEST_RUN_S)
    runs = sorted(folder.glob("*/*/results.jsonl"))
    assert runs, done.stdout + done.stderr
    read = read_results(runs[-1])
    assert read.close is not None, done.stdout + done.stderr
    rows = [(one.control, row) for one in read.controls for row in one.rows]
    return {(control, row.subject): f"{row.status}: {row.says}" for control, row in rows if row.status not in GREEN}


@dataclass(frozen=True)
class Runs:
    """What was not green before the faults, with them, and after they were undone."""

    before: dict[Cell, str]
    broken: dict[Cell, str]
    after: dict[Cell, str]
    faults: tuple[Fault, ...]

    @property
    def new(self) -> dict[Cell, str]:
        """Return what turned red by the faults: red with them, and green in both healthy runs."""
        return {cell: told for cell, told in self.broken.items() if cell not in self.before and cell not in self.after}


@pytest.fixture(scope="module")
def morning(estate: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Run the morning three times: healthy, broken, healed."""
    folder = tmp_path_factory.mktemp("mornings")
    faults = tuple(make() for make in FAULTS)
    for fault in faults:
        fault.undo()
    monitoring_settles()
    before = red_cells(folder)
    try:
        began = time.monotonic()
        for fault in faults:
            fault.make()
        time.sleep(max(0.0, (SHIPPING_BOUND_S if SLOW else SCRAPED_S) - (time.monotonic() - began)))
        broken = red_cells(folder)
    finally:
        for fault in reversed(faults):
            fault.undo()
    # What was held back has to arrive, and targets have to be asked again.
    assert run_on("lb1", "systemctl", "is-active", "rsyslog.service").stdout.strip() == "active"
    time.sleep(30)
    monitoring_settles()
    yield Runs(before, broken, red_cells(folder), faults)


@pytest.mark.parametrize("make", FAULTS, ids=lambda make: make.__name__)
def test_the_fault_turns_its_control_red(morning: Runs, make: Callable[[], Fault]) -> None:
    fault = make()
    known = {cell: morning.before[cell] for cell in fault.red & set(morning.before)}
    assert known == {}, "red before the fault was made, so nothing is proved"
    assert sorted(fault.red - set(morning.broken)) == []
    for cell, words in fault.tells.items():
        assert words in morning.broken[cell]
        assert words not in morning.before.get(cell, "")


def test_nothing_else_turned_red(morning: Runs) -> None:
    expected = {cell for fault in morning.faults for cell in (*fault.red, *fault.tells)}
    allowed = {control for fault in morning.faults for control in fault.also}
    strangers = {cell: told for cell, told in morning.new.items() if cell not in expected and cell[0] not in allowed}
    assert strangers == {}


def test_what_was_undone_is_green_again(morning: Runs) -> None:
    expected = {cell for fault in morning.faults for cell in fault.red}
    assert {cell: morning.after[cell] for cell in expected & set(morning.after)} == {}
    for fault in morning.faults:
        for cell, words in fault.tells.items():
            assert words not in morning.after.get(cell, "")
