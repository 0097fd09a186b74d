# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alertmanager of the green world: a route for everything, receivers that tell somebody, nothing but the dead-man's
switch firing."""

from __future__ import annotations

from _world import World, golden

CONFIG = """\
global:
  resolve_timeout: 5m
  smtp_from: alertmanager@mon1
  smtp_smarthost: mail.example.org:25
route:
  receiver: people
  group_by:
  - alertname
  - environment
  continue: false
  routes:
  - receiver: deadman
    matchers:
    - alertname="Watchdog"
    continue: false
    repeat_interval: 1m
  - receiver: people
    matchers:
    - severity="critical"
    continue: false
    repeat_interval: 30m
  group_wait: 10s
  group_interval: 1m
  repeat_interval: 4h
inhibit_rules:
- source_matchers:
  - alertname="TargetDown"
  - job="node"
  target_matchers:
  - severity="warning"
  equal:
  - host
receivers:
- name: people
  email_configs:
  - send_resolved: true
    to: on-call@example.org
  webhook_configs:
  - send_resolved: true
    url: <secret>
- name: deadman
  webhook_configs:
  - send_resolved: false
    url: <secret>
templates: []
"""


@golden
def alertmanager(world: World) -> None:
    """Everything that is asked of Alertmanager."""
    switch = {
        "labels": {"alertname": "Watchdog", "severity": "none", "environment": "golden"},
        "annotations": {"summary": "The dead-man's switch."},
        "startsAt": "2026-08-20T06:00:27.000Z",
        "updatedAt": "2026-11-25T08:28:57.000Z",
        "endsAt": "2026-11-25T08:32:57.000Z",
        "fingerprint": "5c2a17b37f3b3b5e",
        "generatorURL": "http://mon1:9090/graph",
        "receivers": [{"name": "deadman"}],
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
    }
    status = {
        "cluster": {"status": "disabled"},
        "config": {"original": CONFIG},
        "uptime": "2026-08-20T06:00:11.000Z",
        "versionInfo": {"version": "0.25.0", "revision": "d1", "branch": "debian/sid"},
    }
    world.set("alertmanager", "status", status)
    world.set("alertmanager", "receivers", [{"name": "people"}, {"name": "deadman"}])
    world.set("alertmanager", "alerts", [switch])
    world.set("alertmanager", "silences", [])
