# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue: every item is there and complete, its remedy exists, and it is proved or called a gap."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import verify.checks
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import RECORD_TYPES
from verify.engine.catalogue import FOLDER, FREQUENCIES, METHODS, SECTIONS, SEVERITIES, Catalogue, load
from verify.engine.control import Control, registered
from verify.engine.remedy import BY_HOST, KEYS

PLAYBOOKS = FOLDER.parents[1] / "playbooks"

# The guide, by section: how many items each has, in its order.
COUNTS = {
    **{"CORE": 6, "DELIVER": 6, "MORNING": 7, "INFRA": 8, "CICD": 8, "EOD": 7, "STANDUP": 4, "WEEKLY": 5, "RELEASE": 4},
    **{"RELIABILITY": 5, "DEPLOYMENT": 5, "MONITORING": 5, "TOOLS": 5, "ACCESS": 5, "COMMS": 4, "OPEX": 5},
    **{"EFFICIENCY": 5, "TEAM": 4, "ESCALATION": 5, "SECINC": 5, "CHANGE": 4, "IAC": 5, "SECURITY": 5},
    **{"AUTOMATION": 4, "OUTAGE": 16, "BREACH": 16, "DR": 12},
}
IDS = [f"{section}-{number:02d}" for section, count in COUNTS.items() for number in range(1, count + 1)]

# The emergency procedures, phase by phase: how many steps it has, and its first and last minute.
PHASES: dict[str, list[tuple[int, int, int | None]]] = {
    "OUTAGE": [(4, 0, 5), (4, 5, 30), (4, 30, 120), (4, 120, 1440)],
    "BREACH": [(4, 0, 15), (4, 15, 60), (4, 60, 480), (4, 1440, 4320)],
    "DR": [(4, 0, 30), (4, 30, 480), (4, 480, None)],
}
# Sections whose items may be gaps: no control is there for them yet. Every item of another section is proved.
GAPS = (
    *("CICD", "WEEKLY", "RELEASE", "DEPLOYMENT", "TOOLS", "COMMS", "ESCALATION", "SECINC", "CHANGE", "OUTAGE"),
    "BREACH",
)

# The guide's own figures, as the bounds that stand for them.
FIGURES: dict[str, Mapping[str, float]] = {
    **{f"STANDUP-{number:02d}": {"due_s": 9 * 3600} for number in range(1, 5)},
    **{f"WEEKLY-{number:02d}": {"max_age_s": 7 * 86400} for number in range(1, 6)},
    "EOD-03": {"opens_s": 17 * 3600, "due_s": 18 * 3600},
    "RELIABILITY-01": {"min_ratio": 0.999},
    "RELIABILITY-02": {"p95_max_s": 15 * 60},
    "RELIABILITY-03": {"recovery_max_s": 2 * 3600},
    "RELIABILITY-04": {"min_ratio": 1.0},
    "RELIABILITY-05": {"critical_max_count": 0},
    "DEPLOYMENT-01": {"min_ratio": 0.95},
    "DEPLOYMENT-02": {"failed_max_count": 0, "daily_min_count": 2},
    "DEPLOYMENT-05": {"min_ratio": 1.0},
    "MONITORING-01": {"critical_s": 3600, "high_s": 4 * 3600},
    "MONITORING-03": {"retention_min_s": 30 * 86400},
    "OPEX-01": {"min_ratio": 0.999, "between_min_s": 720 * 3600, "recovery_max_s": 2 * 3600},
    "OPEX-02": {"mean_max_s": 2 * 3600},
    "OPEX-03": {"mean_min_s": 720 * 3600},
    "OPEX-04": {"min_ratio": 0.95},
    "OPEX-05": {"critical_s": 24 * 3600},
    "EFFICIENCY-01": {"deviation_max_ratio": 0.05},
    "EFFICIENCY-02": {"min_ratio": 0.7, "max_ratio": 0.8},
    "EFFICIENCY-03": {"min_ratio": 0.9},
    "EFFICIENCY-04": {"improvement_min_ratio": 0.1},
    "EFFICIENCY-05": {"reduction_min_ratio": 0.2},
    "TEAM-02": {"min_count": 1, "window_s": 31 * 86400},
    "TEAM-03": {"people_min_count": 2},
    "TEAM-04": {"p95_max_s": 2 * 3600},
    "ESCALATION-01": {"window_from_s": 0, "window_to_s": 5 * 60},
    "ESCALATION-02": {"window_from_s": 5 * 60, "window_to_s": 15 * 60},
    "ESCALATION-03": {"window_from_s": 15 * 60, "window_to_s": 30 * 60},
    "ESCALATION-04": {"window_from_s": 30 * 60, "window_to_s": 60 * 60},
    "ESCALATION-05": {"window_from_s": 60 * 60},
    "SECINC-02": {"window_to_s": 15 * 60},
    "SECINC-03": {"window_to_s": 30 * 60},
    "SECINC-04": {"window_to_s": 60 * 60},
    "SECURITY-03": {"max_age_s": 31 * 86400},
    "CHANGE-02": {"notice_min_s": 48 * 3600},
}

