# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two repositories of the green world: playbooks, roles and Terraform code in one, runbooks in the other."""

from __future__ import annotations

from typing import Any

from _world import DAY, HOUR, World, golden
from golden_records import at

HEAD = {"infrastructure": "0000001" + "c4" * 16 + "e", "documentation": "d0" * 20}
BEFORE = "ab" * 20
SUBJECT = "repository:{}"
KNOWN = "platform-a@example.org"
_RUNBOOK = """# {title}

## When

An alert says so.

## Diagnosis

Look first; this changes nothing:

```console
ansible-playbook -i inventories/golden playbooks/{name}.yml --check --diff
```

## Steps

```console
$ ansible-playbook -i inventories/golden playbooks/{name}.yml
$ journalctl -u ops-{name} | tail -20
```
"""
RUNBOOKS = {
    f"runbooks/{name}.md": name for name in ("site", "backup", "restore", "dr_drill", "dr_activate", "dr_failback")
}
MAIN_TF = """terraform {
  backend "s3" {
    bucket       = "state"
    key          = "golden/main.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

module "network" {
  source = "../modules/network"
}
"""
NETWORK_TF = 'resource "network" "main" {\n  cidr = "192.0.2.0/24"\n}\n'
FILES = {
    "infrastructure": [
        "README.md",
        *(f"playbooks/{name}.yml" for name in RUNBOOKS.values()),
        *(f"roles/{role}/{part}" for role in ("base", "app") for part in ("README.md", "tasks/main.yml")),
        *(f"roles/{role}/meta/argument_specs.yml" for role in ("base", "app")),
        "plugins/modules/pool.py",
        "cloud/README.md",
        "cloud/first_boot.yml.j2",
        "terraform/main/main.tf",
        "terraform/main/README.md",
        "terraform/modules/network/main.tf",
        "terraform/modules/network/README.md",
    ],
    "documentation": ["README.md", *RUNBOOKS],
}


def commit(sha: str, ago: float, subject: str, **more: Any) -> dict[str, Any]:
    """Return a commit as git tells of it."""
    person = {"author": "Platform A", "email": KNOWN, "committer": "Platform A"}
    times = {"authored": at(ago), "committed": at(ago)}
    signed = {"signature": "G", "signer": KNOWN, "key": "SHA256:EXAMPLEgolden"}
    return {"sha": sha, "parents": ["f" * 40], **person, **times, **signed, "subject": subject, **more}


@golden
def repositories(world: World) -> None:
    """Both checkouts: clean, pushed, signed, with their pages and code."""
    for name, head in HEAD.items():
        subject = SUBJECT.format(name)
        state = {
            "path": f"/srv/repositories/{name}",
            "owner": "ops",
            "mode": "0750",
            "head": head,
            "branch": "main",
            "upstream": "origin/main",
            "ahead": 0,
            "behind": 0,
            "dirty": [],
            "untracked": [],
            "branches": [{"name": "main", "upstream": "origin/main", "track": None, "head": head}],
            "remotes": {"origin": f"https://git.example.org/{name}.git"},
            "default_branch": "main",
            "stashes": 0,
        }
        rows = [
            commit(head, 1.8 * DAY, "Bring the estate's page up to date", parents=[BEFORE]),
            commit(BEFORE, 12 * DAY, "Name the balancer's pool", signature="N", signer="", key=""),
        ]
        files = [
            {"path": path, "mode": "100644", "blob": f"{place:040x}", "size": 900}
            for place, path in enumerate(FILES[name])
        ]
        world.set(subject, "state", state)
        history = {"branch": "main", "since": 1748000000.0, "complete": True, "commits": rows}
        world.set(subject, "commits", history)
        world.set(subject, "tree", {"commit": head, "files": files})
        world.set(subject, "remote", {"url": state["remotes"]["origin"], "heads": {"main": head}})  # type: ignore[index]
        world.set(subject, "documents", {"commit": head, "documents": _pages(name)})
        code = {"terraform/main/main.tf": MAIN_TF, "terraform/modules/network/main.tf": NETWORK_TF}
        world.set(subject, "terraform", {"commit": head, "files": code if name == "infrastructure" else {}})
        documented = {"plugins/modules/pool.py": True} if name == "infrastructure" else {}
        world.set(subject, "module_docs", {"commit": head, "files": documented})
        counted = 12 if name == "infrastructure" else 0
        world.set(subject, "copies", {"commit": head, "files": counted, "least_lines": 12, "copies": []})


def _pages(repository: str) -> list[dict[str, Any]]:
    texts = {path: f"# {path}\n\nWhat it does.\n" for path in FILES[repository] if path.endswith(".md")}
    if repository == "documentation":
        texts |= {path: _RUNBOOK.format(title=name, name=name) for path, name in RUNBOOKS.items()}
    return [{"path": path, "committed": at(200 * DAY - HOUR), "text": text} for path, text in sorted(texts.items())]
