# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the folder of a run out of nothing: an estate of any size on a day like others, the same for the same seed."""

from __future__ import annotations

import datetime
import hashlib
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import canonical_json
from ansible_collections.ccobservatory.ops.plugins.module_utils._journal import GENESIS
from verify.engine.judge import finding_id

from .sample_catalogue import COMMANDS, CONTROLS, GAPS, REMEDIES

BEGAN = datetime.datetime(2026, 11, 26, 8, 30, tzinfo=datetime.UTC)
SITES, ROLES = ("fra", "ams"), (("web", 0.55), ("app", 0.3), ("db", 0.08), ("edge", 0.07))
OTHERS = {
    "asset": ["orders", "ledger", "documents"],
    "pool": ["web", "app"],
    "pipeline": ["app", "infrastructure"],
    "service": ["shop", "api", "login"],
    "repository": ["infrastructure", "handbook"],
    "estate": ["prod"],
}
DECLARED = ("TEAM-01", "DR-01")  # what people wrote down, unsigned
CANARY = "<script>document.title='owned'</script>\u202egnp.exe \x1b[31mred"


def written(moment: datetime.datetime) -> str:
    """Write an instant as records do."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def host_names(count: int) -> list[str]:
    """Return so many names of hosts, over two sites and four roles."""
    names: list[str] = []
    for site in SITES:
        for role, share in ROLES:
            names += [f"{site}-{role}-{number:03d}" for number in range(1, max(1, round(count / 2 * share)) + 1)]
    return [*names, *(f"fra-util-{number:03d}" for number in range(1, count + 1))][:count]


class Maker:
    """Makes one run. ``open_share`` is the share of cells that fail, ``most`` the number of controls."""

    def __init__(
        self,
        *,
        hosts: int,
        seed: int = 7,
        open_share: float = 0.02,
        dead: int = 0,
        hostile: bool = False,
        began: datetime.datetime = BEGAN,
        most: int = 1000,
    ) -> None:
        self.began, self.most = began, most
        self.chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.names = host_names(hosts)
        self.dead = set(self.chance.sample(self.names, dead))
        self.open_share, self.hostile = open_share, hostile
        self.index: list[dict[str, Any]] = []
        self.blobs: dict[str, str] = {}
        self.known: dict[str, dict[str, Any]] = {}
        self.rows: list[dict[str, Any]] = []

    def fact(self, subject: str, name: str, *, source: str) -> str:
        """Record what a subject says for a name, once, and return the key."""
        key = f"{subject}/{name}"
        if key in self.known:
            return key
        collected = round(self.began.timestamp() + self.chance.uniform(1, 40), 3)
        told: dict[str, Any] = {"subject": subject, "name": name, "source": source, "collected": collected}
        told |= {"rc": None, "digest": None, "size": 0, "kept": 0, "seconds": 0.0, "identity": "", "error": None}
        told["klass"] = "machine"
        told["command"] = COMMANDS.get(name, f"{name}.jsonl")
        if subject in self.dead:
            told["error"] = f"{subject} gave no answer within 10 s."
        else:
            # One host in fifty says something of its own; the others say the same.
            own = self.chance.random() < 0.02
            body = self.body(subject if own else "", name)
            data = body.encode("utf-8", "surrogatepass")
            digest = hashlib.sha256(data).hexdigest()
            self.blobs.setdefault(digest, body)
            told |= {"rc": 0, "digest": digest, "size": len(data), "kept": len(data), "seconds": 0.08}
            marked = "SHA256:" + hashlib.sha256(subject.encode()).hexdigest()[:43]
            told["identity"] = marked if source == "host" else f"https://{subject}.example.org"
        self.known[key] = told
        self.index.append(told)
        return key

    def body(self, own: str, name: str) -> str:
        """Return the output of a command; ``own`` makes it differ from the others'."""
        lines = [f"{name}.setting.{number} = {number % 7}" for number in range(1, 15)]
        if own:
            lines.insert(3, f"{name}.own = {own}")
            lines += [CANARY] if self.hostile else []
        return "\n".join(lines) + "\n"

    def control(self, line: list[Any]) -> dict[str, Any]:
        """Return what a control found over all its subjects."""
        control, _title, _severity, _frequency, _owner, _method, says, observed, expected, facts, kind = line
        subjects = self.names if kind == "host" else OTHERS[kind]
        share = self.chance.choice([0, 0, 0, 0, 0, 1, 1, 2, 4, 20]) * self.open_share
        rows = [self.row(control, kind, name, (says, observed, expected), facts.split(), share) for name in subjects]
        ranks = ("fail", "unknown", "stale", "manual_due", "waived", "pass", "not_applicable")
        for row in rows if control in DECLARED else ():
            row["class"] = "declared"
        status = min((row["status"] for row in rows), key=ranks.index)
        told = {
            "event": "control",
            "control": control,
            "item": control.partition(".")[0],
            "status": status,
            "rows": rows,
        }
        told["procedure"] = f"Reads {', '.join(facts.split())} of each {kind} and compares with what is declared."
        return {**told, "bounds": {"limit": expected} if isinstance(expected, (int, float)) else {}, "kind": kind}

    def row(
        self, control: str, kind: str, name: str, words: tuple[str, Any, Any], facts: list[str], share: float
    ) -> dict[str, Any]:
        """Return the row of one cell."""
        says, observed, expected = words
        source = "host" if kind == "host" and facts[0] in COMMANDS else facts[0]
        subject = name if source == "host" else facts[0]
        evidence = [self.fact(subject, fact, source=source) for fact in facts]
        row: dict[str, Any] = {"kind": kind, "subject": name, "status": "pass", "says": says.format(s=name)}
        row |= {"checked": 3, "observed": observed, "expected": expected, "evidence": evidence, "class": "machine"}
        if subject in self.dead:
            error = self.known[evidence[0]]["error"]
            return {"kind": kind, "subject": name, "status": "unknown", "says": error, "evidence": evidence}
        row["collected"] = min(self.known[key]["collected"] for key in evidence)
        if isinstance(observed, float):
            row["observed"] = round(observed * self.chance.uniform(0.8, 1.02), 4)
        draw = self.chance.random()
        if draw < share:
            return {**row, **self.failed(says.format(s=name), observed, expected)}
        if draw > 0.999 and kind == "host":
            proof = f"{name} has no such service: the unit is not installed"
            return {**row, "status": "not_applicable", "says": proof, "observed": None, "expected": None}
        return row

    def failed(self, says: str, observed: Any, expected: Any) -> dict[str, Any]:
        """Return what a row says when the claim does not hold."""
        number = isinstance(observed, (int, float)) and not isinstance(observed, bool)
        seen = round((observed or 3) * self.chance.choice([2, 3, 5]), 3) if number else "yes"
        words = says + (f" {CANARY}" if self.hostile else "")
        failed = [{"says": words, "observed": seen, "expected": expected}]
        failed += [{"says": f"{words}, second look", "observed": seen, "expected": expected}] if number else []
        return {"status": "fail", "says": words, "observed": seen, "failed": failed, "failed_count": len(failed)}

    # The files

    def write(self, folder: Path, *, complete: bool = True) -> Path:
        """Write the folder of the run and return it."""
        (folder / "evidence").mkdir(parents=True)
        controls = [self.control(line) for line in CONTROLS[: self.most]]
        waivers = self.waive(controls)
        header = self.header(controls)
        lines: list[dict[str, Any]] = [{"event": "run", **header}, *controls]
        if complete:
            lines.append(self.close(controls))
        else:
            lines = lines[: len(lines) // 2]
            header = {**header, "ended": None}
        write_chain(folder / "results.jsonl", lines)
        dump(folder / "run.json", header)
        dump(folder / "catalogue.json", catalogue())
        write_lines(folder / "evidence" / "index.jsonl", self.index)
        rows = ({"digest": digest, "body": body} for digest, body in self.blobs.items())
        write_lines(folder / "evidence" / "blobs.jsonl", rows)
        dump(folder / "waivers.json", waivers)
        dump(folder / "attestations.json", ATTESTATIONS)
        dump(folder / "changes.json", self.changes(controls))
        dump(folder / "history.json", {"strips": self.strips(controls), "kpis": self.kpis(), "kpi_words": KPI_WORDS})
        return folder

    def header(self, controls: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the header of the run."""
        cells = sum(len(control["rows"]) for control in controls)
        dead = {name: f"{name} gave no answer within 10 s." for name in sorted(self.dead)}
        hosts = {"expected": len(self.names), "reached": len(self.names) - len(dead), "unreachable": dead}
        hosts["excluded"] = {"fra-old-001": "being decommissioned, CHG-2211, until 2026-12-15"}
        return {
            "id": f"{self.began:%Y%m%dT%H%M%SZ}",
            "environment": "prod",
            "started": written(self.began),
            "ended": written(self.began + datetime.timedelta(seconds=72.48)),
            "operator": "",
            "scheduler": "verify-daily.timer",
            "runner": "ops1",
            "collection_version": "1.2.0",
            "commit": "3f9f2d1c0a7b4e55",
            "dirty": False,
            "python": "3.11.7",
            "parameters": {"forks": 64, "host_deadline_s": 30},
            "selection": {},
            "inventory": {"path": "inventories/prod", "digest": hashlib.sha256(b"inventory").hexdigest()},
            "population": {
                "kinds": {"host": len(self.names), **{key: len(names) for key, names in OTHERS.items()}},
                "hosts": hosts,
            },
            "catalogue": {
                "digest": hashlib.sha256(b"catalogue").hexdigest(),
                "items": len(catalogue()),
                "gap": len(GAPS),
            },
            "clock": {"offset_s": 0.003},
            "kex": "sntrup761x25519-sha512",
            "expected": cells,
            "owners": {
                "security": "security@example.org",
                "platform": "platform@example.org",
                "database": "dba@example.org",
                "operations": "duty@example.org",
            },
            "signer": "verify@prod",
        }

    def close(self, controls: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the last line of the results."""
        totals: dict[str, int] = {}
        for control in controls:
            for row in control["rows"]:
                totals[row["status"]] = totals.get(row["status"], 0) + 1
        code = 1 if totals.get("fail") else 10 if totals.get("unknown") else 0
        cells = sum(totals.values())
        return {"event": "close", "exit": code, "totals": totals, "expected": cells, "decided": cells}

    def waive(self, controls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Excuse two failing cells and return the waivers."""
        open_rows = [(control, row) for control in controls for row in control["rows"] if row["status"] == "fail"]
        waivers = []
        for number, (control, row) in enumerate(open_rows[:2], start=1):
            row |= {"original": row["status"], "status": "waived", "waiver": f"W-2026-{number:03d}"}
            waivers.append(
                {
                    "id": row["waiver"],
                    "item": control["item"],
                    "subjects": [row["subject"]],
                    "ticket": f"RISK-{88 + number}",
                    "reason": "The vendor ships the fix with the next release.",
                    "owner": "platform",
                    "compensating": "Reachable from the management network only.",
                    "requester": "m.keller",
                    "approver": "r.osei",
                    "approved": "2026-11-10T09:00:00.000Z",
                    "expires": "2026-12-01T23:59:59.000Z",
                }
            )
            if all(one["status"] in ("pass", "waived") for one in control["rows"]):
                control["status"] = "waived"
        return waivers

    def changes(self, controls: list[dict[str, Any]]) -> dict[str, Any]:
        """Return what changed since the day before."""
        told = [
            {
                "finding": finding_id(control["control"], row["kind"], row["subject"]),
                "control": control["control"],
                "item": control["item"],
                "kind": row["kind"],
                "subject": row["subject"],
                "status": row["status"],
                "says": row["says"],
            }
            for control in controls
            for row in control["rows"]
            if row["status"] in ("fail", "unknown")
        ]
        fresh = [row for row in told if row["status"] == "fail"][::5]
        lost = [row for row in told if row["status"] == "unknown"]
        names = {row["finding"] for row in [*fresh, *lost]}
        still = [row for row in told if row["finding"] not in names]
        ages = [
            {**row, "age_s": 86400 * days, "since": written(self.began - datetime.timedelta(days=days))}
            for row, days in ((row, self.chance.choice([1, 1, 2, 5, 12, 33])) for row in still)
        ]
        passing = [(control, row) for control in controls for row in control["rows"] if row["status"] == "pass"]
        fixed = [
            {
                "finding": finding_id(control["control"], row["kind"], row["subject"]),
                "control": control["control"],
                "item": control["item"],
                "kind": row["kind"],
                "subject": row["subject"],
                "status": "pass",
                "says": row["says"],
            }
            for control, row in self.chance.sample(passing, min(5, len(passing)))
        ]
        return {
            "comparable": True,
            "previous": "20261125T083000Z",
            "reason": "",
            "gap_s": 86400,
            "new": fresh,
            "fixed": fixed,
            "still": ages,
            "flapping": [{**row, "turns": 4, "of": 10} for row in fresh[:1]],
            "newly_unknown": lost,
        }

    def strips(self, controls: list[dict[str, Any]]) -> dict[str, list[list[str]]]:
        """Return 90 days of each item, with the present one last."""
        worst: dict[str, str] = {}
        for control in controls:
            worst[control["item"]] = (
                control["status"] if control["status"] != "pass" else worst.get(control["item"], "pass")
            )
        days = [self.began.date() - datetime.timedelta(days=back) for back in range(89, 0, -1)]
        found = {}
        for item, status in worst.items():
            past, now = [], "pass"
            for day in days:
                if self.chance.random() < 0.06:
                    now = self.chance.choice(["pass", "pass", "fail", "unknown", "waived", "stale"])
                if self.chance.random() > 0.02:
                    past.append([day.isoformat(), now])
            found[item] = [*past, [self.began.date().isoformat(), status]]
        return found

    def kpis(self) -> dict[str, list[list[Any]]]:
        """Return figures over 90 days."""
        days = [self.began.date() - datetime.timedelta(days=back) for back in range(89, -1, -1)]
        found = {}
        for name, (start, step, target) in KPIS.items():
            value, rows = start, []
            for day in days:
                value = max(0.0, value + self.chance.uniform(-step, step))
                value = min(value, 1.0) if name.endswith("_ratio") else value
                rows.append([day.isoformat(), None if self.chance.random() < 0.04 else round(value, 5), target])
            found[name] = rows
        return found


KPIS = {
    "mttr_s": (2700.0, 260.0, 3600.0),
    "mtbf_s": (2.1e6, 9e4, 2.6e6),
    "availability_ratio": (0.9992, 0.0002, 0.999),
    "deployment_success_ratio": (0.97, 0.008, 0.95),
    "deployments_count": (14.0, 3.0, None),
    "patch_age_s": (52000.0, 7000.0, 86400.0),
}
KPI_WORDS = {
    "mttr_s": {"title": "Mean time to restore", "better": "lower"},
    "mtbf_s": {
        "title": "Mean time between failures",
        "better": "higher",
        "note": "The target of this figure and that of availability cannot both hold at the present time to restore.",
    },
    "availability_ratio": {"title": "Availability", "better": "higher"},
    "deployment_success_ratio": {"title": "Deployments that succeed", "better": "higher"},
    "deployments_count": {"title": "Deployments a day", "better": "higher"},
    "patch_age_s": {"title": "Oldest security update", "better": "lower"},
}
ATTESTATIONS = [
    {
        "id": "A-2026-014",
        "item": "TEAM-01",
        "person": "i.brandt",
        "role": "management",
        "signed_at": "2026-11-24T07:12:00.000Z",
        "statement": "Both people of the roster were reached by telephone.",
        "valid_until": "2026-12-01T00:00:00.000Z",
        "fingerprint": "SHA256:" + "k" * 43,
    },
    {
        "id": "A-2026-009",
        "item": "DR-01",
        "person": "r.osei",
        "role": "management",
        "signed_at": "2026-08-20T10:00:00.000Z",
        "statement": "The plan was read and approved by the system owners.",
        "valid_until": "2026-11-20T00:00:00.000Z",
        "fingerprint": "SHA256:" + "q" * 43,
    },
]


def catalogue() -> list[dict[str, Any]]:
    """Return the rows of the catalogue."""
    found: dict[str, dict[str, Any]] = {}
    for control, title, severity, frequency, owner, *_rest in CONTROLS:
        item = control.partition(".")[0]
        found.setdefault(item, item_of(item, title, severity, frequency, owner, ""))
    for item, title, owner, gap in GAPS:
        found[item] = item_of(item, title, "medium", "per_event", owner, gap)
    return list(found.values())


def item_of(item: str, title: str, severity: str, frequency: str, owner: str, gap: str) -> dict[str, Any]:
    """Return one row of the catalogue."""
    text, playbook, tags = REMEDIES.get(item, ("Find out why the claim does not hold and mend the cause.", "", []))
    return {
        "id": item,
        "section": item.rpartition("-")[0],
        "title": title,
        "severity": severity,
        "frequency": frequency,
        "objective": f"{title}, on every subject of the estate, so that nobody has to look for it by hand.",
        "owner": owner,
        "method": "interview" if item in ("TEAM-01", "DR-01") else "test",
        "sources": ["host"],
        "freshness_s": 86400.0,
        "bounds": {},
        "references": {"SOC 2": ["CC7.1"], "ISO 27001": ["A.8.8"]} if severity == "critical" else {},
        "remedy": {"text": text, "playbook": playbook, "tags": tags},
        "gap": gap,
    }


def write_chain(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write lines that are chained as the engine chains them."""
    previous = GENESIS
    with path.open("wb") as handle:
        for number, line in enumerate(lines, start=1):
            entry = {**line, "seq": number, "prev": previous}
            text = canonical_json(entry)
            entry["hash"] = previous = hashlib.sha256(text).hexdigest()
            handle.write(canonical_json(entry) + b"\n")


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write one canonical JSON text a line."""
    path.write_bytes(b"".join(canonical_json(row) + b"\n" for row in rows))


def dump(path: Path, value: Any) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
