# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the table that belongs to services: backups, the database, the central logs.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import KIB, HostFact, Listed

__all__ = ["SERVICES"]

ROOT = "root"
DATABASE = "postgres"

# One statement, one JSON value; a statement cannot be a plan of its own, so it is written where it is asked.
_ASK = (
    "SELECT json_build_object("
    "'version', current_setting('server_version'), "
    "'recovery', pg_is_in_recovery(), "
    "'started', extract(epoch FROM pg_postmaster_start_time()), "
    "'settings', (SELECT json_object_agg(name, setting) FROM pg_settings WHERE name IN ("
    "'archive_command', 'archive_mode', 'data_checksums', 'fsync', 'full_page_writes', 'hot_standby', "
    "'listen_addresses', 'log_connections', 'log_disconnections', 'log_line_prefix', 'log_statement', "
    "'max_connections', 'password_encryption', 'port', 'recovery_min_apply_delay', 'ssl', 'ssl_cert_file', "
    "'ssl_min_protocol_version', 'synchronous_commit', 'synchronous_standby_names', 'wal_level')), "
    "'roles', (SELECT json_agg(json_build_object('name', rolname, 'superuser', rolsuper, 'login', rolcanlogin, "
    "'replication', rolreplication, 'create_role', rolcreaterole, 'create_database', rolcreatedb, "
    "'bypass_rls', rolbypassrls, 'until', extract(epoch FROM rolvaliduntil))) FROM pg_roles "
    "WHERE NOT starts_with(rolname, 'pg_')), "
    "'rules', (SELECT json_agg(json_build_object('line', line_number, 'type', type, 'database', database, "
    "'user', user_name, 'address', address, 'netmask', netmask, 'method', auth_method, 'error', error)) "
    "FROM pg_hba_file_rules), "
    "'standbys', (SELECT json_agg(json_build_object('name', application_name, 'address', client_addr, "
    "'state', state, 'sync', sync_state, 'replay_lag_s', extract(epoch FROM replay_lag))) FROM pg_stat_replication), "
    "'archiver', (SELECT json_build_object('archived', archived_count, 'failed', failed_count, "
    "'last_archived', extract(epoch FROM last_archived_time), 'last_failed', extract(epoch FROM last_failed_time)) "
    "FROM pg_stat_archiver), "
    "'databases', (SELECT json_agg(json_build_object('name', datname, 'bytes', pg_database_size(oid), "
    "'checksum_failures', coalesce(pg_stat_get_db_checksum_failures(oid), 0))) FROM pg_database WHERE datallowconn))"
)

_DATABASE = (
    HostFact(
        "postgresql",
        "settings, roles, access rules, standbys and archiver of the database",
        argv=("/usr/bin/psql", "-XAtq", "-d", "postgres", "-c", _ASK),
        user=DATABASE,
        groups=("postgresql",),
        cap=256 * KIB,
        deadline_s=20,
    ),
)

# Mode, owner, group, age, size and path of what lies in a repository, down to where each backup has its directory.
_LISTED = ("-xdev", "-maxdepth", "3", "-printf", "%M\\040%u\\040%g\\040%T@\\040%s\\040%p\\n")

_BACKUPS = (
    HostFact(
        "pgbackrest_info",
        "backups of the databases, as their repository knows them",
        argv=("/usr/bin/pgbackrest", "info", "--output=json"),
        user=DATABASE,
        groups=("pgbackrest_repository",),
        cap=4096 * KIB,
        deadline_s=40,
    ),
    HostFact(
        "pgbackrest_repository",
        "owner, mode and age of what lies in the repository",
        argv=("/usr/bin/find", "/var/lib/pgbackrest", *_LISTED),
        user=DATABASE,
        groups=("pgbackrest_repository",),
        cap=1024 * KIB,
    ),
    HostFact(
        "file_backup_snapshots",
        "backups of the files, as their repository knows them",
        argv=("/usr/bin/python3", "/usr/local/lib/ccobservatory/file_backup.py", "list"),
        user=ROOT,
        groups=("file_backup",),
        cap=4096 * KIB,
        deadline_s=40,
    ),
    HostFact(
        "file_backup_repository",
        "repositories of the file backup, where they lie",
        argv=("/usr/bin/find", "/var/lib/file_backup", *_LISTED),
        user=ROOT,
        groups=("pgbackrest_repository",),
        cap=1024 * KIB,
        accepts=(0, 1),
    ),
)

# The first command is asked last of all: each host has logged the visit by then, so its newest line must be here.
_LOGS = (
    HostFact(
        "central_logs",
        "the newest line of each log that was written to during the last day",
        argv=(
            *("/usr/bin/find", Listed("verify_central_logs", ("/var/log/remote",), instead=True)),
            *("-type", "f", "-mmin", "-1440", "-exec", "/usr/bin/tail", "-v", "-n", "1", "{}", "+"),
        ),
        user=ROOT,
        groups=("monitoring",),
        cap=16384 * KIB,
        deadline_s=40,
        late=True,
    ),
    HostFact(
        "central_log_files",
        "every central log file with its age and size",
        argv=(
            *("/usr/bin/find", Listed("verify_central_logs", ("/var/log/remote",), instead=True)),
            *("-type", "f", "-printf", "%T@\\040%s\\040%p\\n"),
        ),
        user=ROOT,
        groups=("monitoring",),
        cap=16384 * KIB,
        deadline_s=40,
    ),
)

SERVICES: tuple[HostFact, ...] = (*_DATABASE, *_BACKUPS, *_LOGS)
