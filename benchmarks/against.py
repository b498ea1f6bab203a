"""The commit that is checked out beside another one: `nox -s bench -- --against COMMIT`.

Both are laid out afresh and take turns, in the environment that this runs in. A row is what the one takes as
a share of what the other takes.
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
PAIRS = 3  # of processes that take turns with an epoch
# Answers each line with the seconds of an epoch, or the GiB of a training.
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
    """Two commits in folders of their own; a context, at whose end the folders are gone.

    Args:
        other: names the commit that HEAD is held against.
        repository: theirs.
    """

    def __init__(self, other: str, repository: Path = ROOT) -> None:
        super().__init__()
        self._repository = repository
        self.other = self._git("rev-parse", "--short", other).decode().strip()

    @cached_property
    def folders(self) -> tuple[Path, Path]:
        """Of HEAD and of the other."""
        name = self.enter_context(tempfile.TemporaryDirectory(prefix="pneumo-bench-"))
        folders = Path(name) / "this", Path(name) / "other"
        for commit, folder in zip(("HEAD", self.other), folders, strict=True):
            with tarfile.open(fileobj=io.BytesIO(self._git("archive", commit))) as files:
                files.extractall(folder, filter="data")
        return folders

    def share(self, measure: Callable[[Path], float]) -> float:
        """What HEAD's folder takes as a share of what the other takes, measured once each."""
        here, there = self.folders
        return measure(here) / measure(there)

    def study(self, profile: str, folder: Path) -> float:
        """Seconds of all models of a profile with nothing trained before."""
        shutil.rmtree(folder / ".pneumo", ignore_errors=True)
        return self._models(profile, folder)

    def probes(self, profile: str, folder: Path) -> float:
        """Seconds of what is asked of all models of a profile after their training."""
        if not (folder / ".pneumo" / "runs").is_dir():
            self._models(profile, folder)
        shutil.rmtree(folder / ".pneumo" / "probes", ignore_errors=True)
        return self._models(profile, folder)

    def session(self, name: str, folder: Path) -> float:
        """Seconds of a session of nox, its environment made before."""
        command = ["nox", "-s", name]
        _seconds([*command, "--install-only"], folder)
        return _seconds(command, folder)

    def checks(self, folder: Path) -> float:
        """Seconds of everything that must hold before a change lands, in a fresh clone."""
        return _seconds(["bash", ".ci/run"], folder)

    def asked(self, what: str, recipe: str) -> float:
        """The share of `memory`, or of an `epoch` in the median over turns of several pairs of processes.

        Where a process has its memory alone can move its speed by a tenth.
        """
        if what == "memory":
            return self._turns(what, recipe, 1)[0]
        # After one for warmth; who begins changes from turn to turn.
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
        # Without controls and ablations, which differ by commit; then no record is written, either.
        names = find_profile(profile).recipes
        command = [sys.executable, "-m", "pneumo", "study", "--profile", profile, "--only", *names]
        return _seconds(command, folder)

    def _git(self, *arguments: str) -> bytes:
        command = ["git", "-C", str(self._repository), *arguments]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise BenchError(f"git {arguments[0]} knows no {arguments[-1]}: {said}")
        return done.stdout


def measurements(commits: Commits) -> Iterator[Measurement]:
    """What can be measured of two commits, in the table's order."""
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
    """With the packages of a folder before those that are installed, and its own run store."""
    return {"PYTHONPATH": str(folder), "PNEUMO_HOME": str(folder / ".pneumo")}


def _answer(process: Any) -> float:
    try:
        process.stdin.write("\n")
        process.stdin.flush()
        return float(process.stdout.readline())
    except (OSError, ValueError):
        raise BenchError(f"an epoch or a training failed in {process.args!r:.60}") from None
