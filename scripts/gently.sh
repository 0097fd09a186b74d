#!/usr/bin/env bash
# Run a command on what everything else leaves of the processors.
#
# Usage: scripts/gently.sh COMMAND [ARGUMENT ...]
#        scripts/gently.sh --forget         remove the group that such commands ran in
#
# It runs in a control group that is idle (cpu.idle, see the kernel's cgroup-v2 page), so that a drill beside it is as quick as alone.
# Niceness would not do for that: where the kernel groups processes by session, it weighs within a session only (sched(7), autogroup).
# Where such a group cannot be made, without asking for a password, niceness is what remains.
set -euo pipefail
[ "$#" -gt 0 ] || { echo "gently: name the command to run" >&2; exit 2; }
# With the others kept from it, there is no more than one processor to share.
export PYTEST_XDIST_AUTO_NUM_WORKERS=1

root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

# The place of the controller of processors: of its own in version 1, where everything is in version 2.
place() {
    local own
    own=$(awk '$3 == "cgroup" && ("," $4 ",") ~ /,cpu,/ { print $2; exit }' /proc/mounts)
    if [ -z "$own" ] && grep -qsw cpu /sys/fs/cgroup/cgroup.controllers; then
        own=/sys/fs/cgroup
        echo +cpu | root tee "$own/cgroup.subtree_control" >/dev/null || return
    fi
    [ -n "$own" ] && echo "$own"
}

# Empty where there is no such place, or nobody may make a group in it.
group=$(place 2>/dev/null) && group+=/ccobservatory-idle || group=
settle() {
    [ -n "$group" ] && root mkdir -p "$group" &&
        echo 1 | root tee "$group/cpu.idle" && echo $$ | root tee "$group/cgroup.procs"
}

if [ "$1" = --forget ]; then
    # One that is in use belongs to a run that goes on.
    [ ! -d "$group" ] || root rmdir "$group" 2>/dev/null || true
    exit
fi
settle >/dev/null 2>&1 || true
exec nice -n 19 "$@"
