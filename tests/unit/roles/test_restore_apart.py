# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the copy of a restore test is asked while it runs: whether it archives, and whether a route leads out of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.verify_history import _postgresql

ROLE = Path(__file__).resolve().parents[3] / "roles" / "restore_test"
PLACES = ("/proc/self/net/route", "/proc/self/net/ipv6_route")
HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT" + " " * 50 + "\n"
OWN = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200       lo\n"
OUT = f"fe80{'0' * 28} 40 {'0' * 32} 00 {'0' * 32} 00000100 00000001 00000000 00000001     eth1\n"


def routes(device: str) -> str:
    """Return what the kernel tells of a host with a way to its network and one beyond it."""
    rows = [f"{device}\t00000000\t0100540A\t0003\t0\t0\t0\t00000000\t0\t0\t0"]
    rows += [f"{device}\t0000540A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0"]
    return HEAD + "".join(f"{row:<127}\n" for row in rows)


@pytest.fixture(scope="module")
def cursor() -> Iterator[Any]:
    """A session with a server on this machine's network."""
    with (
        _postgresql.server() as url,
        contextlib.closing(_postgresql.connect(int(url.rpartition(":")[2]), "postgres")) as connection,
    ):
        yield connection.cursor()


def question() -> str:
    found: str = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["__restore_test_routes"]
    return found


def told(session: Any, query: str) -> str:
    session.execute(query)
    ((answer,),) = session.fetchall()
    return str(answer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fourth", "sixth", "answer"),
    [
        ("", OWN, "none"),
        (HEAD, OWN, "none"),
        ("", None, "none"),
        (routes("lo"), OWN, "none"),
        (routes("eth0"), OWN, "eth0"),
        (routes("eth0.10"), None, "eth0.10"),
        ("", OWN + OUT + OWN, "eth1"),
        (routes("eth0"), OWN + OUT, "eth0, eth1"),
    ],
    ids=["a network of its own", "headed", "no IPv6", "loopback", "IPv4", "IPv4 alone", "IPv6", "both"],
)
def test_a_device_that_a_route_leads_to_is_named(cursor: Any, fourth: str, sixth: str | None, answer: str) -> None:
    query = question()
    for place, text in zip(PLACES, (fourth, sixth), strict=True):
        assert place in query
        cursor.execute("SELECT current_setting('data_directory')")
        copied = Path(cursor.fetchone()[0]) / place.replace("/", "_")
        copied.unlink(missing_ok=True)
        if text is not None:
            copied.write_text(text, encoding="utf-8")
            copied.chmod(0o644)
        query = query.replace(place, str(copied))
    assert told(cursor, query) == answer


@pytest.mark.slow
def test_the_server_tells_of_the_network_that_it_runs_in(cursor: Any) -> None:
    fourth, sixth = (Path(place) for place in PLACES)
    devices = {line.split()[0] for line in fourth.read_text(encoding="utf-8").splitlines()[1:]}
    if sixth.exists():
        devices |= {line.split()[-1] for line in sixth.read_text(encoding="utf-8").splitlines()}
    assert told(cursor, question()) == (", ".join(sorted(devices - {"lo"})) or "none")


def test_the_copy_is_asked_before_it_is_stopped() -> None:
    tasks = yaml.safe_load((ROLE / "tasks/verify.yml").read_text(encoding="utf-8"))
    loops = [str(task.get("loop")) for task in tasks]
    stopped = [task.get("ansible.builtin.systemd_service", {}).get("state") for task in tasks].index("stopped")
    assert loops.index("{{ __restore_test_apart }}") < stopped
