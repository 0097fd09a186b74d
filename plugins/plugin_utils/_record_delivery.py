# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record types of what is delivered: pipelines, deployments, changes, windows, patches, exercises, healing, briefs.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_fields import (
    AMOUNT,
    CAUSE_STATE,
    COUNT,
    DAY,
    FLAG,
    INSTANT,
    MAP,
    NAME,
    NAMES,
    OPEN_INSTANT,
    SECONDS,
    TEXT,
    RecordType,
    maybe,
    one_of,
    rows,
)

__all__ = ["DELIVERY"]

_CONCLUSION = one_of("success", "failure", "cancelled", "running")

PIPELINE = RecordType(
    "pipeline",
    "A pipeline as the system that runs it has it now.",
    (
        ("pipeline*", NAME, "its name, as in verify_pipelines"),
        ("enabled*", FLAG, "whether it runs when it should"),
        ("default_branch*", NAME, "the branch that is released from"),
        ("deploys*", FLAG, "whether it deploys"),
        ("stages", NAMES, "its stages in order"),
        (
            "administrators",
            NAMES,
            "who may change it; an empty list for nobody beside the system's own, without it nobody knows",
        ),
        ("definition", TEXT, "file and commit of its definition"),
    ),
    {"pipeline": "ledger", "enabled": True, "default_branch": "main", "deploys": True, "stages": ["build", "test"]},
)

PIPELINE_RUN = RecordType(
    "pipeline_run",
    "One run of a pipeline.",
    (
        ("pipeline*", NAME, "name of the pipeline"),
        ("branch*", NAME, "the branch"),
        ("commit*", NAME, "the commit"),
        ("started*", INSTANT, "beginning"),
        ("ended", OPEN_INSTANT, "end; empty while it runs"),
        ("queued_s", SECONDS, "how long it waited before, in seconds"),
        ("attempt", COUNT, "which attempt it is, from 1"),
        ("conclusion*", _CONCLUSION, "how it ended"),
        ("trigger", TEXT, "what started it"),
        (
            "stages",
            rows(
                ("name*", NAME, "the stage"),
                ("kind*", one_of("build", "test", "security_scan", "deploy", "other"), "what it does"),
                ("conclusion*", one_of("success", "failure", "cancelled", "running", "skipped"), "how it ended"),
                ("seconds", maybe(SECONDS), "how long it took"),
                ("tests_total", maybe(COUNT), "tests that ran"),
                ("tests_failed", maybe(COUNT), "tests that failed"),
            ),
            "its stages in order",
        ),
        ("log", TEXT, "where its log is"),
    ),
    {
        "pipeline": "ledger",
        "branch": "main",
        "commit": "8f2c1aa",
        "started": "2026-11-20T09:00:00Z",
        "ended": "2026-11-20T09:06:10Z",
        "conclusion": "success",
        "stages": [{"name": "test", "kind": "test", "conclusion": "success", "seconds": 210, "tests_total": 412}],
    },
)

DEPLOYMENT = RecordType(
    "deployment",
    "One version brought to one environment.",
    (
        ("service*", NAME, "the service"),
        ("version*", NAME, "what was deployed"),
        ("previous_version", maybe(TEXT), "what was there before"),
        ("commit", TEXT, "the commit it was built from"),
        ("started*", INSTANT, "beginning"),
        ("ended", OPEN_INSTANT, "end; empty while it runs"),
        ("strategy*", one_of("recreate", "rolling", "blue_green", "canary"), "how it was brought in"),
        (
            "outcome*",
            one_of("ok", "failed", "rolled_back", "aborted", "cancelled", "running"),
            "how it ended; cancelled means before anything began",
        ),
        ("manual_steps*", COUNT, "how often a person had to act"),
        ("rollback_target", maybe(TEXT), "the version that a rollback would bring back"),
        ("change", maybe(TEXT), "id of the change that allowed it"),
        ("pipeline_run", maybe(TEXT), "id of the pipeline's run"),
        (
            "checks",
            rows(("name*", NAME, "what was checked"), ("result*", one_of("ok", "failed"), "how it ended")),
            "what was checked afterwards",
        ),
        ("log", TEXT, "where its log is: a path below verify_logs_dir, or the log of a pipeline's run"),
        ("failed_requests", maybe(COUNT), "requests of clients that failed meanwhile"),
        ("linked_failures", NAMES, "ids of incidents that it caused"),
    ),
    {
        "service": "ledger",
        "version": "2.4.1",
        "previous_version": "2.4.0",
        "started": "2026-11-20T10:00:00Z",
        "ended": "2026-11-20T10:03:00Z",
        "strategy": "rolling",
        "outcome": "ok",
        "manual_steps": 0,
        "rollback_target": "2.4.0",
        "change": "CHG-77",
        "checks": [{"name": "readiness", "result": "ok"}],
        "log": "runs/20261120T100000Z",
    },
)

