# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which logs are kept on this machine (``verify_logs_dir``): names and sizes, nothing of what they say.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["MOST", "kept_logs"]

MOST = 50_000


def kept_logs(folder: Path) -> dict[str, Any]:
    """Return the directory, and path below it -> bytes of each file. Links are not followed and not listed.

    Raises `OpsError` for a directory that is missing, cannot be read as a whole, or holds more than `MOST` files.
    """

    def stop(fault: OSError) -> None:
        raise OpsError(f"{fault.filename} cannot be read ({fault.strerror}); correct verify_logs_dir, or its rights.")

    found: dict[str, int] = {}
    for place, _folders, names in os.walk(folder, onerror=stop):
        for path in (Path(place) / name for name in names):
            if not path.is_symlink():
                found[path.relative_to(folder).as_posix()] = path.stat().st_size
        if len(found) > MOST:
            raise OpsError(f"{folder} holds more than {MOST} files; let verify_logs_dir name where logs are kept.")
    return {"folder": str(folder), "files": found}
