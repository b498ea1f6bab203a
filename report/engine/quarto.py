"""Finds real Quarto and lets it render the project; cells run where something that they need has changed.

The same keys as the portable engine's decide that. Quarto is given a kernel of ours
(:mod:`report.engine.replay`) and what it may say again; what Python had to run is kept afterwards.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pneumo.base import storage
from report.engine import replay
from report.engine.config import read_book
from report.engine.errors import RenderError
from report.engine.execute import key
from report.engine.kernels import first
from report.engine.memory import Memory
from report.engine.source import read_page

OLDEST = (1, 9)
_ROOT = Path(__file__).resolve().parents[2]
_KERNEL = """\
import sys
sys.path.insert(0, {root!r})
from report.engine import replay
del sys.path[0]
replay.main()
"""


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


def render(project: Path, output: Path | None = None, memory: Memory | None = None) -> Path:
    """Build a book's site with Quarto; the old one stays until the new one is whole.

    Args:
        project: the folder of `_quarto.yml`.
        output: the site's folder; None for the one that the project names.
        memory: what earlier builds have made; without it every cell runs.

    Returns:
        The site's folder.

    Raises:
        RenderError: Quarto is not there, too old, or fails.
    """
    program = require()
    output = (output or read_book(project).output).resolve()
    with storage.renewed(output) as building:
        command = [str(program), "render", str(project), "--output-dir", str(building)]
        with remembering(project, memory) as environment:
            # What Quarto keeps itself may be stale, and a kernel that lives on does not say what it has read.
            command += ["--no-cache", "--metadata", "freeze:false", "--no-execute-daemon"]
            result = subprocess.run(command, env=environment, check=False)
        if result.returncode:
            raise RenderError(f"quarto render ended with status {result.returncode}; see above")
    return output


@contextmanager
def remembering(project: Path, memory: Memory | None) -> Iterator[Mapping[str, str]]:
    """The environment in which Quarto's kernels say what is known; what they have run is kept at the end.

    Args:
        project: the folder of `_quarto.yml`.
        memory: where outputs come from and go to; without it Quarto's kernels are Python's own.
    """
    environment = {**os.environ, "QUARTO_PYTHON": sys.executable}
    if memory is None:
        yield environment
        return
    keys = _keys(project)
    with storage.scratch("quarto") as folder:
        for part in (replay.SESSIONS, replay.RECORDS):
            (folder / part).mkdir()
        (folder / replay.BEGINNING).write_text(first(folder), encoding="utf-8")
        _write_kernel(folder)
        followed = {page for page, about in keys.items() if about == ""}
        for page, about in keys.items():
            if not about:
                continue
            sessions = [
                list(zip(session.codes, session.outputs, strict=True))
                for session in memory.sessions("quarto", about)
            ]
            path = folder / replay.SESSIONS / f"{page}.json"
            path.write_text(json.dumps(sessions), encoding="utf-8")
            followed |= {page} if sessions else set()
        others = os.environ.get("JUPYTER_PATH")
        yield {
            **environment,
            replay.FOLDER: str(folder),
            "JUPYTER_PATH": os.pathsep.join([str(folder), *([others] if others else [])]),
        }
        for record in (folder / replay.RECORDS).glob("*.jsonl"):
            page = record.name.partition(".")[0]
            about = keys.get(page)
            if about:
                followed.add(page)
                _remember(record, about, memory)
        if followed != keys.keys():  # a page that can't be read, or one with another kernel
            memory.forgo()


def _keys(project: Path) -> dict[str, str | None]:
    """What each page's outputs are about: its code; "" for none, None for a page that can't be read."""
    try:
        book = read_book(project)
    except RenderError:
        return {"": None}
    found: dict[str, str | None] = {}
    for path in book.chapters:
        try:
            found[path.stem] = key(read_page(path, book.metadata), book)
        except RenderError:  # Quarto knows more than we do: such a page runs each time
            found[path.stem] = None
    return found


def _write_kernel(folder: Path) -> None:
    """A kernel by the name of Python's own, found before it."""
    specification = {
        "argv": [sys.executable, "-c", _KERNEL.format(root=str(_ROOT)), "-f", "{connection_file}"],
        "display_name": "Python 3",
        "language": "python",
    }
    path = folder / "kernels" / "python3" / "kernel.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(specification), encoding="utf-8")


def _remember(record: Path, about: str, memory: Memory) -> None:
    """Keep what a kernel ran, unless it ended with an error."""
    steps = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    if not steps or _failed(steps[-1][1][-1]["content"]):
        memory.forgo()
        return
    codes, outputs = [code for code, _ in steps], [found for _, found in steps]
    memory.remember("quarto", about, codes, outputs, record.with_suffix(".trace"))


def _failed(reply: Mapping[str, Any]) -> bool:
    """Whether a request, or an expression in a sentence, raised."""
    answers = [reply, *(reply.get("user_expressions") or {}).values()]
    return any(answer["status"] != "ok" for answer in answers)
