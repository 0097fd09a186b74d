# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and the inventory as Ansible reads them."""

from __future__ import annotations

import json
import re
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import _inventory, _people, _pki, _repositories
from lab._console import LabError
from lab._estate import HOSTS, Estate

pytestmark = pytest.mark.slow

PROGRAM = Path("/a check.out/lab/lab")


@pytest.fixture
def written(estate: Estate) -> Estate:
    """Return a lab with its keys and its inventory."""
    _pki.ensure(estate)
    _inventory.write(estate, PROGRAM)
    return estate


def variables(estate: Estate) -> dict[str, Any]:
    """Return the variables of the group all."""
    merged: dict[str, Any] = {}
    for path in sorted((estate.inventory / "group_vars" / "all").glob("*.yml")):
        merged.update(yaml.safe_load(path.read_text(encoding="utf-8")))
    return merged


def test_hosts_and_connection(written: Estate) -> None:
    tree = yaml.safe_load((written.inventory / "hosts.yml").read_text(encoding="utf-8"))["all"]
    assert {name: entry["ansible_host"] for name, entry in tree["hosts"].items()} == {
        host.name: written.address(host.name) for host in HOSTS
    }
    assert "vars" not in tree, "plays on the controller must not inherit the connection of the hosts"
    assert set(tree["children"]["estate"]["children"]) == {"site_a", "site_b", "vault"}
    connection = tree["children"]["estate"]["vars"]
    assert connection == tree["children"]["outside"]["vars"]
    assert connection["ansible_become"] is True
    options = shlex.split(connection["ansible_ssh_common_args"])
    assert f'UserKnownHostsFile="{written.state / "known_hosts"}"' in options
    assert "StrictHostKeyChecking=yes" in options
    expected = ["python3", str(PROGRAM), *["--quiet", "--prefix", "unit", "--subnet", "10.99", "power", "off"]]
    assert connection["fence_power_off"] == [*expected, "{{ inventory_hostname }}"]


def test_every_host_key_is_pinned(written: Estate) -> None:
    lines = (written.state / "known_hosts").read_text(encoding="utf-8").splitlines()
    assert [line.split()[0] for line in lines] == [f"{host.name},{written.address(host.name)}" for host in HOSTS]
    assert len({line.split()[2] for line in lines}) == len(HOSTS)


def test_secrets_are_random_private_and_kept(written: Estate) -> None:
    before = variables(written)
    words = yaml.safe_load((written.inventory / "group_vars" / "all" / "secrets.yml").read_text(encoding="utf-8"))
    assert len(set(words.values())) == len(words)
    assert all(len(word) == 40 for word in words.values())
    for path in (written.inventory / "group_vars" / "all" / "secrets.yml", written.state / "secrets.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    _inventory.write(written, PROGRAM)
    assert variables(written) == before


def test_the_environment_is_complete(written: Estate) -> None:
    facts = variables(written)
    assert facts["ops_environment"] == "lab"
    assert facts["ops_protected"] is False
    assert facts["dr_fault_command"][-1] == "fault"
    assert facts["dr_heal_command"][-1] == "heal"
    for path in [facts["dr_signing_key"], facts["dr_allowed_signers"], *facts["dr_stand_in_keys"].values()]:
        assert Path(path).is_file()
    assert (Path(facts["ops_pki_dir"]) / "client1.key").is_file()


def test_records_and_repositories_are_where_the_lab_puts_them(written: Estate) -> None:
    facts = variables(written)
    assert facts["verify_records_dir"] == str(_people.directory(written))
    paths = {row["name"]: row["path"] for row in facts["verify_repositories"]}
    assert paths == {name: str(_repositories.directory(written, name)) for name in _repositories.ROOTS}


def test_git_sees_nothing_of_it(written: Estate) -> None:
    assert (written.inventory / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_an_unknown_placeholder_is_named(estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _pki.ensure(estate)
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "x.yml").write_text("---\na: ${nothing}\n", encoding="utf-8")
    monkeypatch.setattr(_inventory, "TEMPLATES", templates)
    with pytest.raises(LabError, match=r"x\.yml holds an unknown placeholder: 'nothing'"):
        _inventory.write(estate, PROGRAM)


def openssl(*arguments: str) -> str:
    """Run openssl and return what it printed, whatever its exit code."""
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_certificates_are_of_the_host_and_of_the_authority(written: Estate) -> None:
    certificate = str(written.pki / "db1.crt")
    authority = str(written.pki / "ca.crt")
    assert openssl("verify", "-purpose", "sslserver", "-CAfile", authority, certificate).strip().endswith("OK")
    assert openssl("verify", "-purpose", "sslclient", "-CAfile", authority, certificate).strip().endswith("OK")
    text = openssl("x509", "-noout", "-subject", "-ext", "subjectAltName", "-in", certificate)
    assert re.search(r"CN ?= ?db1\b", text)  # OpenSSL 3.2 and later leave the blanks out
    assert "DNS:db1, IP Address:10.99.1.31" in text
    assert stat.S_IMODE((written.pki / "db1.key").stat().st_mode) == 0o600


def test_an_expired_certificate_is_wrong_in_its_dates_only(written: Estate, tmp_path: Path) -> None:
    expired = tmp_path / "expired.crt"
    expired.write_bytes(_pki.expired_certificate(written, "db1"))
    said = openssl("verify", "-CAfile", str(written.pki / "ca.crt"), str(expired))
    assert "certificate has expired" in said
    good = openssl("verify", "-no_check_time", "-CAfile", str(written.pki / "ca.crt"), str(expired))
    assert good.strip().endswith("OK")
    keys = [openssl("x509", "-noout", "-pubkey", "-in", str(path)) for path in (expired, written.pki / "db1.crt")]
    assert keys[0] == keys[1]


def test_keys_survive_a_second_run(written: Estate) -> None:
    def state() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in sorted(written.state.rglob("*")) if path.is_file()}

    before = state()
    _pki.ensure(written)
    assert state() == before


def test_stand_ins_can_sign_for_this_purpose_only(written: Estate, tmp_path: Path) -> None:
    statement = tmp_path / "statement"
    statement.write_text(json.dumps({"approved": True}), encoding="utf-8")
    key = str(written.keys / "approver")
    for space in (_pki.SIGNATURE_NAMESPACE, "another"):
        signature = tmp_path / f"{space}.sig"
        with statement.open("rb") as text:
            made = subprocess.run(
                ["ssh-keygen", "-Y", "sign", "-n", space, "-f", key], stdin=text, capture_output=True, check=True
            )
        signature.write_bytes(made.stdout)
        verify = ["ssh-keygen", "-Y", "verify", "-f", str(written.keys / "allowed_signers"), "-I", "approver"]
        with statement.open("rb") as text:
            done = subprocess.run(
                [*verify, "-n", space, "-s", str(signature)], stdin=text, capture_output=True, check=False
            )
        assert (done.returncode == 0) is (space == _pki.SIGNATURE_NAMESPACE)
