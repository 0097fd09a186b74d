# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the page about records, ``docs/records.md``, from the schemas of their types.

Usage: ``records_page.py`` writes; ``records_page.py --check`` says whether the page differs and exits 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_fields import COMMON, RecordType, in_words  # noqa: E402
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import RECORD_TYPES  # noqa: E402

PAGE = ROOT / "docs" / "records.md"

HEAD = """\
# Records

What people do is proved by records: one YAML or JSON file each, or a list of several, below the directory that
`verify_records_dir` names, in a folder called like its type. What playbooks do leaves records of the same types below
`verify_runs_dir`; the page for [auditors](auditor.md) lists what the record of a drill holds. Keep people's records in
git and let somebody else review them.

This page is written by `scripts/records_page.py` from the schemas; edit those.

## Rules

- An instant is text in UTC with a trailing Z. A local time, a date that the calendar does not have, a key that the type
  does not have, a key that stands twice, an id that is taken: each is an error that names file, key and mend. Until it
  is mended, every control that rests on records of that type is unknown. A file of no type makes all of them unknown.
- What has not happened yet is left out or `null`. It is never zero.
- A record is *declared* as it stands. It is *attested* when `ssh-keygen -Y sign -n ccobservatory.ops -f KEY FILE` left
  `FILE.sig` beside it and the key stands in `verify_allowed_signers`. A signature that does not hold, or whose file is
  gone, is an error. What playbooks leave is *machine*, chained to the record before it.
- Backups, restores, restore tests and drills are told by playbooks alone: a file written by hand says nothing of them.
- `environment` is the environment's own name, or one of those in `verify_environments` when several share the folder.
- A record proves that somebody said something, and when. It does not prove that it was done well.

## A draft to begin with

```
ansible-playbook -i inventories/prod playbooks/record.yml -e record_kind=postmortem --check --diff  # a draft
ansible-playbook -i inventories/prod playbooks/record.yml -e record_kind=postmortem             # writes it
ansible-playbook -i inventories/prod playbooks/record.yml -e record_file=FILE                   # files it
```

The draft lies in the folder of its type and has every key that has to be there, each with what it means; the others
stand behind a `#`. As long as its name ends in `.draft.yml` it proves nothing and hinders nothing, and one that is
only renamed is refused, because it says `draft: true`. Filing checks what a person filled in against the same schema,
names every mistake with its key, and takes the draft away once the record lies beside it. A record that is there
already is checked by the same command after it was edited. Neither overwrites a file.

## Files of other programs

These may lie among the records as they come from the program:

| folder | name | what |
| --- | --- | --- |
| `vulnerability_scan` | `host_db1@20261126T060000Z.trivy.json` | Trivy, `--format json --list-all-pkgs` |
| `vulnerability_scan` | `image_app@20261126T060000Z.grype.json` | Grype, `-o json` |
| `vulnerability_scan` | `repository_app@20261126T060000Z.sarif` | SARIF 2.1.0 of any scanner |
| `vulnerability_scan` | `host_db1@20261126T060000Z.debsecan.txt` | debsecan, detail; add a line `# packages: 412` |
| `cost` | `provider@20261126T060000Z.focus.csv` | a cost export with FOCUS columns |

The name begins with `host_`, `image_` or `repository_` and what was scanned, as the inventory calls it; the time in it
may be left out where the form tells it. Of when its list of vulnerabilities is, only Grype tells by itself: put the key
`VulnerabilityDB` of `trivy version --format json` beside the others of Trivy's report, and `database_built` into the
`properties` of the driver of SARIF; without it the scan's controls stay unknown. debsecan knows no critical
findings and leaves many unrated, so it proves no absence of critical ones.

## Keys of every record

"""


def rows(properties: Mapping[str, Any], required: list[str], inside: str = "") -> Iterator[str]:
    """Yield the rows of a table of keys, those inside a part or list below it."""
    for name, schema in properties.items():
        star = " *" if name in required else ""
        yield f"| `{inside}{name}`{star} | {in_words(schema)} | {schema.get('title', '')} |"
        inner = schema["items"] if schema.get("type") == "array" else schema
        if "properties" in inner:
            end = "[]." if inner is not schema else "."
            yield from rows(inner["properties"], inner["required"], f"{inside}{name}{end}")


def table(properties: Mapping[str, Any], required: list[str]) -> str:
    """Return a table of keys."""
    return "\n".join(["| key | value | meaning |", "| --- | --- | --- |", *rows(properties, required)])


def chapter(one: RecordType) -> str:
    """Return what the page says of one type."""
    schema = one.schema
    own = {field.name: schema["properties"][field.name] for field in one.fields}
    common = {"id": f"{one.name}-1", "environment": "production", "at": "2026-11-20T16:00:00Z", "by": "operations"}
    example = yaml.safe_dump({**common, **one.example}, sort_keys=False, width=110, allow_unicode=True)
    keys = table(own, schema["required"])
    return f"## {one.name}\n\n{one.says}\n\n{keys}\n\n```yaml\n{example.rstrip()}\n```\n"


def page() -> str:
    """Return the whole page."""
    any_type = next(iter(RECORD_TYPES.values())).schema
    shared = [name.rstrip("*") for name, _shape, _says in COMMON]
    keys = table({name: any_type["properties"][name] for name in shared}, any_type["required"])
    starred = "A star marks a key that has to be there.\n"
    chapters = "\n".join(chapter(RECORD_TYPES[name]) for name in sorted(RECORD_TYPES))
    return f"{HEAD}{keys}\n\n{starred}\n{chapters}"


def main() -> int:
    """Write or check the page; return the exit code."""
    text = page()
    if "--check" in sys.argv[1:]:
        same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
        print("" if same else f"{PAGE.relative_to(ROOT)} differs from the schemas: run scripts/records_page.py")
        return 0 if same else 1
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
