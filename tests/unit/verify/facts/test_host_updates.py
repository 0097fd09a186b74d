# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The age of a pending update is bounded by what can be proved, and never guessed."""

from __future__ import annotations

import pytest

from verify.facts.host_software import AptArchive, PatchRun, Upgradable
from verify.facts.host_storage import FileState
from verify.facts.host_updates import Apt, last_whole_upgrade, pending

DAY = 86400.0
NOW = 100 * DAY
SECURITY = AptArchive("x", "Debian", "Debian-Security", "stable-security", "bookworm-security", NOW - 2 * DAY, None)
STABLE = AptArchive("y", "Debian", "Debian", "stable", "bookworm", NOW - 40 * DAY, None)
UPDATES = [
    Upgradable("zlib", "amd64", "1", "2", ("stable",)),
    Upgradable("openssl", "amd64", "1", "2", ("stable-security",)),
]


def run(start: float, command: str, *, end: float | None = 1.0, error: str = "") -> PatchRun:
    return PatchRun(start=start, end=end, command=command, by="", error=error)


def test_security_comes_first_with_both_bounds() -> None:
    first, second = pending(UPDATES, [SECURITY, STABLE], [run(NOW - 5 * DAY, "apt-get -y dist-upgrade")], now=NOW)
    assert (first.package, first.security, first.key) == ("openssl", True, "openssl=2")
    assert (first.age_at_least_s, first.age_at_most_s) == (2 * DAY, 5 * DAY)
    assert (second.security, second.age_at_least_s, second.age_at_most_s) == (False, 40 * DAY, 5 * DAY)


def test_without_a_whole_upgrade_nothing_bounds_the_age() -> None:
    (first, _second) = pending(UPDATES, [SECURITY], [run(NOW - DAY, "apt-get install openssl")], now=NOW)
    assert first.age_at_most_s is None


def test_only_a_whole_upgrade_that_succeeded_counts() -> None:
    runs = [
        run(10.0, "apt-get upgrade"),
        run(20.0, "/usr/bin/unattended-upgrade"),
        run(30.0, "apt-get full-upgrade", end=None),
        run(40.0, "apt-get upgrade", error="dpkg returned an error code (1)"),
        run(50.0, "apt-get install upgrade-tool2"),
    ]
    assert last_whole_upgrade(runs[:4]) == 20.0
    assert last_whole_upgrade([]) is None


@pytest.mark.parametrize(
    ("command", "whole"),
    [
        ("/usr/bin/apt-get -y -o Dpkg::Options::=--force-confold dist-upgrade", True),
        ("apt full-upgrade", True),
        ("apt -y upgrade", True),
        ("/usr/bin/apt-get --yes upgrade --with-new-pkgs", True),
        ("apt-get upgrade --with-new-pkgs -y", True),
        ("/usr/bin/unattended-upgrade", True),
        # It leaves out what needs a new package, such as a kernel.
        ("apt-get -y upgrade", False),
        ("apt-get install --only-upgrade openssl", False),
        ("apt install upgrade-tool2", False),
    ],
)
def test_which_commands_take_everything(command: str, whole: bool) -> None:
    assert (last_whole_upgrade([run(10.0, command)]) == 10.0) is whole


def test_nothing_bounds_the_age_of_what_is_held() -> None:
    first, second = pending(UPDATES, [SECURITY], [run(NOW - DAY, "apt full-upgrade")], now=NOW, held={"openssl"})
    assert (first.package, first.age_at_most_s) == ("openssl", None)
    assert second.age_at_most_s == DAY


def test_lists_of_the_future_have_no_age() -> None:
    stamp = FileState("/var/lib/apt/lists", "directory", 0o755, 0, 0, 0, NOW + 3600)
    assert Apt((SECURITY,), {stamp.path: stamp}, NOW).lists_age_s is None


def test_an_unknown_suite_proves_no_age() -> None:
    (update,) = pending([Upgradable("x", "amd64", "1", "2", ("other",))], [SECURITY], [], now=NOW)
    assert update.age_at_least_s == 0.0


def test_the_age_of_the_lists() -> None:
    stamp = FileState("/var/lib/apt/lists", "directory", 0o755, 0, 0, 0, NOW - 3600)
    assert Apt((SECURITY,), {stamp.path: stamp}, NOW).lists_age_s == 3600
    assert Apt((SECURITY,), {}, NOW).lists_age_s is None
    assert Apt((SECURITY, STABLE), {}, NOW).security_archives == (SECURITY,)
