"""Benchmarks of rebuilds, in seconds of wall time.

They use a copy of the project with the existing runs, so that the project's own pages and caches do not
change.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

from benchmarks.against import ROOT
from benchmarks.speed import BenchError, Measurement, finish
from pneumo.base import paths
from report.engine.__main__ import choose

_PARTS = (
    "report", "templates", "docs", "pneumo", "noxfile.py", "pyproject.toml", "README.md", ".zenodo.json",
)  # fmt: skip
# Edits of a page's text, and of a function that only one page calls: file, old text, new text.
PROSE = ("report/shift.qmd", "\n## ", "\nOne sentence more.\n\n## ")
FIGURE = ("pneumo/pages/topics/shift.py", 'set_xlabel("logit"', 'set_xlabel("logits"')


@cache
def rebuilds(engine: str) -> dict[str, float]:
    """Seconds of each rebuild by an engine, by name, in one copy of the project.

    Raises:
        BenchError: an engine or nox failed, or a text that is to be edited is gone.
    """
    with tempfile.TemporaryDirectory(prefix="pneumo-bench-") as name:
        folder = Path(name)
        for part in _PARTS:
            source, skip = ROOT / part, shutil.ignore_patterns("__pycache__", ".quarto", "_book")
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=skip)
            else:
                shutil.copyfile(source, folder / part)
        store = folder / ".pneumo"
        store.mkdir()
        # The record is the user's, the cache of pages is the copy's.
        (store / "records").symlink_to(paths.home() / "records")

        def run(*command: str) -> float:
            return finish(command, folder, PYTHONPATH=name, PNEUMO_HOME=str(store))[0]

        def edited(file: str, before: str, after: str) -> float:
            path = folder / file
            text = path.read_text(encoding="utf-8")
            if before not in text:
                raise BenchError(f"{file} has no {before!r} any more")
            path.write_text(text.replace(before, after, 1), encoding="utf-8")
            return run(*build)

        build = (sys.executable, "-m", "report.engine", "--engine", engine)
        run(*build)
        found = {"nothing": run(*build)}
        if engine == "portable" and shutil.which("nox"):
            nox = ("nox", "-s", "report", "--", "--engine", engine)
            run(*nox)  # makes the environment
            found["nothing-nox"] = run(*nox)
        return found | {
            "prose": edited(*PROSE),
            "figure": edited(*FIGURE),
            "everything": run(*build, "--fresh"),
        }


def measurements() -> Iterator[Measurement]:
    """The benchmarks of rebuilds, in the table's order, also with Quarto if it is installed."""
    has_quarto = choose("auto") == "quarto"
    for name, words, goal in (
        ("nothing", "nothing changed", "≤ 3"),
        ("nothing-nox", "nothing changed, by `nox -s report`", "≤ 8"),
        ("prose", "one page's text changed", None),
        ("figure", "one figure changed", None),
        ("everything", "every page executed", "≤ 25"),
    ):
        if name == "nothing-nox" and not shutil.which("nox"):
            continue
        measure = partial(_number, "portable", name)
        yield Measurement(f"rebuild-{name}", f"the portable engine, {words}", "s", goal, measure)
        if has_quarto and name != "nothing-nox":
            measure = partial(_number, "quarto", name)
            yield Measurement(f"rebuild-{name}-quarto", f"Quarto, {words}", "s", None, measure)


def _number(engine: str, name: str) -> float:
    return rebuilds(engine)[name]
