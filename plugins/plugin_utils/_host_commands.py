# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one table of what verification may ask of a host.

It is the collection plan, the allow-list of the collector, and the source of the sudoers file that the role
`verify_access` writes. Nothing outside of it is sent to a host, and nothing in it changes one. What every host is asked
stands here, what some are asked for a service of theirs in `_host_services`, and how doors are tried in `_host_doors`.

No word of a command for sudo holds a blank, but for the last one: see `_sudoers`.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_doors import DOORS
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import KIB, HostFact, Listed
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_services import SERVICES

__all__ = ["TABLE"]

ROOT = "root"

_IDENTITY = (
    HostFact("os_release", "distribution and version", path="/etc/os-release", cap=4 * KIB),
    HostFact("kernel_release", "the kernel that runs", path="/proc/sys/kernel/osrelease", cap=KIB),
    HostFact("machine_id", "the host behind a name", path="/etc/machine-id", cap=KIB),
    HostFact("cpus", "how many processors work", path="/sys/devices/system/cpu/online", cap=KIB),
    HostFact("memory", "memory in use", path="/proc/meminfo", cap=8 * KIB),
    HostFact("load", "load averages", path="/proc/loadavg", cap=KIB),
    HostFact(
        "system",
        "state of systemd and since when it runs",
        argv=(
            *("/usr/bin/systemctl", "show", "--timestamp=unix"),
            "--property=UserspaceTimestamp,SystemState,NFailedUnits,Version,Virtualization",
        ),
    ),
)

_SOFTWARE = (
    HostFact(
        "packages",
        "every package with its version and state",
        argv=(
            *("/usr/bin/dpkg-query", "--show"),
            "--showformat=${db:Status-Abbrev}\\t${Package}\\t${Version}\\t${Architecture}\\t${source:Package}\\n",
        ),
        cap=1024 * KIB,
        deadline_s=20,
    ),
    HostFact(
        "apt_archives",
        "which archives apt knows, and the date that each was signed",
        argv=(
            *("/usr/bin/grep", "-rsHE", "-m", "8", "^(Origin|Label|Suite|Codename|Date|Valid-Until):"),
            *("--include=*Release", "/var/lib/apt/lists"),
        ),
        accepts=(0, 1, 2),
    ),
    # The file of last month follows: a new month begins with an empty one.
    HostFact(
        "apt_history",
        "what apt did, and when",
        argv=("/usr/bin/zcat", "-f", "/var/log/apt/history.log.1.gz", "/var/log/apt/history.log"),
        cap=512 * KIB,
        accepts=(0, 1, 2),
    ),
    HostFact(
        "reboot_required",
        "which packages wait for a restart of the host",
        argv=("/usr/bin/grep", "-sH", "", "/run/reboot-required", "/run/reboot-required.pkgs"),
        accepts=(0, 1, 2),
    ),
    HostFact(
        "stale_processes",
        "processes that still use files which an update replaced",
        argv=(
            *("/usr/bin/find", "/proc", "-mindepth", "2", "-maxdepth", "2", "-name", "maps"),
            *("-exec", "/usr/bin/grep", "-sHF", "(deleted)", "{}", "+"),
        ),
        user=ROOT,
        cap=512 * KIB,
        deadline_s=20,
        accepts=(0, 1),
    ),
)

_UNITS = (
    HostFact(
        "units",
        "every unit and its state",
        argv=("/usr/bin/systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", "--no-pager"),
        cap=256 * KIB,
    ),
    HostFact(
        "services",
        "services: state, result, restarts",
        argv=(
            *("/usr/bin/systemctl", "show", "*.service", "--timestamp=unix", "--no-pager"),
            "--property=Id,LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts,MainPID,ExecMainStatus,"
            "ExecMainStartTimestamp,ExecMainExitTimestamp",
        ),
        cap=512 * KIB,
        deadline_s=20,
    ),
    HostFact(
        "timers",
        "timers: when they ran and when they run next",
        argv=(
            *("/usr/bin/systemctl", "show", "*.timer", "--timestamp=unix", "--no-pager"),
            "--property=Id,Unit,ActiveState,UnitFileState,LastTriggerUSec,NextElapseUSecRealtime",
        ),
    ),
)

_NETWORK = (
    HostFact(
        "sockets", "listening sockets and their processes", argv=("/usr/bin/ss", "-Htulnp"), user=ROOT, cap=256 * KIB
    ),
    HostFact("addresses", "network addresses", argv=("/usr/bin/ip", "-j", "addr"), cap=256 * KIB),
    HostFact(
        "firewall",
        "packet filter as the kernel has it",
        argv=("/usr/sbin/nft", "-j", "list", "ruleset"),
        user=ROOT,
        cap=1024 * KIB,
    ),
)

