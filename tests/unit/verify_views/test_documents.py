# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page says: its commands, the playbooks they run, its sections; where Terraform keeps its state."""

from __future__ import annotations

import pytest

from verify.engine.declared import Declared
from verify.facts.documents import Document, parse_documents
from verify.facts.foresight import certificate_horizon_s, disk_horizon_s, watches_lag
from verify.facts.pages import explained
from verify.facts.repositories import Repository
from verify.facts.terraform import backends, folders

from .world import World

PAGE = """# Backup

Run `ansible-playbook playbooks/other.yml` in words only.

## Diagnosis

```console
$ sudo ansible-playbook -i inventories/lab playbooks/backup.yml \\
  --check
```

```yaml
# ansible-playbook in another language is no command
```

## Steps

```sh
# a comment
OPS_ENV=lab ansible-playbook restore_test.yml && systemctl status x | tail -3
```
"""


def page(text: str) -> Document:
    """Return a page."""
    return Document("documentation", "runbooks/backup.md", 0.0, text)


def test_commands_are_those_of_fenced_shell_blocks() -> None:
    commands = page(PAGE).commands
    assert [command.program for command in commands] == ["ansible-playbook", "ansible-playbook", "systemctl", "tail"]
    assert [command.playbooks for command in commands] == [("playbooks/backup.yml",), ("restore_test.yml",), (), ()]


def test_every_yaml_file_that_the_text_names_is_a_name() -> None:
    assert page(PAGE).names == {"other.yml", "backup.yml", "restore_test.yml"}


def test_a_section_ends_at_the_next_heading_and_not_at_a_comment() -> None:
    found = page(PAGE).commands_of(["diagnos"])
    assert found is not None
    assert [command.playbooks for command in found] == [("playbooks/backup.yml",)]
    assert page(PAGE).commands_of(["rollback"]) is None
    steps = page(PAGE).commands_of(["steps"])
    assert steps is not None
    assert len(steps) == 3


@pytest.mark.parametrize(
    "text", ["", "# Title", "```", "```console\n", "~~~\nansible-playbook 'a\n~~~\n", "## \n```sh\n```\n"]
)
def test_odd_pages_are_read_without_a_fall(text: str) -> None:
    found = page(text)
    assert isinstance(found.commands, tuple)
    assert found.section(["x"]) is None


def test_a_page_without_a_commit_counts_as_never_changed() -> None:
    body = '{"documents":[{"path":"a.md","committed":null,"text":"x"}]}'
    assert parse_documents(body) == (("a.md", 0.0, "x"),)


S3 = 'terraform {\n  backend "s3" {\n    bucket = "b"\n%s  }\n}\n'


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (S3 % "    encrypt = true\n    use_lockfile = true\n", ("s3", True, True, True)),
        (S3 % '    encrypt = true\n    dynamodb_table = "locks"\n', ("s3", True, True, True)),
        (S3 % "    encrypt = true\n    use_lockfile = false\n", ("s3", True, False, True)),
        (S3 % "    # encrypt = true\n    use_lockfile = true\n", ("s3", True, True, False)),
        (S3 % '    dynamodb_table = ""\n', ("s3", True, False, False)),
        ('terraform {\n  backend "local" {\n    path = "x"\n  }\n}\n', ("local", False, False, False)),
        ('terraform {\n  backend "gcs" {\n    bucket = "b"\n  }\n}\n', ("gcs", True, True, True)),
        ('terraform {\n  cloud {\n    organization = "o"\n  }\n}\n', ("cloud", True, True, True)),
        ('terraform {\n  backend "http" {\n    address = "https://x"\n  }\n}\n', ("http", True, False, False)),
        ('resource "a" "b" {}\n', ("", False, False, False)),
    ],
)
def test_what_a_backend_does(block: str, expected: tuple[str, bool, bool, bool]) -> None:
    (found,) = backends({"main/main.tf": block})
    assert (found.folder, found[1:]) == ("main", expected)