PROCEDURES = ("OUTAGE", "BREACH", "DR", "SECINC", "ESCALATION", "CHANGE")
NINETY_DAYS = 7776000

OWNERS = ("operations", "platform", "security", "database", "release", "management", "finance")
SOURCES = {
    *("host", "prometheus", "alertmanager", "backups", "runs", "records", "ledger", "git", "logs", "pipelines"),
    *("vulnerabilities", "costs", "orchestrator", "registry", "cloud", "paging", "chat"),
}
REQUIRED = {
    *("id", "title", "objective", "severity", "frequency", "owner", "method", "sources", "freshness_s", "remedy"),
}
OPTIONAL = {"bounds", "references", "gap"}
BOUND = re.compile(r"^[a-z0-9]+(_[a-z0-9]+)*_(s|ratio|count|days)$")
SENTENCE = re.compile(r"^[A-Z0-9][^\n]+[.]$")

# How many controls each standard has: criteria of SOC 2, Annex A of ISO 27001:2022, families of NIST 800-53 r5.
FRAMEWORKS: dict[str, Mapping[str, int]] = {
    "SOC 2": {"CC1": 5, "CC2": 3, "CC3": 4, "CC4": 2, "CC5": 3, "CC6": 8, "CC7": 5, "CC8": 1, "CC9": 2, "A1": 3},
    "ISO 27001": {"A.5": 37, "A.6": 8, "A.7": 14, "A.8": 34},
    "NIST 800-53": {
        **{"AC": 25, "AT": 6, "AU": 16, "CA": 9, "CM": 14, "CP": 13, "IA": 12, "IR": 9, "MA": 7, "MP": 8, "PE": 23},
        **{"PL": 11, "PM": 32, "PS": 9, "RA": 10, "SA": 23, "SC": 51, "SI": 23, "SR": 12},
    },
}
REFERENCE = re.compile(r"^(?P<part>[A-Z0-9]+(?:\.\d)?)[.-](?P<number>\d+)(?:\(\d+\))?$")


