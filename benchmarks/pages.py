"""Benchmarks of rebuilds, in seconds of wall time.

They use a copy of the project with the existing runs, so that the project's own pages and caches do not
change.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path

from benchmarks.speed import BenchError, Measurement, finish
from pneumo.base import paths
from report.engine import quarto
from report.engine.__main__ import choose

ROOT = Path(__file__).resolve().parents[1]
_PARTS = (
    "report",
    "templates",
    "docs",
    "pneumo",
    "noxfile.py",
    "pyproject.toml",
    "README.md",
    ".zenodo.json",
)
# Edits of a page's text, and of a function that only one page calls: file, old text, new text.
PROSE = (Path("report/shift.qmd"), "\n## ", "\nSentence {n} more.\n\n## ")
FIGURE = (Path("pneumo/pages/figures/shift.py"), 'set_xlabel("logit"', 'set_xlabel("logit {n}"')


class Rebuilds(ExitStack):
    """A temporary copy of the project with a built site, and builds of it; a context manager."""

    def __init__(self) -> None:
        super().__init__()
        self._edits = 0

    @cached_property
    def project(self) -> Path:
        """The copy, with its site built by the portable engine."""
        folder = self._copy()
        self._build(folder, "portable")
        return folder

    @cached_property
    def project_of_quarto(self) -> Path:
        """Another copy, with its site built by Quarto."""
        quarto.find()
        folder = self._copy()
        self._build(folder, "quarto")
        return folder

    def nothing_changed(self, engine: str = "portable") -> float:
        """Seconds of a build without changes since the last one."""
        return self._build(self._built(engine), engine)

    def nothing_changed_at_all(self) -> float:
        """Seconds of `nox -s report` without changes, whose environment exists."""
        program = shutil.which("nox")
        if program is None:
            raise BenchError("nox is not on the path; install it")
        command = [program, "-s", "report", "--", "--engine", "portable"]
        self._run(command, self.project)  # makes the environment
        return self._run(command, self.project)

    def edited(self, edit: tuple[Path, str, str], engine: str = "portable") -> float:
        """Seconds of a build after one edit, which replaces the first occurrence of a text."""
        folder = self._built(engine)
        path, before, after = folder / edit[0], edit[1], edit[2]
        text = path.read_text(encoding="utf-8")
        if before not in text:
            raise BenchError(f"{edit[0]} has no {before!r} any more")
        self._edits += 1  # every edit is different
        edited = text.replace(before, after.format(n=self._edits), 1)
        path.write_text(edited, encoding="utf-8")
        try:
            return self._build(folder, engine)
        finally:
            path.write_text(text, encoding="utf-8")

    def everything(self, engine: str = "portable") -> float:
        """Seconds of a build that runs every cell, from finished runs."""
        return self._build(self._built(engine), engine, "--fresh")

    def _built(self, engine: str) -> Path:
        return self.project if engine == "portable" else self.project_of_quarto

    def _copy(self) -> Path:
        name = self.enter_context(tempfile.TemporaryDirectory(prefix="pneumo-bench-"))
        folder = Path(name) / "project"
        folder.mkdir()
        skip = shutil.ignore_patterns("__pycache__", ".quarto", "_book")
        for part in _PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=skip)
            else:
                shutil.copyfile(source, folder / part)
        store = folder / ".pneumo"
        store.mkdir()
        # The record is the user's, the cache of pages is the copy's.
        (store / "records").symlink_to(paths.home() / "records")
        return folder

    def _build(self, folder: Path, engine: str, *options: str) -> float:
        command = [sys.executable, "-m", "report.engine", "--engine", engine, *options]
        return self._run(command, folder)

    def _run(self, command: Sequence[str], folder: Path) -> float:
        store = str(folder / ".pneumo")
        return finish(command, folder, PYTHONPATH=str(folder), PNEUMO_HOME=store)[0]


def measurements(rebuilds: Rebuilds) -> Iterator[Measurement]:
    """The benchmarks of rebuilds, in the table's order, also with Quarto if it is installed."""
    prose, figure = partial(rebuilds.edited, PROSE), partial(rebuilds.edited, FIGURE)
    nox = rebuilds.nothing_changed_at_all
    rows: list[tuple[str, str, str | None, Callable[..., float], bool]] = [
        ("nothing", "nothing changed", "≤ 3", rebuilds.nothing_changed, True),
        ("nothing-nox", "nothing changed, by `nox -s report`", "≤ 8", nox, False),
        ("prose", "one page's text changed", None, prose, True),
        ("figure", "one figure changed", None, figure, True),
        ("everything", "every page executed", "≤ 25", rebuilds.everything, True),
    ]
    has_quarto = choose("auto") == "quarto"
    for name, words, target, measure, both in rows:
        yield Measurement(f"rebuild-{name}", f"the portable engine, {words}", "s", target, measure)
        if both and has_quarto:
            again = partial(measure, engine="quarto")
            yield Measurement(f"rebuild-{name}-quarto", f"Quarto, {words}", "s", None, again)
