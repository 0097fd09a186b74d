# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import (
    _faults,
    _image,
    _inventory,
    _lifecycle,
    _network,
    _people,
    _power,
    _records,
    _repositories,
    _scan,
    _snapshot,
)
from ._console import EXIT_OK, Console, LabError, LabRefused, table
from ._estate import DEFAULT_PREFIX, DEFAULT_SUBNET, HOSTS, Estate, get_host
from ._podman import REQUIRED_PROGRAMS, Podman, check_disk, check_machine, in_parallel

PROGRAM = Path(__file__).resolve().parent / "lab"
ENVIRONMENT = ("OPS_LAB_MIRROR", "OPS_LAB_SECURITY_MIRROR", "http_proxy", "https_proxy", "no_proxy", "NO_COLOR")
# Commands that neither read nor change containers.
WITHOUT_ROOT = ("ssh", "records")
BUILDERS = ("up", "image")
EXAMPLES = """examples:
  lab up                              build, start and provision the whole estate
  lab status                          one line a host
  lab records                         write stand-ins for people's records and the two repositories anew
  lab ssh db1 sudo -u postgres psql   a shell or a command on a host
  lab snapshot clean; lab restore clean
  lab fault list                      what can be broken, and how each is undone
  lab fault site-kill site_a; lab heal site-kill site_a
  lab destroy --all                   no trace is left, the image goes too

exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused before anything was touched
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="lab",
        description="A real estate on one machine: two sites, a vault and a client, as Debian 12 containers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "--prefix",
        default=os.environ.get("OPS_LAB_PREFIX", DEFAULT_PREFIX),
        help="start of every name (OPS_LAB_PREFIX, %(default)s)",
    )
    top.add_argument(
        "--subnet", default=os.environ.get("OPS_LAB_SUBNET"),
        help=f"first two octets of its networks (OPS_LAB_SUBNET; else those it was built with, else {DEFAULT_SUBNET})",
    )  # fmt: skip
    top.add_argument("--quiet", action="store_true", help="results and errors only, no progress lines")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    add = commands.add_parser("up", help="build what is missing, start all hosts and provision them")
    add.add_argument("hosts", nargs="*", metavar="HOST", help="only these hosts, not provisioned")
    add.add_argument("--no-provision", action="store_true", help="stop when the bare hosts answer on ssh")
    add = commands.add_parser("image", help="build the base image only, when its recipe changed")
    add.add_argument("--remove", action="store_true", help="remove the images of all recipes instead")
    add = commands.add_parser("records", help="write what stands in for people's records, and the two repositories")
    add.add_argument("--remove", action="store_true", help="remove the records instead")
    commands.add_parser("down", help="shut all hosts down; nothing is lost")
    add = commands.add_parser("status", help="show every host")
    add.add_argument("--json", action="store_true", help="print a JSON list")
    add = commands.add_parser("ssh", help="open a shell or run a command on a host")
    add.add_argument("host")
    add.add_argument("remote", nargs=argparse.REMAINDER, metavar="COMMAND")
    add = commands.add_parser("snapshot", help="keep the whole lab as it is under a name; without a name list them")
    add.add_argument("name", nargs="?")
    add.add_argument("--remove", action="store_true", help="remove the snapshot of this name instead")
    add = commands.add_parser("restore", help="put the whole lab back to a snapshot")
    add.add_argument("name")
    add = commands.add_parser("fault", help="break something by name (`lab fault list` shows all)")
    add.add_argument("name")
    add.add_argument("targets", nargs="*", metavar="TARGET")
    add.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="an option of the fault")
    add.add_argument("--json", action="store_true", help="print what was done as JSON")
    add = commands.add_parser("heal", help="undo a fault")
    add.add_argument("name", nargs="?")
    add.add_argument("targets", nargs="*", metavar="TARGET")
    add.add_argument("--all", action="store_true", help="undo every fault in effect, the newest first")
    add = commands.add_parser("power", help="the power switch of a host: on, off or status")
    add.add_argument("action", choices=("on", "off", "status"))
    add.add_argument("host")
    add = commands.add_parser("destroy", help="remove every trace of this lab")
    add.add_argument("--all", action="store_true", help="the base image too")
    return top


def become_root(arguments: argparse.Namespace, argv: Sequence[str]) -> None:
    """Start this command again through sudo when it needs root and sudo allows it."""
    if os.geteuid() == 0 or arguments.command in WITHOUT_ROOT or shutil.which("sudo") is None:
        return
    asks = sys.stdin.isatty() and sys.stderr.isatty()
    if not asks and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode != 0:
        return
    keep = ["--prefix", arguments.prefix, *(["--subnet", arguments.subnet] if arguments.subnet else [])]
    preserved = f"--preserve-env={','.join(ENVIRONMENT)}"
    os.execvp("sudo", ["sudo", preserved, sys.executable, str(PROGRAM), *keep, *argv])  # noqa: S606 - this process ends here


def make_estate(prefix: str, subnet: str | None) -> Estate:
    """Return the lab meant by the flags; a subnet once used is remembered."""
    root = PROGRAM.parent.parent
    remembered = root / ".lab" / prefix / "subnet"
    if subnet is None:
        subnet = remembered.read_text(encoding="ascii").strip() if remembered.exists() else DEFAULT_SUBNET
    return Estate(prefix=prefix, subnet=subnet, root=root)


def cmd_up(lab: Lab, arguments: argparse.Namespace) -> None:
    """Bring everything up, or only some hosts."""
    hosts = [get_host(name).name for name in dict.fromkeys(arguments.hosts)]
    with _lifecycle.exclusive(lab.estate):
        _lifecycle.up(lab.podman, lab.estate, lab.console, PROGRAM, hosts or _lifecycle.ALL_HOSTS)
        (lab.estate.state / "subnet").write_text(f"{lab.estate.subnet}\n", encoding="ascii")
        if not arguments.no_provision and not hosts:
            _lifecycle.provision(lab.estate, lab.console)
            # As the person at the keyboard: these files are theirs to change.
            command = [*_inventory.lab_command(lab.estate, PROGRAM, "records")]
            if _lifecycle.run_as_owner(command, lab.estate.root) != 0:
                raise LabError("The records could not be written; read the line above and run: lab records")
    lab.console.say(f"the lab '{lab.estate.prefix}' is up; inventory: {lab.estate.inventory / 'hosts.yml'}")


def cmd_image(lab: Lab, arguments: argparse.Namespace) -> None:
    """Build or remove the base image."""
    if arguments.remove:
        _image.remove(lab.podman, lab.console)
    else:
        print(_image.ensure(lab.podman, lab.estate, lab.console))


def cmd_records(lab: Lab, arguments: argparse.Namespace) -> None:
    """Write or remove the records that stand in for people's."""
    if arguments.remove:
        _people.remove(lab.estate)
        return
    with lab.console.step("records and repositories"):
        heads = _repositories.ensure(lab.estate)
        ran = _repositories.run_pipeline(lab.estate, heads[_repositories.PIPELINE])
        scans, silent = _scan.rows(lab.estate, now=datetime.datetime.now(tz=datetime.UTC))
        rows = {**ran, **scans, **_repositories.rules(lab.estate)}
        files = _people.write(lab.estate, datetime.datetime.now(tz=datetime.UTC), rows)
    if not ran:
        lab.console.warn("there is no ansible-playbook, so the pipeline of the infrastructure repository did not run")
    if silent:
        lab.console.warn(f"{', '.join(silent)} did not answer, so there is no scan of them")
    lab.console.say(f"{len(files)} kinds of records in {_people.directory(lab.estate)}")


