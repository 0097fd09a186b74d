# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the drill on the lab, each as a ratio against a named peer or limit of the same run.

``restore``  the drill's restore until its first proved write, against the same steps by hand with raw pgBackRest and
             psql on the same backup (limit 1.25).
``gaps``     the gap that the clients saw, against 20 s from the repository alone and 8 s with a standby.
``loss``     acknowledged writes lost over several kills, against 0 with a synchronous standby or receivers.

The result is printed as JSON with the load average of the run, so that a figure of a busy machine is seen as one.
Nothing is asserted: a figure is read by people. The lab has to be up and provisioned.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "collections"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import _drills

GAP_LIMITS_S = {"site_lost_repository": 20.0, "site_lost_standby_async": 8.0}
LOSSLESS = ("site_lost_standby_sync", "site_lost_receivers")
RESTORE_LIMIT = 1.25
AS_POSTGRES = "runuser -u postgres --"
# Archiving stays off: a copy that archives would break the next real restore.
BY_HAND = "; ".join(
    (
        "set -e",
        f"{AS_POSTGRES} pgbackrest --stanza=main --process-max=2 --log-level-console=off --archive-mode=off restore",
        "systemctl start postgresql@15-main",
        f"until {AS_POSTGRES} psql -AtXqc 'SELECT NOT pg_is_in_recovery()' 2>/dev/null | grep -q t; do sleep 0.1; done",
        f"{AS_POSTGRES} psql -Xqc 'CREATE TABLE by_hand AS SELECT 1'",
    )
)
EMPTY = (
    "systemctl stop postgresql@15-main; rm -rf /var/lib/postgresql/15/main; install -d -o postgres -g postgres -m 0700 "
    "/var/lib/postgresql/15/main"
)


def on(host: str, script: str) -> str:
    """Run a shell script as root on a host of the lab and return its output; it has to succeed."""
    asked = ["podman", "exec", f"{_drills.PREFIX}-{host}", "bash", "-c", script]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout


def drill(scenario: str) -> dict[str, Any]:
    """Run one live drill in a scratch directory and return its record."""
    with tempfile.TemporaryDirectory() as scratch:
        # pgbench's tables are nobody's data: the return need not keep them aside.
        done = _drills.run(*_drills.live(scenario), "-e", "dr_salvage_accept_loss=true", cwd=Path(scratch))
        folders = _drills.drills(Path(scratch))
        if not folders or not (folders[-1] / "drill.json").exists():
            sys.exit(f"The drill {scenario} left no record:\n{done.stdout[-2000:]}")
        record = _drills.record(folders[-1])
        tell(scenario, **brief(record))
        return record


def tell(what: str, **figures: Any) -> None:
    """Say on standard error what was measured just now: a long run that is ended early has not run for nothing."""
    line = {"measured": what, "load_average_now": os.getloadavg(), **figures}
    print(json.dumps(line), file=sys.stderr, flush=True)


def brief(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a drill measured, with the load average at the instant its clients were served again."""
    steps = {step["id"]: step["result"] for step in record["steps"]}
    return {
        "gap_s": record["client_gap"]["seconds"],
        "phases_s": {phase["name"]: phase["seconds"] for phase in record["phases"]},
        "acked": record["ledger"]["acked"],
        "lost": record["ledger"]["lost"],
        "rpo_s": record["achieved"]["rpo_s"],
        "return": {key: record["failback"][key] for key in ("gap_s", "client_errors", "lost")},
        "two_writers_seen": record["observer"]["two_writers_seen"],
        "load_average": steps["first_write"]["load_average"],
    }


def load(scale: int) -> int:
    """Fill the primary with pgbench's tables, take a full backup of it, and return its size in bytes.

    A scale of 0 keeps what an earlier run left: its tables and its newest backup.
    """
    if scale:
        on("db1", f"{AS_POSTGRES} createdb bench 2>/dev/null; {AS_POSTGRES} pgbench -iqs {scale} bench")
        on("repo1", f"{AS_POSTGRES} pgbackrest --stanza=main --type=full --log-level-console=off backup")
    info = json.loads(on("repo1", f"{AS_POSTGRES} pgbackrest --stanza=main --output=json info"))
    return int(info[0]["backup"][-1]["info"]["size"])


def restore(runs: int, scale: int) -> dict[str, Any]:
    """Compare the drill's restore-to-write with the same steps by hand, alternating."""
    size, seen, hand = load(scale), [], []
    for _run in range(runs):
        on("db1", "systemctl stop postgresql@15-main")
        began = time.monotonic()
        on("db2", BY_HAND)
        hand.append(time.monotonic() - began)
        tell("by hand", seconds=round(hand[-1], 3))
        on("db2", EMPTY)
        on("db1", "systemctl start postgresql@15-main")
        seen.append(brief(drill("site_lost_repository")))
    ours = [round(sum(row["phases_s"][name] for name in ("restore", "replay", "promote")), 3) for row in seen]
    ratio = statistics.median(ours) / statistics.median(hand)
    figures = {"ours_s": ours, "by_hand_s": [round(value, 3) for value in hand], "ratio": round(ratio, 3)}
    return {"backup_bytes": size, **figures, "limit": RESTORE_LIMIT, "drills": seen}


def gaps(runs: int) -> dict[str, Any]:
    """Return the clients' gap of several drills against its limit."""
    figures = {}
    for scenario, limit in GAP_LIMITS_S.items():
        seen = [brief(drill(scenario)) for _run in range(runs)]
        longest = max(row["gap_s"] for row in seen)
        figures[scenario] = {"limit_s": limit, "ratio": round(longest / limit, 3), "drills": seen}
    return figures


def loss(runs: int) -> dict[str, Any]:
    """Return the acknowledged writes lost over several kills where none may be."""
    figures = {}
    for scenario in LOSSLESS:
        seen = [brief(drill(scenario)) for _run in range(runs)]
        figures[scenario] = {"lost": sum(row["lost"] for row in seen), "limit": 0, "drills": seen}
    return figures


def main() -> int:
    """Measure what the command line names and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=["restore", "gaps", "loss"])
    parser.add_argument("--runs", type=int, default=3, help="how often (default 3)")
    parser.add_argument(
        "--scale",
        type=int,
        default=75,
        help="pgbench scale of the restore figure (75 is about 1.1 GB, 0 keeps what is there)",
    )
    given = parser.parse_args()
    figures = {
        "restore": lambda: restore(given.runs, given.scale),
        "gaps": lambda: gaps(given.runs),
        "loss": lambda: loss(given.runs),
    }[given.figure]()
    print(json.dumps({"figure": given.figure, "load_average": os.getloadavg(), "result": figures}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
