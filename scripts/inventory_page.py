# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the inventory page from the evidence of a run: ``scripts/inventory_page.py reports/NAME/RUN [PAGE]``.

Without PAGE the generated part is printed. With it, the part of that file between the two comments is replaced, or
added at its end; the rest of the page stays as it is. Nobody is connected to.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError  # noqa: E402
from verify.engine import store  # noqa: E402
from verify.engine.estate import Estate  # noqa: E402
from verify.engine.evidence import NotJudged  # noqa: E402
from verify.facts import host, inventory_page  # noqa: E402


def main(words: list[str] | None = None) -> int:
    """Print or write the page; 1 with a sentence when the run does not tell enough."""
    parser = argparse.ArgumentParser(description="Write the inventory page from the evidence of a run.")
    parser.add_argument("run", type=Path, help="folder of a run, such as reports/production/20261126T083000Z")
    parser.add_argument("page", type=Path, nargs="?", help="page to write; without it the part is printed")
    given = parser.parse_args(words)
    try:
        evidence = store.read_evidence(given.run)
        newest = max((fact.collected for fact in evidence if fact.source == "host"), default=0.0)
        estate = Estate(store.read_environment(given.run), evidence, now=newest)
        generated = inventory_page.block(estate)
    except (OpsError, NotJudged) as exc:
        print(f"inventory_page: {exc}", file=sys.stderr)
        return 1
    if given.page is None:
        print(generated)
        return 0
    old = given.page.read_text(encoding="utf-8") if given.page.exists() else ""
    given.page.write_text(inventory_page.put(old, generated), encoding="utf-8")
    return 0


__all__ = ["host", "main"]

if __name__ == "__main__":
    raise SystemExit(main())
