#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: clock_offset
short_description: Measure how far a host's clock is from the controller's
version_added: 0.1.0
author:
  - ccobservatory operations (@ccobservatory)
description:
  - Times that are measured on several hosts are compared in seconds; this module says how far that comparison can
    be trusted.
  - Asks for the host's clock over the open connection, between two readings of the controller's clock, and keeps
    the answer with the
    shortest round trip. The method and its error bound are those of RFC 5905, section 8, for one exchange.
extends_documentation_fragment:
  - ccobservatory.ops.attributes.read_only
options:
  samples:
    description: How often to ask.
    type: int
    default: 3
"""

EXAMPLES = r"""
- name: Measure the clock
  ccobservatory.ops.clock_offset:
  register: clock
"""

RETURN = r"""
offset_s:
  description: Seconds by which the host's clock is ahead of the controller's.
  returned: success
  type: float
  sample: 0.002
uncertainty_s:
  description: Half the round trip in seconds; the true offset lies within this distance.
  returned: success
  type: float
  sample: 0.011
"""
