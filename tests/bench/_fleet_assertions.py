# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sixty assertions as a user of testinfra writes them; nothing here knows which backend serves them."""

from __future__ import annotations

from typing import Any

import pytest
from _fleet import FILES, PACKAGES, SYSCTL, USERS


@pytest.mark.parametrize("path", FILES)
def test_file(host: Any, path: str) -> None:
    assert host.file(path).user == "root"


@pytest.mark.parametrize("name", PACKAGES)
def test_package(host: Any, name: str) -> None:
    assert host.package(name).is_installed


@pytest.mark.parametrize("_number", range(10))
def test_process(host: Any, _number: int) -> None:
    assert host.process.filter(user="root")


@pytest.mark.parametrize("_number", range(5))
def test_socket(host: Any, _number: int) -> None:
    assert host.socket.get_listening_sockets()


@pytest.mark.parametrize("name", USERS)
def test_user(host: Any, name: str) -> None:
    assert host.user(name).exists


@pytest.mark.parametrize("name", SYSCTL)
def test_sysctl(host: Any, name: str) -> None:
    assert host.sysctl(name) >= 0


@pytest.mark.parametrize(
    "command", ["uname -a", "cat /proc/sys/kernel/hostname", "cat /etc/os-release", "cat /proc/uptime", "id"]
)
def test_command(host: Any, command: str) -> None:
    assert host.run(command).rc == 0
