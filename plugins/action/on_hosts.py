# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one module on several hosts at the same instant; a loop with delegation would go from one to the next.

Each host has a process of its own, made when its connection is ready, so that nothing is shared between them.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from typing import Any

from ansible import constants as C
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import plain
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._controller import failure

_ALSO: dict[str, dict[str, Any]] = {
    "host": {"type": "str", "required": True},
    "module": {"type": "str", "required": True},
    "arguments": {"type": "dict", "default": {}},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "hosts": {"type": "list", "elements": "str", "required": True},
    "optional": {"type": "list", "elements": "str", "default": []},
    "module": {"type": "str", "required": True},
    "arguments": {"type": "dict", "default": {}},
    "also": {"type": "list", "elements": "dict", "default": [], "options": _ALSO},
    "timeout": {"type": "float", "default": 120.0},
}
# How long the optional hosts may take beyond the others, in seconds.
_GRACE_S = 0.2
# What a module needs to know of its host beside the options of the connection.
_FACTS = ("ansible_python_interpreter", "ansible_interpreter_python_fallback", "inventory_hostname", "ansible_host")


class ActionModule(ActionBase):
    """One module on many hosts at once; runs once, however many hosts the play has."""

    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return ``results``, one a host in the order of ``hosts``, then ``optional``, each with ``item``, its name;
        and the like for ``also``."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        wanted = list(dict.fromkeys(plain(args["hosts"])))
        optional = [host for host in dict.fromkeys(plain(args["optional"])) if host not in wanted]
        also = plain(args["also"])
        known = (task_vars or {})["hostvars"]
        unknown = [host for host in [*wanted, *optional, *(one["host"] for one in also)] if host not in known]
        if unknown:
            return {**result, **failure(OpsError(f"The inventory has no host {', '.join(unknown)}."))}
        calls = [(host, args) for host in wanted] + [(one["host"], one) for one in also]
        calls += [(host, args) for host in optional]
        children = [_Child(host, self._prepared(host, known[host], call)) for host, call in calls]
        needed = len(wanted) + len(also)
        rows = _ended(children[:needed], time.monotonic() + args["timeout"])
        results = rows[: len(wanted)] + _ended(children[needed:], time.monotonic() + _GRACE_S)
        result.update(results=results, also=rows[len(wanted) :])
        result["changed"] = any(row.get("changed") for row in results + result["also"])
        failed = [f"{row['item']}: {row.get('msg', 'no reason given')}" for row in rows if _failed(row)]
        if failed:
            result.update(failed=True, msg="; ".join(failed))
        return result

    def _prepared(self, host: str, variables: Any, args: dict[str, Any]) -> Any:
        """Return what runs the module on a host; all variables are settled here, before any process is made."""
        context = self._play_context.copy()
        context.remote_addr = str(variables.get("ansible_host", host))
        kind = str(variables.get("ansible_connection", C.DEFAULT_TRANSPORT))
        loaders = self._shared_loader_obj
        link = loaders.connection_loader.get("ssh" if kind == "smart" else kind, context, task_uuid=self._task._uuid)
        link.set_options(var_options=_options("connection", link, variables))
        link._shell.set_options(var_options=_options("shell", link._shell, variables))
        if boolean(variables.get("ansible_become", self._task.become), strict=False):
            become = loaders.become_loader.get(str(variables.get("ansible_become_method", "sudo")))
            become.set_options(var_options=_options("become", become, variables))
            link.set_become_plugin(become)
            context.set_become_plugin(become.name)
            context.become, context.become_user = True, become.get_option("become_user")
        action = loaders.action_loader.get(
            "ansible.legacy.normal", task=self._task, connection=link, play_context=context, loader=self._loader,
            templar=self._templar, shared_loader_obj=loaders,
        )  # fmt: skip
        facts = {name: variables[name] for name in _FACTS if name in variables}
        facts["ansible_facts"] = {}  # where no interpreter is set, Ansible looks for one and asks what it found before
        return lambda: action._execute_module(
            module_name=args["module"], module_args=dict(args["arguments"]), task_vars=facts
        )


class _Child:
    """A process that runs the work of one host and hands its result back through a pipe."""

    def __init__(self, host: str, work: Any) -> None:
        self.host = host
        self._read, write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._read)
            code = 1
            try:
                with os.fdopen(write, "wb") as file:
                    file.write(_carried_out(work))
                code = 0
            finally:
                os._exit(code)
        os.close(write)

    def result(self, deadline: float) -> dict[str, Any]:
        """Return what the module returned; a process that does not end in time is ended, and has failed."""
        data = b""
        while select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))[0]:
            block = os.read(self._read, 65536)
            if not block:
                break
            data += block
        else:
            os.kill(self._pid, signal.SIGKILL)
        os.close(self._read)
        os.waitpid(self._pid, 0)
        try:
            found: dict[str, Any] = json.loads(data)
        except ValueError:
            return {"failed": True, "msg": "the module did not end in time, or ended without a result"}
        return found


def _ended(children: list[_Child], deadline: float) -> list[dict[str, Any]]:
    """Return what each process found, with the name of its host."""
    return [{**child.result(deadline), "item": child.host} for child in children]


def _carried_out(work: Any) -> bytes:
    try:
        found = {key: value for key, value in work().items() if key != "exception"}
    except Exception as exc:  # Whatever it was, it is the result of this host.
        found = {"failed": True, "msg": str(exc)}
    return json.dumps(found, default=str).encode()


def _failed(row: dict[str, Any]) -> bool:
    return bool(row.get("failed") or row.get("unreachable"))


def _options(kind: str, plugin: Any, variables: Any) -> dict[str, Any]:
    """Return the variables of a host that are options of a plugin."""
    names = C.config.get_plugin_vars(kind, plugin._load_name)
    return {name: variables[name] for name in names if name in variables}
