#!/usr/bin/env python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print how far a receiver's write-ahead log goes: the newest segment and the bytes of it that were written.

A receiver fills a segment with zeros first and then overwrites them in order, so that the last byte that is not zero
marks the end. The output is one word that sorts as text by position, as in ``000000010000000000000007.0004521984``; it
is empty when the directory holds no segment. Timelines sort before positions, as they do in names.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

SEGMENT = re.compile(r"^(?P<name>[0-9A-F]{24})(?:\.partial)?$")
BLOCK = 1 << 20


def written(path: Path) -> int:
    """Return the number of bytes up to the last one that is not zero."""
    end, size = 0, 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            used = block.rstrip(b"\0")
            end = size + len(used) if used else end
            size += len(block)
    return end


def main() -> int:
    """Print the end of the newest segment in the directory that the first argument names."""
    found = [(match["name"], path) for path in Path(sys.argv[1]).iterdir() if (match := SEGMENT.match(path.name))]
    if found:
        name, path = max(found, key=lambda pair: pair[0])
        print(f"{name}.{written(path):010d}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
