# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the example inventory, as the operator's page tells to make one, leads the procedures to their plan."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
VAULT_PASSWORD = "the-example-has-no-secrets"
# Nothing listens there, so that every host is silent at once.
SILENT = ("-e", "ansible_host=127.0.0.1 ansible_port=1")


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with inventories/prod, and a home with the keys that the example names."""
    top = tmp_path_factory.mktemp("estate")
    copied = top / "inventories" / "prod"
    shutil.copytree(ROOT / "inventories" / "example", copied)
    main = copied / "group_vars" / "all" / "main.yml"
    main.write_text(
        main.read_text(encoding="utf-8").replace("ops_environment: example", "ops_environment: prod"), encoding="utf-8"
    )
    (top / ".ssh").mkdir(mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(top / ".ssh" / "id_ed25519")], check=True)
    page = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    commands = re.search(r"^## Keys\n.*?```\n(.*?)```", page, re.DOTALL | re.MULTILINE)
    assert commands
    own = commands[1].replace("inventories/example", "inventories/prod")
    subprocess.run(["bash", "-ec", own], cwd=top, env={**os.environ, "HOME": str(top)}, check=True)
    (top / "vault").write_text(VAULT_PASSWORD, encoding="utf-8")
    return top


def run(estate: Path, playbook: str, *arguments: str) -> tuple[int, str]:
    """Run a playbook with ``-i inventories/prod``; return its exit code and what it said, on one line."""
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventories/prod", str(ROOT / playbook)]
    environment = {
        **os.environ,
        **{"HOME": str(estate), "PWD": str(estate), "ANSIBLE_NOCOLOR": "1"},
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "ANSIBLE_VAULT_PASSWORD_FILE": str(estate / "vault"),
    }
    done = subprocess.run(
        [*command, *SILENT, *arguments],
        cwd=estate,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(
    ("playbook", "title"),
    [
        ("dr-drill.yml", "Environment prod, scenario site_lost_repository"),
        ("playbooks/dr_activate.yml", "Environment prod, scenario activation"),
        ("playbooks/dr_failback.yml", "Environment prod, scenario failback"),
    ],
)
def test_the_plan_is_shown_and_silent_hosts_are_all_that_is_refused(estate: Path, playbook: str, title: str) -> None:
    code, said = run(estate, playbook, "--check", "-e", "dr_activate_reason=test")
    assert code in (2, 4), "refused, or with hosts that do not answer"
    assert title in said, said[-3000:]
    assert "do not answer by ssh" in said
    assert said.count("fatal: [localhost]") == 1
    assert f"{estate}/inventories" not in said, "what lies in the inventory's directory was taken for a list of hosts"
    assert "[WARNING]" not in said
    assert "cannot be kept" not in said, "the example promises what it cannot keep"


def test_everybody_whom_the_example_names_can_sign(estate: Path) -> None:
    """The keys of the operator's page are those that a drill of the example asks for."""
    copied = estate / "inventories" / "prod"
    said = yaml.safe_load((copied / "group_vars" / "all" / "main.yml").read_text(encoding="utf-8"))
    signers = (copied / "allowed_signers").read_text(encoding="utf-8").split("\n")
    wanted = {said[name] for name in ("dr_lead", "dr_approver", "dr_signing_principal")}
    assert wanted <= {line.split()[0] for line in signers if line}
    assert Path(said["dr_signing_key"].replace("~", str(estate))).is_file()


def test_a_target_that_the_archive_cannot_keep_is_told_with_the_plan(estate: Path) -> None:
    _code, said = run(estate, "dr-drill.yml", "--check", "-e", "postgresql_archive_timeout=60")
    assert "WARNING: from the repository alone dr_rpo_target (60 s) cannot be kept" in said.replace("60.0", "60"), said[
        -2500:
    ]


def test_a_live_drill_names_the_programs_that_it_lacks(estate: Path) -> None:
    code, said = run(estate, "dr-drill.yml", "--check", "-e", "dr_drill_confirm=prod")
    assert code == 2
    assert "A live drill needs /usr/local/bin/fault on the controller" in said, said[-2500:]


def test_a_figure_of_another_type_is_refused_in_one_sentence(estate: Path) -> None:
    code, said = run(estate, "dr-drill.yml", "--check", "-e", "dr_rto_target=abc")
    assert code == 2
    assert "argument 'dr_rto_target' is of type str and we were unable to convert to float" in said
    assert "argument_spec_data" not in said
    assert said.count("dr_rto_target") < 4
