"""Builds of a small book like a user's, for processes that tests kill."""

import os
import tempfile
from pathlib import Path

from report.engine import preview
from report.engine.__main__ import main


def build(project: Path, output: Path, home: Path, temporary: Path | None = None) -> int:
    """Build the site with the given run store and temporary folder."""
    os.environ["PNEUMO_HOME"] = str(home)
    if temporary:
        os.environ["TMPDIR"] = str(temporary)
        tempfile.tempdir = None
    return main([str(project), "--engine", "portable", "--no-study", "--output", str(output)])


def watch(project: Path, output: Path, home: Path) -> int:
    """Start the preview of a book that can't be built."""
    os.environ["PNEUMO_HOME"] = str(home)
    options = [str(project), "--engine", "portable", "--no-study", "--output", str(output)]
    return preview.main(["--port", "0", *options])