_STORAGE = (
    HostFact("mounts", "what is mounted where and how", path="/proc/self/mounts", cap=256 * KIB),
    # A host without the file, such as a container, has nothing that has to be mounted.
    HostFact(
        "fstab",
        "what has to be mounted, and how",
        argv=("/usr/bin/grep", "-sH", "", "/etc/fstab"),
        accepts=(0, 1, 2),
    ),
    HostFact(
        "disks",
        "space and inodes",
        argv=(
            *("/usr/bin/df", "--local", "--block-size=1"),
            "--output=source,fstype,size,used,avail,itotal,iused,iavail,target",
        ),
        accepts=(0, 1),
    ),
    HostFact(
        "block_devices",
        "disks, and which of them are encrypted",
        argv=("/usr/bin/lsblk", "--json", "--bytes", "--output", "NAME,TYPE,FSTYPE,MOUNTPOINTS,SIZE,PKNAME,RO"),
    ),
)

# A public key with its type before it; a line of a private one, behind a link, is none.
_KEY = "(ssh|ecdsa|sk)-[^[:space:]]+[[:space:]]+AAAA"

_ACCESS = (
    HostFact("accounts", "accounts of the host", path="/etc/passwd"),
    HostFact("groups", "groups and their members", path="/etc/group"),
    HostFact("last_logins", "when each account was used last", argv=("/usr/bin/lastlog",)),
    HostFact("account_status", "which accounts have a password", argv=("/usr/bin/passwd", "-S", "-a"), user=ROOT),
    HostFact(
        "authorized_keys",
        "keys that open an account, in the homes",
        argv=(
            # A link counts too, because sshd follows it.
            *("/usr/bin/find", "/root", "/home", "/var/lib", "/srv", "/opt", "-xdev", "-maxdepth", "4"),
            *("-type", "f,l"),
            *("(", "-name", "authorized_keys", "-o", "-name", "authorized_keys2", ")"),
            *("-exec", "/usr/bin/grep", "-sHE", _KEY, "{}", "+"),
        ),
        user=ROOT,
        cap=512 * KIB,
        deadline_s=20,
        accepts=(0, 1),
    ),
    HostFact(
        "authorized_keys_etc",
        "keys that open an account, kept below /etc/ssh",
        argv=(
            *("/usr/bin/find", "/etc/ssh", "-xdev", "-mindepth", "2", "-type", "f,l"),
            *("-exec", "/usr/bin/grep", "-sHE", _KEY, "{}", "+"),
        ),
        user=ROOT,
        cap=512 * KIB,
        accepts=(0, 1),
    ),
    HostFact(
        "sudoers", "who may do what by sudo", argv=("/usr/bin/cvtsudoers", "-f", "json", "/etc/sudoers"), user=ROOT
    ),
    HostFact("sshd", "settings that sshd works by", argv=("/usr/sbin/sshd", "-T"), user=ROOT),
    HostFact(
        "sshd_files",
        "lines of sshd's files: what its Match blocks set is not among the settings that it tells",
        argv=("/usr/bin/grep", "-RsHE", "^[[:space:]]*[^#[:space:]]", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d"),
        user=ROOT,
        cap=256 * KIB,
        accepts=(0, 2),
    ),
    # Two questions about the account that asks: whether it could write what matters, and whether sudo lets it do more
    # than this table. The second is a command that does nothing, wherever sudo allows it.
    HostFact(
        "own_writable",
        "what the asking account could write",
        argv=(
            *("/usr/bin/find", "/boot", "/etc", "/opt", "/root", "/srv", "/usr", "/var/lib", "/var/backups"),
            *("-xdev", "-maxdepth", "2", "-writable", "-not", "-type", "l", "-not", "-type", "s"),
        ),
        accepts=(0, 1),
        deadline_s=20,
    ),
    HostFact(
        "own_root_refused",
        "whether sudo refuses what is not in this table",
        argv=("/usr/bin/sudo", "-n", "-u", "root", "--", "/usr/bin/true"),
        accepts=(0, 1),
    ),
)

_SYSCTL = (
    *("fs/protected_fifos", "fs/protected_hardlinks", "fs/protected_regular", "fs/protected_symlinks"),
    *("fs/suid_dumpable", "kernel/core_pattern", "kernel/dmesg_restrict", "kernel/kptr_restrict"),
    *("kernel/perf_event_paranoid", "kernel/randomize_va_space", "kernel/sysrq", "kernel/unprivileged_bpf_disabled"),
    *("kernel/yama/ptrace_scope", "net/core/bpf_jit_harden", "net/ipv4/ip_forward", "net/ipv4/tcp_syncookies"),
    *("net/ipv4/icmp_echo_ignore_broadcasts", "net/ipv4/icmp_ignore_bogus_error_responses"),
    *(
        f"net/ipv4/conf/{which}/{name}"
        for which in ("all", "default")
        for name in ("accept_redirects", "accept_source_route", "log_martians", "rp_filter", "send_redirects")
    ),
    *("net/ipv6/conf/all/accept_ra", "net/ipv6/conf/all/accept_redirects", "net/ipv6/conf/all/forwarding"),
    *("vm/overcommit_memory", "vm/swappiness"),
)

_HARDENING = (
    HostFact(
        "sysctl",
        "kernel settings that bear on safety",
        argv=("/usr/bin/grep", "-sH", "", *(f"/proc/sys/{name}" for name in _SYSCTL)),
        accepts=(0, 1, 2),
    ),
    HostFact(
        "file_states",
        "owner and mode of files that matter, and stamps that other programs leave",
        argv=(
            *("/usr/bin/stat", "--format=%n\t%F\t%a\t%u\t%g\t%s\t%Y"),
            *("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d"),
            *("/etc/ssh/sshd_config", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ecdsa_key"),
            *("/etc/ssh/ssh_host_rsa_key", "/etc/crontab", "/etc/cron.d", "/root", "/boot"),
            *("/var/lib/apt/lists", "/var/lib/apt/periodic/update-success-stamp", "/var/cache/apt/pkgcache.bin"),
            *("/run/reboot-required", "/run/systemd/timesync/synchronized", "/run/nologin", "/etc/machine-id"),
        ),
        accepts=(0, 1),
    ),
    # Of each file only what stands between the lines of a certificate: a private key beside it stays where it is.
    HostFact(
        "certificates",
        "every certificate that a service of the host shows",
        argv=(
            "/usr/bin/find",
            Listed(
                "verify_certificates",
                (
                    *("/etc/haproxy", "/etc/letsencrypt/live", "/etc/nginx", "/etc/pgbackrest", "/etc/pki/tls/certs"),
                    *("/etc/postgresql", "/etc/postgresql-common", "/etc/prometheus", "/etc/ssl/private"),
                ),
            ),
            *("-maxdepth", "5", "-follow", "-type", "f", "-size", "-256k"),
            *("-exec", "/usr/bin/awk"),
            "FNR==1{on=0};/-----BEGIN.CERTIFICATE-----/{on=1;print(FILENAME)};on{print};"
            "/-----END.CERTIFICATE-----/{on=0}",
            *("{}", "+"),
        ),
        user=ROOT,
        cap=1024 * KIB,
        deadline_s=20,
        accepts=(0, 1),
    ),
)

_TRAIL = (
    HostFact(
        "journal_header",
        "journal files: sealed or not, from when to when, without a gap or not",
        argv=("/usr/bin/journalctl", "-q", "--header", "--no-pager"),
        user=ROOT,
        cap=512 * KIB,
        deadline_s=20,
    ),
    HostFact(
        "journal_usage", "room that the journal takes", argv=("/usr/bin/journalctl", "-q", "--disk-usage"), user=ROOT
    ),
    HostFact(
        "journal_admin",
        "sessions and sudo of the last day",
        argv=(
            # The newest first: with --since and without -r, journalctl of Debian 12 counts -n from the oldest on.
            *("/usr/bin/journalctl", "-q", "--no-pager", "-r", "-o", "short-unix", "--since", "-1d", "-n", "600"),
            *("-t", "sudo", "-t", "sshd", "-t", "su"),
        ),
        user=ROOT,
        cap=256 * KIB,
        deadline_s=20,
    ),
    HostFact(
        "log_forwarding",
        "where the logs are sent",
        argv=("/usr/bin/grep", "-rsHE", "^[^#]", "/etc/rsyslog.conf", "/etc/rsyslog.d"),
        accepts=(0, 1, 2),
    ),
    HostFact(
        "log_rotation",
        "how long logs are kept",
        argv=("/usr/bin/grep", "-rsHE", "^[^#]", "/etc/logrotate.conf", "/etc/logrotate.d"),
        accepts=(0, 1, 2),
    ),
    HostFact("chrony", "offset that chrony knows", argv=("/usr/bin/chronyc", "-c", "-n", "tracking"), deadline_s=5),
    HostFact(
        "textfiles",
        "age of the files that the node exporter reads",
        argv=(
            *("/usr/bin/find", "/var/lib/prometheus/node-exporter", "-maxdepth", "1", "-type", "f"),
            *("-printf", "%T@ %s %f\\n"),
        ),
    ),
)

# The dearest question comes last: a host that is short of time has answered the others by then.
_UPDATES = (
    # Every update that the archives offer, held back or not; read without a lock and without writing apt's cache.
    HostFact(
        "updates",
        "pending updates and the archive that offers each",
        argv=("/usr/bin/apt", "-qq", "list", "--upgradable"),
        cap=256 * KIB,
        deadline_s=60,
    ),
)

TABLE: tuple[HostFact, ...] = (
    *(*_IDENTITY, *_SOFTWARE, *_UNITS, *_NETWORK, *_STORAGE, *_ACCESS, *_HARDENING, *_TRAIL),
    *DOORS,
    *SERVICES,
    *_UPDATES,
)