@cache
def raw_items() -> list[tuple[str, dict[str, Any]]]:
    """Return file name and entry of each item, as it is written; nobody may change them."""
    files = [(path.name, path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yml"))]
    return [(name, row) for name, text in files for row in yaml.safe_load(text)]


def bound_faults(bounds: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the bounds of an item."""
    faults = []
    for name, value in bounds.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
        if not BOUND.match(name):
            faults.append(f"{name} has no unit")
        if not number:
            faults.append(f"{name} is {value!r}")
        elif name.endswith("_ratio") and value > 1:
            faults.append(f"{name} is above 1")
        elif name.endswith(("_count", "_days")) and not isinstance(value, int):
            faults.append(f"{name} is no whole number")
    return faults


def reference_faults(references: Mapping[str, list[str]]) -> list[str]:
    """Return the references that their standard does not have."""
    faults = [f"no standard {name}" for name in references if name not in FRAMEWORKS]
    for name, values in references.items():
        for value in values:
            found = REFERENCE.match(value)
            last = FRAMEWORKS.get(name, {}).get(found["part"], 0) if found else 0
            if not found or not 1 <= int(found["number"]) <= last:
                faults.append(f"{name} has no {value}")
    return faults


def key_faults(row: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with an entry, key by key; the remedy's playbook and the gap have tests of their own."""
    faults = [f"lacks {key}" for key in sorted(REQUIRED - set(row))]
    faults += [f"has the unknown key {key}" for key in sorted(set(row) - REQUIRED - OPTIONAL)]
    known = {"severity": SEVERITIES, "frequency": FREQUENCIES, "method": METHODS, "owner": OWNERS}
    faults += [f"{key} is {row.get(key)!r}" for key, values in known.items() if row.get(key) not in values]
    texts = {key: row.get(key) for key in ("objective", "gap") if key in row}
    texts["remedy"] = row.get("remedy", {}).get("text")
    faults += [f"{key} is no sentence" for key, text in texts.items() if not SENTENCE.match(str(text))]
    title = str(row.get("title"))
    if not 10 <= len(title) <= 60 or title.endswith("."):
        faults.append("title is no heading of 10 to 60 characters")
    if not row.get("sources") or set(row["sources"]) - SOURCES:
        faults.append(f"sources are {row.get('sources')!r}")
    if not isinstance(row.get("freshness_s"), int) or not 0 < row["freshness_s"] <= 86400:
        faults.append(f"freshness_s is {row.get('freshness_s')!r}")
    return faults + bound_faults(row.get("bounds", {})) + reference_faults(row.get("references", {}))


def tags_of(node: Any, folder: Path) -> set[str]:
    """Return every tag in a playbook's plays and tasks, and in the playbooks that it imports from its folder."""
    if isinstance(node, list):
        return {tag for one in node for tag in tags_of(one, folder)}
    if not isinstance(node, dict):
        return set()
    own = node.get("tags", [])
    found = {own} if isinstance(own, str) else set(own)
    imported = node.get("ansible.builtin.import_playbook")
    if imported:
        found |= tags_of(yaml.safe_load((folder / imported).read_text(encoding="utf-8")), folder)
    return found | {tag for key, value in node.items() if key != "tags" for tag in tags_of(value, folder)}


def variables_of(name: str, folder: Path) -> set[str]:
    """Return the variables that the roles of a playbook take."""
    roles = re.findall(
        r"ccobservatory\.ops\.(\w+)$", (folder / f"{name}.yml").read_text(encoding="utf-8"), re.MULTILINE
    )
    specs = [folder.parent / "roles" / role / "meta" / "argument_specs.yml" for role in roles]
    entries = [yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"] for path in specs]
    return {key for one in entries for entry in one.values() for key in entry.get("options", {})}


def remedy_faults(remedy: Mapping[str, Any], folder: Path) -> list[str]:
    """Return what a remedy names that is not there, and what it leaves open."""
    faults = [f"unknown key {key}" for key in sorted(set(remedy) - set(KEYS))]
    if "playbook" not in remedy:
        return [*faults, "names no playbook; where none helps, say playbook: null and the reason"]
    name, tags, given = remedy["playbook"], set(remedy.get("tags", [])), remedy.get("variables", {})
    if name is None:
        faults += [] if SENTENCE.match(str(remedy.get("reason"))) else ["reason is no sentence"]
        return faults + (["tags or variables without a playbook"] if tags or given else [])
    faults += ["a reason beside a playbook"] if "reason" in remedy else []
    path = folder / f"{name}.yml"
    if not path.is_file():
        return [*faults, f"there is no playbook {name}"]
    known = tags_of(yaml.safe_load(path.read_text(encoding="utf-8")), folder)
    faults += [f"{name} has no tag {tag}" for tag in sorted(tags - known)]
    return faults + [f"{name} takes no {key}" for key in sorted(set(given) - variables_of(name, folder))]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """The catalogue as a run reads it."""
    return load()


@pytest.fixture(scope="module")
def controls() -> list[Control]:
    """The controls of all check files."""
    for module in pkgutil.walk_packages(verify.checks.__path__, "verify.checks."):
        importlib.import_module(module.name)
    return [one for one in registered() if one.module.startswith("verify.checks.")]


def test_every_item_of_the_guide_is_there_in_its_order(catalogue: Catalogue) -> None:
    assert len(IDS) == 170
    assert [item.id for item in catalogue] == IDS
    assert list(COUNTS) == list(SECTIONS)


def test_each_section_has_a_file_of_its_own() -> None:
    homes = {row["id"]: (name, f"{row['id'].rpartition('-')[0].lower()}.yml") for name, row in raw_items()}
    assert {item: name for item, (name, home) in homes.items() if name != home} == {}


def test_no_title_and_no_objective_is_used_twice(catalogue: Catalogue) -> None:
    for key in ("title", "objective"):
        words = [getattr(item, key) for item in catalogue]
        assert sorted({one for one in words if words.count(one) > 1}) == []


def test_every_entry_keeps_the_rules_of_its_keys() -> None:
    assert {row["id"]: faults for _name, row in raw_items() if (faults := key_faults(row))} == {}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"severity": "urgent"}, "severity is 'urgent'"),
        ({"frequency": "yearly"}, "frequency is 'yearly'"),
        ({"method": "guess"}, "method is 'guess'"),
        ({"owner": "somebody"}, "owner is 'somebody'"),
        ({"objective": "no sentence"}, "objective is no sentence"),
        ({"title": "Short"}, "title is no heading of 10 to 60 characters"),
        ({"sources": []}, "sources are []"),
        ({"sources": ["rumour"]}, "sources are ['rumour']"),
        ({"freshness_s": 0}, "freshness_s is 0"),
        ({"gaps": "Mistyped."}, "has the unknown key gaps"),
        ({"remedy": {"text": ""}}, "remedy is no sentence"),
        ({"bounds": {"age": 5}}, "age has no unit"),
        ({"bounds": {"max_ratio": 95}}, "max_ratio is above 1"),
        ({"bounds": {"max_count": 0.5}}, "max_count is no whole number"),
        ({"bounds": {"max_age_s": "1h"}}, "max_age_s is '1h'"),
        ({"bounds": {"max_age_s": True}}, "max_age_s is True"),
        ({"references": {"SOC 2": ["CC8.2"]}}, "SOC 2 has no CC8.2"),
        ({"references": {"ISO 27001": ["A.5.38"]}}, "ISO 27001 has no A.5.38"),
        ({"references": {"NIST 800-53": ["ZZ-1"]}}, "NIST 800-53 has no ZZ-1"),
        ({"references": {"PCI": []}}, "no standard PCI"),
    ],
)
def test_the_rules_of_the_keys_can_be_broken(change: dict[str, Any], fault: str) -> None:
    row = next(row for _name, row in raw_items())
    assert key_faults(row) == []
    assert fault in key_faults({**row, **change})


