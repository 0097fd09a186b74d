# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand in for the installer of pip that ansible-test would download: Python's own pip fetches it from the index."""

from __future__ import annotations

import ensurepip
import os
import subprocess
import sys

INSTALLER_ONLY = {"--no-setuptools", "--no-wheel"}

settings = dict(os.environ)  # ensurepip switches pip's configuration off for its own process
ensurepip.bootstrap(upgrade=True)
wanted = [argument for argument in sys.argv[1:] if argument not in INSTALLER_ONLY]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *wanted], env=settings))
