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
_COMPLAINTS = ("Log.entryAdded", "Runtime.exceptionThrown")
WIDTH, HEIGHT = 1440, 900


class NoBrowserError(Exception):
    """There is no browser, or it does not start; the message says what to do."""


class Browser:
    """One browser with one page. It loads files only: the reports need no network.

    Raises:
        NoBrowserError: Chromium is not installed, or did not start within a minute.
    """

    def __init__(self, *, width: int = WIDTH, height: int = HEIGHT) -> None:
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if program is None:
            raise NoBrowserError("There is no Chromium on the PATH: run scripts/bootstrap.sh, or install chromium.")
        self._home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command = [program, *_FLAGS, *_QUIET, f"--user-data-dir={self._home.name}", f"--window-size={width},{height}"]
        self._process = subprocess.Popen(
            [*command, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._socket = websocket.create_connection(self._page(), max_size=1 << 28, timeout=120, suppress_origin=True)
        self._number = 0
        self._scripts = True
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
        raise NoBrowserError("Chromium did not start within a minute.")

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
        """Wait until an event of a name has come since the events were last cleared."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(json.loads(self._socket.recv()))

    @property
    def complaints(self) -> list[str]:
        """What the browser said against the page since it was opened: violated policies, exceptions of its script."""
        return [json.dumps(event["params"]) for event in self.events if event.get("method") in _COMPLAINTS]

    def open(self, path: Path, fragment: str = "") -> float:
        """Open a file and return the seconds until it is loaded and two frames of it were drawn."""
        self.events.clear()
        self.call("Page.navigate", url="about:blank")
        self.wait("Page.loadEventFired")
        self.events.clear()
        began = time.monotonic()
        self.call("Page.navigate", url=f"{path.resolve().as_uri()}{fragment}")
        self.wait("Page.loadEventFired")
        self.drawn()
        return time.monotonic() - began

    def look(self, *, scripts: bool = True, dark: bool = False, paper: bool = False, width: int = 0) -> None:
        """Show pages as this reader does: without scripts, in the dark, on paper, on a screen of another width.

        What is opened later has no scripts; all else holds at once. On paper the width is that of the printed area.
        """
        self._scripts = scripts
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="print" if paper else "", features=[scheme])
        self.call("Emulation.clearDeviceMetricsOverride")
        if width:
            self.resize(width, HEIGHT)

    def resize(self, width: int, height: int) -> None:
        """Make the window so large, in CSS pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def drawn(self) -> None:
        """Wait for two frames: the first shows the change, the second comes after it was shown."""
        if not self._scripts:
            return  # nothing tells of frames then, and nothing changes by itself
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

    def press(self, key: str, *, text: str = "", code: int = 0, shift: bool = False) -> None:
        """Press a key and let it go, as a person does; ``code`` is its Windows key code, which some keys need."""
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def picture(self, path: Path) -> None:
        """Write what the window shows as PNG."""
        shot = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def print(self) -> bytes:
        """Return the page as PDF with its headings as outline, on paper of the size that its style sheet names."""
        sheet = self.call(
            "Page.printToPDF",
            preferCSSPageSize=True,
            printBackground=True,
            generateTaggedPDF=True,
            generateDocumentOutline=True,
            transferMode="ReturnAsBase64",
        )
        return base64.b64decode(sheet["data"])
