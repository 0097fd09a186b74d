# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of files: backups, archived WAL, a page of a table, a certificate, a passphrase."""

from __future__ import annotations

from typing import Any

from . import _pki
from ._console import LabRefused
from ._estate import GROUPS
from ._fault import Bench, Fault, host_target
from ._records import Record

REPOSITORY = GROUPS["pgbackrest_repository"][0]
PAGE_BYTES = 8192
REPO_OPTIONS = {"repo": ("/var/lib/pgbackrest", "path of the repository"), "stanza": ("main", "name of the stanza")}
WAL_OPTIONS = {**REPO_OPTIONS, "segment": ("", "24 letters of the segment's name, else the last but one")}
CONFIG_OPTIONS = {"config": ("/etc/pgbackrest", "directory of pgBackRest's configuration")}


def _where(settings: dict[str, str], *names: str) -> dict[str, Any]:
    return {name: settings[name] for name in ("repo", "stanza", *names)}


def _make_corrupt_backup(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    host = record.targets[0]
    found = bench.ask(host, "backup_file", bundle=False, **_where(settings))
    record.undo["label"] = found["label"]
    bench.ask_noted(record, "flip", "flip", path=found["path"])


def _make_corrupt_wal(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    host = record.targets[0]
    found = bench.ask(host, "wal_segment", **_where(settings, "segment"))
    bench.ask_noted(record, "flip", "flip", path=found["path"])


def _heal_flip(bench: Bench, record: Record) -> str:
    if "flip" not in record.undo:
        return "nothing was changed"
    host = record.targets[0]
    bench.require_running(host)
    return str(bench.ask(host, "unflip", **record.undo["flip"])["why"])


def _damage_saved(bench: Bench, record: Record, path: str, verb: str) -> None:
    """Save a file, then damage it; the record says first what to put back."""
    host = record.targets[0]
    bench.keep_original(record, host, path)
    record.undo["path"] = path
    bench.save(record)
    bench.ask(host, verb, path=path)


def _make_remove_wal(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    found = bench.ask(record.targets[0], "wal_segment", **_where(settings, "segment"))
    _damage_saved(bench, record, found["path"], "remove")


def _make_truncate_wal(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    found = bench.ask(record.targets[0], "wal_segment", **_where(settings, "segment"))
    _damage_saved(bench, record, found["path"], "truncate")


def _make_remove_bundle(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    found = bench.ask(record.targets[0], "backup_file", bundle=True, **_where(settings))
    record.undo["label"] = found["label"]
    _damage_saved(bench, record, found["path"], "remove")


def _heal_saved(bench: Bench, record: Record) -> str:
    host, path = record.targets[0], record.undo.get("path", "")
    bench.require_running(host)
    folder = path.rpartition("/")[0]
    if path and bench.podman.try_run("exec", bench.estate.container(host), "test", "-d", folder).returncode != 0:
        return f"{folder} has expired meanwhile"
    bench.put_back(record, host)
    if unit := record.undo.get("reload"):
        bench.podman.execute(host, "systemctl", "try-reload-or-restart", unit)
    return ""


def _make_duplicate_wal(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    host = record.targets[0]
    found = bench.ask(host, "wal_segment", **_where(settings, "segment"))
    bench.ask_noted(record, "made", "duplicate", path=found["path"])


def _make_orphan_timeline(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    bench.ask_noted(record, "made", "orphan_timeline", **_where(settings))


def _heal_made(bench: Bench, record: Record) -> str:
    if "made" not in record.undo:
        return "nothing was made"
    bench.require_running(record.targets[0])
    bench.ask(record.targets[0], "unlink", **record.undo["made"])
    return ""


def _sql(bench: Bench, host: str, database: str, statement: str) -> str:
    return bench.podman.execute(
        host,
        "runuser",
        "-u",
        "postgres",
        "--",
        "psql",
        "-XAtq",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        database,
        "-c",
        statement,
    ).strip()


def _make_corrupt_page(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    host, unit, path = record.targets[0], settings["unit"], settings["file"]
    was_active = bench.is_active(host, unit)
    if not path:
        if not was_active:
            raise LabRefused(
                f"{unit} is not running on {host}, so the table cannot be found; give its file with --set file=PATH."
            )
        name = settings["table"].replace("'", "''")
        relative = _sql(bench, host, settings["database"], f"SELECT pg_relation_filepath('{name}')")
        path = f"{_sql(bench, host, settings['database'], 'SHOW data_directory')}/{relative}"
    if was_active:
        # Everything goes to the disk first: a later checkpoint would otherwise write the good page over the damage.
        _sql(bench, host, "postgres", "CHECKPOINT")
    record.undo.update(unit=unit)
    with bench.stopped(host, unit):
        # The last bytes of a page belong to its first row; eight of them survive no checksum.
        offset = (int(settings["page"]) + 1) * PAGE_BYTES - 64
        bench.ask_noted(record, "flip", "flip", path=path, offset=offset, length=8)


def _heal_corrupt_page(bench: Bench, record: Record) -> str:
    if "flip" not in record.undo:
        return "nothing was changed"
    host = record.targets[0]
    bench.require_running(host)
    with bench.stopped(host, record.undo["unit"]):
        return str(bench.ask(host, "unflip", **record.undo["flip"])["why"])


def _make_expire_certificate(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    host, path, unit = record.targets[0], settings["file"], settings["unit"]
    if not path:
        path = bench.ask(host, "config_value", directory=settings["config"], key="tls-server-cert-file")["value"]
    bench.keep_original(record, host, path)
    record.undo.update(path=path, reload=unit)
    bench.save(record)
    # Written in place, so that owner and mode stay; the key is the host's own, only the dates are wrong.
    bench.podman.execute(host, "sh", "-c", 'cat > "$1"', "sh", path, data=_pki.expired_certificate(bench.estate, host))
    bench.podman.execute(host, "systemctl", "try-reload-or-restart", unit)


def _make_wrong_key(bench: Bench, record: Record, settings: dict[str, str]) -> None:
    host = record.targets[0]
    found = bench.ask(host, "config_value", directory=settings["config"], key="repo1-cipher-pass")
    _damage_saved(bench, record, found["path"], "change_key")


def _repository_fault(
    name: str, title: str, undo: str, make: Any, heal: Any, options: dict[str, tuple[str, str]]
) -> Fault:
    return Fault(
        name=name,
        title=title,
        undo=undo,
        usage=f"[HOST] ({REPOSITORY})",
        kinds=(host_target,),
        default=(REPOSITORY,),
        inside=True,
        make=make,
        heal=heal,
        options=options,
    )


FAULTS = (
    _repository_fault(
        "corrupt-backup",
        "one byte of the newest backup is flipped",
        "flipped back",
        _make_corrupt_backup,
        _heal_flip,
        REPO_OPTIONS,
    ),
    _repository_fault(
        "remove-bundle",
        "the largest file of the newest backup is gone",
        "put back",
        _make_remove_bundle,
        _heal_saved,
        REPO_OPTIONS,
    ),
    _repository_fault(
        "corrupt-wal",
        "one byte of an archived segment is flipped",
        "flipped back",
        _make_corrupt_wal,
        _heal_flip,
        WAL_OPTIONS,
    ),
    _repository_fault(
        "remove-wal", "an archived segment is gone", "put back", _make_remove_wal, _heal_saved, WAL_OPTIONS
    ),
    _repository_fault(
        "truncate-wal", "an archived segment lacks its half", "put back", _make_truncate_wal, _heal_saved, WAL_OPTIONS
    ),
    _repository_fault(
        "duplicate-wal",
        "a segment is archived twice, with two checksums",
        "removed",
        _make_duplicate_wal,
        _heal_made,
        WAL_OPTIONS,
    ),
    _repository_fault(
        "orphan-timeline",
        "a segment of an unknown timeline",
        "removed",
        _make_orphan_timeline,
        _heal_made,
        REPO_OPTIONS,
    ),
    _repository_fault(
        "wrong-key",
        "the passphrase in the configuration is wrong",
        "put back",
        _make_wrong_key,
        _heal_saved,
        CONFIG_OPTIONS,
    ),
    Fault(
        name="corrupt-page",
        title="bytes of a table's page are flipped on disk",
        undo="flipped back",
        usage="HOST",
        kinds=(host_target,),
        inside=True,
        make=_make_corrupt_page,
        heal=_heal_corrupt_page,
        options={
            "database": ("ccobservatory", "database of the table"),
            "table": ("ledger", "name of the table"),
            "page": ("0", "number of the page"),
            "file": ("", "data file, instead of a table"),
            "unit": ("postgresql@15-main.service", "unit that is stopped meanwhile"),
        },
    ),
    Fault(
        name="expire-certificate",
        title="a host's certificate has ended",
        undo="put back",
        usage="HOST...",
        kinds=(host_target,),
        inside=True,
        each=True,
        make=_make_expire_certificate,
        heal=_heal_saved,
        options={
            **CONFIG_OPTIONS,
            "file": ("", "certificate on the host, else the one of pgBackRest"),
            "unit": ("pgbackrest.service", "unit that reads the certificate"),
        },
    ),
)
