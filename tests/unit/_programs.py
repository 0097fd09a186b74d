# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads programs that are laid down on hosts or into packs, from the files that they are copied from."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def load(relative: str, name: str = "") -> ModuleType:
    """Import a program by its path in the repository, under its own name or another one."""
    path = ROOT / relative
    known = name or path.stem
    specification = importlib.util.spec_from_file_location(known, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    # Data classes look their module up while they are made.
    sys.modules[known] = module
    specification.loader.exec_module(module)
    return module
