# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that the controls of DR have to see: a step that was not taken, too late, unsigned, unproved, or long ago."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

from _shared import others
from _world import DAY, HOUR, MINUTE, World, breaker
from golden_drills import ACTIVATION, ACTIVATION_AGO, DRILL, RETURN, change_pack, change_signatures, change_step
from golden_records import alter, at
from golden_repositories import RUNBOOKS

# Line of the guide -> a step that carries it out, in the drill and in the activation (None: there is none).
STEPS: dict[str, tuple[str, str | None]] = {
    "DR-01": ("detect", "survey"),
    "DR-02": ("activate_team", "approve"),
    "DR-03": ("notify", "notify"),
    "DR-04": ("decide", "fence"),
    "DR-05": ("restore", "promote"),
    "DR-06": ("redirect", "redirect"),
    "DR-07": ("verify", "verify"),
    "DR-08": ("coordinate", "coordinate"),
    "DR-09": ("watch", "watch"),
    "DR-10": ("rejoin", None),
    "DR-11": ("document", "document"),
    "DR-12": ("improve", "improve"),
}
LATE = {**dict.fromkeys(("DR-01", "DR-02", "DR-03", "DR-04"), 31 * MINUTE)}
LATE |= dict.fromkeys(("DR-05", "DR-06", "DR-07", "DR-08"), 8 * HOUR + 5 * MINUTE)
PEOPLE = {"DR-02": "activate_team", "DR-03": "notify", "DR-08": "coordinate", "DR-11": "document", "DR-12": "improve"}


def step_failed(world: World, *, pack: str, step: str) -> None:
    """Let a step of a pack have failed."""
    change_step(world, pack, step, status="failed")


def step_late(world: World, *, step: str, after: float) -> None:
    """Let a step of the activation end so many seconds after the declaration (three minutes after its start)."""
    declared = ACTIVATION_AGO - 3 * MINUTE
    change_step(world, ACTIVATION, step, started=at(declared - after + 30), ended=at(declared - after))


def unsigned(world: World, *, pack: str, step: str) -> None:
    """Take the signature of a step out."""

    def change(found: dict[str, Any]) -> None:
        for rows in (found["record"]["people"], found["signed"]):
            rows[:] = [person for person in rows if person["step"] != step]

    change_pack(world, pack, change)


def resigned(world: World, *, pack: str, step: str, **keys: Any) -> None:
    """Change the signature of a step."""
    change_signatures(world, pack, lambda row: row["step"] == step, **keys)


for _item, (_drilled, _real) in STEPS.items():
    breaker(_item, f"the newest drill failed at the step {_drilled}")(partial(step_failed, pack=DRILL, step=_drilled))
    breaker(_item, f"the record of the newest drill does not say what the step {_drilled} ran")(
        partial(change_step, pack=DRILL, step=_drilled, commands=[])
    )
    breaker(_item, f"the record of the newest drill does not say who or what did the step {_drilled}")(
        partial(change_step, pack=DRILL, step=_drilled, actor=None)
    )
    if _real:
        _name = f"in the last disaster the step {_real} was not done"
        breaker(_item, _name)(partial(step_failed, pack=ACTIVATION, step=_real))
    if _real and _item in LATE:
        _name = f"in the last disaster the step {_real} ended {LATE[_item] / MINUTE:.0f} minutes after the declaration"
        breaker(_item, _name)(partial(step_late, step=_real, after=LATE[_item]))
for _item, _step in PEOPLE.items():
    breaker(_item, "nobody signed the step in the newest drill")(partial(unsigned, pack=DRILL, step=_step))
    breaker(_item, "a stand-in signed the step in the last disaster")(
        partial(resigned, pack=ACTIVATION, step=_step, stand_in=True)
    )
    breaker(_item, "the record names a signature of the step that the pack does not have")(
        partial(resigned, pack=DRILL, step=_step, fault=f"There is no signature at people/{_step}.json.signed.sig.")
    )
    breaker(_item, "the step was signed two minutes after it had ended")(
        partial(resigned, pack=DRILL, step=_step, signed_at="2026-11-20T09:12:00.000Z")
    )
breaker("DR-08", "the statement was asked for before its step began, and was signed then")(
    partial(resigned, pack=DRILL, step="coordinate", **dict.fromkeys(("asked_at", "signed_at"), "2026-11-20T09:01:00Z"))
)


def in_record(pack: str, how: Callable[[dict[str, Any]], None]) -> Callable[[World], None]:
    """Return what changes the record of a pack."""

    def put(world: World) -> None:
        change_pack(world, pack, lambda found: how(found["record"]))

    return put


@breaker(
    "DR-01",
    "there is no drill and no disaster on record",
    also=others("drill", "DR-01"),
)
def nothing_was_drilled(world: World) -> None:
    world.set("runs", "packs", {"packs": []})


@breaker(
    "DR-01",
    "all that was drilled this quarter was a copy, which measures no loss",
    also="AUTOMATION-04.failover INFRA-05 RELIABILITY-03",
)
def only_a_copy_was_drilled(world: World) -> None:
    def change(body: Any) -> None:
        (newest,) = [pack for pack in body["packs"] if pack["name"] == DRILL]
        newest["record"]["mode"] = "copy"
        body["packs"] = [newest]

    world.change("runs", "packs", change)


