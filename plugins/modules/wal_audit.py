#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what makes a backup repository fail silently."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wal_audit
short_description: Find by name what makes a pgBackRest repository fail silently
version_added: 0.1.0
description:
  - Audits one stanza of a repository, read only, and names each fault that a restore would stumble over.
  - Runs on the repository host. Works on encrypted repositories with the configuration that is there.
  - O(depth=names) reads listings, the info files, history files and the manifest of the newest backup; it takes about a
    second and is meant for the moment before a promotion. O(depth=content) adds every kept manifest,
    C(pgbackrest verify) and the certificates.
  - >-
    pgBackRest itself reports these faults green, with exit code 0 and no word, in C(verify), C(check) and C(info):
    a WAL segment that is missing in the middle of the archive; a manifest, a manifest's copy or a whole backup set that
    is not there; a copy of an info file that is not there; a history file that is not there; a timeline that production
    never followed; WAL from a primary that was left behind. It does not look at all at too many or too old backups,
    an archive that stands still, a disk that fills, or a certificate about to expire.
  - Changed, cut or duplicate files are named only in the text of C(verify), whose exit code stays 0; a wrong cipher
    pass makes C(info) and C(verify) exit 0 too.
  - >-
    The codes are: C(missing_wal), C(duplicate_wal), C(truncated_wal), C(bit_flip), C(missing_bundle), C(missing_file),
    C(truncated_bundle), C(truncated_file), C(missing_manifest), C(missing_backup), C(missing_backup_history),
    C(missing_history), C(orphan_timeline), C(abandoned_timeline), C(divergent_wal), C(wrong_stanza), C(wrong_cipher),
    C(missing_info), C(retention_overrun), C(backup_without_wal), C(backup_off_timeline), C(backup_error), C(no_backup),
    C(stale_backup), C(stale_full_backup), C(stale_archive), C(certificate_expired), C(certificate_expiring),
    C(certificate_unreadable), C(disk_full), C(unknown_backup), C(verify_error), C(audit_incomplete).
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes
  - ccobservatory.ops.attributes.read_only
  - ccobservatory.ops.pgbackrest
options:
  repo_path:
    description:
      - Directory of the repository on this host, used for the room that is left.
      - Without it, what the configuration says.
    type: path
  depth:
    description: How deep to look; C(names) takes about a second, C(content) reads the whole repository.
    type: str
    choices: [names, content]
    default: content
  segment_size:
    description: Size of a WAL segment of the cluster in bytes.
    type: int
    default: 16777216
  timeline:
    description:
      - Timeline that production is on.
      - Without it the module takes what the archive tells. Name it whenever it is known, because after a failover an
        old primary that still archives can make the wrong timeline look alive.
    type: int
  continuity_from:
    description:
      - From which kept backup on every segment must be there.
      - It is V(oldest), V(newest), or the label of a kept backup.
      - But with V(oldest), a fault that a restore of that backup never meets, in a segment from before it or in the log
        of another set, is a warning and no error.
    type: str
    default: oldest
  system_identifier:
    description: System identifier of the cluster that this stanza must belong to.
    type: str
  database_version:
    description: Major version of PostgreSQL that this stanza must belong to.
    type: str
  current_lsn:
    description: Where the primary writes now; with it an archive that stands still is found.
    type: str
  max_archive_age_s:
    description: How old the newest archived segment may be while the primary has written past it, in seconds.
    type: float
    default: 300
  max_backup_age_s:
    description: How old the newest backup may be, in seconds.
    type: float
    default: 93600
  max_full_backup_age_s:
    description: How old the newest full backup may be, in seconds.
    type: float
    default: 691200
  retention_full:
    description:
      - How many full backups are kept.
      - Without it, what the configuration says, when its retention is by count.
    type: int
  certificates:
    description:
      - Certificate files to look at.
      - Without it, those that the configuration names.
      - The certificates that the configured database hosts show on their TLS port are looked at in any case.
    type: list
    elements: path
  certificate_min_days:
    description: How many days a certificate must still be valid.
    type: float
    default: 21
  min_free_percent:
    description: How much of the repository's file system must be free, in percent.
    type: float
    default: 10
  verify_timeout_s:
    description: Seconds that C(pgbackrest verify) may take.
    type: int
    default: 50
  fail_on_findings:
    description: Whether a finding of severity C(error) fails the task; the findings are returned in both cases.
    type: bool
    default: false
seealso:
  - module: ccobservatory.ops.pgbackrest_verify
  - module: ccobservatory.ops.postgresql_controldata
