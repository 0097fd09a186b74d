# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator sees: progress lines with the elapsed time, tables, and errors of one sentence."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3

_COLOURS = {"green": "32", "red": "31", "yellow": "33", "dim": "2", "bold": "1"}


class LabError(Exception):
    """Work that went wrong; the message is one sentence that also names the mend."""

    exit_code = EXIT_FAILED


class LabRefused(LabError):
    """A request that was refused before anything was touched."""

    exit_code = EXIT_REFUSED


class Console:
    """Progress on standard error, results on standard output."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.quiet = quiet
        self.stream = stream or sys.stderr
        self.started = time.monotonic()

    def paint(self, text: str, colour: str, stream: TextIO | None = None) -> str:
        """Return the text in a colour when the stream is a terminal and NO_COLOR is not set."""
        target = stream or self.stream
        if not target.isatty() or os.environ.get("NO_COLOR"):
            return text
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"

    def elapsed(self) -> str:
        """Return minutes and seconds since the command began, as mm:ss."""
        seconds = int(time.monotonic() - self.started)
        return f"{seconds // 60:02d}:{seconds % 60:02d}"

    def say(self, text: str) -> None:
        """Print one progress line."""
        if not self.quiet:
            print(f"{self.paint(self.elapsed(), 'dim')} {text}", file=self.stream, flush=True)

    def warn(self, text: str) -> None:
        """Print one line that needs attention, also in quiet mode."""
        print(f"{self.elapsed()} {self.paint('note:', 'yellow')} {text}", file=self.stream, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Announce a piece of work and say how long it took."""
        self.say(f"{text} ...")
        begun = time.monotonic()
        yield
        self.say(f"{text}: {self.paint('done', 'green')} in {time.monotonic() - begun:.1f} s")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return an aligned plain-text table without trailing blanks."""
    lines = [tuple(header), *[tuple(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
