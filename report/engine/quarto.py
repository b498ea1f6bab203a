"""Finds real Quarto and lets it render the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pneumo import storage
from report.engine.config import read_book
from report.engine.errors import RenderError

OLDEST = (1, 9)


def find() -> Path | None:
    """Quarto's program, on the path or beside this Python; None where there is none that answers."""
    beside = Path(sys.executable).parent
    found = shutil.which("quarto") or shutil.which("quarto", path=str(beside))
    return Path(found) if found and version(Path(found)) else None


def version(program: Path) -> tuple[int, ...] | None:
    """What `quarto --version` says; None where it says nothing of use."""
    try:
        result = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", result.stdout.strip())
    return tuple(int(part) for part in match.groups("0")) if match else None


def require() -> Path:
    """Quarto's program.

    Raises:
        RenderError: it is not there, or too old.
    """
    program = find()
    oldest = ".".join(map(str, OLDEST))
    if program is None:
        raise RenderError(
            f"Quarto is not installed: get version {oldest} or newer, or use --engine portable"
        )
    found = version(program) or ()
    if found < OLDEST:
        number = ".".join(map(str, found))
        raise RenderError(f"{program} is Quarto {number}; {oldest} or newer is needed")
    return program


def render(project: Path, output: Path | None = None) -> Path:
    """Build a book's site with Quarto; the old one stays until the new one is whole.

    Args:
        project: the folder of `_quarto.yml`.
        output: the site's folder; None for the one that the project names.

    Returns:
        The site's folder.

    Raises:
        RenderError: Quarto is not there, too old, or fails.
    """
    program = require()
    output = (output or read_book(project).output).resolve()
    with storage.renewed(output) as building:
        command = [str(program), "render", str(project), "--output-dir", str(building)]
        environment = {**os.environ, "QUARTO_PYTHON": sys.executable}
        result = subprocess.run(command, env=environment, check=False)
        if result.returncode:
            raise RenderError(f"quarto render ended with status {result.returncode}; see above")
    return output
