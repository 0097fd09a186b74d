# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host is dialled: the ssh command that Ansible would use, made one-shot and never weaker.

Options come from where Ansible takes them (host variables, environment, ansible.cfg, its defaults), in the order of
``ansible.plugins.connection.ssh``. What stands first wins in OpenSSH (ssh_config(5)), so our own options lead: no
question to a person, no shared connection, no forwarding, host keys checked whatever the inventory says.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from ansible import constants
from ansible.plugins.loader import connection_loader

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["Dial", "Handshake", "explain", "handshake", "ssh_dial"]

_LEADING = (
    "-v",
    "-T",
    "-x",
    *("-o", "BatchMode=yes"),
    *("-o", "StrictHostKeyChecking=yes"),
    *("-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "ControlPersist=no"),
    *("-o", "ClearAllForwardings=yes", "-o", "ForwardAgent=no", "-o", "PermitLocalCommand=no"),
)
_NO_PASSWORD = (
    *("-o", "KbdInteractiveAuthentication=no"),
    *("-o", "PreferredAuthentications=gssapi-with-mic,gssapi-keyex,hostbased,publickey"),
    *("-o", "PasswordAuthentication=no"),
)
# One ssh a jump host, and each says who it is before it hears of anybody; one that goes through a connection which is
# open already (its own ControlMaster) negotiates nothing.
_PROGRAM = re.compile(rb"^OpenSSH_", re.MULTILINE)
_SHARED = re.compile(rb"^debug1: mux_client_request_stdio_fwd:", re.MULTILINE)
_LET_IN = re.compile(rb"^Authenticated to ", re.MULTILINE)
_HOST_KEY = re.compile(rb"^debug1: Server host key: (\S+) (SHA256:\S+)", re.MULTILINE)
_KEX = re.compile(rb"^debug1: kex: algorithm: (\S+)", re.MULTILINE)
COMMAND_SENT = b"debug1: Sending command: "


@dataclass(frozen=True, slots=True)
class Dial:
    """How one host is reached: the argument list without the remote command, and who is asked where."""

    argv: tuple[str, ...]
    address: str
    user: str


@dataclass(frozen=True, slots=True)
class Handshake:
    """What ssh negotiated: type and fingerprint of the host key, and the key exchange; empty where it did not tell."""

    key_type: str
    fingerprint: str
    kex: str


_LOADER = Lock()


@cache
def _definitions() -> Mapping[str, Mapping[str, Any]]:
    """Return Ansible's own description of the options of its ssh connection."""
    with _LOADER:  # Ansible's loader knows half-loaded plugins when two threads ask it at once
        connection_loader.get("ssh", class_only=True)
    found: Mapping[str, Mapping[str, Any]] = constants.config.get_configuration_definitions("connection", "ssh")
    return found


@cache
def _default(option: str) -> Any:
    """Return an option as environment variables, ansible.cfg and Ansible's defaults set it."""
    value, _origin = constants.config.get_config_value_and_origin(option, plugin_type="connection", plugin_name="ssh")
    return value


def option(name: str, variables: Mapping[str, Any]) -> Any:
    """Return an option of the ssh connection for a host with these variables, as Ansible resolves it."""
    given = [variables[entry["name"]] for entry in _definitions()[name].get("vars") or [] if entry["name"] in variables]
    return given[-1] if given else _default(name)


def ssh_dial(name: str, about: Mapping[str, Any], overrides: Mapping[str, Any]) -> Dial:
    """Return how a host is dialled.

    ``about`` holds the host's variables, ``overrides`` those of the environment; ``verify_user`` and
    ``verify_private_key_file`` of either replace account and key of the connection.
    """
    settings = {**overrides, **about}
    user = settings.get("verify_user") or option("remote_user", about)
    key = settings.get("verify_private_key_file") or option("private_key_file", about)
    port = option("port", about)
    address = str(about.get("ansible_host") or about.get("ansible_ssh_host") or name)
    words = [str(option("ssh_executable", about) or "ssh"), *_LEADING, *_split(option("ssh_args", about))]
    words += ["-o", f"Port={port}"] if port is not None else []
    words += ["-o", f'IdentityFile="{Path(str(key)).expanduser()}"'] if key else []
    words += _NO_PASSWORD
    words += ["-o", f'User="{user}"'] if user else []
    words += ["-o", f"ConnectTimeout={option('timeout', about)}"]
    words += [*_split(option("ssh_common_args", about)), *_split(option("ssh_extra_args", about)), "--", address]
    return Dial(tuple(words), address, str(user or ""))


def _split(text: Any) -> list[str]:
    try:
        return [word.strip() for word in shlex.split(str(text or "")) if word.strip()]
    except ValueError as exc:
        # The words are not shown: a proxy command may hold a password.
        raise OpsError(
            f"The ssh arguments of the inventory cannot be read ({exc}): correct ansible_ssh_*_args."
        ) from exc


def handshake(stderr: bytes) -> Handshake:
    """Return what ssh told of the connection to the host itself on its standard error (``-v``).

    With ProxyJump the jump hosts come first, in the same words; where it cannot be told whose words they are (a banner
    may hold the like), nothing is returned rather than another's.
    """
    own, links = stderr.partition(COMMAND_SENT)[0], _links(stderr)
    key, kex = (_last_of(pattern.findall(own), links) for pattern in (_HOST_KEY, _KEX))
    key_type, fingerprint = (key[0].decode(), key[1].decode()) if key else ("", "")
    return Handshake(key_type, fingerprint, kex.decode() if kex else "")


def _links(stderr: bytes) -> int:
    """Return how many connections ssh negotiates to reach a host: one, and one more a jump host."""
    first = _HOST_KEY.search(stderr)
    before = stderr[: first.start()] if first else stderr
    return max(1, len(_PROGRAM.findall(before)) - len(_SHARED.findall(before)))


def _last_of(found: list[Any], links: int) -> Any:
    """Return what belongs to the last of so many connections, None when that was not reached or is not clear."""
    if links == 1:
        return found[0] if found else None
    return found[-1] if len(found) == links else None


# What ssh says (first match counts) -> what it means and how it is mended; {} is the host, {at} its address.
_MEANINGS: tuple[tuple[str, str], ...] = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "{} at {at} shows another host key than the known one: find out why "
     "before you replace it in known_hosts."),
    ("Host key verification failed", "The host key of {} at {at} is not known: add it to known_hosts from a source "
     "that you trust."),
    ("Connection refused", "{} refuses connections at {at}: start its sshd, or correct ansible_host and ansible_port."),
    ("Could not resolve hostname", "The name {at} of {} does not resolve: correct ansible_host or the name service."),
    ("Connection timed out during banner exchange", "{} at {at} accepts connections but does not answer as an ssh "
     "server: look at its sshd and its load."),
    ("timed out", "{} does not answer at {at}: see whether it is up and the network lets ssh through."),
    ("No route to host", "There is no route to {} at {at}: see whether it is up and the network leads there."),
    ("Network is unreachable", "The network of {} at {at} cannot be reached from here: see the routes."),
    ("Permission denied", "{} at {at} lets {user} not in: apply the role verify_access, or correct verify_user and "
     "verify_private_key_file."),
    ("no such identity", "The private key for {} is missing: correct verify_private_key_file."),
    ("Connection reset", "{} at {at} broke the connection off: see sshd's MaxStartups and its log."),
    ("Connection closed", "{} at {at} broke the connection off: see sshd's MaxStartups and its log."),
)  # fmt: skip


def explain(name: str, dial: Dial, stderr: bytes, code: int | None) -> str:
    """Return one sentence that says why a host gave no answer, from what ssh said, with the mend."""
    text = stderr.decode("utf-8", "replace")
    told = [line for line in text.splitlines() if line.strip() and not line.startswith(("debug1:", "OpenSSH_"))]
    spoken = "\n".join(told)
    if len(_LET_IN.findall(stderr)) < _links(stderr) - 1:
        line = next((line for line in told if any(sign in line for sign, _meaning in _MEANINGS)), (told or ["?"])[-1])
        return (
            f"A jump host on the way to {name} at {dial.address} lets nobody through ({line.strip('@ ')[:200]}): mend "
            "its address, account, key or line in known_hosts where ssh's configuration of this machine names it."
        )
    for sign, meaning in _MEANINGS:
        if sign in spoken:
            return meaning.replace("{}", name).format(at=dial.address, user=dial.user or "this account")
    last = told[-1].strip()[:200] if told else "it said nothing"
    return f"ssh to {name} at {dial.address} ended with {code} ({last}): try the same with ansible {name} -m ping."


def shown(argv: Sequence[str]) -> str:
    """Return an argument list as a person would type it."""
    return shlex.join(argv)
