# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A past run is judged again from its folder alone, without a network, and never from a folder that was touched."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._seal import seal
from tests.unit.verify_history.conftest import NOW
from verify.engine.catalogue import Catalogue
from verify.engine.control import Control, expect
from verify.engine.declared import Environment
from verify.engine.estate import Estate
from verify.engine.judge import judge
from verify.engine.replay import Past, agreement, differences, keep_rules, open_pack, use_rules
from verify.engine.results import Results, read_results
from verify.engine.store import KeptEvidence, write_environment
from verify.engine.waivers import Waiver, apply, as_record, review

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("_replaying.py")

# The rules that the run kept. They read a fact through a module of facts, as the real ones do, and today there is none.
CHECKS = """
from verify.engine.control import control, expect
from verify.facts.counting import count_of

@control("INFRA-02")
def few(host, bounds):
    yield expect(count_of(host) <= bounds.most_count, f"{host.name} has few", observed=count_of(host))
"""
FACTS = """
def count_of(host):
    return host.read("count", int)
"""
CATALOGUE = """
- id: INFRA-02
  title: few
  objective: There are few of them.
  severity: high
  frequency: daily
  owner: operations
  method: test
  sources: [host]
  bounds: {most_count: 3}
  freshness_s: 3600
  remedy: {text: remove some}
"""


def few(host: Any) -> Any:
    """There are few of them."""
    seen = host.read("count", int)
    yield expect(seen <= 3, f"{host.name} has few", observed=seen)


def folder_of_run(folder: Path, environment: Environment, catalogue: Catalogue) -> Path:
    """Write a whole run, not sealed yet: db1 and db2 pass, web1 fails under a waiver, web2 was not reached."""
    folder.mkdir()
    header = {"id": folder.name, "environment": "test", "collected": "2025-11-26T09:40:00.000Z"}
    with KeptEvidence(folder) as evidence:
        about: dict[str, Any] = {"name": "count", "source": "host", "collected": NOW - 60, "command": "count"}
        for host, count in (("db1", 1), ("db2", 3), ("web1", 9)):
            evidence.record(str(count), subject=host, **about)
        evidence.missing("web2 did not answer within 10 s.", subject="web2", **about)
    waiver = Waiver(
        **dict.fromkeys(("reason", "compensating_control", "owner", "requester", "approver", "ticket", "group"), "x"),
        **{"id": "W-1", "target": "INFRA-02", "kind": "host", "names": ("web1",)},
        **{"approved_on": NOW - 1, "expires_on": NOW + 1},
    )
    control = Control("INFRA-02", "", "host", None, few, (), "m")
    result = judge(control, catalogue["INFRA-02"], Estate(environment, evidence, now=NOW))
    results = apply([result], [waiver], NOW)
    with Results(folder / "results.jsonl") as log:
        log.header(header)
        log.control(results[0])
        log.close(10, expected=4)
    write_environment(environment, folder)
    (folder / "run.json").write_text(json.dumps(header))
    (folder / "waivers.json").write_text(json.dumps(as_record([waiver], review(results, [waiver], NOW))))
    for part, name, text in (
        *(("checks", "counted.py", CHECKS), ("facts", "counting.py", FACTS)),
        ("catalogue", "infra.yml", CATALOGUE),
    ):
        (folder / "rules" / part).mkdir(parents=True)
        (folder / "rules" / part / name).write_text(text)
    return folder


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seal") / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.fixture
def signers(tmp_path: Path, key: Path) -> Path:
    path = tmp_path / "allowed_signers"
    path.write_text(f'seal@test namespaces="ccobservatory.ops" {key.with_suffix(".pub").read_text()}')
    return path


def sealed(folder: Path, key: Path, signers: Path) -> Path:
    shutil.copyfile(signers, folder / "allowed_signers")
    read = read_results(folder / "results.jsonl")
    told = {"id": folder.name, "environment": "test", "sealed": "2025-11-26T09:41:00.000Z"}
    told["journal"] = f"{read.lines} {read.head}"
    seal(folder, {**told, "previous": "none", "signer": "seal@test"}, key=key)
    return folder


@pytest.fixture
def pack(tmp_path: Path, environment: Environment, catalogue: Catalogue, key: Path, signers: Path) -> Path:
    return sealed(folder_of_run(tmp_path / "20251126T094000Z", environment, catalogue), key, signers)


def test_a_pack_holds_what_judging_needs(pack: Path, signers: Path, environment: Environment) -> None:
    past = open_pack(pack, allowed_signers=signers)
    assert (past.now, past.environment.name, len(past.evidence)) == (NOW, "test", 4)
    assert list(past.environment.hosts) == list(environment.hosts)
    assert [one.id for one in past.waivers] == ["W-1"]
    assert past.results().complete


