# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure how far a host's clock is from the controller's. Documented in plugins/modules/clock_offset.py."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase

ARGUMENTS: dict[str, dict[str, Any]] = {"samples": {"type": "int", "default": 3}}


class ActionModule(ActionBase):
    """Asks the host for its clock a few times and keeps the answer with the shortest round trip."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``offset_s`` (host minus controller) and ``uncertainty_s`` (half the round trip)."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        best = (0.0, float("inf"))
        for _sample in range(max(1, args["samples"])):
            before = time.time()
            answer = self._low_level_execute_command("date +%s.%N", sudoable=False)
            after = time.time()
            if answer["rc"] != 0:
                return {**result, "failed": True, "msg": f"The host did not tell its time: {answer['stderr'].strip()}"}
            half = (after - before) / 2
            if half < best[1]:
                best = (float(answer["stdout"].strip()) - (before + half), half)
        return {**result, "changed": False, "offset_s": round(best[0], 3), "uncertainty_s": round(best[1], 3)}
