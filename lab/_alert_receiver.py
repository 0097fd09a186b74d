# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the client, outside the estate: takes what Alertmanager sends and keeps it, one JSON line a message.

Called as `python3 receiver.py PORT DIRECTORY`. A POST to /people or /deadman is kept in the file of that name, with the
instant it came; any other address is not known, and what is not JSON is refused. Each file keeps its newest lines.
"""

from __future__ import annotations

import datetime
import http.server
import json
import sys
import threading
from pathlib import Path

NAMES = ("people", "deadman")
KEPT_LINES = 5000
MOST_BYTES = 1024 * 1024
LOCK = threading.Lock()


def keep(path: Path, message: object, now: datetime.datetime) -> None:
    """Add a message to a file; of a file that grew to twice its lines the older half goes."""
    line = json.dumps({"received": f"{now:%Y-%m-%dT%H:%M:%SZ}", "message": message}) + "\n"
    with LOCK:
        with path.open("a", encoding="utf-8") as handle:
            handle.write(line)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        if len(lines) > 2 * KEPT_LINES:
            fresh = path.with_suffix(".new")
            fresh.write_text("".join(lines[-KEPT_LINES:]), encoding="utf-8")
            fresh.replace(path)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request."""

    directory = Path()

    def do_POST(self) -> None:
        """Keep a message: 200, 404 for an unknown address, 400 for what is not JSON or too long."""
        self.send_response(self._take())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _take(self) -> int:
        name, length = self.path.strip("/"), self.headers.get("Content-Length", "")
        if name not in NAMES:
            return 404
        if not length.isdigit() or int(length) > MOST_BYTES:
            return 400
        try:
            message = json.loads(self.rfile.read(int(length)))
        except ValueError:
            return 400
        keep(self.directory / f"{name}.jsonl", message, datetime.datetime.now(tz=datetime.UTC))
        return 200


def main() -> None:
    """Serve until stopped."""
    Handler.directory = Path(sys.argv[2])
    http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
