# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service is told by its environment."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """Where the pooler is and how patient the service may be; all times in seconds."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    pool_size: int
    pause_patience: float
    probe_interval: float
    probe_timeout: float
    release: str
    node: str

    def dsn(self, database: str | None = None) -> dict[str, str | int]:
        """Return the connection parameters of one database behind the pooler, the application's by default."""
        return {
            "host": self.host,
            "port": self.port,
            "dbname": database or self.database,
            "user": self.user,
            "password": self.password,
            "connect_timeout": 2,
            "application_name": "ccobservatory",
        }


def from_environment() -> Settings:
    """Read the settings from the CCOBSERVATORY_* variables.

    Raises KeyError when the password is missing and ValueError when a number is not one.
    """
    get = os.environ.get
    return Settings(
        host=get("CCOBSERVATORY_DB_HOST", "127.0.0.1"),
        port=int(get("CCOBSERVATORY_DB_PORT", "6432")),
        database=get("CCOBSERVATORY_DB_NAME", "ccobservatory"),
        user=get("CCOBSERVATORY_DB_USER", "ccobservatory"),
        password=os.environ["CCOBSERVATORY_DB_PASSWORD"],
        pool_size=int(get("CCOBSERVATORY_POOL_SIZE", "16")),
        pause_patience=float(get("CCOBSERVATORY_PAUSE_PATIENCE", "30")),
        probe_interval=float(get("CCOBSERVATORY_PROBE_INTERVAL", "0.2")),
        probe_timeout=float(get("CCOBSERVATORY_PROBE_TIMEOUT", "0.6")),
        release=get("CCOBSERVATORY_RELEASE", "unreleased"),
        node=get("CCOBSERVATORY_NODE", socket.gethostname()),
    )
