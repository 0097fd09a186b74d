# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No role installs a certificate that is not valid today and tomorrow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
ROLES = ROOT / "roles"


def tls_files() -> list[tuple[str, str]]:
    """Return the certificates that roles install, as (role, variable)."""
    found = []
    for path in sorted(ROLES.glob("*/defaults/main.yml")):
        names = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        found += [(path.parents[1].name, name) for name in names if name.endswith("_tls_cert_file")]
    return found


@pytest.mark.parametrize(("role", "variable"), tls_files())
def test_a_role_reads_the_dates_of_its_certificate_first(role: str, variable: str) -> None:
    tasks = yaml.safe_load((ROLES / role / "tasks" / "preflight.yml").read_text(encoding="utf-8"))
    reading = [
        task for task in tasks if task.get("ansible.builtin.include_role", {}).get("tasks_from") == "certificate.yml"
    ]
    assert [task["vars"] for task in reading] == [{"base_certificate_file": f"{{{{ {variable} }}}}"}]


@pytest.mark.parametrize(("days", "code"), [(30, 0), (1, 2)])
def test_a_certificate_that_ends_within_a_day_is_refused(tmp_path: Path, days: int, code: int) -> None:
    file = tmp_path / "server.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", str(days), "-subj", "/CN=db1", "-keyout", str(tmp_path / "server.key"), "-out", str(file)],
        check=True, capture_output=True,
    )  # fmt: skip
    role = {"name": "ccobservatory.ops.base", "tasks_from": "certificate.yml"}
    task = {"ansible.builtin.include_role": role, "vars": {"base_certificate_file": str(file)}}
    (tmp_path / "play.yml").write_text(
        yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]), encoding="utf-8"
    )
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / "collections")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local"]
    command += ["-e", json.dumps({"ansible_python_interpreter": sys.executable})]
    done = subprocess.run(
        [*command, str(tmp_path / "play.yml")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stdout
    assert code == 0 or "renew it before it is installed" in " ".join(done.stdout.split())
