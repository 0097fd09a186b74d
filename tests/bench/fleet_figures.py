# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the collection, each as a ratio against a named limit or peer of the same run.

``limit``      collecting what 60 assertions need from 200 hosts, against bare ``ssh host true`` at the same concurrency
               (limit 2.5 on the clock; processor of the controller at most 20 ms a host).
``trips``      120 facts against 60: logins and execs a host stay one each.
``dead``       20 hosts that drop connections and 2 that hang among 200: they add at most one host deadline.
``testinfra``  the same 60 assertions as tests of testinfra: by its ssh backend as shipped, with a ControlPath, and
               these unchanged through the evidence backend (limits: 20, 8 and 5 times).
``serverspec`` the same 60 assertions by Serverspec, eight processes at a time (limit: 8 times); needs Debian's
               ruby-serverspec, ruby-ed25519 and ruby-bcrypt-pbkdf.

One machine plays all hosts, so it also carries their half of the work; a fleet carries that itself. The load average is
printed beside the figures. Nothing is asserted: a figure is read by people. Needs root and openssh-server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "collections"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from _fleet import FILES, PACKAGES, SYSCTL, USERS, Fleet, cost, dead_and_hanging, facts, fleet, many

from verify.collect import hosts
from verify.engine.evidence import Evidence
from verify.testinfra.backend import PLAN

ROOT = Path(__file__).resolve().parents[2]
CONCURRENCY = 32
DEADLINE_S = 120.0
SERVERSPEC_PROCESSES = 8


def collect(run: Fleet, count: int, table: Any, extra: dict[str, dict[str, Any]] | None = None) -> Evidence:
    evidence = Evidence()
    hosts.collect(
        run.environment(count, extra),
        evidence,
        now=time.time,
        progress=lambda _text: None,
        options=hosts.Options(CONCURRENCY, DEADLINE_S, table),
    )
    return evidence


def whole(evidence: Evidence, count: int, each: int) -> None:
    """Refuse to give a figure for work that was not done."""
    good = sum(fact.error is None for fact in evidence)
    if good != count * (each + 2):
        raise SystemExit(f"{good} facts came instead of {count * (each + 2)}; the figure would be of something else.")


