# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All sources but the hosts: people's records, what playbooks left, Prometheus, Alertmanager, repositories.

Every answer is a fact of its own; what cannot be had is a fact with the sentence that says why. The names of the facts
stand in one table a source: record types, `verify.collect._systems.NAMES` and `REPOSITORY`.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_schemas import TYPES
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_copies import copies
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_git import Repository
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_http import Endpoint
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_records import Found, Reading, read_records
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._source_runs import read_packs, read_runs
from verify.collect._contained import contained
from verify.collect._keeper import Keeper
from verify.collect._systems import NAMES, SYSTEMS, ask, endpoint
from verify.collect.logs import kept_logs
from verify.collect.redact import Redactor, secret_values
from verify.engine.declared import Environment
from verify.engine.evidence import Evidence
from verify.engine.words import EvidenceClass

__all__ = ["REPOSITORY", "collect", "owed"]

Progress = Callable[[str], None]

PACKS = ("packs",)
"""The facts of drills, of the subject ``runs``."""

LOGS = ("logs",)
"""The facts of what is kept of logs on this machine, of the subject ``runs``."""

REPOSITORY = ("state", "commits", "tree", "remote", "documents", "terraform", "module_docs", "copies")
"""The facts of each repository, of the subject ``repository:<name>``."""

_HISTORY_S = 180 * 86400
_CODE = (".yml", ".yaml", ".py", ".j2", ".tf", ".sh")
_ROOMS = ("roles/", "playbooks/", "plugins/", "modules/")
LEAST_COPY = 12
_WEAKEST = (EvidenceClass.DECLARED, EvidenceClass.ATTESTED, EvidenceClass.MACHINE)


def collect(environment: Environment, evidence: Evidence, *, now: Callable[[], float], progress: Progress) -> None:
    """Ask every declared source once, several at the same time; one that fails leaves the others alone.

    Raises `OpsError` for a declaration that is wrong, before anything is asked.
    """
    redact = Redactor({*environment.secrets, *secret_values(environment.variables)})
    sources = environment.variables.get("verify_sources") or {}
    unknown = sorted(set(sources) - set(SYSTEMS))
    if unknown:
        raise OpsError(f"verify_sources.{unknown[0]} is no source; known are {', '.join(SYSTEMS)}.")
    where = {name: endpoint(environment, name, settings) for name, settings in sources.items()}

    def keeper(subject: str, source: str) -> Keeper:
        return Keeper(evidence, redact, subject=subject, source=source, now=now)

    people, played = keeper("records", "records"), keeper("runs", "runs")
    jobs = [
        _Job("records", people, TYPES, lambda: _records(environment, people)),
        _Job("runs", played, TYPES, lambda: _runs(environment, played)),
        _Job("drills", played, PACKS, lambda: _packs(environment, played)),
        _Job("logs", played, LOGS, lambda: _logs(environment, played)),
    ]
    for name in SYSTEMS:
        kept = keeper(name, name)
        jobs.append(_Job(name, kept, NAMES[name], _system(environment, name, where.get(name), kept, now)))
    for row in environment.variables.get("verify_repositories") or []:
        kept = keeper(f"repository:{row['name']}", "git")
        jobs.append(_Job(f"repository {row['name']}", kept, REPOSITORY, _repository(environment, row, kept, now)))
    with ThreadPoolExecutor(max_workers=6, thread_name_prefix="source") as pool:
        for one, whole in [(one, pool.submit(one.done)) for one in jobs]:
            progress(one.name if whole.result() else f"{one.name}: failed, see its facts")


def owed(environment: Environment) -> Iterator[tuple[str, str, Iterable[str]]]:
    """Yield subject, source and names of the facts that are owed by all sources together."""
    yield "records", "records", TYPES
    yield "runs", "runs", (*TYPES, *PACKS, *LOGS)
    yield from ((name, name, NAMES[name]) for name in SYSTEMS)
    for row in environment.variables.get("verify_repositories") or []:
        yield f"repository:{row['name']}", "git", REPOSITORY


@dataclass(frozen=True)
class _Job:
    """One source to be asked: what it is called, where its facts go, their names, and the work."""

    name: str
    keeper: Keeper
    facts: Iterable[str]
    work: Callable[[], None]

    def done(self) -> bool:
        """Do the work and return whether it came to its end; every fact it still owed then says why it is missing."""

        def lost(told: str) -> None:
            self.keeper.missing(self.keeper.absent(self.facts), told, command=self.name)

        return contained(f"asking {self.name}", self.work, lost, self.keeper.redact)


def _path(environment: Environment, variable: str) -> Path | None:
    said = environment.variables.get(variable)
    return Path(str(said)).expanduser() if said else None


def _environments(environment: Environment) -> list[str]:
    """Return the names that records may carry, this environment's first."""
    return list(dict.fromkeys([environment.name, *(environment.variables.get("verify_environments") or ())]))


def _body(record_type: str, reading: Reading) -> dict[str, Any]:
    rows = [
        {"file": row.file, "class": row.klass, "signed_by": row.signed_by, "record": row.record}
        for row in reading.found[record_type]
    ]
    return {"type": record_type, "files": reading.files[record_type], "records": rows}


def _weakest(rows: Iterable[Found]) -> EvidenceClass:
    """Return the class of a fact: that of its least sure record; that there is none was seen by a machine."""
    return min((EvidenceClass(row.klass) for row in rows), key=_WEAKEST.index, default=EvidenceClass.MACHINE)


