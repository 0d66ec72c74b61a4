"""A report as a file."""

from collections.abc import Sequence
from pathlib import Path

from bench.files import write_text
from ofabench.report.assemble import render_report
from ofabench.report.inputs import check_out


def write_report(given: Sequence[Path], out: Path) -> str:
    """Write the page of files and folders; return a line that says what was written."""
    check_out(out, given)
    page, inputs = render_report(given, out)
    write_text(out, page)
    skipped = f"; skipped {len(inputs.skipped)} files of other kinds" if inputs.skipped else ""
    return f"{inputs.count} files, {len(page.encode()) / 1e6:.1f} MB, written to {out}{skipped}"