CHANGE = RecordType(
    "change",
    "A change: what was asked, who approved it, when it was done.",
    (
        ("title*", NAME, "what is changed"),
        ("kind*", one_of("standard", "normal", "emergency"), "by which rule it is approved"),
        (
            "state*",
            one_of(
                *("draft", "submitted", "approved", "rejected", "implementing", "done", "failed", "rolled_back"),
                "cancelled",
            ),
            "where it stands",
        ),
        ("submitted*", INSTANT, "when its last wording was handed in"),
        ("planned_start*", INSTANT, "planned beginning"),
        ("planned_end*", INSTANT, "planned end"),
        ("requester*", NAME, "who asks for it"),
        ("template", maybe(TEXT), "the approved template of a standard change"),
        ("window", maybe(TEXT), "id of the window it happens in"),
        (
            "approvals",
            rows(
                ("by*", NAME, "who approved"),
                ("role*", NAME, "in which role"),
                ("at*", INSTANT, "when"),
                ("digest", TEXT, "SHA-256 of the wording that was approved"),
            ),
            "who approved it",
        ),
        ("started", OPEN_INSTANT, "when it began"),
        ("ended", OPEN_INSTANT, "when it ended"),
        ("services", NAMES, "services it touches"),
        ("hosts", NAMES, "hosts it touches"),
        ("risks", rows(("text*", NAME, "a risk"), ("mitigation*", NAME, "what is done about it")), "what can go wrong"),
        ("rollback", maybe(TEXT), "how it is undone"),
        ("investigation", maybe(TEXT), "why it failed, or where that is found out"),
        ("reviewed", OPEN_INSTANT, "when it was looked at afterwards"),
        ("reviewer", maybe(TEXT), "who looked"),
        ("documents", NAMES, "pages that were brought up to date with it"),
    ),
    {
        "title": "Ledger 2.4.1",
        "kind": "normal",
        "state": "approved",
        "submitted": "2026-11-17T08:00:00Z",
        "planned_start": "2026-11-20T10:00:00Z",
        "planned_end": "2026-11-20T11:00:00Z",
        "requester": "team ledger",
        "approvals": [{"by": "change board", "role": "board", "at": "2026-11-18T09:00:00Z"}],
        "services": ["ledger"],
    },
)

WINDOW = RecordType(
    "window",
    "A time in which something may be done, or may not.",
    (
        ("title*", NAME, "what it is for"),
        ("kind*", one_of("maintenance", "deployment", "freeze"), "a freeze forbids, the others allow"),
        ("start*", INSTANT, "beginning"),
        ("end*", INSTANT, "end"),
        ("services", NAMES, "services it is about; none means all"),
        ("hosts", NAMES, "hosts it is about; none means all"),
        ("changes", NAMES, "ids of the changes planned in it"),
    ),
    {"title": "Patches", "kind": "maintenance", "start": "2026-11-21T20:00:00Z", "end": "2026-11-21T22:00:00Z"},
)

PATCH = RecordType(
    "patch",
    "What one patch run did on one host.",
    (
        ("host*", NAME, "the host"),
        ("campaign", TEXT, "the campaign it belongs to"),
        ("started*", INSTANT, "beginning"),
        ("ended*", INSTANT, "end"),
        ("result*", one_of("ok", "failed", "rolled_back"), "how it ended"),
        (
            "packages*",
            rows(
                ("name*", NAME, "the package"),
                ("from*", NAME, "version before"),
                ("to*", NAME, "version after"),
                ("source", TEXT, "the archive it came from"),
                ("advisories", NAMES, "advisories or CVE it answers"),
            ),
            "what was changed; none when nothing was due",
        ),
        ("rebooted", FLAG, "whether the host was started anew"),
    ),
    {
        "host": "db1",
        "started": "2026-11-21T20:00:00Z",
        "ended": "2026-11-21T20:04:00Z",
        "result": "ok",
        "packages": [{"name": "libssl3", "from": "3.0.15-1", "to": "3.0.17-1"}],
    },
)

