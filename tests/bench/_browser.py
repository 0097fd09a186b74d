# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium, spoken to over its debugging protocol (https://chromedevtools.github.io/devtools-protocol/)."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import websocket

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_QUIET = ("--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-port=0")


class Browser:
    """One browser with one page. It loads files only: the reports need no network."""

    def __init__(self, *, width: int = 1440, height: int = 900) -> None:
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if program is None:
            raise SystemExit("There is no Chromium on the PATH; install the package chromium.")
        self._home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command = [program, *_FLAGS, *_QUIET, f"--user-data-dir={self._home.name}", f"--window-size={width},{height}"]
        self._process = subprocess.Popen(
            [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._socket = websocket.create_connection(self._page(), max_size=1 << 28, timeout=120, suppress_origin=True)
        self._number = 0
        self.events: list[dict[str, Any]] = []
        self.call("Page.enable")
        self.call("Log.enable")
        self.call("Runtime.enable")
        # Thread ticks are processor time of the page's thread, which a busy machine does not stretch.
        self.call("Performance.enable", timeDomain="threadTicks")

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(30)
        self._home.cleanup()

    def _page(self) -> str:
        """Return the address of the page's socket, once the browser has written its port."""
        written = Path(self._home.name) / "DevToolsActivePort"
        for _turn in range(600):
            if written.exists() and written.read_text(encoding="utf-8").count("\n"):
                port = written.read_text(encoding="utf-8").split("\n")[0]
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30) as answer:
                    found = [one for one in json.load(answer) if one["type"] == "page"]
                if found:
                    return str(found[0]["webSocketDebuggerUrl"])
            time.sleep(0.1)
        raise SystemExit("Chromium did not start within a minute.")

    def call(self, method: str, **params: Any) -> Any:
        """Send a command and return its result; events that come in between are kept."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv())
            if told.get("id") == self._number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']['message']}")
                return told["result"]
            self.events.append(told)

    def wait(self, method: str) -> None:
        """Wait until an event of a name has come, and forget it and what came before."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(json.loads(self._socket.recv()))
        self.events.clear()

    def open(self, path: Path, fragment: str = "") -> float:
        """Open a file and return the seconds until it is loaded and two frames of it were drawn."""
        self.call("Page.navigate", url="about:blank")
        self.wait("Page.loadEventFired")
        began = time.monotonic()
        self.call("Page.navigate", url=f"{path.resolve().as_uri()}{fragment}")
        self.wait("Page.loadEventFired")
        self.drawn()
        return time.monotonic() - began

    def drawn(self) -> None:
        """Wait for two frames: the first shows the change, the second comes after it was shown."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def busy(self) -> float:
        """Return the seconds of processor time that the page's thread has used for tasks so far."""
        metrics = self.call("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    def run(self, expression: str) -> Any:
        """Return the value of an expression; a promise is waited for."""
        told = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise RuntimeError(told["exceptionDetails"].get("exception", {}).get("description", expression))
        return told["result"].get("value")

    def picture(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        shot = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def print(self, path: Path) -> None:
        """Write the page as PDF, as paper of the size that its style sheet names."""
        sheet = self.call(
            "Page.printToPDF", preferCSSPageSize=True, printBackground=True, transferMode="ReturnAsBase64"
        )
        path.write_bytes(base64.b64decode(sheet["data"]))
