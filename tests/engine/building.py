"""A build of a small book as a user starts it, in a process that may be killed."""

import os
import tempfile
from pathlib import Path

from report.engine import preview
from report.engine.__main__ import main


def build(project: Path, output: Path, home: Path, temporary: Path | None = None) -> int:
    """Build the site; its store and its temporary folder are given."""
    os.environ["PNEUMO_HOME"] = str(home)
    if temporary:
        os.environ["TMPDIR"] = str(temporary)
        tempfile.tempdir = None
    return main([str(project), "--engine", "portable", "--no-study", "--output", str(output)])


def watch(project: Path, output: Path, home: Path) -> int:
    """The preview, of a book that can't be built."""
    os.environ["PNEUMO_HOME"] = str(home)
    options = [str(project), "--engine", "portable", "--no-study", "--output", str(output)]
    return preview.main(["--port", "0", *options])
