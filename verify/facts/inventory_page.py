# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory page: what it has to say, written from the evidence of a run, and what a kept page says.

The generated part stands between two comments; everything around it belongs to people. It holds a table with one line a
host and a diagram (Mermaid) of services, data and the hosts that carry them. `scripts/inventory_page.py` writes it.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verify.engine.estate import Estate
from verify.engine.evidence import NoEvidence
from verify.facts.documents import documents
from verify.facts.doors import listeners

__all__ = ["BEGIN", "END", "Page", "block", "diagram", "host_line", "page", "put", "read_block"]

BEGIN = "<!-- inventory: begin (generated, see scripts/inventory_page.py) -->"
END = "<!-- inventory: end -->"
_COLUMNS = ("host", "addresses", "groups", "system", "processors", "memory", "listens on")
_GIB = 1024**3
_NO_GROUPS = ("all", "ungrouped")
_BLOCK = re.compile(r"<!-- inventory: begin\b[^>]*-->\n(.*?)<!-- inventory: end -->", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """The generated part of a page: host -> its line of the table, and the lines of the diagram."""

    path: str
    hosts: Mapping[str, str]
    diagram: tuple[str, ...]


def _addresses(host: Any) -> list[str]:
    found = [ipaddress.ip_address(one.partition("/")[0]) for interface in host.addresses.values() for one in interface]
    return [
        str(one)
        for one in sorted(found, key=lambda one: (one.version, one))
        if not (one.is_loopback or one.is_link_local)
    ]


def host_line(host: Any) -> str:
    """Return the line of a host, from its evidence. Raises `NoEvidence` for what the host did not tell."""
    groups = sorted(
        name
        for name, members in host.estate.environment.groups.items()
        if host.name in members and name not in _NO_GROUPS
    )
    doors = sorted({(one.port, one.protocol) for one in listeners(host)})
    cells = (
        host.name,
        ", ".join(_addresses(host)),
        ", ".join(groups),
        host.os.pretty,
        str(host.cpus),
        f"{round(host.memory['MemTotal'] / _GIB)} GiB",
        ", ".join(f"{port}/{protocol}" for port, protocol in doors),
    )
    return _row(cells)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def diagram(estate: Estate) -> list[str]:
    """Return the lines of the diagram: which hosts carry each service and each data asset."""
    return ["flowchart LR", *sorted(set(_edges(estate)))]


def _edges(estate: Estate) -> Iterator[str]:
    known = estate.environment
    for kind, shape in (("service", "(({}))"), ("asset", "[({})]")):
        for one in known.subjects(kind):
            named = one.get("hosts") or one.get("host") or []
            for name in [named] if isinstance(named, str) else named:
                for host in known.groups.get(name, [name]):
                    yield f"  {_word(kind, one.name)}{shape.format(one.name)} --> {_word('host', host)}[{host}]"


def _word(kind: str, name: str) -> str:
    return f"{kind}_{re.sub(r'[^0-9A-Za-z]', '_', name)}"


def block(estate: Estate) -> str:
    """Return the generated part as it has to be, markers included."""
    lines = [BEGIN, _row(_COLUMNS), _row(("---",) * len(_COLUMNS))]
    lines += [host_line(host) for host in sorted(estate.views("host"), key=lambda one: str(one.name))]
    return "\n".join([*lines, "", "```mermaid", *diagram(estate), "```", END])


def put(text: str, generated: str) -> str:
    """Return a page with its generated part replaced, or added at its end."""
    if _BLOCK.search(text):
        return _BLOCK.sub(lambda _found: generated, text, count=1)
    return f"{text.rstrip()}\n\n{generated}\n" if text.strip() else f"# Inventory\n\n{generated}\n"


def read_block(path: str, text: str) -> Page:
    """Read the generated part of a page. Raises `NoEvidence` for a page that has none."""
    found = _BLOCK.search(text)
    if found is None:
        raise NoEvidence(f"{path} has no generated part; write it with scripts/inventory_page.py.")
    lines = [line.rstrip() for line in found[1].splitlines()]
    rows = [line for line in lines if line.startswith("|")][2:]
    drawn = "\n".join(lines).partition("```mermaid\n")[2].partition("\n```")[0]
    return Page(path, {line.split("|")[1].strip(): line for line in rows}, tuple(drawn.splitlines()))


def page(estate: Estate) -> Page:
    """Return the page that the documentation keeps (``verify_inventory_page``, ``inventory.md`` without it).

    Raises `NoEvidence` when no repository of documentation has it.
    """
    wanted = str(estate.declared("verify_inventory_page", "inventory.md"))
    kept = {one.name for one in estate.environment.subjects("repository") if one.get("kind") == "documentation"}
    for one in documents(estate):
        if one.repository in kept and one.path == wanted:
            return read_block(wanted, one.text)
    raise NoEvidence(
        f"No documentation repository of {estate.name} has {wanted}; write scripts/inventory_page.py's page."
    )
