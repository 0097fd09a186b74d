# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print as JSON how many tasks of which role a tag selects, as Ansible reads it: ``_tagged.py PLAYBOOK TAG ...``.

A process of its own, because Ansible's loader and pytest's imports of the same collection do not share one. A role
that is included is loaded as it is when a run comes to it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.playbook.role_include import IncludeRole
from ansible.plugins.loader import init_plugin_loader
from ansible.vars.manager import VariableManager

META = ("meta", "ansible.builtin.meta")


class Reader:
    """A playbook as a run without hosts reads it."""

    def __init__(self, path: str) -> None:
        self.loader = DataLoader()
        inventory = InventoryManager(loader=self.loader, sources=["localhost,"])
        self.variables = VariableManager(loader=self.loader, inventory=inventory)
        self.playbook = Playbook.load(path, variable_manager=self.variables, loader=self.loader)

    def selected(self, tag: str) -> Counter[str]:
        """Return how many tasks a tag selects, by the role that they belong to; the play's own count for none."""
        found: Counter[str] = Counter()
        for play in self.playbook.get_plays():
            for task in self._tasks(play.compile(), tag):
                if not isinstance(task, IncludeRole):
                    found[""] += 1
                    continue
                blocks, _handlers = task.get_block_list(play, variable_manager=self.variables, loader=self.loader)
                found[str(task._role_name)] += sum(1 for _one in self._tasks(blocks, tag))
        return found

    def _tasks(self, blocks: list[Any], tag: str) -> Iterator[Any]:
        for block in blocks:
            for one in (*block.block, *block.rescue, *block.always):
                if isinstance(one, Block):
                    yield from self._tasks([one], tag)
                elif one.action not in META and one.evaluate_tags([tag], [], {}):
                    yield one


def main(path: str, tags: list[str]) -> int:
    """Print what each tag selects."""
    context.CLIARGS = ImmutableDict(tags={}, check=False, diff=False)
    init_plugin_loader(["collections"])
    reader = Reader(path)
    print(json.dumps({tag: reader.selected(tag) for tag in tags}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