def rejudged(past: Past, catalogue: Catalogue, most: int = 3) -> Any:
    def rule(host: Any) -> Any:
        yield expect(host.read("count", int) <= most, f"{host.name} has few")

    control = Control("INFRA-02", "", "host", None, rule, (), "m")
    result = judge(control, catalogue["INFRA-02"], Estate(past.environment, past.evidence, now=past.now))
    return apply([result], past.waivers, past.now)


def test_the_same_rules_decide_the_same(pack: Path, catalogue: Catalogue) -> None:
    past = open_pack(pack)
    assert differences(rejudged(past, catalogue), past.results()) == []


def test_todays_rules_may_decide_otherwise(pack: Path, catalogue: Catalogue) -> None:
    past = open_pack(pack)
    found = differences(rejudged(past, catalogue, most=1), past.results())
    assert [(one["subject"], one["then"], one["now"]) for one in found] == [("db2", "pass", "fail")]


def test_a_replay_says_whether_it_agrees(pack: Path, catalogue: Catalogue) -> None:
    past = open_pack(pack)
    assert agreement(rejudged(past, catalogue), past) == (
        "Replay of 20251126T094000Z: all 4 cells are decided as they were then."
    )
    assert agreement(rejudged(past, catalogue, most=1), past) == (
        "Replay of 20251126T094000Z: 1 of 4 cells are decided otherwise: INFRA-02 db2 pass -> fail."
    )


def test_cells_that_only_one_of_them_has_are_told(pack: Path) -> None:
    past = open_pack(pack)
    assert {(one["subject"], one["now"]) for one in differences([], past.results())} == {
        ("db1", None),
        ("db2", None),
        ("web1", None),
        ("web2", None),
    }


def test_evidence_is_as_old_as_it_was_then(pack: Path, catalogue: Catalogue) -> None:
    past = open_pack(pack)
    assert {row.status for row in rejudged(past, catalogue)[0].rows} == {"pass", "waived", "unknown"}


def test_a_run_without_its_instant_is_judged_as_of_its_newest_evidence(
    tmp_path: Path, environment: Environment, catalogue: Catalogue, key: Path, signers: Path
) -> None:
    folder = folder_of_run(tmp_path / "run", environment, catalogue)
    (folder / "run.json").write_text(json.dumps({"id": "run", "environment": "test"}))
    assert open_pack(sealed(folder, key, signers)).now == NOW - 60


# Broken packs


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("evidence/blobs.jsonl", '"9"', '"1"'),
        ("results.jsonl", '"fail"', '"pass"'),
        ("waivers.json", '"web1"', '"web2"'),
        ("environment.json", '"test"', '"best"'),
        ("rules/checks/counted.py", "<=", ">="),
        ("MANIFEST", "seal@test", "seal@best"),
    ],
)
def test_a_pack_that_was_edited_is_refused(pack: Path, signers: Path, name: str, old: str, new: str) -> None:
    path = pack / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(OpsError, match=r"The pack 20251126T094000Z is not intact: .* It is not judged again") as caught:
        open_pack(pack, allowed_signers=signers)
    assert caught.value.details["exit_code"] == 12


@pytest.mark.parametrize("name", ["evidence/index.jsonl", "rules/catalogue/infra.yml", "MANIFEST", "MANIFEST.sig"])
def test_a_pack_that_lacks_a_file_is_refused(pack: Path, name: str) -> None:
    (pack / name).unlink()
    with pytest.raises(OpsError) as caught:
        open_pack(pack)
    assert caught.value.details["exit_code"] == 12


def test_a_pack_with_one_more_file_is_refused(pack: Path) -> None:
    (pack / "rules/checks/more.py").write_text("")
    with pytest.raises(OpsError, match=r"rules/checks/more\.py is in the pack but not in the manifest"):
        open_pack(pack)


def test_a_pack_of_a_stranger_is_refused(pack: Path, tmp_path: Path) -> None:
    other = tmp_path / "others"
    other.write_text("")
    with pytest.raises(OpsError) as caught:
        open_pack(pack, allowed_signers=other)
    assert caught.value.details["exit_code"] == 12


def test_a_folder_that_is_none_is_a_mistake_not_a_break(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="There is no run at") as caught:
        open_pack(tmp_path / "nowhere")
    assert "exit_code" not in caught.value.details


# Rules


def test_a_list_inside_the_pack_vouches_for_nothing(pack: Path) -> None:
    for signers in (None, pack / "allowed_signers"):
        with pytest.raises(OpsError, match="The rules of a run are code"):
            use_rules(open_pack(pack, allowed_signers=signers))


