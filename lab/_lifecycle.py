# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts from nothing to running, off, on again and gone."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import pwd
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import _image, _inventory, _network, _pki, _receiver, _records
from ._console import Console, LabError, LabRefused
from ._estate import ADMIN_USER, HOSTS, LABEL, Estate, get_host, owner_ids
from ._podman import Podman, check_disk, in_parallel

CAPABILITIES = "SYS_ADMIN,NET_ADMIN,NET_RAW"
# What a host of its own would set by sysctl.d; a container cannot, so its network is given these when it is made.
_OF_A_LINK = ("accept_redirects=0", "accept_source_route=0", "log_martians=1", "rp_filter=1", "send_redirects=0")
SYSCTLS = (
    *("net.ipv4.ip_forward=0", "net.ipv6.conf.all.accept_ra=0", "net.ipv6.conf.all.accept_redirects=0"),
    *(f"net.ipv4.conf.{which}.{setting}" for which in ("all", "default") for setting in _OF_A_LINK),
)
STOP_SECONDS = 40
# PostgreSQL hands its last segment to the repository while it stops, so the repository goes last.
STOP_ORDER = (("client1", "lb1", "lb2", "app1", "app2", "app3"), ("db1", "db2"), ("repo1", "mon1"))
READY_SECONDS = 90
INOTIFY_INSTANCES = 1024
INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_BEFORE = "inotify_before"
ALL_HOSTS = tuple(host.name for host in HOSTS)


def lock_file(estate: Estate) -> Path:
    """Return the lock of a lab; it lies beside the state directory, which a refused command does not even make."""
    return estate.state.with_name(f"{estate.prefix}.lock")


@contextmanager
def exclusive(estate: Estate) -> Iterator[None]:
    """Hold the lab for one command that rebuilds it.

    Raises: LabRefused when another such command is running.
    """
    path = lock_file(estate)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LabRefused(
                f"Another command is at work on the lab '{estate.prefix}'; wait until it has ended."
            ) from error
        yield


def missing_hosts(podman: Podman) -> tuple[list[str], list[str]]:
    """Return the hosts that do not exist and those that exist but do not run."""
    states = podman.states()
    absent = [name for name in ALL_HOSTS if name not in states]
    return absent, [name for name, state in states.items() if state != "running"]


def require_complete(podman: Podman, estate: Estate) -> None:
    """Refuse to work on a lab that does not exist or is half up.

    Raises: LabRefused naming the hosts and the mend.
    """
    absent, off = missing_hosts(podman)
    if len(absent) == len(ALL_HOSTS):
        raise LabRefused(f"The lab '{estate.prefix}' does not exist; build it with: lab up")
    if absent or off:
        parts = [f"{', '.join(absent)} missing"] if absent else []
        parts += [f"{', '.join(off)} not running"] if off else []
        raise LabRefused(f"The lab '{estate.prefix}' is half up ({'; '.join(parts)}); complete it with: lab up")


def prepare(podman: Podman, estate: Estate, console: Console, program: Path) -> str:
    """Make everything hosts stand on: image, networks, keys and inventory; return the image's name."""
    _network.check_subnet(podman, estate)
    if missing_hosts(podman)[0]:
        check_disk(estate.state, Path("/var/lib/containers"))
    raise_inotify(console, estate.state.parent / INOTIFY_BEFORE)
    image = _image.ensure(podman, estate, console)
    _network.create(podman, estate)
    _network.apply(estate, _records.cuts(estate))
    _network.pin_bridges(estate)
    with console.step("keys, certificates and inventory"):
        _pki.ensure(estate)
        _inventory.write(estate, program)
        _inventory.make_control_dir(estate)
    for path in (estate.state.parent, estate.inventory):
        _pki.hand_over(path, *owner_ids())
    return image


def raise_inotify(console: Console, before: Path, limit: Path = INOTIFY_LIMIT) -> None:
    """Allow enough inotify instances for ten systemds, which all count for root, and keep in a file what it was."""
    found = int(limit.read_text(encoding="ascii"))
    if found < INOTIFY_INSTANCES:
        before.write_text(f"{found}\n", encoding="ascii")
        limit.write_text(f"{INOTIFY_INSTANCES}\n", encoding="ascii")
        console.say(f"fs.inotify.max_user_instances raised from {found} to {INOTIFY_INSTANCES} until the last lab goes")


def restore_inotify(before: Path, limit: Path = INOTIFY_LIMIT) -> None:
    """Set the number of inotify instances back to what it was, unless somebody else changed it meanwhile."""
    if before.exists() and int(limit.read_text(encoding="ascii")) == INOTIFY_INSTANCES:
        limit.write_text(before.read_text(encoding="ascii"), encoding="ascii")


