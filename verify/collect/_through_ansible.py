# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that only a connection plugin of Ansible can reach: one run of ansible-playbook asks all of them.

Its one task is `ccobservatory.ops.evidence`, which sends the same program by the same single exec, and leaves what the
host said in a file of a private directory here.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from verify.collect._keep import Visit
from verify.collect._session import Spoken

__all__ = ["through_ansible"]

ROOT = Path(__file__).resolve().parents[2]
_PER_HOST_S = 120.0


def through_ansible(
    visits: Sequence[Visit], kept: Callable[[Visit, Spoken], bool], *, inventory: str, forks: int
) -> None:
    """Ask hosts through Ansible and hand over what each said, or why one said nothing."""
    if not visits:
        return
    with tempfile.TemporaryDirectory(prefix="verify.") as folder:
        said = _play(visits, Path(folder), inventory, forks)
        for visit in visits:
            answer = Path(folder) / f"{visit.host}.json"
            if answer.exists():
                row = json.loads(answer.read_text(encoding="utf-8"))
                kept(replace(visit, token=row["token"]), _spoken(row))
            else:
                kept(visit, Spoken(stderr=bytearray(said.encode()), code=255))


def _spoken(row: dict[str, object]) -> Spoken:
    stdout = str(row["stdout"]).encode("utf-8", "surrogateescape")
    began, ended = float(str(row["began"])), float(str(row["ended"]))
    return Spoken(
        stdout=bytearray(stdout),
        stderr=bytearray(str(row["stderr"]).encode("utf-8", "replace")),
        code=int(str(row["rc"])),
        begun=began,
        first=ended,
        ended=ended,
    )


def _play(visits: Sequence[Visit], folder: Path, inventory: str, forks: int) -> str:
    """Run the playbook and return the last line that it said of a failure."""
    names = sorted({fact.name for visit in visits for fact in visit.facts})
    task = {
        "name": "Ask the host",
        "ccobservatory.ops.evidence": {"dest": f"{folder}/{{{{ inventory_hostname }}}}.json", "facts": names},
    }
    play = {
        "name": "Evidence",
        "hosts": [visit.host for visit in visits],
        "gather_facts": False,
        "strategy": "ansible.builtin.free",
        "tasks": [task],
    }
    (folder / "evidence.json").write_text(json.dumps([play]), encoding="utf-8")
    program = Path(sys.executable).with_name("ansible-playbook")
    environment = dict(os.environ, ANSIBLE_NOCOLOR="1", ANSIBLE_COLLECTIONS_PATH=str(ROOT / "collections"))
    command = [str(program), "--inventory", inventory, "--forks", str(forks), str(folder / "evidence.json")]
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PER_HOST_S * (1 + len(visits) // forks),
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return f"ansible-playbook: {exc}"
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "msg" in line or "rror" in line]
    return lines[-1] if lines else "ansible-playbook said nothing of this host"
