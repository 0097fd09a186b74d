# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands beside the results: waivers, attestations, the limits of the run, and how to verify the pack.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._report_words import moment
from verify.engine.left_out import ITEMS
from verify.engine.words import Status
from verify.report.data import ReportData
from verify.report.scope import dear_logins
from verify.report.text import WORDS, bound_value, counted, from_epoch, value

__all__ = ["attestation_view", "left_out_view", "limits", "override_rows", "verify_commands", "waiver_view"]

_HELD = ("in force", "valid")
_EFFECTS = ("loosened", "changed", "tightened")


def waiver_view(data: ReportData, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a waiver with the findings that it excuses and what they are without it."""
    used = [finding for finding in data.findings if finding.row.waiver and finding.row.waiver == str(row.get("id"))]
    return {
        "id": str(row.get("id")),
        "facts": _facts(row, ("id", "expires", "state", "findings")),
        "used": [(finding.id, finding.row.subject, WORDS[finding.row.original or Status.UNKNOWN]) for finding in used],
        **_until(data, row, "expires"),
    }


def attestation_view(data: ReportData, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a statement of a person: who, what, until when, and why it does not count where it does not."""
    told = _facts(row, ("id", "valid_until", "state"))
    return {"id": str(row.get("id") or row.get("item")), "facts": told, **_until(data, row, "valid_until")}


def _facts(row: Mapping[str, Any], hidden: tuple[str, ...]) -> dict[str, str | None]:
    told = {}
    for key, one in row.items():
        if key in hidden or one in (None, "", [], {}, False):
            continue
        text = ", ".join(map(str, one)) if isinstance(one, (list, tuple)) else value(one)
        told[key.replace("_", " ")] = moment(text) if _instant(text) else text
    return told


def _instant(text: str) -> bool:
    return len(text) >= 20 and text[4:5] == "-" and text[10:11] == "T" and text.endswith("Z")


def _until(data: ReportData, row: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return until when an exception holds and what state it is in; instants in UTC compare as text."""
    until, state = row.get(key), str(row.get("state") or "")
    over = not until or str(until) < from_epoch(data.moment)
    word = "expired" if over else state or "valid"
    css = "bad" if over or "reject" in word else "ok" if word in _HELD else "warn"
    return {"until": moment(until), "css": css, "state": state if over and "expired" in state else word}


def override_rows(data: ReportData) -> list[dict[str, str]]:
    """Return the bounds that the environment sets over the guide's, and its days of waivers, loosened ones first.

    ``item`` is empty where a line is about no item.
    """
    rows = [*_bounds(data), *_days(data)]
    return sorted(rows, key=lambda one: _EFFECTS.index(one["effect"]))


def _days(data: ReportData) -> list[dict[str, str]]:
    return [
        {
            "item": "",
            "bound": f"longest waiver of {one['severity']} severity",
            "guide": counted(one["guide"], "day", "days"),
            "used": counted(one["used"], "day", "days"),
            **_effect(one),
        }
        for one in data.waiver_days
    ]


def _effect(row: Mapping[str, Any]) -> dict[str, str]:
    return {"effect": str(row["effect"]), "css": "warn" if row["effect"] == "loosened" else "mute"}


def _bounds(data: ReportData) -> list[dict[str, str]]:
    return [
        {
            "item": str(one["item"]),
            "bound": str(one["bound"]),
            "guide": bound_value(one["bound"], one["guide"]),
            "used": bound_value(one["bound"], one["used"]),
            **_effect(one),
        }
        for one in data.overrides
    ]


def left_out_view(data: ReportData, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule of the baseline that an exception leaves out: on which hosts, who approved it, and until when."""
    told = _facts(row, ("rule", "expires", "state", "hosts"))
    hosts = ", ".join(row.get("hosts") or ()) or "every host"
    return {"id": str(row["rule"]), "facts": {"hosts": hosts, **told}, **_until(data, row, "expires")}


def _left_out_limit(data: ReportData) -> list[str]:
    rules = [str(row["rule"]) for row in data.left_out if row["state"] not in ("expired", "not approved")]
    if not rules:
        return []
    return [
        f"{counted(len(rules), 'rule')} of the baseline {'was' if len(rules) == 1 else 'were'} left out by an approved "
        f"exception, so {' and '.join(ITEMS)} say nothing of them there: {', '.join(rules)}."
    ]


def _override_limit(data: ReportData) -> list[str]:
    rows = override_rows(data)
    if not rows:
        return []
    listed = "; ".join(
        f"{one['item']} {one['bound']} {one['used']}, the guide's {one['guide']} ({one['effect']})".strip()
        for one in rows
    )
    return [
        f"{counted(len(rows), 'bound')} of this environment {'is' if len(rows) == 1 else 'are'} not the guide's, by "
        f"verify_bounds or verify_waiver_days: {listed}."
    ]


def limits(data: ReportData) -> list[str]:
    """Return what the run does not prove, the gravest first."""
    run = data.run
    found = [
        "A result is as good as its evidence: it shows what a host or system said at the stated instant, not between "
        "runs.",
        "Evidence of class attested or declared was stated by a person; only evidence of class machine was read from a "
        "system.",
        _seal_limit(data),
    ]
    gaps = sum(bool(item.gap) for item in data.items.values())
    if gaps:
        found.insert(
            0,
            f"{counted(gaps, 'item')} of the guide {'has' if gaps == 1 else 'have'} no control: see the list of gaps.",
        )
    found[:0] = [*_override_limit(data), *_left_out_limit(data)]
    if run.get("selection"):
        found.insert(
            0, "This run looked at a selection only. It proves nothing about the rest and cannot stand for the day."
        )
    if not run.get("commit"):
        found.insert(
            0, "The commit of the rules is not known: they ran outside a git checkout. What was run lies in rules/."
        )
    if run.get("dirty"):
        found.insert(0, "The rules had changes that are in no commit; what was run cannot be fetched from the history.")
    if (run.get("clock") or {}).get("offset_s") is None:
        found.insert(0, "The clock of the runner could not be compared with a time source; ages may be wrong.")
    if not data.complete:
        found.insert(0, "The run did not come to its end. What it decided stands below; what it did not is unknown.")
    dear = dear_logins(run.get("kex"))
    return [*found, *([dear] if dear else []), *(str(one) for one in run.get("limits") or ())]


def _seal_limit(data: ReportData) -> str:
    if data.signed:
        return (
            "The seal is tamper-evident, not tamper-proof: whoever holds the signing key can make another pack. "
            "Compare the fingerprint with one you know, and keep copies elsewhere."
        )
    return (
        "This pack is not sealed: the environment has no signing key. Its manifest finds damage, but whoever can write "
        "the folder can write another manifest."
    )


def _seal_commands(data: ReportData) -> list[dict[str, str]]:
    if not data.signed:
        line = "python3 verify_pack.py . --chain --daily"
        return [{"what": "All but who made it, with your own copy of the script", "line": line}]
    signer = shlex.quote(str(data.run.get("signer") or "SIGNER"))
    sign = f"ssh-keygen -Y verify -f allowed_signers -I {signer} -n ccobservatory.ops -s MANIFEST.sig < MANIFEST"
    return [
        {
            "what": "All of it, with your own copy of the script and of the list of signers",
            "line": "python3 verify_pack.py . --allowed-signers FILE --chain --daily",
        },
        {"what": "The signature, without any code of ours", "line": sign},
    ]


def verify_commands(data: ReportData) -> list[dict[str, str]]:
    """Return the commands that check the pack, with and without code of ours."""
    return [
        *_seal_commands(data),
        {"what": "The files, without any code of ours", "line": "sha256sum --check MANIFEST"},
        {
            "what": "The output behind a digest",
            "line": 'python3 -c \'import json,sys; [print(json.loads(l)["body"]) for l in open("evidence/blobs.jsonl") '
            'if json.loads(l)["digest"].startswith(sys.argv[1])]\' DIGEST',
        },
        *_replay_command(data),
    ]


def _replay_command(data: ReportData) -> list[dict[str, str]]:
    """Return how the pack is judged again from where it was written; nothing where that is refused."""
    if not data.signed:
        return []
    place = data.run.get("folder") or f"reports/{data.run['environment']}/{data.run['id']}"
    return [
        {"what": "Judge the same evidence again, offline", "line": f"pytest verify/ --replay {shlex.quote(str(place))}"}
    ]
