# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that only a connection plugin of Ansible can reach: one run of ansible-playbook asks all of them.

Its one task is `ccobservatory.ops.evidence`, which sends the same program by the same single exec, and leaves what the
host said in a file of a private directory here.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._only_reads import fact_of
from verify.collect._keep import Visit
from verify.collect._session import Spoken

__all__ = ["through_ansible"]

ROOT = Path(__file__).resolve().parents[2]
# ansible-playbook reads the whole inventory before it asks anybody.
_START_S = 60.0
_FAILED = re.compile(r"^fatal: \[([^\]\s]+)[^\]]*\]: (?:FAILED|UNREACHABLE)! => (\{.*\})$", re.MULTILINE)


def through_ansible(
    visits: Sequence[Visit], kept: Callable[[Visit, Spoken], bool], *, inventory: str, forks: int, deadline_s: float
) -> None:
    """Ask hosts through Ansible and hand over what each said, or why one said nothing; a host has ``deadline_s``."""
    if not visits:
        return
    with tempfile.TemporaryDirectory(prefix="verify.") as folder:
        said, last = _play(visits, Path(folder), inventory, forks, deadline_s)
        for visit in visits:
            answer = Path(folder) / f"{visit.host}.json"
            if answer.exists():
                row = json.loads(answer.read_text(encoding="utf-8"))
                kept(replace(visit, token=row["token"]), _spoken(row))
            else:
                told = said.get(visit.host, last)
                kept(visit, Spoken(stderr=bytearray(told.encode("utf-8", "replace")), code=255))


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


def _play(
    visits: Sequence[Visit], folder: Path, inventory: str, forks: int, deadline_s: float
) -> tuple[dict[str, str], str]:
    """Run the playbook; return why hosts failed, by their names, and what holds for a host that it does not name."""
    task = {
        "name": "Ask the host",
        "ccobservatory.ops.evidence": {
            "dest": f"{folder}/{{{{ inventory_hostname }}}}.json",
            **_questions(visits, folder),
        },
        "timeout": math.ceil(deadline_s),
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
    command = [str(program), "--inventory", inventory, "--forks", str(forks), str(folder / "evidence.json")]
    most_s = _START_S + deadline_s * math.ceil(len(visits) / forks)
    try:
        done = subprocess.run(
            command, env=_environment(), cwd=ROOT, capture_output=True, text=True, check=False, timeout=most_s
        )
    except subprocess.TimeoutExpired as exc:
        return failures(_text(exc.stdout)), f"ansible-playbook was stopped after {most_s:.0f} s"
    except OSError as exc:
        return {}, f"ansible-playbook: {exc}"
    own = failures(done.stdout)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "msg" in line or "rror" in line]
    return own, "ansible-playbook said nothing of this host" if own or not lines else lines[-1]


def _questions(visits: Sequence[Visit], folder: Path) -> dict[str, object]:
    """Return the arguments that name the questions: one list for all, or a file a host where users' tests ask.

    Commands go by file, because Ansible would fill in what looks like a variable in them.
    """
    own = {visit.host: [fact.why for fact in visit.facts if fact == fact_of(fact.why)] for visit in visits}
    if not any(own.values()):
        return {"facts": sorted({fact.name for visit in visits for fact in visit.facts})}
    for host, commands in own.items():
        (folder / f"{host}.commands").write_text(json.dumps(commands), encoding="utf-8")
    return {"commands": f"{folder}/{{{{ inventory_hostname }}}}.commands"}


def _environment() -> dict[str, str]:
    """Return the environment of ansible-playbook, in which what it says of a host stands in one line of JSON."""
    words = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default", "ANSIBLE_VERBOSITY": "0"}
    words |= {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_DISPLAY_FAILED_STDERR": "false"}
    return {**os.environ, **words, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")}


def _text(printed: bytes | str | None) -> str:
    """Return as text what was printed before a time limit; Python hands it over as bytes."""
    return printed.decode("utf-8", "replace") if isinstance(printed, bytes) else printed or ""


def failures(printed: str) -> dict[str, str]:
    """Return what ansible-playbook printed of each host that failed, by host, each in one line."""
    found: dict[str, str] = {}
    for host, text in _FAILED.findall(printed):
        try:
            told = json.loads(text).get("msg", "")
        except ValueError:
            told = text
        found[host] = " ".join(str(told).split())
    return found