def test_a_pack_without_rules_says_so(
    tmp_path: Path, environment: Environment, catalogue: Catalogue, key: Path, signers: Path
) -> None:
    folder = folder_of_run(tmp_path / "run", environment, catalogue)
    shutil.rmtree(folder / "rules")
    with pytest.raises(OpsError, match="kept no rules"):
        use_rules(open_pack(sealed(folder, key, signers), allowed_signers=signers))


def test_the_rules_are_kept_whole(tmp_path: Path) -> None:
    files = {"checks/infra.py": CHECKS, "facts/counting.py": FACTS, "catalogue/infra.yml": CATALOGUE}
    for name, text in {**files, "checks/__pycache__/infra.pyc": "x", "engine/judge.py": "x"}.items():
        (tmp_path / "verify" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "verify" / name).write_text(text)
    keep_rules(tmp_path / "run", source=tmp_path / "verify")
    kept = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path / "run/rules").as_posix(): path.read_text() for path in kept} == files


def test_todays_rules_are_what_is_kept(tmp_path: Path) -> None:
    keep_rules(tmp_path)
    for part in ("checks", "facts", "catalogue"):
        assert len(list((tmp_path / "rules" / part).iterdir())) > 1
    assert "def " in (tmp_path / "rules/facts/host.py").read_text()


def replayed(pack: Path, signers: Path, port: int, *before: str) -> dict[str, Any]:
    paths = os.pathsep.join((str(ROOT), str(ROOT / "collections")))
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [*before, sys.executable, str(PROGRAM), str(pack), str(signers), str(port)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


EMPTY = ["unshare", "-n"] if os.getuid() == 0 else ["unshare", "-rn"]
"""What runs a command in a network namespace that has nothing in it, not even a loopback interface that is up."""

EXPECTED = {"INFRA-02 db1": "pass", "INFRA-02 db2": "pass", "INFRA-02 web1": "waived", "INFRA-02 web2": "unknown"}


def test_the_rules_of_the_run_decide_the_same_without_any_network(pack: Path, signers: Path) -> None:
    """The peer is the same program outside the namespace, which does see the listening port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = int(listening.getsockname()[1])
        here, nowhere = replayed(pack, signers, port), replayed(pack, signers, port, *EMPTY)
    assert here == {"statuses": EXPECTED, "differences": [], "network": "yes"}
    assert nowhere == {**here, "network": "[Errno 101] Network is unreachable"}
    open_pack(pack, allowed_signers=signers)


def suite(pack: Path, *options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the whole suite on a past run, in an empty network namespace."""
    words = [
        sys.executable,
        "-m",
        "pytest",
        str(ROOT / "verify"),
        "-c",
        str(ROOT / "pyproject.toml"),
        "--replay",
        str(pack),
    ]
    command = [*EMPTY, *words, "-p", "no:cacheprovider", *options]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd)


def test_the_suite_judges_a_past_run_with_its_rules(pack: Path, signers: Path, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    done = suite(
        pack, *("--rules", "run", "--allowed-signers", str(signers), "--report-dir", str(reports)), cwd=tmp_path
    )
    assert done.returncode == 10, done.stdout + done.stderr
    assert "Replay of 20251126T094000Z: all 4 cells are decided as they were then." in done.stdout
    (results,) = reports.glob("test/*/results.jsonl")
    rows = read_results(results).controls[0].rows
    assert {f"INFRA-02 {row.subject}": row.status for row in rows} == EXPECTED
    assert (results.parent / "audit.html").stat().st_size > 1000
    open_pack(pack, allowed_signers=signers)


def test_the_suite_refuses_a_broken_pack_with_its_own_code(pack: Path, tmp_path: Path) -> None:
    (pack / "run.json").write_text("{}")
    done = suite(pack, cwd=tmp_path)
    assert done.returncode == 12
    assert "is not intact: run.json" in done.stdout + done.stderr


def test_rules_that_were_imported_are_forgotten(pack: Path, signers: Path) -> None:
    """In one process: today's modules first, then those of the pack under the same names."""
    program = (
        "import sys, types; from pathlib import Path; from verify.engine import replay; import verify.facts\n"
        "old = types.ModuleType('verify.facts.counting'); old.count_of = lambda host: 0\n"
        "sys.modules[old.__name__] = verify.facts.counting = old\n"
        "past = replay.open_pack(Path(sys.argv[1]), allowed_signers=Path(sys.argv[2])); replay.use_rules(past)\n"
        "from verify.facts.counting import count_of; import verify.checks.counted as new\n"
        "print(count_of.__code__.co_filename, new.__file__)\n"
    )
    paths = os.pathsep.join((str(ROOT), str(ROOT / "collections")))
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, "-c", program, str(pack), str(signers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.split() == [str(pack / "rules/facts/counting.py"), str(pack / "rules/checks/counted.py")]