def test_every_remedy_exists() -> None:
    remedies = {row["id"]: row["remedy"] for _name, row in raw_items()}
    assert {item: faults for item, one in remedies.items() if (faults := remedy_faults(one, PLAYBOOKS))} == {}


def test_where_the_remedies_lead(catalogue: Catalogue) -> None:
    """The figures are pinned, so that a remedy that leads nowhere is a decision and no slip."""
    assert Counter(item.remedy.playbook or "none" for item in catalogue) == {
        **{"record": 91, "site": 18, "dr_drill": 17, "backup": 4, "restore": 2, "verify_daily": 2, "restore_test": 1},
        "none": 35,
    }
    whole = [item.id for item in catalogue if item.remedy.playbook in BY_HOST and not item.remedy.tags]
    assert whole == ["CORE-01", "EOD-06", "DEPLOYMENT-04"]


def test_a_draft_is_of_a_type_that_people_write(catalogue: Catalogue) -> None:
    given = [item.remedy.variables for item in catalogue if item.remedy.playbook == "record"]
    assert {key for one in given for key in one} == {"record_kind", "record_file"}
    assert {one["record_kind"] for one in given if "record_kind" in one} - set(RECORD_TYPES) == set()
    assert all(len(one) == 1 for one in given)


@pytest.mark.parametrize(
    ("remedy", "faults"),
    [
        ({"playbook": "mend"}, []),
        ({"playbook": "mend", "tags": ["one", "two", "three", "far"]}, []),
        ({"playbook": "mend", "tags": ["four"]}, ["mend has no tag four"]),
        ({"playbook": "mend", "variables": {"mend_host": "HOST"}}, []),
        ({"playbook": "mend", "variables": {"mend_guest": "HOST"}}, ["mend takes no mend_guest"]),
        ({"playbook": "break"}, ["there is no playbook break"]),
        ({"playbook": "mend", "reason": "Nobody can."}, ["a reason beside a playbook"]),
        ({"playbook": None, "reason": "Only a vendor can."}, []),
        ({"playbook": None}, ["reason is no sentence"]),
        (
            {"playbook": None, "reason": "Only a vendor can.", "tags": ["one"]},
            ["tags or variables without a playbook"],
        ),
        (
            {"play": "mend"},
            ["unknown key play", "names no playbook; where none helps, say playbook: null and the reason"],
        ),
    ],
)
def test_a_remedy_that_does_not_exist_is_found(remedy: dict[str, Any], faults: list[str], tmp_path: Path) -> None:
    folder, specs = tmp_path / "playbooks", tmp_path / "roles" / "mend" / "meta" / "argument_specs.yml"
    folder.mkdir()
    specs.parent.mkdir(parents=True)
    specs.write_text(yaml.safe_dump({"argument_specs": {"main": {"options": {"mend_host": {}}}}}), encoding="utf-8")
    plays = [
        {"hosts": "all", "tags": "one", "tasks": [{"block": [{"tags": ["two"]}], "tags": ["three"]}]},
        {"hosts": "all", "tasks": [{"ansible.builtin.include_role": {"name": "ccobservatory.ops.mend"}}]},
    ]
    imports = [{"ansible.builtin.import_playbook": "other.yml"}]
    (folder / "mend.yml").write_text(yaml.safe_dump(plays + imports), encoding="utf-8")
    (folder / "other.yml").write_text(yaml.safe_dump([{"tags": ["far"]}]), encoding="utf-8")
    assert remedy_faults(remedy, folder) == faults


