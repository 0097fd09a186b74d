# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reader does with the audit report: search it, follow its links, go through it with the keyboard."""

from __future__ import annotations

import json
from typing import Any

from tests.browser._browser import Browser

_SET = """
(async () => {
  const field = document.getElementById('filter').elements.namedItem(%s);
  const began = performance.now();
  field.value = %s;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));
  return performance.now() - began;
})()
"""
_PLACE = """
(() => {
  const node = document.getElementById(%s);
  if (!node || !node.checkVisibility({ contentVisibilityAuto: false })) return false;
  // Above the middle of the target lies what a reader sees there: itself, or a bar that sticks to the window.
  const box = node.getBoundingClientRect();
  const bars = [...document.querySelectorAll('.alarm, .bar')].filter(
    bar => getComputedStyle(bar).position === 'sticky');
  const top = Math.max(0, ...bars.map(bar => bar.getBoundingClientRect().bottom));
  return box.height > 0 && top <= box.top + 1 && box.top < innerHeight;
})()
"""
# Elements that the Tab key has to reach, in the order of the page.
_REACHED = """
(() => {
  const controls = [...document.querySelectorAll('a[href], input, select, button, summary')].filter(
    node => node.checkVisibility());
  window.tabbed = [];
  document.addEventListener('focusin', event => {
    const style = getComputedStyle(event.target);
    tabbed.push([event.target, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2]);
  });
  window.controls = controls;
  return controls.length;
})()
"""
TAB, ENTER, ESCAPE, SPACE = ("Tab", 9), ("Enter", 13), ("Escape", 27), (" ", 32)


def choose(browser: Browser, name: str, value: str) -> float:
    """Put a value into a field of the filter and return the milliseconds until its effect was drawn."""
    return float(browser.run(_SET % (json.dumps(name), json.dumps(value))))


def in_view(browser: Browser, anchor: str) -> bool:
    """Return whether the place of an anchor lies in the window, below the bars that stick to its top."""
    return bool(browser.run(_PLACE % json.dumps(anchor)))


def texts(browser: Browser, css: str) -> list[str]:
    """Return the texts of the elements of a class that no filter hides."""
    found: list[str] = browser.run(
        f"[...document.querySelectorAll('.{css}')].filter(node => node.checkVisibility()).map(node => node.textContent)"
    )
    return found


def type_key(browser: Browser, key: tuple[str, int], *, times: int = 1, shift: bool = False) -> None:
    """Press a key that is not a letter."""
    name, code = key
    for _time in range(times):
        browser.press(name, code=code, shift=shift, text={"Enter": "\r", " ": " "}.get(name, ""))


def type_text(browser: Browser, text: str) -> None:
    """Type letters, and wait until their effect was drawn."""
    for letter in text:
        browser.press(letter, text=letter)
    browser.drawn()


def focused(browser: Browser, value: str) -> Any:
    """Return a property of the element that has the focus."""
    return browser.run(f"document.activeElement.{value}")


def tab_through(browser: Browser) -> tuple[list[str], list[str]]:
    """Go through the page with the Tab key; return controls that were not reached in their order, and those whose
    focus cannot be seen."""
    count = browser.run(_REACHED)
    # After the last stop the first comes again. What scrolls is a stop too, so there may be more stops than controls.
    again = "tabbed.findIndex(([node], place) => place > 0 && node === tabbed[0][0])"
    while browser.run(again) < 0 and count > -200:
        type_key(browser, TAB, times=25)
        count -= 25
    browser.run(f"tabbed.length = Math.max(0, {again})")
    name = "node => node.outerHTML.slice(0, 90)"
    missed = browser.run(
        "(() => { let at = 0; const stops = tabbed.map(([node]) => node);"
        " return controls.filter(node => { const found = stops.indexOf(node, at); if (found < 0) return true;"
        f" at = found; return false; }}).map({name}); }})()"
    )
    unseen = browser.run(f"tabbed.filter(([, seen]) => !seen).map(([node]) => node).map({name})")
    return missed, unseen