def _records(environment: Environment, keeper: Keeper) -> None:
    folder = _path(environment, "verify_records_dir")
    if folder is None:
        keeper.missing(TYPES, f"{environment.name} declares no verify_records_dir.", command="verify_records_dir")
        return
    try:
        signers = _path(environment, "verify_allowed_signers")
        reading = read_records(folder, environments=_environments(environment), allowed_signers=signers)
    except OpsError as exc:
        keeper.missing(TYPES, exc.message, command=str(folder))
        return
    for record_type in TYPES:
        _keep_type(keeper, folder, record_type, reading, _body(record_type, reading))


def _keep_type(keeper: Keeper, folder: Path, record_type: str, reading: Reading, body: Mapping[str, Any]) -> None:
    where, wrong = str(folder / record_type), reading.wrong(record_type)
    if wrong:
        more = f" And {len(wrong) - 1} more." if len(wrong) > 1 else ""
        keeper.missing([record_type], wrong[0] + more, command=where)
    else:
        keeper.keep(record_type, body, command=where, klass=_weakest(reading.found[record_type]))


def _runs(environment: Environment, keeper: Keeper) -> None:
    folder = _path(environment, "verify_runs_dir")
    if folder is None:
        keeper.missing(TYPES, f"{environment.name} declares no verify_runs_dir.", command="verify_runs_dir")
        return
    try:
        reading = read_runs(folder)
    except OpsError as exc:
        keeper.missing(TYPES, exc.message, command=str(folder))
        return
    for record_type in TYPES:
        body = {**_body(record_type, reading), "faults": reading.chains.get(record_type, [])}
        _keep_type(keeper, folder, record_type, reading, body)


def _packs(environment: Environment, keeper: Keeper) -> None:
    folder = _path(environment, "verify_drills_dir")
    if folder is None:
        keeper.missing(PACKS, f"{environment.name} declares no verify_drills_dir.", command="verify_drills_dir")
        return
    signers = _path(environment, "verify_allowed_signers")

    def read() -> dict[str, Any]:
        if signers is None:
            raise OpsError(f"{environment.name} declares no verify_allowed_signers, so no seal can be trusted.")
        return {"packs": [asdict(pack) for pack in read_packs(folder, allowed_signers=signers)]}

    keeper.attempt("packs", read, command=str(folder))


def _logs(environment: Environment, keeper: Keeper) -> None:
    folder = _path(environment, "verify_logs_dir")
    if folder is None:
        keeper.missing(LOGS, f"{environment.name} declares no verify_logs_dir.", command="verify_logs_dir")
        return
    keeper.attempt("logs", lambda: kept_logs(folder), command=str(folder))


def _system(
    environment: Environment, name: str, where: Endpoint | None, keeper: Keeper, now: Callable[[], float]
) -> Callable[[], None]:
    def job() -> None:
        if where is None:
            told = f"The environment declares no verify_sources.{name}."
            keeper.missing(NAMES[name], told, command=f"verify_sources.{name}")
            return
        settings = environment.variables["verify_sources"][name]
        ask(name, where, settings, keeper, environment=environment.name, now=now())

    return job


def _repository(
    environment: Environment, row: Mapping[str, Any], keeper: Keeper, now: Callable[[], float]
) -> Callable[[], None]:
    path = str(row.get("path") or "")
    branch = str(row.get("branch") or "HEAD")

    def job() -> None:
        if not path:
            told = f"verify_repositories: {row['name']} has no path; give one."
            keeper.missing(REPOSITORY, told, command="verify_repositories")
            return
        signers = _path(environment, "verify_allowed_signers")
        repository = Repository(Path(path).expanduser(), allowed_signers=signers)
        if keeper.attempt("state", repository.state, command=f"git -C {path} status") is None:
            keeper.missing(REPOSITORY[1:], f"The repository at {path} could not be read; see its state.", command=path)
            return
        since = now() - _HISTORY_S
        keeper.attempt("commits", lambda: repository.commits(branch=branch, since=since), command=f"git log {branch}")
        keeper.attempt("remote", repository.remote, command="git ls-remote --heads origin")
        tree = keeper.attempt("tree", lambda: repository.tree(branch=branch), command=f"git ls-tree {branch}")
        if tree is None:
            keeper.missing(REPOSITORY[4:], f"The files of {branch} in {path} could not be listed.", command=path)
            return
        keeper.attempt("documents", lambda: repository.documents(tree), command=f"*.md of {branch}")
        keeper.attempt("terraform", lambda: _terraform(repository, tree), command=f"*.tf of {branch}")
        keeper.attempt("module_docs", lambda: repository.module_docs(tree), command=f"modules of {branch}")
        keeper.attempt("module_docs", lambda: repository.module_docs(tree), command=f"modules of {branch}")
        keeper.attempt("copies", lambda: _copies(repository, tree), command=f"code of {branch}, compared")

    return job


def _terraform(repository: Repository, tree: Mapping[str, Any]) -> dict[str, Any]:
    return {"commit": tree["commit"], "files": repository.texts(tree, (".tf",))}


def _copies(repository: Repository, tree: Mapping[str, Any]) -> dict[str, Any]:
    texts = repository.texts(tree, _CODE, under=_ROOMS)
    found = [copy._asdict() for copy in copies(texts, least=LEAST_COPY)]
    return {"commit": tree["commit"], "files": len(texts), "least_lines": LEAST_COPY, "copies": found}
