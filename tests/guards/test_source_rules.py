# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for every file of the source, whatever it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve()

# Built from parts, so that this file does not break the rule it states.
ONE_MACHINE = re.compile(r"(?<![\w.$}/-])/(?:" + "|".join(("work", "farm", "ro" + "ot")) + r")/[a-z.]")
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r")\b")
SOFT_TEST = re.compile("assert " + r"True\b|pytest\.sk" + r"ip\(|mark\.sk" + r"ip\b")
BARE_NOQA = re.compile(r"#\s*no" + r"qa(?!:\s*[A-Z]+\d+)")
SERVER = re.compile(r"\b_postgresql\.(?:server|programs)\(")
HEADER = "GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)"
FUTURE = "from __future__ import annotations"
MOST_LINES, MOST_LINES_OF_A_TEST = 350, 450
# One file that needs only Python: an auditor reads and runs it alone, without the collection.
READ_ALONE = {"verify/verify_pack.py"}


def offences(paths: list[Path], pattern: re.Pattern[str]) -> list[str]:
    """Return ``path:line: text`` of every line that the pattern finds."""
    found = []
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="replace")
        if not pattern.search(text):
            continue
        lines = enumerate(text.splitlines(), start=1)
        name = path.relative_to(ROOT)
        found += [f"{name}:{number}: {line.strip()}" for number, line in lines if pattern.search(line)]
    return found


def lacks_annotations(path: Path) -> bool:
    """Return whether a file with code in it does not start by postponing the evaluation of annotations."""
    text = path.read_text(encoding="utf-8")
    body = ast.parse(text).body
    return FUTURE not in text and any(not isinstance(node, ast.Expr) for node in body)


def is_too_long(name: str, lines: int) -> bool:
    """Return whether a Python file, named from the root, has more lines than a reader can hold."""
    return lines > (MOST_LINES_OF_A_TEST if name.startswith("tests/") else MOST_LINES)


def python_files(paths: list[Path]) -> list[Path]:
    return [path for path in paths if path.suffix == ".py" and path.stat().st_size]


@pytest.mark.parametrize("pattern", [ONE_MACHINE, UNFINISHED], ids=["paths of one machine", "unfinished work"])
def test_no_file_carries(source_files: list[Path], pattern: re.Pattern[str]) -> None:
    assert offences([path for path in source_files if path.name != "LICENSE"], pattern) == []


def test_the_patterns_find_what_they_are_for() -> None:
    assert ONE_MACHINE.search('path: "/ro' + 'ot/.ssh/id"')
    assert not ONE_MACHINE.search("/usr/work/x")
    assert not ONE_MACHINE.search("$HOME/ro" + "ot/x")
    assert UNFINISHED.search("# TO" + "DO: later")
    assert BARE_NOQA.search("x = 1  # no" + "qa")
    assert not BARE_NOQA.search("x = 1  # no" + "qa: S603")


def test_no_test_is_unable_to_fail(source_files: list[Path]) -> None:
    tests = [path for path in python_files(source_files) if "tests" in path.parts and path != HERE]
    assert offences(tests, SOFT_TEST) == []


def starts_a_server(text: str) -> list[str]:
    """Return the tests of a file that start a PostgreSQL server, by a fixture too, and are not marked slow."""
    body = ast.parse(text).body
    if any(isinstance(node, ast.Assign) and ast.unparse(node) == "pytestmark = pytest.mark.slow" for node in body):
        return []
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    using = {node.name for node in functions if SERVER.search(ast.unparse(node))}
    while more := {node.name for node in functions if using & _asks_for(node)} - using:
        using |= more
    slow = {node.name for node in functions if "pytest.mark.slow" in map(ast.unparse, node.decorator_list)}
    return sorted(name for name in using - slow if name.startswith("test_"))


def _asks_for(function: ast.FunctionDef) -> set[str]:
    """Return the fixtures that a function takes, and the functions that it calls."""
    return {argument.arg for argument in function.args.args} | {
        node.func.id for node in ast.walk(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def test_the_quick_tier_starts_no_database_server(source_files: list[Path]) -> None:
    """It runs without root, and PostgreSQL's programs come with what root installs."""
    tests = [path for path in python_files(source_files) if path.is_relative_to(ROOT / "tests" / "unit")]
    found = {str(path.relative_to(ROOT)): starts_a_server(path.read_text(encoding="utf-8")) for path in tests}
    assert {name: names for name, names in found.items() if names} == {}


def test_a_server_is_found_behind_fixtures_and_helpers() -> None:
    fixtures = "def server():\n    with _postgresql.server() as url: yield url\ndef base(server): return server\n"
    assert starts_a_server(fixtures + "def test_a(base): ...\ndef test_b(tmp_path): ...") == ["test_a"]
    assert starts_a_server(fixtures + "def test_c(): server()") == ["test_c"]
    assert starts_a_server(fixtures + "@pytest.mark.slow\ndef test_a(base): ...") == []
    assert starts_a_server("pytestmark = pytest.mark.slow\n" + fixtures + "def test_a(base): ...") == []


def test_every_noqa_names_its_rule(source_files: list[Path]) -> None:
    assert offences([path for path in python_files(source_files) if path != HERE], BARE_NOQA) == []


def test_every_python_file_states_its_licence(source_files: list[Path]) -> None:
    without = [path for path in python_files(source_files) if HEADER not in path.read_text(encoding="utf-8")[:400]]
    assert [str(path.relative_to(ROOT)) for path in without] == []


def test_every_python_file_postpones_annotations(source_files: list[Path]) -> None:
    without = [path for path in python_files(source_files) if lacks_annotations(path)]
    assert [str(path.relative_to(ROOT)) for path in without] == []


def test_every_python_file_fits_the_head(source_files: list[Path]) -> None:
    """A file on the list of exceptions has to be that long, so that none stays there for nothing."""
    names = {str(path.relative_to(ROOT)): path for path in python_files(source_files)}
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in names.items()}
    long = {name: count for name, count in lines.items() if is_too_long(name, count)}
    assert set(long) == READ_ALONE, f"split along its subjects: {long}"


def test_the_bound_of_a_file_depends_on_its_room() -> None:
    assert not is_too_long("verify/engine/changes.py", MOST_LINES)
    assert is_too_long("verify/engine/changes.py", MOST_LINES + 1)
    assert not is_too_long("tests/unit/kpi/test_kpi.py", MOST_LINES_OF_A_TEST)
    assert is_too_long("tests/unit/kpi/test_kpi.py", MOST_LINES_OF_A_TEST + 1)


def test_nothing_that_a_run_leaves_behind_is_tracked(source_files: list[Path]) -> None:
    rooms = ("reports", "records", ".lab", ".venv", ".ansible", ".cache")
    tracked = [path.relative_to(ROOT) for path in source_files]
    assert [str(name) for name in tracked if name.parts[0] in rooms or name.parts[:2] == ("inventories", "lab")] == []


def test_the_links_make_no_loop(source_files: list[Path]) -> None:
    rooms = ROOT / "collections" / "ansible_collections" / "ccobservatory" / "ops"
    links = [ROOT / "playbooks" / "collections", *rooms.iterdir()]
    assert all(link.is_symlink() and link.exists() for link in links)
    assert all(not Path(link.readlink()).is_absolute() for link in links)
    linked = {link.resolve() for link in links[1:]}
    assert linked == {ROOT / "meta", ROOT / "plugins", ROOT / "roles"}
    assert not any(path.is_relative_to(room) for room in linked for path in [ROOT / "collections", ROOT / "playbooks"])
