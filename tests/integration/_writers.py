# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that write while a test goes on: a run of the canary of its own, and what its journal says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from _lab import on, run_on, sql, until

from ansible_collections.ccobservatory.ops.plugins.module_utils import _canary

WARM = 50
SHORT_S = 4.0


@dataclass
class Writers:
    """A run of the canary on the client, and what its journal says of the database."""

    run: str
    copy: Path

    def journal(self) -> str:
        """Bring the journal here; return where it lies."""
        self.copy.write_text(on("client1", "cat", f"/var/lib/canary/{self.run}.jsonl"), encoding="utf-8")
        return str(self.copy)

    def acked(self) -> int:
        """Return how many writes were acknowledged."""
        return _canary.counts(self.journal())["acked"]

    def gap_s(self, since: int) -> float:
        """Return the longest time in seconds without an acknowledgement since an instant in nanoseconds."""
        gap = _canary.gap_since(self.journal(), since)
        assert gap is not None, "hardly anything was acknowledged"
        return float(gap["seconds"])

    def errors(self, since: int) -> int:
        """Return how many requests met an error since an instant in nanoseconds."""
        return _canary.errors_since(self.journal(), since)["requests"]

    def go_on(self) -> None:
        """Insist that writes are acknowledged now, and not only those that waited."""
        before = self.acked()
        time.sleep(SHORT_S)
        assert self.acked() > before + 20

    def stop(self) -> None:
        """End the run; its journal stays."""
        on("client1", "systemctl", "stop", f"canary-ledger@{self.run}.service")

    def lost(self, host: str) -> set[tuple[int, int]]:
        """Return the acknowledged writes, by worker and number, that the database on a host lacks."""
        lines = [json.loads(line) for line in Path(self.journal()).read_text(encoding="utf-8").split("\n")[:-1]]
        acked = {(int(line["w"]), int(line["n"])) for line in lines if line["e"] == "A"}
        query = f"SELECT worker || ' ' || n FROM ledger WHERE run = '{self.run}'"  # noqa: S608 - the name is our own
        held = sql(query, host=host, options=("-d", "ccobservatory")).splitlines()
        assert len(acked) > WARM
        return acked - {(int(worker), int(number)) for worker, number in (row.split() for row in held)}


@contextmanager
def writing(folder: Path) -> Iterator[Writers]:
    """Write through the endpoints, as clients do; the copy of the journal goes below ``folder``."""
    run = f"beside-{time.time_ns()}"
    settings = {
        "WORKERS": "4",
        "RATE": "50",
        "ENDPOINTS": "https://lb1,https://lb2",
        "CA": "/etc/ccobservatory/ca.crt",
        "JOURNAL": f"/var/lib/canary/{run}.jsonl",
    }
    path = f"/etc/ccobservatory/canary/{run}.env"
    text = "".join(f"CANARY_{name}={value}\n" for name, value in settings.items())
    on("client1", "sh", "-c", f"mkdir -p {path.rpartition('/')[0]} && cat > {path}", data=text)
    on("client1", "systemctl", "start", f"canary-ledger@{run}.service")
    found = Writers(run, folder / f"{run}.jsonl")
    try:
        until(lambda: run_on("client1", "test", "-s", settings["JOURNAL"]).returncode == 0 and found.acked() > WARM)
        yield found
    finally:
        found.stop()
        on("client1", "rm", "-f", path, settings["JOURNAL"])
