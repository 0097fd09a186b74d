# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tools are told: the linter waives nothing, and the collection asks for the releases that it is tried on."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]


def test_the_linter_waives_nothing() -> None:
    told = yaml.safe_load((ROOT / ".ansible-lint").read_text(encoding="utf-8"))
    assert (told["profile"], told["strict"]) == ("production", True)
    assert (told["skip_list"], told["warn_list"]) == ([], [])


def tried() -> list[Version]:
    """Return the releases of ansible-core that the proofs run on, oldest first: the pinned one, and the later ones."""
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^ansible==(\S+)$", pins, re.MULTILINE)
    assert pinned == [metadata.version("ansible")], "the environment is not what requirements.txt pins"
    script = (ROOT / "scripts" / "cores.sh").read_text(encoding="utf-8")
    later = re.findall(r"\|\| set -- ([0-9. ]+)$", script, re.MULTILINE)
    assert len(later) == 1
    return [Version(metadata.version("ansible-core")), *map(Version, later[0].split())]


def test_the_collection_takes_the_releases_that_it_is_tried_on_and_no_other() -> None:
    wanted = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["requires_ansible"]
    oldest, *_between, newest = releases = tried()
    assert releases == sorted(releases)
    assert [str(release) for release in releases if release not in SpecifierSet(wanted)] == []
    first, after = f"{oldest.major}.{oldest.minor}.0", f"{newest.major}.{newest.minor + 1}.0"
    assert SpecifierSet(wanted) == SpecifierSet(f">={first},<{after}")


def test_the_page_of_the_dependencies_names_the_same_releases() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    oldest, *later = tried()
    assert f"ansible-core {oldest.major}.{oldest.minor} is what is pinned and tested" in page
    assert " and ".join(map(str, later)) in page
