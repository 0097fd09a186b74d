# shellcheck shell=bash
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# What the shell scripts share: what they say and how, root, and a path. Sourced, never run.

# One line of progress with the time since the script began.
say() { printf '%3d:%02d  %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }

# End with one sentence that says what to do.
die() {
    printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
    exit 1
}

# Run a command as root, by sudo where that is needed.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this step needs root: run it as root, or install sudo and allow it for $(id -un)"
    fi
}

# Keeps Debian's package of PostgreSQL from making a cluster on this machine.
# shellcheck disable=SC2034
no_cluster=/etc/postgresql-common/createcluster.d/ops.conf
