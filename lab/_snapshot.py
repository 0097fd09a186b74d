# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the whole lab under a name and put it back in seconds.

A snapshot commits each stopped host to a local image (no compression, no registry); restoring makes new containers
from those images, so nothing is copied then.
"""

from __future__ import annotations

import datetime
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from . import _network, _records
from ._console import Console, LabError, LabRefused
from ._estate import IMAGE, LABEL, Estate
from ._lifecycle import ALL_HOSTS, create_host, remove_hosts, start_hosts, stop_hosts
from ._podman import Podman, in_parallel

# Directories that a service renames in its work: PostgreSQL a replication slot that is dropped, Prometheus a block that
# it deletes.
RENAMED = ("var/lib/postgresql/*/*/pg_replslot/*", "var/lib/prometheus/metrics2/*")


def image_name(estate: Estate, host: str, name: str) -> str:
    """Return the image that holds a host in a snapshot."""
    return f"{IMAGE}-{estate.prefix}/{host}:{name}"


def folder(estate: Estate, name: str) -> Path:
    """Return where the journals and the manifest of a snapshot lie.

    Raises: LabRefused for a name that podman would not take.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,40}", name):
        raise LabRefused(f"'{name}' is no name for a snapshot; use lower-case letters, digits, '.', '_' and '-'.")
    return estate.state / "snapshots" / name


def known(estate: Estate) -> list[str]:
    """Return the names of the complete snapshots."""
    return sorted(path.parent.name for path in (estate.state / "snapshots").glob("*/manifest.json"))


def take(podman: Podman, estate: Estate, console: Console, name: str) -> None:
    """Stop all hosts, keep them under a name and start them again; an older snapshot of that name is replaced.

    Raises: LabRefused when a fault is in effect: a snapshot must not hide a broken lab.
    """
    target = folder(estate, name)
    if faults := _records.load(estate):
        raise LabRefused(
            f"The fault {faults[0].name} {' '.join(faults[0].targets)} is in effect; undo it first with: lab heal --all"
        )
    target.mkdir(parents=True, exist_ok=True)
    (target / "manifest.json").unlink(missing_ok=True)
    with console.step("shutting all hosts down"):
        stop_hosts(podman, estate)
    try:
        with console.step(f"keeping {len(ALL_HOSTS)} hosts as '{name}'"):
            in_parallel(lambda host: _keep(podman, estate, host, name), ALL_HOSTS, workers=3)
        manifest = {"name": name, "created": _now(), "hosts": list(ALL_HOSTS), "subnet": estate.subnet}
        (target / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    finally:
        with console.step("starting all hosts"):
            start_hosts(podman, estate, ALL_HOSTS)


def _now() -> str:
    return datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds")


def _keep(podman: Podman, estate: Estate, host: str, name: str) -> None:
    podman.run(
        "commit", "--quiet", "--format", "oci", "--pause=false", estate.container(host), image_name(estate, host, name)
    )
    podman.run("volume", "export", "--output", str(folder(estate, name) / f"{host}.tar"), estate.volume(host))


def read_manifest(estate: Estate, name: str) -> dict[str, Any]:
    """Return the manifest of a snapshot.

    Raises: LabRefused when it does not exist or belongs to other addresses.
    """
    path = folder(estate, name) / "manifest.json"
    if not path.exists():
        present = ", ".join(known(estate)) or "none"
        raise LabRefused(f"There is no snapshot '{name}' of the lab '{estate.prefix}' (present: {present}).")
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if manifest["subnet"] != estate.subnet:
        raise LabRefused(
            f"The snapshot '{name}' was taken with the subnet {manifest['subnet']}; give it with --subnet."
        )
    return manifest


def restore(podman: Podman, estate: Estate, console: Console, name: str) -> None:
    """Replace all hosts by those of a snapshot; faults in effect end with the hosts they sat on.

    Raises: LabRefused when the snapshot is unknown or incomplete, before anything is touched.
    """
    read_manifest(estate, name)
    for host in ALL_HOSTS:
        if podman.try_run("image", "exists", image_name(estate, host, name)).returncode != 0:
            raise LabRefused(
                f"The snapshot '{name}' lacks the image of {host}; take a new one with: lab snapshot {name}"
            )
    with console.step("removing the present hosts"):
        remove_hosts(podman, estate, list(podman.containers()))
    _records.forget_all(estate)
    _network.create(podman, estate)
    _network.apply(estate, [])
    with console.step(f"making {len(ALL_HOSTS)} hosts from '{name}'"):
        in_parallel(lambda host: _recreate(podman, estate, host, name), ALL_HOSTS)
    with console.step("starting all hosts"):
        start_hosts(podman, estate, ALL_HOSTS)


def remove(podman: Podman, estate: Estate, name: str) -> None:
    """Remove a snapshot; hosts that were made from it go on, podman keeps what they stand on.

    Raises: LabRefused when there is none of this name.
    """
    target = folder(estate, name)
    if not target.exists():
        raise LabRefused(f"There is no snapshot '{name}' of the lab '{estate.prefix}'.")
    (target / "manifest.json").unlink(missing_ok=True)
    for host in ALL_HOSTS:
        # An image in use only loses its name.
        podman.try_run("untag", image_name(estate, host, name))
    for image in podman.run(
        "images", "--quiet", "--filter", "dangling=true", "--filter", f"label={LABEL}={estate.prefix}"
    ).split():
        podman.try_run("rmi", image)
    shutil.rmtree(target)


def _recreate(podman: Podman, estate: Estate, host: str, name: str) -> None:
    podman.try_run("volume", "rm", "--force", estate.volume(host))
    create_host(podman, estate, host, image_name(estate, host, name))
    podman.run("volume", "import", estate.volume(host), str(folder(estate, name) / f"{host}.tar"))
    _own_directories(podman, estate.container(host))


def _own_directories(podman: Podman, container: str) -> None:
    """Copy the directories of RENAMED from the image into the container itself, before it starts.

    overlayfs refuses to rename a directory that lies in a lower layer (EXDEV), unless redirect_dir is on; see
    https://docs.kernel.org/filesystems/overlayfs.html#renaming-directories. Programs take that for a broken disk.

    Raises: LabError with what cp said.
    """
    root = Path(podman.run("mount", container).strip())
    try:
        for path in [path for pattern in RENAMED for path in root.glob(pattern) if path.is_dir()]:
            copy = path.with_name(f"{path.name}.copy")
            done = subprocess.run(["cp", "--archive", path, copy], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise LabError(f"{path} of {container} could not be copied: {done.stderr.strip()}")
            shutil.rmtree(path)
            copy.rename(path)
    finally:
        podman.run("unmount", container)