def cmd_down(lab: Lab, arguments: argparse.Namespace) -> None:
    """Shut everything down."""
    del arguments
    with _lifecycle.exclusive(lab.estate), lab.console.step("shutting all hosts down"):
        _lifecycle.stop_hosts(lab.podman, lab.estate)


def cmd_status(lab: Lab, arguments: argparse.Namespace) -> None:
    """Print one line a host and the faults in effect."""
    containers = lab.podman.containers()

    def row(host: str, site: str) -> dict[str, str]:
        entry = containers.get(host)
        if entry is None:
            return {
                "host": host,
                "site": site,
                "state": "missing",
                "address": lab.estate.address(host),
                "systemd": "-",
                "since": "-",
            }
        running = entry["State"] == "running"
        systemd = "-"
        if running:
            done = lab.podman.try_run("exec", lab.estate.container(host), "systemctl", "is-system-running")
            systemd = done.stdout.decode().strip() or "-"
        since = entry["StartedAt"] if running or entry["State"] == "paused" else entry["ExitedAt"]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since)) if since > 0 else "-"
        address = lab.estate.address(host)
        return {
            "host": host,
            "site": site,
            "state": entry["State"],
            "address": address,
            "systemd": systemd,
            "since": stamp,
        }

    rows = in_parallel(lambda host: row(host.name, host.site), HOSTS)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(table(["HOST", "SITE", "STATE", "ADDRESS", "SYSTEMD", "SINCE"], [list(line.values()) for line in rows]))
    for record in _records.load(lab.estate):
        print(f"fault in effect since {record.at}: {record.name} {' '.join(record.targets)}")
    if containers and not _network.is_loaded(lab.estate):
        lab.console.warn("the network table of the lab is gone (was this machine restarted?); load it with: lab up")


