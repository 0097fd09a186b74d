# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a pack with its own rules in a process of its own: ``python _replaying.py PACK SIGNERS PORT``.

Prints JSON: the statuses, the cells that differ from the sealed results, and whether anything listens on 127.0.0.1:PORT
as far as this process can see.
"""

from __future__ import annotations

import importlib
import json
import socket
import sys
from pathlib import Path

from verify.engine import replay
from verify.engine.catalogue import load
from verify.engine.control import registered
from verify.engine.estate import Estate
from verify.engine.judge import judge
from verify.engine.waivers import apply


def reachable(port: int) -> str:
    """Return ``yes``, or why a connection to a port of this very machine cannot be made."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError as exc:
        return str(exc)
    return "yes"


def main(pack: str, signers: str, port: str) -> int:
    """Print what the replay found."""
    past = replay.open_pack(Path(pack), allowed_signers=Path(signers))
    catalogue = load(replay.use_rules(past))
    for path in sorted((past.folder / "rules" / "checks").glob("[a-z]*.py")):
        importlib.import_module(f"verify.checks.{path.stem}")
    estate = Estate(past.environment, past.evidence, now=past.now)
    results = [judge(control, catalogue[control.item], estate) for control in registered()]
    results = apply(results, past.waivers, past.now)
    told = {
        "statuses": {f"{one.control.id} {row.subject}": row.status for one in results for row in one.rows},
        "differences": replay.differences(results, past.results()),
        "network": reachable(int(port)),
    }
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