@breaker("DR-01", "the last drill that assessed the loss is 91 days old, and there was no disaster")
def the_drill_is_old(world: World) -> None:
    def change(body: Any) -> None:
        (newest,) = [pack for pack in body["packs"] if pack["name"] == DRILL]
        old = copy.deepcopy({**newest, "name": "20260826T090000Z-site_lost_repository"})
        old["record"] |= {"started": at(91 * DAY + HOUR), "declared": at(91 * DAY), "ended": at(91 * DAY)}
        newest["record"]["steps"] = [step for step in newest["record"]["steps"] if step["item"] != "DR-01"]
        body["packs"] = [old, newest]

    world.change("runs", "packs", change)


@breaker(
    "DR-01",
    "what playbooks leave cannot be read",
    also=others("packs", "DR-01"),
)
def packs_are_unreadable(world: World) -> None:
    world.lose("runs", "packs", "The seal of a pack cannot be checked: the verifier failed.")


@breaker(
    "DR-01",
    "the seal of the newest drill is broken",
    also=others("drill", "DR-01", "AUTOMATION-04.failover"),
)
def the_seal_is_broken(world: World) -> None:
    change_pack(world, DRILL, lambda pack: pack.update(intact=False, faults=["drill.json was edited"]))


@breaker("DR-01", "the drill does not say how many writes were lost")
def nobody_counted(world: World) -> None:
    in_record(DRILL, lambda record: record["achieved"].update(lost_rows=None))(world)


@breaker("DR-01", "what a step of the drill collected has no digest")
def no_digest(world: World) -> None:
    change_step(world, DRILL, "prove_backups", digest=None)


@breaker("DR-04", "the recovery site was opened without a proof that the old primary is closed")
def not_fenced(world: World) -> None:
    in_record(ACTIVATION, lambda record: record.update(fencing=[]))(world)


@breaker("DR-04", "one proof of the fence did not hold in the drill")
def fence_is_open(world: World) -> None:
    in_record(DRILL, lambda record: record["fencing"][1].update(proved=False))(world)


@breaker("DR-05", "the drill does not name the backup that it restored")
def backup_without_a_name(world: World) -> None:
    in_record(DRILL, lambda record: record.update(backup=None))(world)


@breaker("DR-05", "the drill does not say how old its backup was")
def backup_without_an_age(world: World) -> None:
    in_record(DRILL, lambda record: record["backup"].update(age_s=None))(world)


@breaker("DR-06", "no client outside wrote after the traffic was moved")
def nobody_wrote(world: World) -> None:
    change_step(world, ACTIVATION, "first_write", actor="ansible")


@breaker("DR-07", "a check of the data that came back differs")
def data_differs(world: World) -> None:
    in_record(DRILL, lambda record: record["integrity"][2].update(result="differs"))(world)


@breaker("DR-07", "nothing of what came back was checked in the last disaster")
def nothing_was_checked(world: World) -> None:
    in_record(ACTIVATION, lambda record: record.update(integrity=[]))(world)


@breaker("DR-07", "the missing writes were not counted in the drill")
def writes_not_counted(world: World) -> None:
    in_record(DRILL, lambda record: record["ledger"].update(lost=None))(world)


@breaker("DR-09", "the drill did not end in the steady state")
def not_steady(world: World) -> None:
    in_record(DRILL, lambda record: record["steady_state"]["after"][0].update(result="differs"))(world)


@breaker(
    "DR-09",
    "the service was not probed after the last disaster",
    also="OPEX-01 OPEX-01.consistency OPEX-03",
)
def not_probed(world: World) -> None:
    def change(body: Any) -> None:
        for row in body["result"]:
            row["values"] = [[when, "0" if place < 45 else seen] for place, (when, seen) in enumerate(row["values"])]

    for name in ("probe_seen_daily", "probe_up_daily"):
        world.change("prometheus", f"query:{name}", change)


@breaker("DR-10", "the drill lost writes on its way back")
def writes_lost_on_return(world: World) -> None:
    in_record(DRILL, lambda record: record["failback"].update(lost=3))(world)


def _no_return(body: Any) -> None:
    body["packs"] = [pack for pack in body["packs"] if pack["name"] != RETURN]


@breaker("DR-10", "nobody plans the return from the last disaster")
def no_return_planned(world: World) -> None:
    world.change("runs", "packs", _no_return)


@breaker("DR-11", "the report of the last disaster carries no statement of a person")
def nothing_said(world: World) -> None:
    resigned(world, pack=ACTIVATION, step="document", statement="")


@breaker("DR-12", "a corrective action of the drill has no owner")
def action_without_owner(world: World) -> None:
    in_record(DRILL, lambda record: record["corrective_actions"][0].update(owner=""))(world)


@breaker("DR-12", "the page of the recovery was not touched since the last disaster")
def plan_not_renewed(world: World) -> None:
    for page in (path for path, name in RUNBOOKS.items() if name in ("dr_drill", "dr_activate")):
        alter(world, "document_review", f"DOC-{page.rpartition('/')[2]}", reviewed=at(100 * DAY))


@breaker("DR-02", "the last disaster left the call of the team out")
def step_left_out(world: World) -> None:
    def change(record: dict[str, Any]) -> None:
        record["steps"] = [step for step in copy.deepcopy(record["steps"]) if step["item"] != "DR-02"]

    in_record(ACTIVATION, change)(world)
