#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_probe
short_description: Watches web endpoints until a service is down, up, or simply tells
description:
  - Probes several endpoints side by side, each in its own rhythm, so that one that hangs does not delay the others.
  - A service is down when every endpoint has failed O(consecutive) times in a row. It is up when one endpoint has
    succeeded
    so many times in a row.
  - Each probe is a new connection with its certificate checked. Redirects are not followed.
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
extends_documentation_fragment:
  - ccobservatory.ops.attributes.read_only
options:
  urls:
    description: Endpoints to probe.
    type: list
    elements: str
    required: true
  expect:
    description:
      - V(down) waits for an outage and V(up) for the end of one; both fail in time out.
      - V(none) probes each endpoint O(consecutive) times and tells, whatever it meets.
    type: str
    choices: [down, up, none]
    default: up
  consecutive:
    description: Probes in a row that decide.
    type: int
    default: 3
  interval:
    description: Seconds from the start of one probe of an endpoint to the next.
    type: float
    default: 0.3
  connect_timeout:
    description: Seconds that a probe waits for the endpoint before it has failed.
    type: float
    default: 1
  timeout:
    description: Seconds to wait for the decision.
    type: float
    default: 60
  status_codes:
    description: Answers that count as success.
    type: list
    elements: int
    default: [200]
  ca_file:
    description: Certificate authority of the endpoints. Without it, those that the system trusts.
    type: path
"""

EXAMPLES = r"""
- name: Wait until no endpoint answers any more
  ccobservatory.ops.service_probe:
    urls: [https://lb1/health/ready, https://lb2/health/ready]
    ca_file: /etc/ccobservatory/ca.crt
    expect: down
  register: outage

- name: Wait until one answers again
  ccobservatory.ops.service_probe:
    urls: [https://lb1/health/ready, https://lb2/health/ready]
    ca_file: /etc/ccobservatory/ca.crt
    expect: up
    timeout: 120
"""

RETURN = r"""
decided:
  description: Whether the expectation came true, always true for O(expect=none).
  type: bool
  returned: always
first:
  description: When the first probe of the deciding row began, UTC.
  type: str
  returned: when decided
detected:
  description: When it was decided, UTC.
  type: str
  returned: when decided
last_ok:
  description: When the last successful probe began, UTC.
  type: str
  returned: when there was one
endpoints:
  description: What each endpoint answered.
  type: list
  elements: dict
  returned: always
  sample:
    - url: https://lb1/health/ready
      probes: 3
      ok: 3
      last_seen: "200"
      last_ok: "2026-11-23T21:04:05.678Z"
      median_s: 0.011
      longest_s: 0.02
seconds:
  description: How long it took.
  type: float
  returned: always
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.ccobservatory.ops.plugins.module_utils import _probe
from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError
from ansible_collections.ccobservatory.ops.plugins.module_utils._instants import iso, now_iso


def decision(params: dict[str, t.Any]) -> t.Callable[[list[_probe.Sample]], dict[str, t.Any] | None]:
    """How the samples so far are judged."""
    urls, consecutive = params["urls"], params["consecutive"]

    def enough(samples: list[_probe.Sample]) -> dict[str, t.Any] | None:
        numbers = [sum(sample.url == url for sample in samples) for url in urls]
        return {"first": samples[0].at} if min(numbers) >= consecutive else None

    if params["expect"] == "none":
        return enough
    return lambda samples: _probe.verdict(samples, urls, params["expect"], consecutive)


def watch(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """Probe until it is decided.

    Raises:
        OpsError: the expectation did not come true in time, or a parameter is wrong.
    """
    if not params["urls"] or params["consecutive"] < 1 or params["interval"] <= 0:
        raise OpsError("A probe needs at least one address in urls, consecutive of 1 or more and an interval above 0.")
    started = time.monotonic()
    tls = _probe.context(params["ca_file"])
    for url in params["urls"]:
        _probe.check_url(url)

    def probe(url: str) -> _probe.Sample:
        return _probe.probe_once(url, tls=tls, timeout=params["connect_timeout"], codes=params["status_codes"])

    observer = _probe.Observer(params["urls"], params["interval"], probe)
    decided = observer.watch(decision(params), params["timeout"])
    facts: dict[str, t.Any] = {
        "decided": decided is not None,
        "endpoints": _probe.summary(observer.samples, params["urls"]),
        "seconds": round(time.monotonic() - started, 3),
    }
    last = max((sample.at for sample in observer.samples if sample.ok), default=None)
    if last is not None:
        facts["last_ok"] = iso(last)
    if decided is None:
        seen = "; ".join(f"{line['url']}: {line['last_seen']}" for line in facts["endpoints"])
        raise OpsError(
            f"The service is not {params['expect']} after {params['timeout']:g} s ({seen}); "
            "look at the endpoints and what stands behind them.",
            **facts,
        )
    return {"changed": False, **facts, "first": iso(decided["first"]), "detected": now_iso()}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "urls": {"type": "list", "elements": "str", "required": True},
            "expect": {"type": "str", "choices": ["down", "up", "none"], "default": "up"},
            "consecutive": {"type": "int", "default": 3},
            "interval": {"type": "float", "default": 0.3},
            "connect_timeout": {"type": "float", "default": 1},
            "timeout": {"type": "float", "default": 60},
            "status_codes": {"type": "list", "elements": "int", "default": [200]},
            "ca_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**watch(module.params))
    except OpsError as exc:
        module.fail_json(msg=str(exc), **exc.details)


if __name__ == "__main__":
    main()
