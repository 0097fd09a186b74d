# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the proofs of this repository in order and stop at the first that fails.

``stages.py quick`` runs what needs neither root nor a lab, ``stages.py full`` runs everything, ``stages.py NAME ...``
runs single stages. The last line is the number of tests, in the words ``N passed, N failed``.
"""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LOGS = ROOT / ".cache" / "logs"
COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)\b")
PYTEST_LINE = re.compile(
    r"^=* ?(?:no tests ran|\d+ (?:passed|failed|errors?|skipped|xfailed|xpassed|deselected)).* in [\d.]+s"
)
# Seconds that a stage beside the others has for its end before it is killed.
GRACE_S = 30
BEGUN = time.monotonic()
INTERRUPTED = 130
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Stage:
    """One proof: a name for the command line, what it proves, the command, and whether pytest counts its tests.

    A stage that is ``early`` starts with the first one and runs beside those before it, because it mostly waits; what
    it says is shown at its place. One that is ``late`` starts at its place and runs beside those after it; what it says
    is shown at the end, or as soon as it has failed.
    """

    name: str
    proves: str
    command: tuple[str, ...]
    counted: bool = False
    early: bool = False
    late: bool = False


@dataclass
class Outcome:
    """How one stage ended: seconds taken, tests passed and failed; a stage that is not counted is one test."""

    stage: Stage
    seconds: float
    passed: int
    failed: int


PYTEST = ("python", "-m", "pytest", "-q")
# As many at a time as there are processors; a file stays whole, for the sake of what its tests share.
BESIDE = (*PYTEST, "-n", os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or str(os.cpu_count() or 1))
UNIT = (*BESIDE, "--dist", "loadfile", "--no-loadscope-reorder", "tests/unit")
MOLECULE = ("python", "scripts/run_molecule.py")
# Idempotence is proved role by role under molecule; provisioning the whole estate twice more is for OPS_PROOFS=all.
ALL = os.environ.get("OPS_PROOFS") == "all"
TWICE = () if ALL else ("--ignore=tests/integration/test_provisioning.py",)
LEFT_OUT = (
    "Left out: ten scenarios that others cover in part, kills at random and within the switch back, drills taken back, "
    "a host lost in a drill, some activations and refusals, log shipping that stops, the estate provisioned twice, "
    "and further cases of ways through a drill that are played. "
    "OPS_PROOFS=all runs them; docs/developer.md says why."
)
# Ubuntu's Chromium is a snap, which cannot read the pages that a test writes.
UBUNTU = platform.system() == "Linux" and platform.freedesktop_os_release().get("ID") == "ubuntu"
NO_BROWSER = (
    "Left out: browser. Ubuntu's chromium is a snap that reads nothing below /tmp, so that nothing was proved of the "
    "reports in a browser; Debian 12 proves it."
)
CORES = ("bash", "scripts/cores.sh")
NO_CORES = (
    "OPS_PROOFS=all also tries newer releases of ansible-core, and no Python 3.12 or later was found for them: install "
    "one and name it with NEWER_PYTHON=/path/to/python3.12. Nothing was begun."
)
# A line a test, with what it took: these take minutes each.
EACH = ("python", "-m", "pytest", "-v", "-o", "console_output_style=times")
INTEGRATION = "tests/integration"
CLONE = f"{INTEGRATION}/test_clone.py"
REAL = (f"{INTEGRATION}/test_real_prometheus.py", f"{INTEGRATION}/test_real_sshd.py")
LAB = (*EACH, INTEGRATION, *(f"--ignore={path}" for path in (CLONE, *REAL)), *TWICE)
LINT = ("env", "ANSIBLE_COLLECTIONS_PATH=collections", "ansible-lint", "--nocolor")
# What neither needs the lab nor has to be known before it: it runs on what the drills leave of the processors.
REST = ("lint", "slow", "clone", "real", "sanity")
GENTLY = ("bash", "scripts/gently.sh", "python", "scripts/stages.py", *REST)
BROWSER = Stage("browser", "the reports do what they promise in a browser", (*PYTEST, "tests/browser"), counted=True)
STAGES = (
    Stage("ruff", "Python source follows the house style", ("ruff", "check", ".")),
    Stage("mypy", "the types of all Python hold", ("python", "scripts/check_types.py")),
    Stage("yamllint", "YAML is well formed", ("yamllint", "--strict", ".")),
    Stage("unit", "rules, parsers and modules behave", (*UNIT, "-m", "not slow"), counted=True),
    Stage("breakers", "every control turns red for its fault, and no other", (*BESIDE, "tests/breakers"), counted=True),
    Stage("guards", "the house rules hold", (*BESIDE, "tests/guards"), counted=True),
    *(() if UBUNTU else (BROWSER,)),
    Stage("lint", "playbooks and roles pass the production profile", LINT, early=True),
    Stage("changelog", "the change fragments are valid", ("antsibull-changelog", "lint")),
    Stage("slow", "the rules that take longer to prove", (*UNIT, "-m", "slow"), counted=True),
    Stage("clone", "a plain clone runs, builds and installs", (*PYTEST, CLONE), counted=True),
    Stage("real", "the sources agree with a real Prometheus, Alertmanager and sshd", (*PYTEST, *REAL), counted=True),
    Stage("sanity", "ansible-test sanity accepts the collection", ("bash", "scripts/sanity.sh")),
    Stage("cores", "newer releases of ansible-core take the collection, and warn of nothing", CORES),
    Stage("molecule", "each role's verify holds, and sees a planted fault", MOLECULE, counted=True, early=True),
    Stage("estate", "the lab stands, provisioned by the roles", ("bash", "scripts/estate.sh")),
    Stage("rest", f"{', '.join(REST[:-1])} and {REST[-1]}, beside what follows", GENTLY, counted=True, late=True),
    Stage("lab", "backups, faults and drills on real hosts", LAB, counted=True),
)
QUICK = ("ruff", "mypy", "yamllint", "unit", "breakers", "guards", "lint", "changelog")
# How long a run may take, in seconds. With OPS_PROOFS=all it proves more than this bound is for.
LIMITS_S = {"full": 90 * 60, "quick": 3 * 60}


def elapsed(seconds: float) -> str:
    """Return seconds as ``m:ss``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def count(lines: list[str], *, code: int) -> tuple[int, int]:
    """Return tests passed and failed as pytest's closing lines tell; a failed run never counts as zero failures.

    A test that was skipped, or is known to fail, has proved nothing: it counts as failed.
    """
    passed = failed = 0
    for line in lines:
        if PYTEST_LINE.match(line):
            for number, word in COUNT.findall(line):
                passed += int(number) if word == "passed" else 0
                failed += int(number) if word != "passed" else 0
    if code != 0 and failed == 0:
        failed = 1
    if passed + failed == 0:
        failed = 1
    return passed, failed