"""

EXAMPLES = r"""
- name: Prove that the repository can bring this cluster back
  ccobservatory.ops.wal_audit:
    stanza: main
    timeline: "{{ production.wal_timeline }}"
    system_identifier: "{{ production.system_identifier }}"
    current_lsn: "{{ production.current_lsn }}"
    fail_on_findings: true
  become: true

- name: Look for a gap right before the promotion
  ccobservatory.ops.wal_audit:
    stanza: main
    depth: names
    continuity_from: newest
  become: true
  register: audit
"""

RETURN = r"""
findings:
  description: What was found, most severe first.
  returned: always
  type: list
  elements: dict
  contains:
    code: {description: Name of the fault., type: str, returned: always}
    severity: {description: "C(error), C(warning) or C(note).", type: str, returned: always}
    subject: {description: "The segment, backup, timeline, file or certificate.", type: str, returned: always}
    observed: {description: What is there., type: str, returned: always}
    expected: {description: What should be there., type: str, returned: always}
    mend: {description: What to do., type: str, returned: always}
    pgbackrest: {description: What pgBackRest itself says about it., type: str, returned: always}
codes:
  description: The names of the faults found, without repetition.
  returned: always
  type: list
  elements: str
  sample: [missing_wal]
errors:
  description: How many findings are of severity C(error).
  returned: always
  type: int
  sample: 1
timeline:
  description: The timeline the archive was judged against.
  returned: always
  type: int
  sample: 1
checked:
  description:
    - How many segments, backups, manifests and certificate files were looked at, and the timelines seen.
    - For each database host reached by TLS, whether it answered and so showed its certificate.
  returned: always
  type: dict
  sample: {"segments": 14, "timelines": [1], "backups": 3,
     "manifests": 3, "certificates": 2, "depth": content, "peers": {"db1:8432": true}}
newest_wal:
  description: Name of the newest archived segment of the timeline.
  returned: always
  type: str
  sample: '000000010000000000000015'
newest_wal_lsn:
  description:
    - Where the last segment on the way to the timeline begins; a recovery to the end has to go beyond it.
    - Before the timeline has archived anything this is the last segment of its parent before the fork.
  returned: always
  type: str
  sample: 0/15000000
newest_wal_time:
  description: When that segment was stored, UTC, ISO 8601 with milliseconds.
  returned: always
  type: str
  sample: '2026-11-23T21:25:41.000Z'
newest_backup:
  description: Label of the newest backup.
  returned: always
  type: str
  sample: 20261123-212530F
seconds:
  description: How long the audit took.
  returned: always
  type: float
  sample: 0.4
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils import _repository_reader, _wal
from ansible_collections.ccobservatory.ops.plugins.module_utils._command import runner
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest import COMMON_ARGUMENTS, Pgbackrest
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository import Bounds, Repository
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_judge import judge, only_older
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_upkeep import judge_room
from ansible_collections.ccobservatory.ops.plugins.module_utils._repository_wal import last_number
from ansible_collections.ccobservatory.ops.plugins.module_utils._utc import from_epoch, iso_ms

_ARGUMENTS: dict[str, dict[str, Any]] = {
    **COMMON_ARGUMENTS,
    "repo_path": {"type": "path"},
    "depth": {"type": "str", "choices": ["names", "content"], "default": "content"},
    "segment_size": {"type": "int", "default": 16777216},
    "timeline": {"type": "int"},
    "continuity_from": {"type": "str", "default": "oldest"},
    "system_identifier": {"type": "str"},
    "database_version": {"type": "str"},
    "current_lsn": {"type": "str"},
    "max_archive_age_s": {"type": "float", "default": 300},
    "max_backup_age_s": {"type": "float", "default": 93600},
    "max_full_backup_age_s": {"type": "float", "default": 691200},
    "retention_full": {"type": "int"},
    "certificates": {"type": "list", "elements": "path"},
    "certificate_min_days": {"type": "float", "default": 21},
    "min_free_percent": {"type": "float", "default": 10},
    "verify_timeout_s": {"type": "int", "default": 50},
    "fail_on_findings": {"type": "bool", "default": False},
}
_ORDER = {"error": 0, "warning": 1, "note": 2}


