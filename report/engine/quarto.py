"""Finds Quarto and lets it render the project.

Quarto caches outputs per page (``freeze``) and runs a page again when its file changes. It does not notice
changes of anything else that a page depends on, so this module then removes Quarto's cache.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pneumo.base import storage
from report.engine.cache import ROOT, has_pictures, inputs, key_of
from report.engine.config import read_book
from report.engine.errors import RenderError
from report.engine.plain import read_text

OLDEST = (1, 9)


def find() -> tuple[Path, tuple[int, ...]]:
    """Quarto's program, on the path or beside this Python, and its version.

    Raises:
        RenderError: Quarto is missing, does not run, or is too old.
    """
    beside = Path(sys.executable).parent
    program = shutil.which("quarto") or shutil.which("quarto", path=str(beside))
    oldest = ".".join(map(str, OLDEST))
    answer = ""
    if program:
        with suppress(OSError, subprocess.SubprocessError):
            answer = subprocess.run(
                [program, "--version"], capture_output=True, text=True, timeout=60, check=True
            ).stdout
    number = re.match(r"\d+(\.\d+)+", answer.strip())
    if program is None or number is None:
        problem = f"get version {oldest} or newer, or use --engine portable"
        raise RenderError(f"Quarto is not installed: {problem}")
    version = tuple(map(int, number[0].split(".")))
    if version < OLDEST:
        raise RenderError(f"{program} is Quarto {number[0]}; {oldest} or newer is needed")
    return Path(program), version


def render(
    project: Path,
    output: Path | None = None,
    finish: Callable[[Path], object] | None = None,
    fresh: bool = False,
) -> Path:
    """Build a book's site with Quarto; the old site stays until the new one is complete.

    Args:
        project: the folder of `_quarto.yml`.
        output: the site's folder; None for the one named in the project.
        finish: a function that is called with the new site's folder before it replaces the old one.
        fresh: run every cell.

    Returns:
        The site's folder.

    Raises:
        RenderError: Quarto is missing, too old, or fails.
    """
    program, version = find()
    book = read_book(project)
    output = (output or book.output).resolve()
    # Quarto checks a page's own file, not its included files.
    files = sorted([*project.rglob("_*.qmd"), *(ROOT / "docs").glob("*.md")])
    included = [path.read_bytes() for path in files]
    _thaw(project, key_of(inputs(project, output), included, version), fresh)
    with storage.renewed(output) as building:
        command = [str(program), "render", str(project), "--output-dir", str(building)]
        # Give each page a new kernel instead of one that has run another page.
        command += ["--no-cache", "--metadata", "freeze:auto", "--no-execute-daemon"]
        environment = {**os.environ, "QUARTO_PYTHON": sys.executable}
        # One call per format: with two at once, Quarto renders every page several times.
        for name in book.metadata.get("format") or ("html",):
            options = ["--to", name, "--no-clean"]
            result = subprocess.run([*command, *options], env=environment, check=False)
            if result.returncode:
                raise RenderError(f"quarto render ended with status {result.returncode}; see above")
        if finish:
            finish(building)
    return output


def _thaw(project: Path, key: str, fresh: bool) -> None:
    """Remove Quarto's cached outputs, unless key and pictures are unchanged."""
    frozen = project / "_freeze"
    path = frozen / "key.txt"
    kept = not fresh and path.is_file() and path.read_text(encoding="utf-8") == key
    outputs = (json.loads(read_text(one)) for one in frozen.glob("**/execute-results/*.json"))
    if not kept or not all(has_pictures(project, one["result"]["markdown"]) for one in outputs):
        shutil.rmtree(frozen, ignore_errors=True)
        frozen.mkdir()
        path.write_text(key, encoding="utf-8")