def bare(run: Fleet, count: int) -> None:
    """Log in to every host and run true, as many at a time as the collector asks."""
    environment = run.environment(count)

    async def all_of_them() -> None:
        places = asyncio.Semaphore(CONCURRENCY)

        async def one(name: str) -> None:
            argv = hosts.visit(environment, environment.hosts[name], ()).dial.argv
            quiet = [word for word in argv if word != "-v"]
            async with places:
                process = await asyncio.create_subprocess_exec(
                    *quiet, "true", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                if await process.wait():
                    raise SystemExit(f"ssh to {name} ended with {process.returncode}")

        await asyncio.gather(*(one(name) for name in environment.hosts))

    asyncio.run(all_of_them())


def limit(run: Fleet, count: int) -> dict[str, Any]:
    with cost() as lower:
        bare(run, count)
    with cost() as ours:
        evidence = collect(run, count, facts())
    whole(evidence, count, len(facts()))
    return {
        "hosts": count,
        "wall_ratio": round(ours[0].wall / lower[0].wall, 2),
        "wall_s": [round(ours[0].wall, 2), round(lower[0].wall, 2)],
        "controller_ms_a_host": [round(1000 * one[0].cpu / count, 1) for one in (ours, lower)],
    }


def trips(run: Fleet, count: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number in (60, 120):
        before = run.logins()
        with cost() as ours:
            evidence = collect(run, count, many(number))
        whole(evidence, count, number)
        found[f"{number}_facts"] = {
            "logins_a_host": (run.logins() - before) / count,
            "wall_s": round(ours[0].wall, 2),
            "controller_ms_a_host": round(1000 * ours[0].cpu / count, 1),
        }
    return found


def dead(run: Fleet, count: int) -> dict[str, Any]:
    with cost() as alone:
        whole(collect(run, count - 22, facts()), count - 22, len(facts()))
    with dead_and_hanging() as (drops, hangs):
        extra = {
            f"{kind}{number}": {
                **run.about(0),
                "ansible_host": "127.0.0.1",
                "ansible_port": port,
                "ansible_ssh_timeout": 10,
            }
            for kind, port, many_of in (("dead", drops, 20), ("hanging", hangs, 2))
            for number in range(many_of)
        }
        with cost() as beside:
            evidence = collect(run, count - 22, facts(), extra)
    errors = {fact.error for fact in evidence if fact.error}
    return {
        "added_s": round(beside[0].wall - alone[0].wall, 2),
        "host_deadline_s": DEADLINE_S,
        "connect_limit_s": 10,
        "without_answer": len({fact.subject for fact in evidence if fact.error}),
        "told": sorted(errors)[:2],
    }


def testinfra(run: Fleet, count: int, shipped_hosts: int) -> dict[str, Any]:
    """Run the same assertions in four ways; the slowest on fewer hosts, scaled up and marked as such."""
    script = Path(__file__).with_name("_fleet_assertions.py")
    config = run.folder / "ssh_config"
    plain = (
        f"Host 127.*\n Port {run.port}\n User root\n IdentityFile {run.folder}/key\n"
        f" UserKnownHostsFile {run.folder}/known_hosts\n BatchMode yes\n"
    )
    seconds: dict[str, float] = {}
    for name, text, number in (
        ("shipped", plain, shipped_hosts),
        ("control_path", plain + f" ControlPath {run.folder}/cm-%h\n", count),
    ):
        config.write_text(text, encoding="utf-8")
        places = ",".join(f"ssh://{run.about(one)['ansible_host']}" for one in range(number))
        seconds[name] = _pytest(script, ["--hosts", places, "--ssh-config", str(config)], {}) * count / number
    world = {"FLEET_PORT": str(run.port), "FLEET_FOLDER": str(run.folder), "FLEET_HOSTS": str(count)}
    ours = ["-p", "_fleet_plugin", "-p", "no:cacheprovider"]
    # The first run asks command by command and leaves its plan; each later one asks all of it ahead.
    (run.folder / PLAN).unlink(missing_ok=True)
    seconds["evidence_first_run"] = _pytest(script, ours, world)
    seconds["evidence_second_run"] = _pytest(script, ours, world)
    with cost() as native:
        judge(collect(run, count, facts()), count)
    seconds["collected_and_judged"] = native[0].wall
    return {
        "assertions": 60 * count,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "shipped_measured_on_hosts": shipped_hosts,
        "times_faster_than_shipped": round(seconds["shipped"] / seconds["collected_and_judged"], 1),
        "times_faster_than_control_path": round(seconds["control_path"] / seconds["collected_and_judged"], 1),
        "unchanged_tests_first_run_times_faster": round(seconds["control_path"] / seconds["evidence_first_run"], 1),
        "unchanged_tests_second_run_times_faster": round(seconds["control_path"] / seconds["evidence_second_run"], 1),
    }


def serverspec(run: Fleet, count: int) -> dict[str, Any]:
    """Run the same assertions by Serverspec, a process a host and eight at a time, and by collecting and judging."""
    script = Path(__file__).with_name("_fleet_serverspec.rb")
    known = json.dumps({"files": FILES, "packages": PACKAGES, "users": USERS, "sysctl": SYSCTL})
    world = {"FLEET_KNOWN": known, "FLEET_PORT": str(run.port), "FLEET_KEY": str(run.folder / "key")}

    def one(number: int) -> str:
        environment = {**os.environ, **world, "FLEET_HOST": run.about(number)["ansible_host"]}
        done = subprocess.run(["rspec", str(script)], env=environment, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    with cost() as peer, ThreadPoolExecutor(SERVERSPEC_PROCESSES) as pool:
        told = list(pool.map(one, range(count)))
    for text in told:
        if "60 examples, 0 failures" not in text:
            raise SystemExit(f"Serverspec did not make the 60 assertions: {text[-1500:]}")
    with cost() as native:
        judge(collect(run, count, facts()), count)
    return {
        "assertions": 60 * count,
        "processes": SERVERSPEC_PROCESSES,
        "wall_s": [round(native[0].wall, 2), round(peer[0].wall, 2)],
        "times_faster": round(peer[0].wall / native[0].wall, 1),
    }


def judge(evidence: Evidence, count: int) -> None:
    """Make the 60 assertions on what was collected, host by host."""
    import _fleet_judged

    held = sum(_fleet_judged.assertions(evidence, f"h{number}") for number in range(count))
    if held != 60 * count:
        raise SystemExit(f"{held} assertions held instead of {60 * count}.")


def _pytest(script: Path, arguments: list[str], world: dict[str, str]) -> float:
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", str(script.parent), *arguments]
    paths = os.pathsep.join((str(ROOT), str(ROOT / "collections"), str(script.parent)))
    environment = {**os.environ, **world, "PYTHONPATH": paths}
    options = ["-p", "no:pytest-ansible", "-p", "no:ansible", "--import-mode=importlib", str(script)]
    begun = time.monotonic()
    done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"pytest ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-500:]}")
    return time.monotonic() - begun


def main() -> int:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["limit", "trips", "dead", "testinfra", "serverspec"])
    parser.add_argument("--hosts", type=int, default=200, help="simulated hosts (default 200)")
    parser.add_argument("--testinfra-hosts", type=int, default=10)
    parser.add_argument("--shipped-hosts", type=int, default=10, help="hosts for the backend as shipped")
    given = parser.parse_args()
    with fleet() as run:
        known = {
            "limit": lambda: limit(run, given.hosts),
            "trips": lambda: trips(run, min(given.hosts, 50)),
            "dead": lambda: dead(run, given.hosts),
            "serverspec": lambda: serverspec(run, given.testinfra_hosts),
            "testinfra": lambda: testinfra(run, given.testinfra_hosts, given.shipped_hosts),
        }
        for part in given.parts:
            figures = known[part]()
            print(json.dumps({part: figures, "load": [round(one, 1) for one in os.getloadavg()]}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
