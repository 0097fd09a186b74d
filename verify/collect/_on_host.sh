# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Sent to a host that has no Python: the twin of _on_host.py, with the same frame. Nothing is written there.
# T is the token; each line of the plan is: ask NAME ACCOUNT DEADLINE CAP KIND WORD...
exec 8>&1
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 TZ=UTC
export PATH LC_ALL TZ
me=$(id -u)

now() {
    stamp=$(date +%s.%N)
    case $stamp in *N) stamp=${stamp%.*}.0 ;; esac
}

# The output runs by descriptor 6 through the cap to 8, errors and exit code by 7; wc counts what the cap cut off.
# The shell that writes to 7 ends before wc does, so the three words come in this order: errors@code@rest.
ask() {
    name=$1 user=$2 deadline=$3 cap=$4 kind=$5
    shift 5
    if [ "$kind" = file ]; then set -- /usr/bin/cat "$@"; fi
    if [ "$user" = root ] && [ "$me" = 0 ]; then user=; fi
    if [ -n "$user" ] && [ "$me" = 0 ]; then set -- /usr/sbin/runuser -u "$user" -- "$@"; user=; fi
    if [ -n "$user" ]; then set -- /usr/bin/sudo -n -u "$user" -- "$@"; fi
    now
    printf '\n%s B %s %s\n' "$T" "$name" "$stamp" >&8
    told=$({
        {
            err=$({ timeout "$deadline" "$@" </dev/null 2>&1 1>&6 7>&- 8>&-; echo "@$?"; } | tail -c 4096)
            printf '%s' "$err" >&7
        } 6>&1 | { head -c "$cap" >&8; printf '@%s' "$(wc -c)"; }
    } 7>&1)
    now
    rest=${told##*@}
    told=${told%@*}
    printf '\n%s X\n%s\n%s E %s %s %s\n' "$T" "${told%@*}" "$T" "${told##*@}" "$stamp" "$rest" >&8
}

now
printf '\n%s H %s %s\n' "$T" "$stamp" "$me" >&8
