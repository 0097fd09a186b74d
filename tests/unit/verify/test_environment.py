# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment is what Ansible says it is; whatever is not fit is refused in one sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine import hosts_left_out
from verify.engine.environment import ROOT, find_inventory, load
from verify.engine.known import names

pytestmark = pytest.mark.slow

HOSTS = """
all:
  hosts:
    db1: {ansible_host: 192.0.2.31}
    db2: {ansible_host: 192.0.2.32}
    lb1: {ansible_host: 192.0.2.11}
    old1: {}
  children:
    managed: {hosts: {db1: {}, db2: {}, lb1: {}}}
    postgresql: {hosts: {db1: {}, db2: {}}}
"""
VARS: dict[str, str] = {
    "ops_environment": "prod",
    "verify_hosts": "managed",
    "verify_user": "verify",
    "base_domain": "example.org",
    "verify_services": '[{name: web, critical: true, probe: "https://www.{{ base_domain }}/", hosts: [lb1]}]',
    "verify_pools": "[{name: databases, hosts: postgresql}]",
}


def make(folder: Path, *, name: str = "prod", hosts: str = HOSTS, **over: str | None) -> Path:
    """Write an inventory and return the folder to start from."""
    base = folder / "inventories" / name
    (base / "group_vars").mkdir(parents=True)
    (base / "hosts.yml").write_text(hosts, encoding="utf-8")
    lines = [f"{key}: {value}" for key, value in {**VARS, **over}.items() if value is not None]
    (base / "group_vars" / "all.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_ansible_resolves_groups_variables_and_templates(tmp_path: Path) -> None:
    found = load("prod", cwd=make(tmp_path))
    assert list(found.hosts) == ["db1", "db2", "lb1"]
    assert found.hosts["db1"].get("ansible_host") == "192.0.2.31"
    assert [service.get("probe") for service in found.subjects("service")] == ["https://www.example.org/"]
    assert [host.name for host in found.subjects("host", "postgresql")] == ["db1", "db2"]
    assert found.excluded == {"old1": "not matched by verify_hosts (managed)"}
    assert len(found.inventory_digest) == 64


OUT = "{old1: {reason: it waits for its disposal, until: 2026-12-31T23:59:59Z}}"
NOW = 1_796_000_000.0  # 2026-11-30T01:33:20Z


def test_a_host_that_is_left_out_is_told_with_its_reason_and_its_end(tmp_path: Path) -> None:
    found = load("prod", limit="lb1", cwd=make(tmp_path, verify_hosts_left_out=OUT))
    hosts_left_out.check(found, now=NOW)
    assert re.fullmatch(
        r"it waits for its disposal \(until 2026-12-31.23:59:59.*: not matched by verify_hosts \(managed\)\)",
        found.excluded["old1"],
    )
    assert found.excluded["db1"] == "left out by --limit lb1"


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({}, "verify_hosts leaves out old1, and verify_hosts_left_out does not say why and until when"),
        ({"verify_hosts": "all:!db1:!old1", "verify_hosts_left_out": OUT}, "verify_hosts leaves out db1, and"),
        ({"verify_hosts": "all", "verify_hosts_left_out": OUT}, "old1: verify_hosts has this host in scope"),
        (
            {"verify_hosts_left_out": OUT.replace("{old1", "{old2: {reason: as old as old1, until: x}, old1")},
            "no such host",
        ),
        ({"verify_hosts_left_out": OUT.replace("2026-12-31", "2026-11-29")}, "old1: until is over; take the host"),
        ({"verify_hosts_left_out": OUT.replace("2026", "2027")}, "old1: until is more than 365 days ahead"),
        ({"verify_hosts_left_out": OUT.replace("T23:59:59Z", "")}, "until: write a whole instant in UTC"),
        ({"verify_hosts_left_out": OUT.replace("it waits for its disposal", "gone")}, "old1.reason"),
        ({"verify_hosts_left_out": "{old1: {reason: it waits for its disposal}}"}, "'until' is a required property"),
    ],
)
def test_no_host_is_left_out_without_a_reason_and_an_end(tmp_path: Path, over: dict[str, Any], told: str) -> None:
    with pytest.raises(OpsError) as caught:
        hosts_left_out.check(load("prod", cwd=make(tmp_path, **over)), now=NOW)
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("limit", "hosts"),
    [("postgresql", ["db1", "db2"]), ("managed:!postgresql", ["lb1"]), ("postgresql:&db2", ["db2"])],
)
def test_a_limit_is_a_pattern_of_ansible(tmp_path: Path, limit: str, hosts: list[str]) -> None:
    found = load("prod", limit=limit, cwd=make(tmp_path))
    assert list(found.hosts) == hosts
    assert all(reason for reason in found.excluded.values())
    assert set(found.hosts) | set(found.excluded) == {"db1", "db2", "lb1", "old1"}
    assert sorted(found.scope) == ["db1", "db2", "lb1"]


