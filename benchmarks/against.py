"""Benchmarks HEAD against another commit: `nox -s bench -- --against COMMIT`.

Both are cloned into new folders and measured in turn, in the current environment. Each row is the ratio of
HEAD's time or memory to the other's.
"""

import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.speed import CNN, LITE, RESNET, Measurement, finish
from pneumo.training.recipes import RECIPES, find_profile

ROOT = Path(__file__).resolve().parents[1]
# Pairs of processes that run epochs: the placement of its memory can change a process's speed by a tenth.
PAIRS = 5
FIGURE = 'set_xlabel("logit"'  # in a figure's function, which the row of one edit changes
# Prints the seconds of the fastest of several epochs, or the GiB of a training.
_ASKED = """
import sys, time
try:
    from benchmarks import speed
    from pneumo.training.recipes import RECIPES
except ImportError:  # where they were before version 0.2
    from pneumo import bench as speed
    from pneumo.recipes import RECIPES
what, recipe, spans = sys.argv[1], RECIPES[sys.argv[2]], []
if what == "memory":
    spans.append(speed.peak_memory(recipe))
else:
    load = getattr(speed, "_data", speed.data.load)
    epoch = speed._epoch(speed._loop(speed._small(load()), recipe))
    for _ in range(4):
        started = time.perf_counter()
        epoch()
        spans.append(time.perf_counter() - started)
print(min(spans))
"""


@dataclass(frozen=True)
class Commits:
    """HEAD and another commit, each in a folder of its own."""

    other: str  # its short name
    folders: tuple[Path, Path]

    def share(self, measure: Callable[[Path], float], turns: int = 1) -> float:
        """The ratio of HEAD's measurement to the other's: the median over turns."""
        here, there = self.folders
        return statistics.median(measure(here) / measure(there) for _ in range(turns))


@contextmanager
def commits(other: str, repository: Path = ROOT) -> Iterator[Commits]:
    """Clone HEAD and another commit into temporary folders.

    Raises:
        BenchError: there is no such commit.
    """
    _, name = finish(["git", "rev-parse", "--short", f"{other}^{{commit}}"], repository)
    with tempfile.TemporaryDirectory(prefix="pneumo-bench-") as home:
        folders = Path(home, "this"), Path(home, "other")
        for commit, folder in zip(("HEAD", name.strip()), folders, strict=True):
            finish(["git", "clone", "--quiet", "--shared", str(repository), str(folder)])
            finish(["git", "checkout", "--quiet", commit], folder)
        yield Commits(name.strip(), folders)


def study(profile: str, folder: Path) -> float:
    """Seconds to train all models of a profile from scratch."""
    shutil.rmtree(folder / ".pneumo", ignore_errors=True)
    return _models(profile, folder)


def outputs(profile: str, folder: Path) -> float:
    """Seconds of all network outputs that a profile's analyses need, beside finished runs."""
    if not (folder / ".pneumo" / "runs").is_dir():
        _models(profile, folder)
    for name in ("outputs", "probes"):  # the latter in earlier commits
        shutil.rmtree(folder / ".pneumo" / name, ignore_errors=True)
    return _models(profile, folder)


def pages(change: str, folder: Path) -> float:
    """Seconds to draw the pages of a study of the profile smoke, whose site exists.

    Args:
        change: `everything` executes every page, `figure` edits a function first, `nothing` does neither.
        folder: the commit's.
    """
    draw = ["-m", "report.engine", "--engine", "portable", "--profile", "smoke"]
    if not (folder / "_site").is_dir():
        _python(folder, "-m", "pneumo", "study", "--profile", "smoke")
        _python(folder, *draw)
    if change == "figure":
        (path,) = (one for one in folder.glob("pneumo/**/shift.py") if FIGURE in one.read_text())
        path.write_text(path.read_text().replace(FIGURE, f'{FIGURE[:-1]}s"'))
    return _python(folder, *draw, *(["--fresh"] if change == "everything" else []))[0]


def session(name: str, folder: Path) -> float:
    """Seconds of a nox session whose environment exists."""
    _in(folder, "nox", "-s", name, "--install-only")
    return _in(folder, "nox", "-s", name)[0]


def checks(folder: Path) -> float:
    """Seconds of all checks for a change, in a fresh clone."""
    return _in(folder, "bash", ".ci/run")[0]


def asked(what: str, recipe: str, folder: Path) -> float:
    """Seconds of an `epoch`, or the GiB of `memory` of a training."""
    return float(_python(folder, "-c", _ASKED, what, recipe)[1].split()[-1])


def measurements(both: Commits) -> Iterator[Measurement]:
    """The benchmarks of two commits, in the table's order."""
    rows: list[tuple[str, str, str, Callable[[Path], float]]] = [
        (f"{what}-{name}", f"{RECIPES[name].title}: {words}", "≤ 1", partial(asked, what, name))
        for what, words in (("epoch", "time of an epoch"), ("memory", "peak memory of a training"))
        for name in (CNN, RESNET, LITE)
    ]
    trained = "time of all models of the profile {}, nothing trained before"
    drawn = "time to draw the pages, {}"
    rows += [
        ("study-smoke", trained.format("smoke"), "≤ 1", partial(study, "smoke")),
        ("study-standard", trained.format("standard"), "≤ 0.60", partial(study, "standard")),
        ("pages-everything", drawn.format("every page executed"), "≤ 0.40", partial(pages, "everything")),
        ("pages-figure", drawn.format("one figure's function edited"), "≤ 0.60", partial(pages, "figure")),
        ("pages-nothing", drawn.format("nothing changed"), "≤ 1", partial(pages, "nothing")),
        ("probes", "time of network outputs, profile standard", "≤ 0.5", partial(outputs, "standard")),
        ("tests", "time of `nox -s tests`", "≤ 0.25", partial(session, "tests")),
        ("checks", "time of all checks in a fresh clone", "≤ 0.45", checks),
    ]  # fmt: skip
    for name, words, goal, measure in rows:
        what = f"{words}, as a share of commit {both.other}'s"
        turns = PAIRS if name.startswith("epoch") else 1
        yield Measurement(
            f"against-{name}", what, "×", goal, partial(both.share, measure, turns)
        )  # fmt: skip


def _models(profile: str, folder: Path) -> float:
    # Without controls and ablations, which differ between commits; so no record is written, either.
    names = find_profile(profile).recipes
    return _python(folder, "-m", "pneumo", "study", "--profile", profile, "--only", *names)[0]


def _python(folder: Path, *arguments: str) -> tuple[float, str]:
    return _in(folder, sys.executable, *arguments)


def _in(folder: Path, *command: str) -> tuple[float, str]:
    """Run a command with a folder's packages before installed ones, and with its own run store."""
    return finish(command, folder, PYTHONPATH=str(folder), PNEUMO_HOME=str(folder / ".pneumo"))
