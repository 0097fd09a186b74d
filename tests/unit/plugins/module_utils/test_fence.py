# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proof of a fence is given or not, whatever the words of a power control and however a port behaves."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest

from ansible_collections.ccobservatory.ops.plugins.module_utils import _access, _fence
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

OFF = ["off", "exited", "stopped", "shut off", "not running", "poweredoff"]
ON = ["on", "running", "up", "poweredon"]


@pytest.mark.parametrize(
    ("output", "state"),
    [
        ("Chassis Power is off\n", "off"),
        ("Chassis Power is on\n", "on"),
        ("exited", "off"),
        ("running", "on"),
        ("RUNNING\n", "on"),
        ("not running", "off"),
        ("not  running", "off"),
        ("shut off", "off"),
        ("domain is shut off, was running", "unknown"),
        ("power off requested, power on", "unknown"),
        ("", "unknown"),
        ("turned-on", "unknown"),
        ("offline", "unknown"),
        ("front panel", "unknown"),
        ('VMState="poweredOff"', "off"),
    ],
)
def test_words_of_a_power_control(output: str, state: str) -> None:
    assert _fence.read_power(output, OFF, ON) == state


def test_a_port_that_answers_is_told_from_one_that_does_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert _fence.try_connect("127.0.0.1", port, 1) is None
    assert _fence.try_connect("127.0.0.1", port, 1) == "refused"
    with pytest.raises(OpsError, match="cannot be resolved"):
        _fence.try_connect("no-such-host.invalid", 1, 1)


CONFIGURATION = {
    "/etc/pgbackrest/pgbackrest.conf": "[global]\ntls-server-auth=repo1=main\n#tls-server-auth=db9=main\n",
    "/etc/pgbackrest/conf.d/access-db1.conf": "# of db1\n[global]\n tls-server-auth = db1 = main,other\n",
    "/etc/pgbackrest/conf.d/all.conf": "[global]\ntls-server-auth=db3=*\n",
}


@pytest.mark.parametrize(
    ("host", "stanza", "files"),
    [
        ("db1", "main", ["/etc/pgbackrest/conf.d/access-db1.conf"]),
        ("db1", "other", ["/etc/pgbackrest/conf.d/access-db1.conf"]),
        ("db1", "mai", []),
        ("db3", "anything", ["/etc/pgbackrest/conf.d/all.conf"]),
        ("db9", "main", []),
        ("db", "main", []),
    ],
)
def test_who_grants_an_access(host: str, stanza: str, files: list[str]) -> None:
    assert _access.granted_by(CONFIGURATION, host, stanza) == files


def test_the_configuration_is_read_as_pgbackrest_does(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "b.conf").write_text("b")
    (tmp_path / "conf.d" / "b.conf.part").write_text("no")
    assert _access.read_configuration(str(tmp_path)) == {str(tmp_path / "conf.d" / "b.conf"): "b"}


@pytest.mark.parametrize("host", ["", "../db1", "a b", "-x", "db1\n"])
def test_a_host_that_is_no_name_gets_no_file(host: str) -> None:
    with pytest.raises(OpsError, match="is no host name"):
        _access.access_file("/etc/pgbackrest", host)


BEGIN = "INFO: server command begin 2.45: --tls-server-auth=db2=main --tls-server-auth=repo1=* --x=y\n"


def test_the_running_server_tells_what_it_accepts(tmp_path: Path) -> None:
    path = tmp_path / "all-server.log"
    log = _access.ServerLog(str(path))
    with pytest.raises(OpsError, match="log-level-file=info"):
        log.loads()
    path.write_text("noise\n" + BEGIN)
    assert log.loads() == [BEGIN]
    assert log.wait_load(0, 0.1) == BEGIN
    with pytest.raises(OpsError, match="did not read its configuration again"):
        log.wait_load(1, 0.1)
    assert log.accepts(BEGIN, "db2", "main")
    assert not log.accepts(BEGIN, "db2", "other")
    assert log.accepts(BEGIN, "repo1", "other")
    assert not log.accepts(BEGIN, "db1", "main")


def test_sessions_are_found_by_the_peer(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

    def words(address: str) -> str:
        raw = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        return "".join(f"{struct.unpack('=I', raw[at : at + 4])[0]:08X}" for at in range(0, len(raw), 4))

    def entry(peer: str, state: str, inode: int, port: str = "20F0") -> str:
        return f"   1: {words('10.0.3.11')}:{port} {words(peer)}:C69C {state} 0:0 00:0 0 102 0 {inode} 2 0 20 4\n"

    (tmp_path / "net" / "tcp").write_text(
        head
        + entry("10.0.1.11", "01", 11)
        + entry("10.0.1.11", "0A", 12)
        + entry("10.0.2.11", "01", 13)
        + entry("10.0.1.11", "01", 14, "0016")
    )
    (tmp_path / "net" / "tcp6").write_text(head + entry("::ffff:10.0.1.11", "01", 15) + entry("fd00::1", "01", 16))
    proc = str(tmp_path)
    assert _access.peers_of_port(8432, {"10.0.1.11"}, proc) == {"11": "10.0.1.11", "15": "10.0.1.11"}
    assert _access.peers_of_port(8432, {"fd00::1"}, proc) == {"16": "fd00::1"}
    assert _access.peers_of_port(8432, {"10.0.1.11"}, str(tmp_path / "none")) == {}


def test_a_session_of_nobody_of_ours_that_stays_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), pytest.raises(OpsError, match="do not end; restart"):
            _access.end_sessions(port, {"127.0.0.1"}, os.getpid(), timeout=0.2)
    assert _access.end_sessions(port, {"192.0.2.1"}, os.getpid(), timeout=0.2) == 0
