# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was set on a balancer at run time, weights, states and lines of maps, outlives a reload and a restart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from _lab import on, run_on, until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("estate")]

RUNTIME = ("python3", "/usr/local/lib/ccobservatory/haproxy_runtime.py", "ask")
HOST, POOL, MAP = "lb1", "app", "/etc/haproxy/maps/pools.map"
WEIGHTED, DRAINED = "app1", "app2"
WEIGHT, OTHER_WEIGHT = 37, 55
KEY = "lab-run-time"
# Fields of `show servers state`, in the order of HAProxy's management guide.
NAME, ADMIN_STATE, WEIGHT_NOW, WEIGHT_CONFIGURED = 3, 6, 7, 8
FORCED_DRAIN = 0x08
# Comes after the role's own file and leaves out what keeps the state.
FORGETFUL = "/run/systemd/system/haproxy.service.d/zz-lab.conf"
RELOADS_ONLY = "[Service]\nExecReload=\nExecReload=/bin/kill -USR2 $MAINPID\n"


def ask(command: str) -> str:
    """Send a command to the balancer's runtime socket and return its answer."""
    return on(HOST, *RUNTIME, command)


def servers() -> dict[str, list[str]]:
    """Return the fields of each server of the pool."""
    rows = [line.split() for line in ask("show servers state").splitlines()]
    return {row[NAME]: row for row in rows if len(row) > WEIGHT_CONFIGURED and row[1] == POOL}


def lines() -> dict[str, str]:
    """Return the lines of the map by key."""
    rows = [line.split() for line in ask(f"show map {MAP}").splitlines() if line.strip()]
    return {row[1]: row[2] for row in rows}


def process() -> str:
    """Return the process that answers on the runtime socket; nothing while none does."""
    done = run_on(HOST, *RUNTIME, "show info")
    return next((line.partition(":")[2].strip() for line in done.stdout.splitlines() if line.startswith("Pid:")), "")


def renew(verb: str) -> None:
    """Reload or restart the balancer and wait until another process answers, which knows the whole pool."""
    before, known = process(), set(servers())
    on(HOST, "systemctl", verb, "haproxy.service")
    until(lambda: process() not in ("", before) and set(servers()) == known, 30)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the balancer as it was, at run time and in its files."""
    assert {row[WEIGHT_NOW] for row in servers().values()} == {"100"}, "somebody set a weight already"
    yield
    on(HOST, "rm", "-f", FORGETFUL)
    on(HOST, "systemctl", "daemon-reload")
    ask(f"set weight {POOL}/{WEIGHTED} 100")
    ask(f"set server {POOL}/{DRAINED} state ready")
    ask(f"del map {MAP} {KEY}")
    renew("reload")
    assert {row[WEIGHT_NOW] for row in servers().values()} == {"100"}
    assert KEY not in lines()


def set_all(weight: int) -> None:
    """Set a weight, a state and a line of the map, and see that they are in effect."""
    ask(f"set weight {POOL}/{WEIGHTED} {weight}")
    ask(f"set server {POOL}/{DRAINED} state drain")
    ask(f"add map {MAP} {KEY} {weight}")
    assert in_effect() == (str(weight), True, str(weight))


def in_effect() -> tuple[str, bool, str]:
    """Return the weight, whether the other server is drained, and the line of the map."""
    found = servers()
    drained = bool(int(found[DRAINED][ADMIN_STATE]) & FORCED_DRAIN)
    return found[WEIGHTED][WEIGHT_NOW], drained, lines().get(KEY, "")


@pytest.mark.parametrize("verb", ["reload", "restart"])
def test_what_was_set_at_run_time_is_kept(verb: str) -> None:
    set_all(WEIGHT)
    for _turn in range(2):
        renew(verb)
        assert in_effect() == (str(WEIGHT), True, str(WEIGHT))
    # A weight that was set stays one that was set: the file's own is still the one from which shares are reckoned.
    assert servers()[WEIGHTED][WEIGHT_CONFIGURED] == "100"


def test_a_reload_that_keeps_nothing_is_noticed() -> None:
    """Without the step that keeps the state a reload goes back to what was kept last: these tests can fail."""
    kept = in_effect()
    on(HOST, "sh", "-c", f"mkdir -p $(dirname {FORGETFUL}) && cat > {FORGETFUL}", data=RELOADS_ONLY)
    on(HOST, "systemctl", "daemon-reload")
    set_all(OTHER_WEIGHT)
    renew("reload")
    assert in_effect() == kept
