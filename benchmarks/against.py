"""Benchmarks HEAD against another commit: `nox -s bench -- --against COMMIT`.

Both are checked out into new folders and measured in turn, in the current environment. Each row is the ratio
of HEAD's time or memory to the other's.
"""

import io
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from benchmarks.speed import CNN, LITE, RESNET, TURNS, BenchError, Measurement, finish
from pneumo.training.recipes import RECIPES, find_profile

ROOT = Path(__file__).resolve().parents[1]
PAIRS = 3  # of processes that run epochs in turn
FIGURE = 'set_xlabel("logit"'  # in a figure's function, which the row of one edit changes
# Answers each line of input with the seconds of an epoch, or the GiB of a training.
_ASKED = """
import sys, time
try:
    from benchmarks import speed
    from pneumo.training.recipes import RECIPES
except ImportError:  # where they were before version 0.2
    from pneumo import bench as speed
    from pneumo.recipes import RECIPES
what, recipe = sys.argv[1], RECIPES[sys.argv[2]]
if what == "epoch":
    load = getattr(speed, "_data", speed.data.load)
    epoch = speed._epoch(speed._loop(speed._small(load()), recipe))
for _ in sys.stdin:
    started = time.perf_counter()
    found = speed.peak_memory(recipe) if what == "memory" else epoch()
    print(found or time.perf_counter() - started, flush=True)
"""


class Commits(ExitStack):
    """Two commits checked out into temporary folders; a context manager.

    Args:
        other: the commit to compare HEAD with.
        repository: of both commits.
    """

    def __init__(self, other: str, repository: Path = ROOT) -> None:
        super().__init__()
        self._repository = repository
        self.other = self._git("rev-parse", "--short", other).decode().strip()

    @cached_property
    def folders(self) -> tuple[Path, Path]:
        """The folders of HEAD and of the other commit."""
        name = self.enter_context(tempfile.TemporaryDirectory(prefix="pneumo-bench-"))
        folders = Path(name) / "this", Path(name) / "other"
        for commit, folder in zip(("HEAD", self.other), folders, strict=True):
            with tarfile.open(fileobj=io.BytesIO(self._git("archive", commit))) as files:
                files.extractall(folder, filter="data")
        return folders

    def share(self, measure: Callable[[Path], float]) -> float:
        """The ratio of HEAD's measurement to the other's, each measured once."""
        here, there = self.folders
        return measure(here) / measure(there)

    def study(self, profile: str, folder: Path) -> float:
        """Seconds to train all models of a profile from scratch."""
        shutil.rmtree(folder / ".pneumo", ignore_errors=True)
        return self._models(profile, folder)

    def probes(self, profile: str, folder: Path) -> float:
        """Seconds of all probes of a profile's trained models."""
        if not (folder / ".pneumo" / "runs").is_dir():
            self._models(profile, folder)
        shutil.rmtree(folder / ".pneumo" / "probes", ignore_errors=True)
        return self._models(profile, folder)

    def pages(self, change: str, folder: Path) -> float:
        """Seconds to draw the pages of a study of the profile smoke, whose site exists.

        Args:
            change: `everything` executes every page, `figure` edits a function first, `nothing` does neither.
            folder: the commit's.
        """
        draw = [sys.executable, "-m", "report.engine", "--engine", "portable", "--profile", "smoke"]
        if not (folder / "_site").is_dir():
            _seconds([sys.executable, "-m", "pneumo", "study", "--profile", "smoke"], folder)
            _seconds(draw, folder)
        if change == "figure":
            (path,) = (
                one for one in folder.glob("pneumo/**/shift.py") if FIGURE in one.read_text()
            )
            path.write_text(path.read_text().replace(FIGURE, f'{FIGURE[:-1]}s"'))
        return _seconds([*draw, "--fresh"] if change == "everything" else draw, folder)

    def session(self, name: str, folder: Path) -> float:
        """Seconds of a nox session whose environment exists."""
        command = ["nox", "-s", name]
        _seconds([*command, "--install-only"], folder)
        return _seconds(command, folder)

    def checks(self, folder: Path) -> float:
        """Seconds of all checks for a change, in a fresh clone."""
        return _seconds(["bash", ".ci/run"], folder)

    def asked(self, what: str, recipe: str) -> float:
        """The ratio of `memory`, or the median ratio of an `epoch` over turns of several pairs of processes.

        The placement of its memory alone can change a process's speed by a tenth, hence several pairs.
        """
        if what == "memory":
            return self._turns(what, recipe, 1)[0]
        # One warm-up turn first; the order alternates.
        pairs = [self._turns(what, recipe, TURNS + 1)[1:] for _ in range(PAIRS)]
        return statistics.median(turn for turns in pairs for turn in turns)

    def _turns(self, what: str, recipe: str, count: int) -> list[float]:
        command = [sys.executable, "-c", _ASKED, what, recipe]
        pipe = subprocess.PIPE
        with ExitStack() as stack:
            pair = [
                stack.enter_context(
                    subprocess.Popen(
                        command, cwd=folder, env=os.environ | _environment(folder), stdin=pipe, stdout=pipe,
                        text=True,
                    )
                )
                for folder in self.folders
            ]  # fmt: skip
            found = []
            for turn in range(count):
                order = pair if turn % 2 else pair[::-1]
                answers = {process.pid: _answer(process) for process in order}
                here, there = (answers[process.pid] for process in pair)
                found.append(here / there)
        return found

    def _models(self, profile: str, folder: Path) -> float:
        # Without controls and ablations, which differ between commits; so no record is written, either.
        names = find_profile(profile).recipes
        command = [sys.executable, "-m", "pneumo", "study", "--profile", profile, "--only", *names]
        return _seconds(command, folder)

    def _git(self, *arguments: str) -> bytes:
        command = ["git", "-C", str(self._repository), *arguments]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise BenchError(f"git {arguments[0]} failed for {arguments[-1]}: {said}")
        return done.stdout


