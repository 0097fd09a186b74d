# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the table of variables into each role's README from its argument specification.

Usage: ``role_readmes.py`` writes; ``role_readmes.py --check`` names the READMEs that differ and exits 1.
The table stands between two markers; a README without them gets it under its heading ``## Variables``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- variables: begin -->", "<!-- variables: end -->"


def table(specification: dict[str, Any], defaults: dict[str, Any]) -> str:
    """Return the table of all options of all entry points, in the order of the specification."""
    rows = ["| variable | type | default | meaning |", "| --- | --- | --- | --- |"]
    seen: set[str] = set()
    for entry in specification.values():
        for name, option in (entry.get("options") or {}).items():
            if name not in seen:
                seen.add(name)
                rows.append(
                    f"| `{name}` | {option.get('type', 'str')} | {_default(name, option, defaults)} | "
                    f"{_meaning(option)} |"
                )
    return "\n".join(rows)


def render(readme: str, rows: str) -> str:
    """Return the README with the table between its markers."""
    block = f"{BEGIN}\n{rows}\n{END}"
    if BEGIN in readme:
        return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _match: block, readme, count=1, flags=re.DOTALL)
    head, heading, rest = readme.partition("## Variables\n")
    following = rest.partition("\n## ")[2]
    return (
        f"{head}{heading}\n{block}\n\n## {following}" if heading else f"{readme.rstrip()}\n\n## Variables\n\n{block}\n"
    )


def _default(name: str, option: dict[str, Any], defaults: dict[str, Any]) -> str:
    if option.get("required"):
        return "required"
    value = defaults.get(name)
    if isinstance(value, dict | list) and value:
        return "see `defaults/main.yml`"
    text = str(value).strip()
    return f"`{text}`" if text and "{" not in text else "from the inventory" if text else "empty"


def _meaning(option: dict[str, Any]) -> str:
    said = option.get("description", "")
    text = " ".join(said) if isinstance(said, list) else str(said)
    text = re.sub(r"\b[CVOM]\(([^()]*)\)", r"`\1`", text)
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Write or check every README; return the exit code."""
    stale = []
    for role in sorted(path.parent.parent for path in ROOT.glob("roles/*/meta/argument_specs.yml")):
        loaded = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))
        defaults = yaml.safe_load((role / "defaults/main.yml").read_text(encoding="utf-8")) or {}
        path = role / "README.md"
        before = path.read_text(encoding="utf-8") if path.exists() else f"# {role.name}\n"
        after = render(before, table(loaded["argument_specs"], defaults))
        if after != before:
            stale.append(str(path.relative_to(ROOT)))
            if "--check" not in sys.argv[1:]:
                path.write_text(after, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        print("Run scripts/role_readmes.py; these differ from their argument_specs: " + ", ".join(stale))
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