def cmd_ssh(lab: Lab, arguments: argparse.Namespace) -> None:
    """Replace this process by ssh to a host."""
    estate = lab.estate
    get_host(arguments.host)
    if not (estate.state / "known_hosts").exists():
        raise LabRefused(f"The lab '{estate.prefix}' does not exist; build it with: lab up")
    remote = arguments.remote[1:] if arguments.remote[:1] == ["--"] else arguments.remote
    os.execvp("ssh", [*_inventory.ssh_command(estate, arguments.host), *remote])  # noqa: S606 - this process ends here


def cmd_snapshot(lab: Lab, arguments: argparse.Namespace) -> None:
    """Keep the lab under a name, or list or remove what was kept."""
    if not arguments.name:
        print("\n".join(_snapshot.known(lab.estate)) or "no snapshots")
        return
    if arguments.remove:
        with _lifecycle.exclusive(lab.estate):
            _snapshot.remove(lab.podman, lab.estate, arguments.name)
        return
    _snapshot.folder(lab.estate, arguments.name)  # a name that cannot be is said before anything else is looked at
    _lifecycle.require_complete(lab.podman, lab.estate)
    check_disk(lab.estate.state, Path("/var/lib/containers"))
    with _lifecycle.exclusive(lab.estate):
        _snapshot.take(lab.podman, lab.estate, lab.console, arguments.name)


def cmd_restore(lab: Lab, arguments: argparse.Namespace) -> None:
    """Put the lab back."""
    with _lifecycle.exclusive(lab.estate):
        _snapshot.restore(lab.podman, lab.estate, lab.console, arguments.name)


def cmd_fault(lab: Lab, arguments: argparse.Namespace) -> None:
    """Make a fault, or list them."""
    if arguments.name == "list":
        print(_faults.listing(lab.estate))
        return
    options = _faults.parse_options(arguments.set)
    for record, fresh in _faults.make(lab.podman, lab.estate, arguments.name, arguments.targets, options):
        if arguments.json:
            print(
                json.dumps(
                    {
                        "name": record.name,
                        "targets": record.targets,
                        "at": record.at,
                        "undo": record.undo,
                        "fresh": fresh,
                    }
                )
            )
        else:
            text = "in effect" if fresh else f"was already in effect since {record.at}"
            lab.console.say(f"{record.name} {' '.join(record.targets)}: {text}")


def cmd_heal(lab: Lab, arguments: argparse.Namespace) -> None:
    """Undo faults."""
    if arguments.all == bool(arguments.name):
        raise LabRefused("Name the fault to undo, or give --all; `lab status` shows the faults in effect.")
    for line in _faults.heal(lab.podman, lab.estate, arguments.name, arguments.targets):
        lab.console.say(line)


def cmd_power(lab: Lab, arguments: argparse.Namespace) -> None:
    """Switch a host or say whether it is on."""
    get_host(arguments.host)
    if arguments.action == "off":
        _power.power_off(lab.podman, lab.estate, arguments.host)
    elif arguments.action == "on":
        _power.power_on(lab.podman, lab.estate, arguments.host)
    print(_power.power_status(lab.podman, arguments.host))


def cmd_destroy(lab: Lab, arguments: argparse.Namespace) -> None:
    """Remove the lab."""
    with _lifecycle.exclusive(lab.estate):
        _lifecycle.destroy(lab.podman, lab.estate, lab.console, image=arguments.all)


class Lab:
    """What every command works with."""

    def __init__(self, estate: Estate, console: Console) -> None:
        self.estate = estate
        self.console = console
        self.podman = Podman(estate)


COMMANDS: dict[str, Callable[[Lab, argparse.Namespace], None]] = {
    "up": cmd_up,
    "image": cmd_image,
    "records": cmd_records,
    "down": cmd_down,
    "status": cmd_status,
    "ssh": cmd_ssh,
    "snapshot": cmd_snapshot,
    "restore": cmd_restore,
    "fault": cmd_fault,
    "heal": cmd_heal,
    "power": cmd_power,
    "destroy": cmd_destroy,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = parser().parse_args(words)
    console = Console(quiet=arguments.quiet)
    try:
        become_root(arguments, words)
        if arguments.command not in WITHOUT_ROOT:
            check_machine(programs=REQUIRED_PROGRAMS if arguments.command in BUILDERS else ("podman", "nft"))
        COMMANDS[arguments.command](Lab(make_estate(arguments.prefix, arguments.subnet), console), arguments)
    except LabError as error:
        print(f"{console.paint('lab:', 'red')} {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("lab: interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return EXIT_OK