def begin(stage: Stage) -> subprocess.Popen[bytes]:
    """Start a stage that runs beside others, with its output in its log file."""
    with (LOGS / f"{stage.name}.log").open("wb") as log:
        return subprocess.Popen(
            stage.command, cwd=ROOT, env=environment(), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """End stages that run beside others, with all that they started; one that does not go is killed."""
    running = [process for process in processes if process.poll() is None]
    for process in running:
        os.killpg(process.pid, signal.SIGTERM)
    for process in running:
        try:
            process.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def heading(stage: Stage, more: str = "") -> None:
    """Say which stage begins, what it proves, and how long the run has gone on."""
    print(f"\n── {elapsed(time.monotonic() - BEGUN):>5}  {stage.name}: {stage.proves}{more}", flush=True)


def end(stage: Stage, process: subprocess.Popen[bytes], since: str) -> Outcome:
    """Wait for a stage that was begun, show what it said, and return how it ended; only the wait counts as its time."""
    heading(stage, f" ({since})")
    started = time.monotonic()
    code = process.wait()
    text = (LOGS / f"{stage.name}.log").read_text(encoding="utf-8", errors="replace")
    print(text, end="", flush=True)
    return outcome(stage, code, [COLOUR.sub("", line) for line in text.splitlines()], time.monotonic() - started)


def environment() -> dict[str, str]:
    """Return the environment of a stage: the tools of the virtual environment first."""
    return dict(os.environ, PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}", PYTHONUNBUFFERED="1")


def outcome(stage: Stage, code: int, lines: list[str], seconds: float) -> Outcome:
    """Return how a stage ended, from its exit code and what it said."""
    passed, failed = count(lines, code=code) if stage.counted else (int(code == 0), int(code != 0))
    if code == 0 and failed:
        print(f"{stage.name}: {failed} tests were skipped or may fail, or none ran; that proves nothing", flush=True)
    return Outcome(stage=stage, seconds=seconds, passed=passed, failed=failed)


def run(stage: Stage) -> Outcome:
    """Run one stage, show its output as it comes, keep it in a log file, and return how it ended."""
    heading(stage)
    started = time.monotonic()
    lines: list[str] = []
    with (
        (LOGS / f"{stage.name}.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            stage.command,
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - asked for just above
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            log.write(line)
            lines.append(COLOUR.sub("", line.rstrip()))
    return outcome(stage, process.returncode, lines, time.monotonic() - started)


def limit_of(names: list[str]) -> int | None:
    """Return how long the run of these names may take, in seconds; None where it has no bound."""
    return None if ALL or len(names) != 1 else LIMITS_S.get(names[0])


def table(outcomes: list[Outcome], chosen: list[Stage], limit_s: int | None = None) -> None:
    """Print one line a stage: result, elapsed time, counts; stages that did not run are named as such.

    The last line has the whole time, and where it has a bound that too; a run past it has still proved what it proved.
    """
    print("\nstage       result   time   passed failed")
    for outcome in outcomes:
        word = "failed" if outcome.failed else "passed"
        took = elapsed(outcome.seconds)
        print(f"{outcome.stage.name:<11} {word:<8} {took:>5} {outcome.passed:>7} {outcome.failed:>6}")
    known = {outcome.stage.name for outcome in outcomes}
    for stage in (stage for stage in chosen if stage.name not in known):
        print(f"{stage.name:<11} not run")
    seconds = sum(outcome.seconds for outcome in outcomes)
    bound = f" of {elapsed(limit_s)}" if limit_s is not None else ""
    print(f"whole run            {elapsed(seconds):>5}{bound}   logs: {LOGS.relative_to(ROOT)}/\n")
    if limit_s is not None and seconds > limit_s:
        print(f"This run took {elapsed(seconds)}, longer than the {limit_s // 60} minutes that it may take.")
    if not ALL and any(stage.name == "lab" for stage in chosen):
        print(LEFT_OUT)
    if UBUNTU and any(stage.name == "lab" for stage in chosen):
        print(NO_BROWSER)


def newer_python() -> bool:
    """Tell whether this machine has a Python that newer releases of ansible-core run on."""
    return subprocess.run((*CORES, "--python"), cwd=ROOT, capture_output=True, check=False).returncode == 0


def choose(names: list[str]) -> list[Stage]:
    """Return the stages that names mean (``full`` all, ``quick`` without root); what cannot be run ends the program."""
    known = {stage.name: stage for stage in STAGES}
    full = [name for name in known if name not in REST and (name != "cores" or ALL)]
    wanted = full if names == ["full"] else list(QUICK) if names == ["quick"] else names
    unknown = sorted(set(wanted) - set(known))
    if unknown or not wanted:
        named = ", ".join(unknown) or "(none given)"
        sys.exit(f"Unknown stage {named}: use full, quick, or any of {', '.join(known)}.")
    if names == ["full"] and ALL and not newer_python():
        sys.exit(NO_CORES)
    return [known[name] for name in wanted]


def ended(chosen: list[Stage], begun: dict[str, subprocess.Popen[bytes]]) -> Iterator[Outcome]:
    """Yield how each stage ended, in their order; of the late ones those that have failed as soon as that is known."""
    waiting: list[Stage] = []
    for stage in chosen:
        if stage.late:
            begun[stage.name] = begin(stage)
            waiting.append(stage)
            continue
        yield end(stage, begun[stage.name], "begun with the first stage") if stage.early else run(stage)
        for late in [one for one in waiting if begun[one.name].poll()]:
            waiting.remove(late)
            yield end(late, begun[late.name], "begun before")
    for late in waiting:
        yield end(late, begun[late.name], "begun before")


def main(names: list[str]) -> int:
    """Run the chosen stages until one fails; print the table and the closing count. Return the exit code."""
    chosen = choose(names)
    LOGS.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    begun: dict[str, subprocess.Popen[bytes]] = {}
    # Whoever stops this program means all of it: what runs in a session of its own hears of no Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        for stage in (stage for stage in chosen if stage.early):
            begun[stage.name] = begin(stage)
        for outcome in ended(chosen, begun):
            outcomes.append(outcome)
            if outcome.failed:
                break
    except KeyboardInterrupt:
        print("\ninterrupted; nothing is said of what did not run", flush=True)
        return INTERRUPTED
    finally:
        stop(list(begun.values()))
    table(outcomes, chosen, limit_of(names))
    failed = sum(outcome.failed for outcome in outcomes)
    print(f"{sum(outcome.passed for outcome in outcomes)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