def bounds_of(params: dict[str, Any], settings: dict[str, str]) -> Bounds:
    """Return the bounds of the task, completed by the *settings* of pgBackRest; raises OpsError for impossible ones."""
    retention, repo = params["retention_full"], f"repo{params['repo'] or 1}"
    if retention is None and settings.get(f"{repo}-retention-full-type", "count") == "count":
        configured = settings.get(f"{repo}-retention-full", "")
        retention = int(configured) if configured.isdigit() else None
    return Bounds(
        segment_size=_wal.check_segment_size(params["segment_size"]),
        timeline=params["timeline"],
        continuity_from=params["continuity_from"],
        system_identifier=params["system_identifier"],
        database_version=params["database_version"],
        current_lsn=params["current_lsn"],
        max_archive_age_s=params["max_archive_age_s"],
        max_backup_age_s=params["max_backup_age_s"],
        max_full_backup_age_s=params["max_full_backup_age_s"],
        retention_full=retention,
        certificate_min_days=params["certificate_min_days"],
        min_free_percent=params["min_free_percent"],
    )


def starting_backup(repository: Repository, named: str) -> dict[str, Any] | None:
    """Return the kept backup from which continuity is judged; raises OpsError for a label that no kept backup has."""
    if named in ("oldest", "newest"):
        return repository.info["newest"] if named == "newest" else None
    kept = {row["label"]: row for row in repository.info["backups"]}
    if named not in kept:
        raise OpsError(f"continuity_from is {named}, and the repository keeps {', '.join(kept) or 'no backup'}.")
    return kept[named]


def audit(module: AnsibleModule, reader: _repository_reader.Reader) -> dict[str, Any]:
    """Collect and judge; return the result of the module. Raises OpsError when the audit itself cannot run."""
    params, began = module.params, time.monotonic()
    settings = _repository_reader.settings(params["config"], stanza=params["stanza"])
    bounds = bounds_of(params, settings)
    repository = reader.collect(segment_size=bounds.segment_size, all_manifests=params["depth"] == "content")
    findings, timeline = judge(repository, bounds)
    newest = repository.info["newest"]
    start = starting_backup(repository, bounds.continuity_from)
    size = max((int(row["repo_size_bytes"] or 0) for row in repository.info["backups"]), default=0)
    home = params["repo_path"] or settings.get(f"repo{params['repo'] or 1}-path", "/var/lib/pgbackrest")
    findings += judge_room(**reader.room(home), backup_bytes=size, bounds=bounds)
    certificates: list[str] = []
    answered: dict[str, bool] = {}
    if params["depth"] == "content":
        named = params["certificates"]
        certificates = _repository_reader.certificate_paths(settings) if named is None else named
        findings += reader.certificates(certificates, bounds=bounds)
        shown, answered = reader.peer_certificates(settings, bounds=bounds)
        findings += shown
        if not any(row["code"] == "wrong_cipher" for row in findings):
            findings += reader.content(known=findings, timeout_s=params["verify_timeout_s"])
    if bounds.continuity_from != "oldest":
        findings = only_older(findings, start)
    findings.sort(key=lambda row: _ORDER[row["severity"]])
    last = repository.archive.newest(timeline) if timeline is not None else None
    named = None if last is None or timeline is None else _wal.Segment(timeline, last)
    reach = -1 if timeline is None else last_number(repository, timeline=timeline, segment_size=bounds.segment_size)
    return {
        "findings": findings,
        "codes": sorted({row["code"] for row in findings}),
        "errors": sum(row["severity"] == "error" for row in findings),
        "timeline": timeline,
        "checked": {
            "depth": params["depth"],
            "segments": len(repository.archive.segments),
            "timelines": repository.archive.timelines(),
            "backups": len(repository.info["backups"]),
            "manifests": len(repository.manifests),
            "certificates": len(certificates),
            "peers": answered,
        },
        "newest_wal": None if named is None else _wal.segment_name(named, segment_size=bounds.segment_size),
        "newest_wal_lsn": None if reach < 0 else _wal.format_lsn(reach * bounds.segment_size),
        "newest_wal_time": None if named is None else iso_ms(from_epoch(repository.archive.time_of(named))),
        "newest_backup": newest["label"] if newest else None,
        "seconds": round(time.monotonic() - began, 3),
    }


def main() -> None:
    """Audit the repository and return the findings, or fail with them."""
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=True)
    params = module.params
    try:
        tool = Pgbackrest.of(module)
        result = audit(module, _repository_reader.Reader(tool, run=runner(module, user=None)))
        if result["errors"] and params["fail_on_findings"]:
            first = result["findings"][0]
            raise OpsError(
                f"The repository of stanza {params['stanza']} would not carry a restore: {', '.join(result['codes'])}; "
                f"first {first['code']} at {first['subject']} ({first['observed']}); {first['mend']}.",
                **result,
            )
        module.exit_json(changed=False, **result)
    except OpsError as exc:
        module.fail_json(msg=exc.message, **exc.details)


if __name__ == "__main__":
    main()
