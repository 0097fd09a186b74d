# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image all hosts start from: a small Debian 12 with systemd and sshd, and the packages of the roles at hand.

The packages are downloaded into the image but not installed: provisioning is the business of the production
roles, and ten hosts must not fetch the same packages ten times. The tag carries a hash of the recipe, so a changed
recipe builds a new image and an unchanged one builds nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ._console import Console, LabError
from ._estate import ADMIN_USER, IMAGE, Estate
from ._podman import Podman, check_disk

SUITE = "bookworm"
DEFAULT_MIRROR = "http://deb.debian.org/debian"
DEFAULT_SECURITY_MIRROR = "http://deb.debian.org/debian-security"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

INSTALLED = (
    "acl",
    "apt-utils",
    "ca-certificates",
    "cron",
    "dbus",
    "e2fsprogs",
    "iproute2",
    "iputils-ping",
    "libnss-myhostname",
    "logrotate",
    "nftables",
    "openssh-client",
    "openssh-server",
    "openssl",
    "procps",
    "python3",
    "python3-apt",
    "python3-psycopg2",
    "rsyslog",
    "sudo",
    "systemd",
    "systemd-sysv",
)

DOWNLOADED = (
    "curl",
    "haproxy",
    "jq",
    "lz4",
    "netcat-openbsd",
    "pgbackrest",
    "pgbouncer",
    "postgresql-15",
    "postgresql-client-15",
    "postgresql-client",
    "postgresql-common",
    "prometheus",
    "prometheus-alertmanager",
    "prometheus-blackbox-exporter",
    "prometheus-node-exporter",
    "prometheus-postgres-exporter",
    "python3-asyncpg",
    "python3-cryptography",
    "python3-fastapi",
    "python3-psycopg",
    "python3-psycopg-pool",
    "python3-yaml",
    "restic",
    "rsync",
    "socat",
    "uvicorn",
    "zstd",
)

APT_CONF = """// Written by the lab's image recipe.
// Keep what was downloaded: the archive in the image serves all hosts.
APT::Keep-Downloaded-Packages "true";
Binary::apt::APT::Keep-Downloaded-Packages "true";
APT::Install-Recommends "false";
Acquire::Languages "none";
APT::Periodic::Enable "0";
"""

# A lab host can be rebuilt in seconds, so dpkg need not wait for the disk after each file.
DPKG_CONF = """force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/locale/*
"""

# Nothing starts while packages are installed in the image; on a running host Debian's own policy applies again.
SETUP = f"""#!/bin/sh
set -eu
root="$1"
rm -f "$root"/var/cache/apt/archives/*.deb
cat > "$root/etc/apt/apt.conf.d/90lab" <<'END'
{APT_CONF}END
cat > "$root/etc/dpkg/dpkg.cfg.d/90lab" <<'END'
{DPKG_CONF}END
chroot "$root" apt-get -q update
chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --download-only {" ".join(DOWNLOADED)}
chroot "$root" useradd --create-home --shell /bin/bash --uid 1000 {ADMIN_USER}
printf '{ADMIN_USER} ALL=(ALL) NOPASSWD: ALL\\n' > "$root/etc/sudoers.d/90-{ADMIN_USER}"
chmod 0440 "$root/etc/sudoers.d/90-{ADMIN_USER}"
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/machine-id" "$root/var/lib/dbus/machine-id"
printf '127.0.0.1 localhost\\n::1 localhost ip6-localhost\\n' > "$root/etc/hosts"
mkdir -p "$root/var/log/journal"
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \\
    systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udev-trigger.service \\
    systemd-remount-fs.service dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount \\
    systemd-logind.service getty.target console-getty.service systemd-pstore.service; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
"""


def recipe(mirror: str, security_mirror: str) -> str:
    """Return everything that decides what the image contains, as one text."""
    return "\n".join([SUITE, mirror, security_mirror, *INSTALLED, "--", SETUP])


def mirrors() -> tuple[str, str]:
    """Return the package mirrors, from OPS_LAB_MIRROR and OPS_LAB_SECURITY_MIRROR or Debian's own."""
    return (
        os.environ.get("OPS_LAB_MIRROR", DEFAULT_MIRROR),
        os.environ.get("OPS_LAB_SECURITY_MIRROR", DEFAULT_SECURITY_MIRROR),
    )


def tag() -> str:
    """Return the full name of the image for the present recipe."""
    return f"{IMAGE}:{hashlib.sha256(recipe(*mirrors()).encode()).hexdigest()[:12]}"


def ensure(podman: Podman, estate: Estate, console: Console) -> str:
    """Build the image unless it is there and return its name.

    Raises: LabError with the last line of the build when it fails; LabRefused when the disk is too small.
    """
    name = tag()
    if podman.try_run("image", "exists", name).returncode == 0:
        return name
    work = Path("/var/tmp")  # noqa: S108 - a private directory is made below it
    check_disk(work, estate.state)
    with console.step(f"image {name.rpartition(':')[2]} (Debian 12 and the packages of the roles)"):
        directory = Path(tempfile.mkdtemp(prefix="ccobservatory-lab-", dir=work))
        try:
            directory.chmod(0o755)
            tarball = _debootstrap(directory)
            podman.run("import", "--quiet", str(tarball), name)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    return name


def _debootstrap(directory: Path) -> Path:
    """Make the root file system as a tar file in the directory and return its path."""
    if not KEYRING.exists():
        raise LabError(
            f"{KEYRING} is missing, so Debian's packages cannot be proved; run: apt-get install debian-archive-keyring"
        )
    hook = directory / "setup.sh"
    hook.write_text(SETUP, encoding="utf-8")
    hook.chmod(0o755)
    tarball = directory / "base.tar"
    mirror, security = mirrors()
    signed = f"[signed-by={KEYRING}]"
    command = [
        "mmdebstrap",
        "--variant=minbase",
        "--architectures=amd64" if os.uname().machine == "x86_64" else "--architectures=arm64",
        f"--include={','.join(INSTALLED)}",
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--aptopt=Acquire::Languages none",
        f'--customize-hook={hook} "$1"',
        # The package lists and the downloaded archives are what this image is for.
        "--skip=cleanup/apt",
        SUITE,
        str(tarball),
        f"deb {signed} {mirror} {SUITE} main",
        f"deb {signed} {mirror} {SUITE}-updates main",
        f"deb {signed} {security} {SUITE}-security main",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        wanted = [line for line in lines if line.startswith(("E:", "Err:"))] or lines
        raise LabError(f"The image could not be built ({wanted[0].strip()}); check that {mirror} can be reached.")
    return tarball


def remove(podman: Podman, console: Console) -> None:
    """Remove all images of the lab that no container uses."""
    output = podman.run("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={IMAGE}")
    for name in output.split():
        if podman.try_run("rmi", name).returncode != 0:
            console.warn(f"image {name} stays: another lab still uses it")