EXERCISE = RecordType(
    "exercise",
    "Something that must work when it is needed was tried on purpose.",
    (
        (
            "what*",
            one_of(
                *("alert_path", "backup", "restore", "failover", "healing", "rollback", "deployment", "page"),
                *("window_gate", "predictive_rule", "game_day"),
            ),
            "what was tried",
        ),
        ("name*", NAME, "which one: the rule, the path, the scenario"),
        ("items", NAMES, "items of the guide that it proves"),
        ("started*", INSTANT, "beginning"),
        ("ended*", INSTANT, "end"),
        ("result*", one_of("passed", "failed"), "how it ended"),
        ("service", maybe(TEXT), "the service"),
        ("host", maybe(TEXT), "the host"),
        ("fault", maybe(TEXT), "the fault that was put in"),
        ("alert", maybe(TEXT), "the alert that had to fire"),
        ("failed_requests", maybe(COUNT), "requests of clients that failed meanwhile"),
        ("run", maybe(TEXT), "id of the run"),
    ),
    {
        "what": "predictive_rule",
        "name": "DiskFullSoon",
        "started": "2026-11-10T10:00:00Z",
        "ended": "2026-11-10T10:41:00Z",
        "result": "passed",
        "fault": "a file that grows",
        "alert": "DiskFullSoon",
    },
)

HEALING = RecordType(
    "healing",
    "One attempt of a machine to mend something by itself.",
    (
        ("rule*", NAME, "the rule that acted"),
        ("symptom*", NAME, "what it saw"),
        ("host", maybe(TEXT), "the host"),
        ("started*", INSTANT, "beginning"),
        ("ended*", INSTANT, "end"),
        ("result*", one_of("healed", "failed", "refused"), "how it ended; refused means a brake held it"),
        ("alert", maybe(TEXT), "the alert that it answered"),
        ("alert_fired", OPEN_INSTANT, "when that began to fire"),
    ),
    {
        "rule": "restart_app",
        "symptom": "readiness failed",
        "host": "app1",
        "started": "2026-11-20T03:00:10Z",
        "ended": "2026-11-20T03:00:25Z",
        "result": "healed",
    },
)

BRIEF = RecordType(
    "brief",
    "A page that a meeting or a day needs, as it was produced.",
    (
        ("kind*", one_of("standup", "weekly", "release", "morning", "end_of_day"), "what it is for"),
        ("day*", DAY, "the day"),
        ("produced*", INSTANT, "when it was ready"),
        ("figures", {**MAP, "additionalProperties": AMOUNT}, "its figures by name"),
        ("deployments", NAMES, "ids of the deployments and changes it lists"),
        ("windows", NAMES, "ids of the windows it lists"),
        ("incidents", NAMES, "ids of the incidents it lists"),
        (
            "causes",
            rows(("id*", NAME, "the incident"), ("cause_state*", CAUSE_STATE, "how far its cause is understood")),
            "what it says of the incidents; the time that is left is a figure, named like the incident with _left_s",
        ),
        ("blocked", NAMES, "ids of the blocked items it lists"),
        (
            "waits",
            rows(
                ("id*", NAME, "the blocked item"),
                ("depends_on*", NAME, "what it waits for"),
                ("since*", INSTANT, "since when"),
            ),
            "what it says of the blocked items",
        ),
    ),
    {
        "kind": "standup",
        "day": "2026-11-20",
        "produced": "2026-11-20T07:45:00Z",
        "figures": {"hosts_up": 10, "INC-42_left_s": 5400},
        "incidents": ["INC-42"],
        "causes": [{"id": "INC-42", "cause_state": "suspected"}],
    },
)

DELIVERY = (PIPELINE, PIPELINE_RUN, DEPLOYMENT, CHANGE, WINDOW, PATCH, EXERCISE, HEALING, BRIEF)
