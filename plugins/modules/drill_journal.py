#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: drill_journal
short_description: Keep the journal of a disaster-recovery drill
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Writes what a drill does, as it does it, into C(<reports_dir>/<environment>/drills/<drill_id>/journal.jsonl) on the
    controller. Each line is on the disk before the task ends and carries the hash of the line before it.
  - A run that was killed is taken up again by the next C(open) of the same scenario. The interruption, the step it
    hit and a last line that was cut short are recorded.
  - One run at a time writes in an environment. A lock left by a killed run is recognised by its process and start time.
  - The journal is the memory of the drill. Every action returns what the steps have found so far.
notes:
  - Runs on the controller, once a task, however many hosts the play has; the result belongs to the first of them.
    Use it in a play on C(localhost).
  - Later tasks of the run find the drill by themselves. O(dir) is needed only outside of the run that opened it.
  - In check mode nothing is written; the journal is kept in memory, so that the tasks that follow see the same results.
extends_documentation_fragment:
  - ccobservatory.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - What it writes is returned in full.
  idempotent:
    support: none
    details:
      - Each call adds to the journal, except O(action=read).
options:
  action:
    description:
      - V(find) returns the drill that has no end, with its scenario and mode, and opens nothing. Without
        O(scenario) that is one of any.
      - V(plan) returns the plan with the times of earlier drills and opens nothing.
      - V(open) starts a drill, or takes up the one of the same scenario that has no end. With another scenario it
        fails.
      - V(enter) closes the open step as done with O(result), opens the next one and prints one line of progress.
      - V(leave) closes the open step with O(status), O(result) and O(error).
      - V(note) records a text, or adds O(result) to what the open step has found so far, or both.
      - V(close) ends the drill with its verdict and gives the lock back.
      - V(read) returns the whole journal.
    type: str
    required: true
    choices: [find, plan, open, enter, leave, note, close, read]
  environment:
    description: The environment that is drilled. Required to find, to plan and to open.
    type: str
  scenario:
    description: The name of the scenario. Required to plan and to open.
    type: str
  mode:
    description: Whether the environment itself is switched, or an isolated copy beside it.
    type: str
    choices: [live, copy]
    default: live
  plan:
    description:
      - The steps in their order. Required to plan and to open.
      - Each has C(id) and may have C(item), C(title), C(phase), C(actor), C(deadline_s), C(expected_s) and
        C(destructive).
      - The expected seconds are replaced by the median of earlier drills of the same scenario, where there are any.
    type: list
    elements: dict
    default: []
  header:
    description: Facts about the run that belong in the record (versions, operator, targets).
    type: dict
    default: {}
  reports_dir:
    description: The folder on the controller that holds the reports. Required to find, to plan and to open.
    type: path
  overtakes:
    description:
      - Why drills of other scenarios that have no end are closed as V(aborted) when this one is opened, in a sentence.
        Both journals keep it as a deviation. Without it, opening fails while there is one.
    type: str
  resume:
    description: Whether V(open) takes up a drill without an end (V(auto)), or refuses (V(never)).
    type: str
    choices: [auto, never]
    default: auto
  dir:
    description: The folder of the drill. Known from V(open) in the same run.
    type: path
  step:
    description: The id of a step of the plan. V(leave) and V(note) take the open step when it is not given.
    type: str
  text:
    description: What is noted; or, with V(enter), what is shown instead of the step's title.
    type: str
  commands:
    description:
      - With V(enter), what the step is about to run, so that the record can name it. Each becomes one line, or one for
        each element of C(append), and is kept even when the step fails or the run is killed.
      - Each has C(module), and where needed C(host) (a name or a list; without it the controller), C(args) (the
        principal arguments, never a secret), C(append) (lists of words, each behind C(args.argv)) and C(when).
    type: list
    elements: dict
    default: []
  result:
    description: What the step found, small and made of JSON values. It is merged into what is known of the step.
    type: dict
    default: {}
  status:
    description: How the step ended. A step that did not end as V(done) may be entered again.
    type: str
    choices: [done, failed, skipped]
    default: done
  error:
    description: Why the step failed or was skipped.
    type: str
  kind:
    description:
      - What sort of note it is.
      - V(rollback_begun) and V(hold_begun) stand before the first task that takes a drill back, V(rollback) and V(hold)
        after the last one. A run that takes the drill up again finds the way back in RV(retreat).
    type: str
    choices: [deviation, finding, salvage, info, rollback, hold, rollback_begun, hold_begun]
    default: info
  data:
    description: Further facts of a note, for example C(severity), C(owner) and C(due) of a finding.
    type: dict
    default: {}
  verdict:
    description: How the drill ended. Required to close. V(aborted) means that it proves nothing.
    type: str
    choices: [pass, pass_with_conditions, fail, aborted]
  reasons:
    description: Why the verdict is what it is, one sentence each.
    type: list
    elements: str
    default: []