def test_a_module_that_is_called_keeps_no_state() -> None:
    texts = {
        "live/main.tf": 'module "n" {\n  source = "../modules/n"\n}\n',
        "modules/n/main.tf": 'resource "a" "b" {}\n',
        "live/names.auto.tf": "locals {}\n",
    }
    assert [one.folder for one in backends(texts)] == ["live"]
    assert backends({}) == []
    assert folders({**texts, "modules/m/names.tf": "locals {}\n", "empty/x.tf": "# x\n"}) == [
        "live",
        "modules/m",
        "modules/n",
    ]


def repository_of(*paths: str, modules: dict[str, bool], pages: dict[str, str], code: dict[str, str]) -> Repository:
    """Return a repository with these files."""
    world, subject = World(), "repository:infrastructure"
    everything = [*paths, *modules, *pages, *code]
    world.put(subject, "tree", {"commit": "abc", "files": [{"path": path} for path in everything]})
    world.put(subject, "module_docs", {"commit": "abc", "files": modules})
    rows = [{"path": path, "committed": None, "text": text} for path, text in pages.items()]
    world.put(subject, "documents", {"commit": "abc", "documents": rows})
    world.put(subject, "terraform", {"commit": "abc", "files": code})
    return Repository(world.estate, Declared("repository", "infrastructure", {}))


def test_what_explains_roles_modules_folders_and_templates() -> None:
    found = explained(
        repository_of(
            *("roles/web/tasks/main.yml", "roles/web/templates/a.j2", "roles/db/tasks/main.yml", "roles/db/README"),
            *("live/user_data.tftpl", "stacks/one/README.rst", "stacks/one/deep/vm.bicep", "stacks/two/vm.bicep"),
            *("net.template.yml", "motd.j2", "old-motd.j2", "notes/plain.yml"),
            modules={"library/a.py": True, "plugins/modules/b.py": False},
            pages={"README.md": "`motd.j2` greets; see net.template.yml."},
            code={"live/main.tf": 'module "n" {\n  source = "../n"\n}\n', "n/main.tf": "locals {}\n"},
        )
    )
    assert found == {
        "role db": True,
        "role web": False,
        "module library/a.py": True,
        "module plugins/modules/b.py": False,
        "Terraform live": False,
        "Terraform n": False,
        "template motd.j2": True,
        "template net.template.yml": True,
        "template old-motd.j2": False,
        "template stacks/one/deep/vm.bicep": True,
        "template stacks/two/vm.bicep": False,
    }


@pytest.mark.parametrize(
    ("expression", "horizon"),
    [
        ("predict_linear(node_filesystem_avail_bytes[6h], 4 * 86400) < 0", 345600.0),
        (
            'predict_linear(node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs"}[6h], 4*24*3600) < 0 and x < 0.5 * y',
            345600.0,
        ),
        ("predict_linear(node_filesystem_free_bytes[1h],86400)<=0", 86400.0),
        ("predict_linear(node_memory_MemAvailable_bytes[6h], 345600) < 0", None),
        ("node_filesystem_avail_bytes < 10", None),
    ],
)
def test_how_far_a_rule_foresees_a_full_disk(expression: str, horizon: float | None) -> None:
    assert disk_horizon_s(expression) == horizon


@pytest.mark.parametrize(
    ("expression", "horizon"),
    [
        ("probe_ssl_earliest_cert_expiry - time() < 21 * 86400", 1814400.0),
        ('probe_ssl_earliest_cert_expiry{job="x"} - time() < 1209600', 1209600.0),
        ("probe_ssl_earliest_cert_expiry > 0", None),
        ("up == 0", None),
    ],
)
def test_how_early_a_rule_tells_of_a_certificate(expression: str, horizon: float | None) -> None:
    assert certificate_horizon_s(expression) == horizon


@pytest.mark.parametrize(
    ("expression", "tells"),
    [
        ("ops_replication_lag_bytes > 67108864", True),
        ("pg_replication_lag_seconds > 30", True),
        ("pg_replication_lag_seconds", False),
        ("up == 0", False),
    ],
)
def test_whether_a_rule_watches_a_standby(expression: str, tells: bool) -> None:
    assert watches_lag(expression) is tells
