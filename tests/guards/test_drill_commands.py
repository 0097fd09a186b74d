# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every step of a drill names what it runs, and runs what it names: the table of commands is held against the tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

TASKS = Path(__file__).resolve().parents[2] / "roles" / "dr" / "tasks"
VARS = TASKS.parent / "vars"
OWN = "ccobservatory.ops."
JOURNAL = OWN + "drill_journal"
# What only leads to other tasks, keeps values or judges them does no work of a step.
KEYWORDS = {
    *("name", "when", "vars", "register", "delegate_to", "loop", "loop_control", "until", "retries", "delay"),
    *("changed_when", "failed_when", "no_log", "block", "rescue", "always", "check_mode"),
}
SECRETS = re.compile(r"pass|secret|token|_key$|^key$|headers|url|_command$|username", re.IGNORECASE)
VARIABLE = re.compile(r"^\{\{ (\w+) \}\}$")


class Work(NamedTuple):
    """One task: its module, the host it works on, its arguments, as the file writes them, and if it only checks."""

    module: str
    host: Any
    args: Any
    check: bool


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def written(value: Any, known: Mapping[str, Any]) -> Any:
    """Return a value with every variable that an including task has set replaced by what it was set to."""
    if isinstance(value, Mapping):
        return {key: written(inner, known) for key, inner in value.items()}
    if isinstance(value, list):
        return [written(inner, known) for inner in value]
    name = VARIABLE.match(value) if isinstance(value, str) else None
    return written(known[name[1]], known) if name and name[1] in known else value


def work_of(
    tasks: list[dict[str, Any]], known: Mapping[str, Any], inside: frozenset[str] = frozenset()
) -> Iterator[Work]:
    """Yield all that a list of tasks can run, in blocks and in the files that it includes too.

    A file that includes itself, to do the same with what is left, is read once.
    """
    for task in tasks:
        here = {**known, **task.get("vars", {})}
        for room in ("block", "rescue", "always"):
            yield from work_of(task.get(room, []), here, inside)
        for module in set(task) - KEYWORDS:
            args = written(task[module], here)
            if module == "ansible.builtin.include_tasks":
                if "{{" not in args and args not in inside:
                    yield from work_of(load(TASKS / args), here, inside | {args})
                continue
            host = written(task.get("delegate_to", "localhost"), here)
            place = written(task.get("loop"), here) if host == "{{ item }}" else host
            yield Work(module, place, args, task.get("check_mode") is True)
            beside = args.get("also", []) if module == OWN + "on_hosts" else []
            for one in beside if isinstance(beside, list) else []:
                yield Work(one["module"], one["host"], one["arguments"], check=False)


COMMANDS: dict[str, list[dict[str, Any]]] = load(VARS / "commands.yml")["__dr_commands"]
STEPS = sorted(path.stem for path in (TASKS / "steps").glob("*.yml"))
ROWS = [(step, row) for step, rows in COMMANDS.items() for row in rows]


def everything(step: str) -> list[Work]:
    ways = (f"{way}.yml" for way in ("step_takes", "step_holds", f"steps/{step}"))
    return [work for way in ways for work in work_of(load(TASKS / way), {})]


def test_every_step_has_commands() -> None:
    variables = load(VARS / "main.yml")
    planned = {
        row["id"] for row in [*variables["__dr_steps"], variables["__dr_copy_step"], *variables["__dr_more_steps"]]
    }
    assert sorted(COMMANDS) == STEPS == sorted(planned)
    assert [step for step, rows in COMMANDS.items() if not rows] == []


def test_a_drill_has_a_step_for_every_item_of_its_section() -> None:
    """Each of the twelve, no other, and each with what the record says of it."""
    steps = load(VARS / "main.yml")["__dr_steps"]
    catalogue = load(VARS.parents[2] / "verify" / "catalogue" / "dr.yml")
    assert {row["item"] for row in steps} == {f"DR-{number:02d}" for number in range(1, 13)}
    assert {row["item"] for row in steps} == {row["id"] for row in catalogue}
    assert [row["id"] for row in steps if not row["actor"] or row["deadline_s"] <= 0] == []


@pytest.mark.parametrize("step", STEPS)
def test_a_step_hides_none_of_our_modules(step: str) -> None:
    runs = {work.module for work in everything(step) if work.module.startswith(OWN)} - {JOURNAL}
    assert sorted(runs - {row["module"] for row in COMMANDS[step]}) == []


@pytest.mark.parametrize(("step", "row"), ROWS, ids=[f"{step}-{row['module']}" for step, row in ROWS])
def test_a_command_is_what_a_task_of_its_step_runs(step: str, row: dict[str, Any]) -> None:
    host = row.get("host", "localhost")
    alike = [work for work in everything(step) if work.module == row["module"] and work.host == host]
    alike = [work for work in alike if work.check == row.get("check", False)]
    assert alike, f"no task of the step runs {row['module']} on {host}"
    assert any(same(row.get("args", {}), work.args) for work in alike), [work.args for work in alike]


def same(named: Mapping[str, Any], args: Any) -> bool:
    """Tell whether a task has every argument that is named, spelled alike; words of a program may go on in the task."""
    found = args or {}
    if isinstance(named.get("argv"), str):
        return named["argv"].strip("{} ") in str(found.get("argv"))
    if "argv" in named:
        return bool(found.get("argv", [])[: len(named["argv"])] == named["argv"])
    return all(_bare(value) == _bare(found.get(key, KEYWORDS)) for key, value in named.items())


def _bare(value: Any) -> Any:
    """Leave out what a command says where there is nothing: the record is written before the task can refuse."""
    return value.replace(" | default('')", "") if isinstance(value, str) else value


def _tasks(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in rows:
        yield task
        for room in ("block", "rescue", "always"):
            yield from _tasks(task.get(room, []))


@pytest.mark.parametrize("path", sorted(TASKS.rglob("*.yml")), ids=lambda path: str(path.relative_to(TASKS)))
def test_what_a_host_answered_is_kept(path: Path) -> None:
    """Ansible rescues no lost host: the plan stops at one because the answer of every task is looked at."""
    away = [task for task in _tasks(load(path)) if task.get("delegate_to", "localhost") != "localhost"]
    assert [task["name"] for task in away if not str(task.get("register", "")).startswith("__dr_")] == []


def test_who_goes_on_without_a_host_says_so() -> None:
    """What a task takes upon itself to judge would fail the task after it, were it not among the reckoned."""
    alone = [task for path in TASKS.rglob("*.yml") for task in _tasks(load(path)) if "ignore_unreachable" in task]
    kept = {task["register"] for task in alone if "block" not in task}
    assert sorted(kept - set(load(VARS / "main.yml")["__dr_reckoned"])) == []


def test_no_command_carries_a_secret() -> None:
    assert [(step, key) for step, row in ROWS for key in row.get("args", {}) if SECRETS.search(key)] == []


@pytest.mark.parametrize("step", STEPS)
def test_a_step_ends_by_keeping_what_it_found(step: str) -> None:
    """The task after one whose host was lost is the one that fails: were that the entry of the next step, which
    registers the journal, there would be no journal left to go back by."""
    path = TASKS / "steps" / f"{step}.yml"
    while "ansible.builtin.include_tasks" in (last := load(path)[-1]):
        path = TASKS / last["ansible.builtin.include_tasks"]
    assert "__dr_result" in last["ansible.builtin.set_fact"]