def create_host(podman: Podman, estate: Estate, host: str, image: str) -> None:
    """Create one stopped container with its fixed address and its own identity."""
    entry, address = get_host(host), estate.address(host)
    podman.try_run("volume", "create", "--label", f"{LABEL}={estate.prefix}", estate.volume(host))
    podman.run(
        "create", "--name", estate.container(host), "--hostname", host,
        "--label", f"{LABEL}={estate.prefix}", "--label", f"{LABEL}.host={host}",
        "--label", f"{LABEL}.root={estate.root}",
        "--network", estate.network_name(entry.network),
        "--ip", address, "--mac-address", _network.mac_address(address),
        "--systemd", "always", "--ulimit", "host", "--cap-add", CAPABILITIES, "--shm-size", "256m",
        "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
        *(word for setting in SYSCTLS for word in ("--sysctl", setting)),
        "--no-hosts", "--log-driver", "none", "--restart", "no", "--stop-timeout", str(STOP_SECONDS),
        "--volume", f"{estate.volume(host)}:/var/log/journal", image, "/sbin/init",
    )  # fmt: skip
    podman.run("cp", "--archive=false", "-", f"{estate.container(host)}:/", data=identity(estate, host))


def identity(estate: Estate, host: str) -> bytes:
    """Return a tar file with what makes a host itself: host keys, machine id and the operator's key."""
    source = _pki.host_key(estate, host)
    machine_id = hashlib.md5(f"{estate.prefix}/{host}".encode(), usedforsecurity=False).hexdigest()
    files = [
        ("etc/ssh/ssh_host_ed25519_key", source.read_bytes(), 0o600, 0),
        ("etc/ssh/ssh_host_ed25519_key.pub", Path(f"{source}.pub").read_bytes(), 0o644, 0),
        ("etc/machine-id", f"{machine_id}\n".encode(), 0o444, 0),
        (f"home/{ADMIN_USER}/.ssh", None, 0o700, 1000),
        (f"home/{ADMIN_USER}/.ssh/authorized_keys", (estate.keys / f"{ADMIN_USER}.pub").read_bytes(), 0o600, 1000),
    ]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content, mode, owner in files:
            member = tarfile.TarInfo(name)
            member.mode, member.uid, member.gid, member.mtime = mode, owner, owner, int(time.time())
            if content is None:
                member.type = tarfile.DIRTYPE
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def start_hosts(podman: Podman, estate: Estate, hosts: Sequence[str]) -> None:
    """Start hosts at once and wait until each answers on its ssh port.

    Raises: LabError naming the hosts that did not come up in time.
    """
    forget_connections(estate, hosts)

    def start(host: str) -> None:
        podman.run("start", estate.container(host))
        _network.pin_bridges(estate)

    in_parallel(start, hosts)
    wait_ssh(estate, hosts)


def wait_ssh(estate: Estate, hosts: Sequence[str], seconds: float = READY_SECONDS) -> None:
    """Wait until every host shows its ssh banner.

    Raises: LabError naming the silent hosts.
    """
    deadline, silent = time.monotonic() + seconds, list(hosts)
    while silent:
        silent = [host for host in silent if not answers_ssh(estate.address(host))]
        if silent and time.monotonic() > deadline:
            raise LabError(
                f"{', '.join(silent)} did not answer on port 22 within {seconds:.0f} s; look with: lab status"
            )
        if silent:
            time.sleep(0.2)


def answers_ssh(address: str) -> bool:
    """Return whether an ssh daemon shows its banner at this address within a second."""
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            connection.settimeout(1)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def forget_connections(estate: Estate, hosts: Sequence[str]) -> None:
    """Close kept ssh connections to hosts that were replaced or restarted."""
    for host in hosts:
        control = estate.control_dir / estate.address(host)
        if control.exists():
            subprocess.run(
                ["ssh", "-o", f"ControlPath={control}", "-O", "exit", host],
                capture_output=True,
                check=False,
                timeout=10,
            )
            control.unlink(missing_ok=True)


