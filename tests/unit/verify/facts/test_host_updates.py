# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The age of a pending update is bounded by what can be proved, and never guessed."""

from __future__ import annotations

from verify.facts.host_software import AptArchive, Upgradable
from verify.facts.host_storage import FileState
from verify.facts.host_updates import Apt, Sighting, pending

DAY = 86400.0
NOW = 100 * DAY
SECURITY = AptArchive("x", "Debian", "Debian-Security", "stable-security", "bookworm-security", NOW - 2 * DAY, None)
STABLE = AptArchive("y", "Debian", "Debian", "stable", "bookworm", NOW - 40 * DAY, None)
UPDATES = [
    Upgradable("zlib", "amd64", "1", "2", ("stable",)),
    Upgradable("openssl", "amd64", "1", "2", ("stable-security",)),
]


def test_security_comes_first_with_both_bounds() -> None:
    known = {"openssl:amd64": Sighting(None, NOW - 3 * DAY)}
    first, second = pending(UPDATES, [SECURITY, STABLE], known, now=NOW)
    assert (first.package, first.security, first.key) == ("openssl", True, "openssl=2")
    assert (first.age_at_least_s, first.age_at_most_s) == (2 * DAY, 3 * DAY)
    assert (second.security, second.age_at_least_s, second.age_at_most_s) == (False, 40 * DAY, None)


def test_what_a_run_saw_wait_is_at_least_that_old() -> None:
    (first, _second) = pending(UPDATES, [SECURITY], {"openssl:amd64": Sighting(NOW - 9 * DAY, NOW - 10 * DAY)}, now=NOW)
    assert (first.age_at_least_s, first.age_at_most_s) == (9 * DAY, 10 * DAY)


def test_without_an_earlier_run_nothing_bounds_the_age() -> None:
    assert [one.age_at_most_s for one in pending(UPDATES, [SECURITY], {}, now=NOW)] == [None, None]


def test_lists_of_the_future_have_no_age() -> None:
    stamp = FileState("/var/lib/apt/lists", "directory", 0o755, 0, 0, 0, NOW + 3600)
    assert Apt((SECURITY,), {stamp.path: stamp}, NOW).lists_age_s is None


def test_an_unknown_suite_proves_no_age() -> None:
    (update,) = pending([Upgradable("x", "amd64", "1", "2", ("other",))], [SECURITY], {}, now=NOW)
    assert update.age_at_least_s == 0.0


def test_the_age_of_the_lists() -> None:
    stamp = FileState("/var/lib/apt/lists", "directory", 0o755, 0, 0, 0, NOW - 3600)
    assert Apt((SECURITY,), {stamp.path: stamp}, NOW).lists_age_s == 3600
    assert Apt((SECURITY,), {}, NOW).lists_age_s is None
    assert Apt((SECURITY, STABLE), {}, NOW).security_archives == (SECURITY,)
