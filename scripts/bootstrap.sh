#!/usr/bin/env bash
# Make a bare Debian 12 or Ubuntu 24.04 ready: packages, virtual environment, lab image. Each step shows its elapsed time;
# a step whose input did not change costs nothing, so a second run takes seconds.
#
# Usage: scripts/bootstrap.sh [tools|lab]     tools: virtual environment only, without root; lab (default): everything
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/console.sh
what=${1:-lab}
root=$PWD
stamps=$root/.cache/stamps
mkdir -p "$stamps"

tools_packages=(git make python3 python3-venv ca-certificates)
lab_packages=(podman runc netavark aardvark-dns iptables mmdebstrap debian-archive-keyring nftables iproute2 openssh-client openssl
    postgresql rsync shellcheck zstd)
browser_packages=(chromium)
os_release=/etc/os-release

# Run a long command with a line every 20 s, so that silence never looks like a hang; its output is shown when it fails.
patiently() {
    local title=$1 log begun=$SECONDS code=0
    shift
    log=$(mktemp)
    say "$title ..."
    "$@" >"$log" 2>&1 &
    local child=$!
    while kill -0 "$child" 2>/dev/null; do
        sleep 1
        if (((SECONDS - begun) % 20 == 0)); then
            say "$title: $((SECONDS - begun)) s"
        fi
    done
    wait "$child" || code=$?
    if [ "$code" -ne 0 ]; then
        tail -n 30 "$log" >&2
        rm -f "$log"
        die "$title failed with exit code $code; what it printed last stands above"
    fi
    rm -f "$log"
    say "$title: done in $((SECONDS - begun)) s"
}

# PostgreSQL is installed for its programs alone: no cluster of this machine is made, and no server is started.
no_cluster_of_our_own() {
    [ -e /etc/postgresql-common ] && return
    as_root mkdir -p "$(dirname "$no_cluster")"
    echo "create_main_cluster = false" | as_root tee "$no_cluster" >/dev/null
}

# Ubuntu's Chromium is a snap, which cannot read the pages that a test writes: there the stage browser is left out.
is_ubuntu() { grep -qsx 'ID="\?ubuntu"\?' "$os_release"; }

missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
    done
}

install_packages() {
    command -v dpkg-query >/dev/null || die "only Debian 12 and Ubuntu 24.04 are prepared here; install by hand: $*"
    local missing
    mapfile -t missing < <(missing_packages "$@")
    if [ "${#missing[@]}" -eq 0 ]; then
        say "packages: all here"
        return
    fi
    patiently "package lists" as_root apt-get -q update
    patiently "packages ${missing[*]}" as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}"
}

supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

whole_environment() { supported .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }

make_environment() {
    local python='' candidate hash
    whole_environment || rm -rf .venv # also one that was left half made
    for candidate in "$root/.venv/bin/python" python3 python3.12 python3.11 python3.13; do
        if supported "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || die "no Python 3.11, 3.12 or 3.13 was found; install one of them (Debian 12: python3, Ubuntu 24.04: python3)"
    hash=$({ cat requirements.txt && "$python" --version && pwd; } | sha256sum | cut -d' ' -f1)
    if [ -x .venv/bin/ansible-playbook ] && [ -e "$stamps/venv-$hash" ]; then
        say "virtual environment: as pinned in requirements.txt"
        return
    fi
    if [ ! -x .venv/bin/python ]; then
        "$python" -c 'import ensurepip' 2>/dev/null || die "$python has no ensurepip: install python3-venv, or run scripts/bootstrap.sh as root"
        patiently "virtual environment" "$python" -m venv .venv
    fi
    patiently "Python packages of requirements.txt" .venv/bin/python -m pip install --disable-pip-version-check --quiet -r requirements.txt
    rm -f "$stamps"/venv-*
    touch "$stamps/venv-$hash"
}

case $what in
    tools)
        make_environment
        ;;
    lab)
        no_cluster_of_our_own
        if is_ubuntu; then
            browser_packages=()
        fi
        install_packages "${tools_packages[@]}" "${lab_packages[@]}" "${browser_packages[@]}"
        make_environment
        lab/lab image
        ;;
    *)
        die "unknown argument '$what': use tools or lab"
        ;;
esac
say "ready"