def up(podman: Podman, estate: Estate, console: Console, program: Path, hosts: Sequence[str] = ALL_HOSTS) -> None:
    """Bring these hosts to running; what exists is kept. Keys and inventory are always those of the whole estate."""
    image = prepare(podman, estate, console, program)
    absent, off = ([host for host in found if host in hosts] for found in missing_hosts(podman))
    if absent and len(absent) < len(ALL_HOSTS) == len(hosts):
        console.warn(f"the lab was half up: {', '.join(absent)} will be made anew and need provisioning")
    if absent:
        with console.step(f"creating {len(absent)} hosts"):
            in_parallel(lambda host: create_host(podman, estate, host, image), absent)
    paused = [host for host, state in podman.states().items() if state == "paused"]
    in_parallel(lambda host: podman.run("unpause", estate.container(host)), paused)
    to_start = [*absent, *(host for host in off if host not in paused)]
    _records.forget(estate, ("host-kill", "host-freeze", "site-kill"))
    if to_start:
        with console.step(f"starting {len(to_start)} hosts"):
            start_hosts(podman, estate, to_start)
    if _receiver.host() in hosts:
        _receiver.ensure(podman, estate)


def provision(estate: Estate, console: Console) -> None:
    """Run the production playbook on the lab with the Ansible of the checkout.

    Raises: LabRefused when there is no Ansible or no playbook; LabError when the playbook fails.
    """
    playbook = estate.root / "playbooks" / "site.yml"
    own = estate.root / ".venv" / "bin" / "ansible-playbook"
    program = str(own) if own.exists() else shutil.which("ansible-playbook")
    if program is None:
        raise LabRefused(
            "There is no ansible-playbook in .venv or on the PATH; run `make lab`, or: lab up --no-provision"
        )
    if not playbook.exists():
        raise LabRefused(f"{playbook} does not exist; use: lab up --no-provision")
    command = [program, "-i", str(estate.inventory / "hosts.yml"), str(playbook)]
    with console.step("provisioning by playbooks/site.yml"):
        done = run_as_owner(command, estate.root)
    if done != 0:
        raise LabError(
            f"Provisioning failed with exit code {done}; read the first failed task above, mend it and run: lab up"
        )


def run_as_owner(command: Sequence[str], directory: Path) -> int:
    """Run a command as the person who called sudo and return its exit code."""
    uid, gid = owner_ids()
    environment = dict(os.environ)
    if os.geteuid() == 0 and uid != 0:
        person = pwd.getpwuid(uid)
        # Ansible asks LOGNAME first who works here; behind sudo it names root.
        environment.update(HOME=person.pw_dir, USER=person.pw_name, LOGNAME=person.pw_name)
        return subprocess.run(command, cwd=directory, env=environment, check=False, user=uid, group=gid).returncode
    return subprocess.run(command, cwd=directory, env=environment, check=False).returncode


def stop_hosts(podman: Podman, estate: Estate) -> None:
    """Shut all hosts down in the order that lets databases finish archiving."""
    for group in STOP_ORDER:
        states = podman.states()
        for host in group:
            if states.get(host) == "paused":
                podman.run("unpause", estate.container(host))
        running = [host for host in group if states.get(host) in ("running", "paused")]
        in_parallel(lambda host: podman.run("stop", estate.container(host)), running)


def remove_hosts(podman: Podman, estate: Estate, hosts: Sequence[str]) -> None:
    """Remove containers at once, with what is in them, but not their journals."""
    forget_connections(estate, hosts)
    for host, state in podman.states().items():
        if state == "paused" and host in hosts:
            podman.run("unpause", estate.container(host))
    in_parallel(lambda host: podman.run("rm", "--force", "--time", "0", estate.container(host)), hosts)


def destroy(podman: Podman, estate: Estate, console: Console, *, image: bool) -> None:
    """Remove every trace of this lab: hosts, journals, snapshots, networks, tables, keys and inventory."""
    with console.step("removing hosts, journals, snapshots and networks"):
        remove_hosts(podman, estate, list(podman.containers()))
        for volume in podman.run("volume", "ls", "--quiet", "--filter", f"label={LABEL}={estate.prefix}").split():
            podman.run("volume", "rm", "--force", volume)
        # Snapshots inherit the label of their hosts.
        images = podman.run("images", "--all", "--quiet", "--filter", f"label={LABEL}={estate.prefix}").split()
        if images:
            podman.run("rmi", "--force", *dict.fromkeys(images))
        _network.remove(podman, estate)
        if image:
            _image.remove(podman, console)
    _inventory.remove(estate)
    shutil.rmtree(estate.control_dir, ignore_errors=True)
    shutil.rmtree(estate.state, ignore_errors=True)
    lock_file(estate).unlink(missing_ok=True)
    if not any(entry.is_dir() for entry in estate.state.parent.iterdir()):
        restore_inotify(estate.state.parent / INOTIFY_BEFORE)
        shutil.rmtree(estate.state.parent, ignore_errors=True)
