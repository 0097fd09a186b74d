# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run hands over: the audit report and the machine formats, made from the pack's own files alone."""

from __future__ import annotations

from pathlib import Path

from verify.report.data import ReportData, read_pack
from verify.report.junit import junit_xml
from verify.report.metrics import metrics_text
from verify.report.oscal import oscal_json
from verify.report.page import pages
from verify.report.summary import summary_text

__all__ = ["ReportData", "read_pack", "render", "write_all"]


def render(data: ReportData) -> bytes:
    """Return the audit report as one HTML file, whatever its size."""
    return pages(data, most=1 << 40)["audit.html"]


def write_all(folder: Path) -> None:
    """Write the report and the machine formats of a run into its folder; the same run gives the same bytes.

    Raises `OpsError` naming the file when the folder is not that of a run.
    """
    data = read_pack(folder)
    files = pages(data)
    files["junit.xml"] = junit_xml(data)
    files["oscal.json"] = oscal_json(data)
    files["metrics.prom"] = metrics_text(data).encode("utf-8")
    files["summary.txt"] = summary_text(data).encode("utf-8")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_name(f".{path.name}")
        fresh.write_bytes(content)
        fresh.replace(path)