def test_vault_is_opened_and_its_secrets_stay_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = make(tmp_path)
    word = tmp_path / "vault-word"
    word.write_text("correct horse\n", encoding="utf-8")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(word))
    program = [str(Path(sys.executable).parent / "ansible-vault"), "encrypt_string", "--name", "metrics_password"]
    sealed = subprocess.run([*program, "s3cret-of-prod"], capture_output=True, text=True, check=True, env=os.environ)
    with (base / "inventories/prod/group_vars/all.yml").open("a", encoding="utf-8") as handle:
        handle.write(sealed.stdout)
        handle.write('\nour_mail: {host: mail, password: "{{ metrics_password }}-mail"}')
        handle.write('\nverify_sources: {prometheus: {url: "https://metrics", password: "{{ metrics_password }}"}}\n')
    found = load("prod", cwd=base)
    assert found.variables["verify_sources"]["prometheus"]["password"] == "s3cret-of-prod"
    assert {"s3cret-of-prod", "s3cret-of-prod-mail"} <= found.secrets
    assert "metrics_password" not in found.variables
    assert "s3cret-of-prod" not in repr(found).replace(repr(found.variables), "")


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"ops_environment": None}, "ops_environment is not set"),
        ({"ops_environment": "staging"}, "calls itself 'staging', but 'prod' was asked for"),
        ({"verify_hosts": "manged"}, "is left in scope"),
        ({"verify_services": "[{critical: true}]"}, "'name' is a required property"),
        (
            {"verify_services": "[{name: web, critical: true}, {name: web, critical: true}]"},
            "verify_services names web twice",
        ),
        ({"verify_services": "[{name: web, critcal: true}]"}, "'critical' is a required property"),
        ({"verify_services": "[{name: web, critical: false}]"}, "none is critical"),
        ({"verify_repositories": "[{name: code, kind: infrastucture}]"}, "verify_repositories.0.kind"),
        ({"verify_sources": '{prometheus: "https://u:S3cretWord@prom"}'}, "has to be 'object'"),
        ({"verify_pools": "[{name: databases, hosts: postgres}]"}, "'postgres', which is no group or host"),
        ({"verify_empty": "{service: no}"}, "verify_empty.service"),
        ({"verify_user": '"{{ nobody_set_this }}"'}, "verify_user"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(tmp_path: Path, over: dict[str, Any], told: str) -> None:
    with pytest.raises(OpsError) as caught:
        load("prod", cwd=make(tmp_path, **over))
    assert told in caught.value.message
    assert "\n" not in caught.value.message
    assert "S3cretWord" not in caught.value.message


@pytest.mark.parametrize(
    ("over", "hosts", "told"),
    [
        ({"verify_prometheus_ulr": "x"}, HOSTS, r"all\.yml: verify_prometheus_ulr, set for all hosts, is no variable"),
        ({"verify_sevices": "[]"}, HOSTS, "was verify_services meant"),
        ({"verify_access_usr": "x"}, HOSTS, "was verify_access_user meant"),
        ({"verify_daily_shedule": "x"}, HOSTS, "was verify_daily_schedule meant"),
        ({}, HOSTS.replace("192.0.2.32", "192.0.2.32, verify_usr: x"), r"hosts\.yml: verify_usr, set for db2"),
        ({"verify_our_rack": "x", "verify_extra_variables": "[verify_our_rak]"}, HOSTS, "was verify_our_rak meant"),
        ({"verify_extra_variables": "[our_rack]"}, HOSTS, r"verify_extra_variables\.0"),
    ],
)
def test_a_name_that_nobody_reads_is_refused(tmp_path: Path, over: dict[str, Any], hosts: str, told: str) -> None:
    """What is mistyped would be ignored, and the morning would not see what it was told to look at."""
    with pytest.raises(OpsError, match=told) as caught:
        load("prod", cwd=make(tmp_path, hosts=hosts, **over))
    assert "\n" not in caught.value.message


def test_names_of_the_roles_and_ones_own_are_known(tmp_path: Path) -> None:
    own = {"verify_our_rack": "x", "verify_extra_variables": "[verify_our_rack]"}
    found = load("prod", cwd=make(tmp_path, **own, verify_access_user="verify", verify_daily_forks="8"))
    assert found.variables["verify_our_rack"] == "x"


def test_every_name_that_the_code_reads_is_known() -> None:
    read = re.compile(r"""(?:declared\(|variables\[|\.get\(|\.path\(|_path\(\w+, |Listed\()["'](verify_[a-z_]+)["']""")
    found = {
        name
        for folder in ("verify", "plugins")
        for path in (ROOT / folder).rglob("*.py")
        for name in read.findall(path.read_text(encoding="utf-8"))
    }
    assert len(found) > 30
    assert sorted(found - names()) == []


def test_an_unknown_environment_names_those_that_exist(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(OpsError, match=r"no environment 'prd'.*Environments here: prod"):
        find_inventory("prd", [tmp_path])


def test_an_empty_inventory_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="has no hosts"):
        load("prod", cwd=make(tmp_path, hosts="all: {hosts: {}}\n", verify_services=None, verify_pools=None))


def test_an_inventory_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match=r"Ansible cannot read|no hosts"):
        load("prod", cwd=make(tmp_path, hosts="all: [unclosed\n"))