def measurements(commits: Commits) -> Iterator[Measurement]:
    """The benchmarks of two commits, in the table's order."""
    share, asked = commits.share, commits.asked
    rows: list[tuple[str, str, str, Callable[[], float]]] = [
        (f"{what}-{name}", f"{RECIPES[name].title}: {words}", "≤ 1", partial(asked, what, name))
        for what, words in (("epoch", "time of an epoch"), ("memory", "peak memory of a training"))
        for name in (CNN, RESNET, LITE)
    ]
    for profile, goal in (("smoke", "≤ 1"), ("standard", "≤ 0.60")):
        words = f"time of all models of the profile {profile}, nothing trained before"
        rows.append(
            (f"study-{profile}", words, goal, partial(share, partial(commits.study, profile)))
        )
    for change, words, goal in (
        ("everything", "every page executed", "≤ 0.40"),
        ("figure", "one figure's function edited", "≤ 0.60"),
        ("nothing", "nothing changed", "≤ 1"),
    ):
        pages = partial(share, partial(commits.pages, change))
        rows.append((f"pages-{change}", f"time to draw the pages, {words}", goal, pages))
    probes = partial(commits.probes, "standard")
    rows += [
        ("probes", "time of all probes of the profile standard", "≤ 0.5", partial(share, probes)),
        ("tests", "time of `nox -s tests`", "≤ 0.25", partial(share, partial(commits.session, "tests"))),
        ("checks", "time of all checks in a fresh clone", "≤ 0.45", partial(share, commits.checks)),
    ]  # fmt: skip
    for name, words, goal, measure in rows:
        what = f"{words}, as a share of commit {commits.other}'s"
        yield Measurement(f"against-{name}", what, "×", goal, measure)


def _seconds(command: list[str], folder: Path) -> float:
    return finish(command, folder, **_environment(folder))[0]


def _environment(folder: Path) -> dict[str, str]:
    """An environment that imports a folder's packages before installed ones and has its own run store."""
    return {"PYTHONPATH": str(folder), "PNEUMO_HOME": str(folder / ".pneumo")}


def _answer(process: Any) -> float:
    try:
        process.stdin.write("\n")
        process.stdin.flush()
        return float(process.stdout.readline())
    except (OSError, ValueError):
        raise BenchError(f"an epoch or a training failed in {process.args!r:.60}") from None