seealso:
  - module: ccobservatory.ops.drill_report
  - module: ccobservatory.ops.human_task
"""

EXAMPLES = r"""
- name: Open the drill, or take up the one that was interrupted
  ccobservatory.ops.drill_journal:
    action: open
    environment: staging
    scenario: site_lost
    reports_dir: reports
    plan:
      - {id: fence, item: DR-04, title: Fence the lost site, actor: playbook, deadline_s: 1800, destructive: true}
      - {id: restore, item: DR-05, title: Restore the database, actor: playbook, deadline_s: 28800, expected_s: 40}
  register: __dr_journal

- name: Begin with the restore
  ccobservatory.ops.drill_journal:
    action: enter
    step: restore
    result: "{{ __dr_fence_result }}"
    commands:
      - host: db2
        module: ccobservatory.ops.pgbackrest_restore
        args: {stanza: main}
  when: "'restore' not in __dr_journal.done"
  register: __dr_journal

- name: Keep the moment of the failure, whatever comes next
  ccobservatory.ops.drill_journal:
    action: note
    result:
      t0: "{{ __dr_t0 }}"

- name: End the drill
  ccobservatory.ops.drill_journal:
    action: close
    verdict: pass
    reasons:
      - Recovered within both targets.
"""

RETURN = r"""
dir:
  description: The folder of the drill.
  type: str
  returned: success
drill_id:
  description: The name of the drill, which is the name of its folder.
  type: str
  returned: success
environment:
  description: The environment that is drilled.
  type: str
  returned: success
scenario:
  description: The scenario.
  type: str
  returned: success
mode:
  description: V(live) or V(copy).
  type: str
  returned: success
at:
  description: The instant of this entry, UTC, ISO 8601 with milliseconds.
  type: str
  returned: success
started:
  description: When the drill was first opened.
  type: str
  returned: success
ended:
  description: When it was closed.
  type: str
  returned: success
resumed:
  description: Whether V(open) took up an earlier run.
  type: bool
  returned: when opened
unfinished:
  description: The drill that a killed run left and that V(open) will take up; empty without one.
  type: str
  returned: when found or planned
unsealed:
  description: The drills that were closed as V(aborted) and have no report yet, oldest first.
  type: list
  elements: str
  returned: when found
plan:
  description: The steps with their expected seconds.
  type: list
  elements: dict
  returned: when planned, opened or read
lines:
  description: The plan as lines for a terminal.
  type: list
  elements: str
  returned: when planned
expected_s:
  description: The expected seconds of all steps that earlier drills have timed.
  type: float
  returned: when planned
current:
  description: The step that is open, or was open when an earlier run was killed.
  type: str
  returned: success
done:
  description: The steps that need not run again.
  type: list
  elements: str
  returned: success
results:
  description: What each step has found so far, by its id.
  type: dict
  returned: success
entered:
  description: When each step was first entered, by its id.
  type: dict
  returned: success
left:
  description: When each step ended, by its id.
  type: dict
  returned: success
interruptions:
  description:
    - The runs that ended without closing, with C(at) (last sign of life), C(noticed), C(step) and the line cut short.
  type: list
  elements: dict
  returned: success
retreat:
  description:
    - The way back that was begun, with C(way) (V(rollback) or V(hold)), C(begun) and C(ended), which is null until it
      has ended. Null when the drill goes forward.
  type: dict
  returned: success
closed:
  description: Whether the drill has its verdict. Such a drill is opened again only to seal its report.
  type: bool
  returned: success
sealed:
  description: Whether the report of the drill has been sealed.
  type: bool
  returned: success
verdict:
  description: The verdict, when closed.
  type: str
  returned: success
progress:
  description: The line of progress.
  type: str
  returned: when a step was entered
  sample: "[ 7/22] 00:41 Restore the database · expected 12 s, deadline 60 min, about 38 s left in all"
steps:
  description:
    - Each step with C(id), C(item), C(title), C(phase), C(actor), C(deadline_s), C(expected_s), C(status),
      C(started), C(ended), C(seconds), C(attempts), C(commands), C(result), C(digest) and C(error).
  type: list
  elements: dict
  returned: when read
deviations:
  description: The notes of this kind. So are C(findings), C(salvage), C(info), C(rollback) and C(hold).
  type: list
  elements: dict
  returned: when read
head:
  description: The hash of the last line.
  type: str
  returned: when read
"""
