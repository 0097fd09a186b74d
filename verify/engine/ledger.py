# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger: what each run decided, kept over the years, in SQLite by default or in PostgreSQL by URL.

It holds no evidence: packs do, and ``run.manifest`` names the pack. What it holds can be made again from them.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from verify.engine import ledger_rows as rows
from verify.engine import ledger_tables as tables
from verify.engine.changes import Before, Finding, Key, Snapshot, differences
from verify.engine.declared import Environment
from verify.engine.trends import Decided, Measured, history
from verify.engine.words import Status

__all__ = ["KEEP_DAYS", "Ledger", "open_ledger", "url_of"]

DAY_S = 86_400.0
KEEP_DAYS = 400
STRIP_DAYS = 90


def url_of(environment: Environment, reports: Path) -> str:
    """Return ``verify_ledger_url``, or a SQLite file beside the environment's runs."""
    declared = environment.variables.get("verify_ledger_url")
    return str(declared) if declared else f"sqlite:///{reports.absolute() / environment.name / 'ledger.sqlite'}"


def open_ledger(url: str) -> Ledger:
    """Open a ledger, made or brought forward if need be; `OpsError` (without a password in it) when that fails."""
    return Ledger(tables.opened(url))


class Ledger:
    """The history of runs. Runs of several processes can be appended at the same time."""

    def __init__(self, engine: sql.Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # What was

    def previous(self, now: Snapshot) -> Before:
        """Return the last comparable run before one, or why there is none."""
        run = tables.run.c
        earlier = sql.select(tables.run).where(run.environment == now.environment, run.at < now.at, run.id != now.run)
        newest_first = earlier.order_by(run.at.desc(), run.id.desc()).limit(1)
        with self._speaking() as connection:
            whole = newest_first.where(run.complete)
            found = connection.execute(whole.where(run.series == now.series)).mappings().first()
            if found is not None:
                return Before(rows.snapshot_of(connection, found), newest_at=found["at"])
            found = connection.execute(whole).mappings().first()
            if found is not None:
                said = differences(now, rows.snapshot_of(connection, found))
                return Before(None, f"{found['id']} is the newest run, but {' and '.join(said)}", found["at"])
            found = connection.execute(newest_first).mappings().first()
        if found is not None:
            return Before(None, f"{found['id']} is the newest run, but it did not come to its end", found["at"])
        return Before(None, "there is no earlier run of this environment in the ledger")

    def findings(self, environment: str) -> dict[Key, Finding]:
        """Return every cell of an environment that is or was open, by control, kind and subject."""
        with self._speaking() as connection:
            return rows.findings_of(connection, environment)

    def history(self, now: Snapshot, kpis: Iterable[rows.Figure] = (), *, days: int = STRIP_DAYS) -> dict[str, Any]:
        """Return ``history.json`` (see `trends.history`) over runs of the same selection, ``now`` among them."""
        run, result, sample = tables.run.c, tables.control_result.c, tables.kpi_sample.c
        same = sql.and_(
            run.environment == now.environment,
            run.selection == rows.selection_of(now),
            run.at > now.at - days * DAY_S,
            run.at <= now.at,
            run.id != now.run,
        )
        controls = sql.select(run.at, result.item, result.status).join_from(tables.run, tables.control_result)
        figures = sql.select(run.at, sample.name, sample.unit, sample.value, sample.verdict)
        figures = figures.join_from(tables.run, tables.kpi_sample)
        with self._speaking() as connection:
            decided = [Decided(at, item, Status(word)) for at, item, word in connection.execute(controls.where(same))]
            measured = [Measured(*row) for row in connection.execute(figures.where(same))]
        decided += [
            Decided(now.at, rows.item_of(control), rows.worst_of(counted)) for control, counted in now.counts.items()
        ]
        measured += [Measured(now.at, one.name, one.unit, rows.finite(one.value), str(one.verdict)) for one in kpis]
        return history(decided, measured)

    def figures(self, environment: str, since: float) -> tuple[float | None, list[Measured]]:
        """Return when the first run of an environment was, and every figure measured since an instant, oldest first."""
        run, sample = tables.run.c, tables.kpi_sample.c
        first = sql.select(sql.func.min(run.at)).where(run.environment == environment)
        told = (sample.name, sample.unit, sample.value, sample.verdict, sample.n, sample.coverage)
        figures = sql.select(run.at, *told).join_from(tables.run, tables.kpi_sample)
        figures = figures.where(run.environment == environment, run.at >= since).order_by(run.at, sample.name)
        with self._speaking() as connection:
            begun: float | None = connection.execute(first).scalar()
            return begun, [Measured(*row) for row in connection.execute(figures)]

    def whole_run(self, environment: str, until: float) -> float | None:
        """Return when the newest run before an instant was that looked at everything and came to its end, if any."""
        run = tables.run.c
        newest = sql.select(sql.func.max(run.at)).where(
            run.environment == environment, run.complete, run.selection == rows.EVERYTHING, run.at < until
        )
        with self._speaking() as connection:
            found: float | None = connection.execute(newest).scalar()
            return found

    # What comes

    def append(
        self,
        now: Snapshot,
        *,
        header: Mapping[str, Any],
        exit_code: int,
        kpis: Iterable[rows.Figure] = (),
        manifest: str = "",
    ) -> bool:
        """Append a run, whole or not at all; return False when it is in already, or only judged again what another
        run collected.

        ``manifest`` is the SHA-256 of the sealed pack's manifest. Findings follow the newest run that judged them: a
        run appended late adds its own rows and leaves them alone.
        """
        if header.get("replay_of") or header.get("evidence_of"):
            return False
        own = {"environment": now.environment, "run": now.run}
        with self._speaking(writing=True) as connection:
            run = tables.run.c
            there = sql.select(run.id).where(run.environment == now.environment, run.id == now.run)
            if connection.execute(there).first():
                return False
            before = self._judged_before(connection, now)
            connection.execute(tables.run.insert().values(**rows.run_row(now, header, exit_code, manifest)))
            rows.add_populations(connection, now)
            for table, made in (
                (tables.control_result, [{**own, **rows.control_row(now, control)} for control in now.scope]),
                (tables.kpi_sample, [{**own, **rows.figure_row(one, now.at)} for one in kpis]),
            ):
                if made:
                    connection.execute(table.insert(), made)
            rows.follow(connection, now, before)
        return True

    def prune(self, now: float, *, keep_days: float = KEEP_DAYS) -> dict[str, int]:
        """Remove what is older than ``keep_days``; the newest run of each environment stays. Return counts by table."""
        oldest = now - keep_days * DAY_S
        run, found = tables.run.c, tables.finding.c
        removed = {"run": 0, "finding": 0, "population": 0}
        with self._speaking(writing=True) as connection:
            newest = sql.select(run.environment, sql.func.max(run.at)).group_by(run.environment)
            for name, at in connection.execute(newest).all():
                old = tables.run.delete().where(run.environment == name, run.at < min(oldest, at))
                removed["run"] += connection.execute(old).rowcount
            gone = tables.finding.delete().where(found.last_seen < oldest, found.observed < oldest)
            settled = tables.finding.delete().where(found.last_seen < oldest, found.state == str(Status.PASS))
            removed["finding"] = connection.execute(gone).rowcount + connection.execute(settled).rowcount
            used = sql.select(tables.control_result.c.population)
            unused = tables.population.delete().where(tables.population.c.digest.not_in(used))
            removed["population"] = connection.execute(unused).rowcount
        return removed

    @contextlib.contextmanager
    def _speaking(self, *, writing: bool = False) -> Iterator[sql.Connection]:
        """Return a connection with a transaction of its own; what the database refuses becomes an `OpsError`."""
        try:
            with self._engine.begin() as connection:
                if writing:
                    tables.lock(connection)
                yield connection
        except sql.exc.DBAPIError as exc:
            told = "written" if writing else "read"
            raise OpsError(f"The ledger cannot be {told}: {tables.reason(exc)}.") from exc

    def _judged_before(self, connection: sql.Connection, now: Snapshot) -> Snapshot | None:
        """Return the run before this one, of whatever selection."""
        run = tables.run.c
        earlier = sql.select(tables.run).where(run.environment == now.environment, run.at < now.at)
        found = connection.execute(earlier.order_by(run.at.desc()).limit(1)).mappings().first()
        return rows.snapshot_of(connection, found) if found is not None else None