def test_steps_of_the_emergencies_have_the_windows_of_their_phase(catalogue: Catalogue) -> None:
    for section, phases in PHASES.items():
        wanted = [(start, end) for count, start, end in phases for _step in range(count)]
        for number, (start, end) in enumerate(wanted, start=1):
            bounds = catalogue[f"{section}-{number:02d}"].bounds
            assert bounds["window_from_s"] == start * 60
            assert bounds.get("window_to_s") == (None if end is None else end * 60)
        assert len(wanted) == COUNTS[section]


def test_the_figures_of_the_guide_are_the_defaults(catalogue: Catalogue) -> None:
    known = {name: {key: catalogue[name].bounds.get(key) for key in figures} for name, figures in FIGURES.items()}
    assert known == FIGURES


def test_every_step_of_a_procedure_has_to_be_exercised(catalogue: Catalogue) -> None:
    steps = [item for item in catalogue if item.section in PROCEDURES]
    assert [item.id for item in steps if item.bounds.get("exercise_max_age_s") != NINETY_DAYS] == []
    assert len(steps) == sum(COUNTS[section] for section in PROCEDURES)


def test_the_page_of_the_catalogue_names_every_bound(catalogue: Catalogue) -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z0-9_]+_(?:s|ratio|count|days))`", page)) - {"freshness_s", "period_s"}
    assert named == {name for item in catalogue for name in item.bounds}


def test_the_page_of_the_catalogue_names_bounds_that_exist(catalogue: Catalogue) -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`([A-Z]+-\d\d)\.([a-z0-9_]+)`", page)
    assert len(named) > 20
    assert [f"{item}.{name}" for item, name in named if name not in catalogue[item].bounds] == []


def test_every_control_is_for_an_item_and_stands_in_its_section(catalogue: Catalogue, controls: list[Control]) -> None:
    assert [one.id for one in controls if one.item not in catalogue] == []
    homes = {one.id: f"verify.checks.{one.item.rpartition('-')[0].lower()}" for one in controls}
    # A section that outgrows its file goes on in infra_network.py and the like.
    strays = [one for one in controls if one.module != homes[one.id] and not one.module.startswith(homes[one.id] + "_")]
    assert {one.id: one.module for one in strays} == {}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_item_has_a_control_or_a_gap(section: str, catalogue: Catalogue, controls: list[Control]) -> None:
    proved = {one.item for one in controls}
    items = [item for item in catalogue if item.section == section]
    assert items
    assert [item.id for item in items if item.id not in proved and not item.gap] == []


@pytest.mark.parametrize("section", SECTIONS)
def test_no_item_has_both_a_control_and_a_gap(section: str, catalogue: Catalogue, controls: list[Control]) -> None:
    proved = {one.item for one in controls}
    assert [item.id for item in catalogue if item.section == section and item.id in proved and item.gap] == []


def test_only_these_sections_have_gaps(catalogue: Catalogue, controls: list[Control]) -> None:
    """A check that goes away can never become a gap in silence; whoever writes one for a gap shortens the list."""
    assert [item.id for item in catalogue if item.gap] == [name for name in IDS if name.rpartition("-")[0] in GAPS]
    assert {one.item for one in controls} == {name for name in IDS if name.rpartition("-")[0] not in GAPS}
    assert sum(COUNTS[section] for section in GAPS) == 77


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"title": None}, "core.yml, item CORE-01"),
        ({"severity": "urgent"}, "severity is 'urgent'"),
        ({"id": "NOWHERE-01"}, "no section 'NOWHERE'"),
        ({"remedy": {"text": "Do it.", "tag": "x"}}, "remedy has no key 'tag'"),
    ],
)
def test_a_broken_entry_is_refused_by_name(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    row = {**next(row for _name, row in raw_items() if row["id"] == "CORE-01"), **change}
    (tmp_path / "core.yml").write_text(
        yaml.safe_dump([{key: value for key, value in row.items() if value is not None}]), encoding="utf-8"
    )
    with pytest.raises(OpsError, match=re.escape(told)):
        load(tmp_path)


def test_an_item_that_stands_twice_is_refused(tmp_path: Path) -> None:
    row = next(row for _name, row in raw_items())
    (tmp_path / "one.yml").write_text(yaml.safe_dump([row, row]), encoding="utf-8")
    with pytest.raises(OpsError, match=f"items twice: {row['id']}"):
        load(tmp_path)


def test_the_shipped_timer_can_hold_the_brief_against_the_metrics() -> None:
    """It runs after the brief is due, and before its figures are too old to be compared."""
    role = FOLDER.parents[1] / "roles" / "verify_daily" / "defaults" / "main.yml"
    defaults = yaml.safe_load(role.read_text(encoding="utf-8"))
    hour, minute = map(int, re.fullmatch(r"\*-\*-\* (\d\d):(\d\d):00", defaults["verify_daily_schedule"]).groups())  # type: ignore[union-attr]
    delay_s = 60 * int(defaults["verify_daily_random_delay"].removesuffix("min"))
    bounds = load()["STANDUP-01"].bounds
    starts_s = 3600 * hour + 60 * minute
    assert bounds["due_s"] <= starts_s
    assert starts_s + delay_s + defaults["verify_daily_timeout"] < bounds["due_s"] + bounds["comparable_s"]
