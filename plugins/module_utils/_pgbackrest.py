# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk to pgBackRest: run its commands for one stanza and tell its errors with what to do.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from ansible_collections.ccobservatory.ops.plugins.module_utils._command import Run, clean, runner
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._pgbackrest_answers import parse_info, parse_verify

__all__ = ["COMMON_ARGUMENTS", "SET_DAMAGED", "Pgbackrest", "parse_error"]

COMMON_ARGUMENTS: dict[str, dict[str, Any]] = {
    "stanza": {"type": "str", "required": True},
    "config": {"type": "path"},
    "repo": {"type": "int"},
    "user": {"type": "str", "default": "postgres"},
    "executable": {"type": "str", "default": "pgbackrest"},
}
"""Options that all pgBackRest modules share; described in the documentation fragment C(pgbackrest)."""

SET_DAMAGED = frozenset({26, 28, 29, 42, 55, 75, 95})
"""Exit codes that a restore returns when the backup set itself cannot be used; an older set may still work."""

_MEND = {
    26: "the content differs from its checksum: restore from another set and take a new full backup",
    27: "mend the configuration file",
    28: "the repository does not fit the cluster or a file of it is invalid: look at the stanza and run wal_audit",
    29: "a file of the repository cannot be decoded: check the cipher pass, then restore from another set",
    31: "this version does not know the option",
    32: "mend the value of the option",
    37: "set the missing option in the configuration or in the task",
    38: "stop PostgreSQL first",
    40: "empty the directory, or restore with delta",
    41: "a file cannot be opened: check its owner and mode",
    44: "the stanza belongs to another cluster: check pg1-path and the stanza's name",
    49: "the other host does not answer or refuses this one: check its pgbackrest service, address and certificates",
    50: "another pgBackRest command holds the lock: wait for it or stop it",
    53: "a directory cannot be opened: check that it exists, its owner and mode",
    55: "a file is missing: check the repository with wal_audit",
    56: "the database does not answer: start it and check pg1-path, port and socket",
    58: "pg_control lags behind a promotion: issue CHECKPOINT on the primary and run again",
    62: "backups are stopped for this stanza: run pgbackrest start",
    75: "name an existing backup set",
    82: "WAL does not arrive in the archive: look at archive_command in the PostgreSQL log",
    87: "set archive_mode = on and restart PostgreSQL",
    95: "encrypted content cannot be read: check the cipher pass, else the file is damaged",
    103: "the repository cannot be used: check its path, its protocol and the cipher pass",
}

_ERROR = re.compile(r"ERROR: \[(?P<code>\d{3})\]: (?P<text>.*)")


def parse_error(output: str) -> tuple[int | None, str]:
    """Return the code and the first line of the error in a command's *output*; (None, "") without one."""
    match = _ERROR.search(output)
    if match is None:
        return None, ""
    return int(match["code"]), clean(match["text"], limit=400)


class Pgbackrest:
    """The pgBackRest of this host for one stanza."""

    def __init__(
        self,
        run: Run,
        *,
        stanza: str,
        config: str | None = None,
        repo: int | None = None,
        executable: str = "pgbackrest",
    ) -> None:
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", stanza) is None:
            raise OpsError(
                f"'{clean(stanza, limit=40)}' is no stanza name; use letters, digits, dot, dash, underscore."
            )
        self._run = run
        self.stanza = stanza
        self.repo = repo
        self._base = [executable, *([f"--config={config}"] if config else [])]

    @classmethod
    def of(cls, module: Any) -> Pgbackrest:
        """Return the pgBackRest that a module's ``COMMON_ARGUMENTS`` name, run as their account. Raises OpsError."""
        params = module.params
        return cls(
            runner(module, user=params["user"]),
            stanza=params["stanza"],
            config=params["config"],
            repo=params["repo"],
            executable=params["executable"],
        )

    def command(self, verb: str, *options: str, repo: bool = True) -> list[str]:
        """Return the command list for *verb* with *options* and arguments; file logging stays as configured."""
        words = [*self._base, verb, f"--stanza={self.stanza}"]
        if repo and self.repo is not None:
            words.append(f"--repo={self.repo}")
        return [*words, *options]

    def execute(self, command: Sequence[str]) -> tuple[int, str, str]:
        """Run *command*; return exit code, standard output, standard error. Raises OpsError without the program."""
        code, out, err = self._run(command)
        if code in (126, 127) and _ERROR.search(out + err) is None:
            raise OpsError(f"{command[0]} cannot be run on this host: install pgBackRest or name it with executable.")
        return code, out, err

    def fail(self, verb: str, code: int, output: str, **details: Any) -> NoReturn:
        """Raise OpsError for a failed *verb*, with its error code, its words and what to do."""
        error, text = parse_error(output)
        error = error if error is not None else code
        mend = _MEND.get(error, "read the full output and the log of pgBackRest")
        words = text or clean(output, limit=400) or "no message"
        raise OpsError(
            f"pgbackrest {verb} of stanza {self.stanza} failed with [{error:03d}] {words}; {mend}.",
            error_code=error,
            rc=code,
            output=clean(output),
            **details,
        )

    def checked(self, verb: str, *options: str, repo: bool = True) -> str:
        """Run *verb*, return its standard output, raise OpsError when it fails."""
        code, out, err = self.execute(self.command(verb, *options, repo=repo))
        if code != 0:
            self.fail(verb, code, err + out)
        return out

    def info(self, *, at: float) -> dict[str, Any]:
        """Return what C(info) says about the stanza, ages relative to *at* (seconds since the epoch)."""
        text = self.checked("info", "--output=json", "--log-level-console=off")
        return parse_info(text, stanza=self.stanza, at=at)

    def verify(self, *, processes: int, timeout_s: int) -> dict[str, Any]:
        """Run C(verify) with *processes* for at most *timeout_s* seconds and return what parse_verify returns.

        Retries are switched off where this version allows it: a file that cannot be decoded costs 15 s each. Raises
        OpsError when the command fails, does not end in time, or writes nothing that can be judged.
        """
        options = ["--output=text", "--verbose", "--log-level-console=info", f"--process-max={processes}"]
        command = ["timeout", "--kill-after=5", str(timeout_s), *self.command("verify", *options)]
        code, out, err = self.execute([*command, "--job-retry=0"])
        if code == 31:
            code, out, err = self.execute(command)
        if code in (124, 137):
            raise OpsError(
                f"pgbackrest verify did not end within {timeout_s} s; allow it more time or more processes.",
                timed_out=True,
            )
        if code != 0:
            self.fail("verify", code, err + out)
        result = parse_verify(out)
        if result["status"] == "none":
            self.fail("verify", code, err + out)
        return result

    def listing(self, path: str) -> dict[str, dict[str, Any]]:
        """Return all paths below *path* of the repository with type, size and time; empty when it is not there."""
        text = self.checked("repo-ls", "--recurse", "--output=json", "--log-level-console=off", path)
        return {f"{path}/{name}": entry for name, entry in json.loads(text or "{}").items() if name != "."}

    def read(self, path: str) -> str:
        """Return the decrypted content of a repository file; raises OpsError when it cannot be read."""
        return self.checked("repo-get", path)

    def manifest_digest(self, label: str) -> str:
        """Return the SHA-256 of the manifest of a set, which names each file of it with its checksum.

        Raises OpsError when the manifest cannot be read.
        """
        text = self.read(f"backup/{self.stanza}/{label}/backup.manifest")
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
