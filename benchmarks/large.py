"""Benchmarks of large data sets: drawn sets of many images, each trained on in a separate process.

Memory is the private memory of a process. Pages of a mapped file do not count, since the system can drop them
at any time. If the system does not distinguish the two, it is all memory of the process.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from benchmarks import many as sets
from benchmarks.speed import Measurement, finish

GROWTH = 8  # the ratio of images in the long epoch to those in the short one
_TRAIN = """
import json, resource, sys, tempfile, threading, time
from dataclasses import replace
from pathlib import Path
path, size, growth = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
status, peak, done = Path("/proc/self/status"), [0], threading.Event()

def held():
    if not status.is_file():
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    rows = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(rows["RssAnon"].split()[0]) * 1024

def watch():
    while not done.wait(0.02):
        peak[0] = max(peak[0], held())

from pneumo import data
from pneumo.training.recipes import RECIPES
from pneumo.training.train import train
watcher = threading.Thread(target=watch, daemon=True)
watcher.start()
started = time.perf_counter()
dataset = data.load(size, str(path))
loaded = time.perf_counter() - started

class Ear:
    def __init__(self):
        self.heard = []
    def step(self, images):
        self.heard.append((time.perf_counter(), images))
    def epoch(self, row):
        pass
    def rate(self):
        warm = self.heard[min(4, len(self.heard) - 2):]
        return sum(count for _, count in warm[1:]) / (warm[-1][0] - warm[0][0])

# The network sees 28 by 28 pixels of every image: what is measured is what larger images cost before it.
recipe, rates = replace(RECIPES["simple-cnn"], epochs=1), []
images = len(dataset.train.labels)
for count in (images // growth, images):
    with tempfile.TemporaryDirectory() as home:
        ear = Ear()
        train(replace(recipe, train_images=count), 0, dataset, None, Path(home), ear, "cpu")
        rates.append(ear.rate())
done.set()
watcher.join()
found = {"load": loaded, "memory": peak[0] / 2**30, "rate": rates[1], "growth": rates[1] / rates[0]}
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Many:
    """A drawn set of many images."""

    size: int
    counts: tuple[tuple[str, int], ...]

    @property
    def words(self) -> str:
        """Their number, their size, and the size that the network sees."""
        images = sum(count for _, count in self.counts)
        seen = ", seen at 28×28" if self.size > 28 else ""
        return f"{images:,} images at {self.size}×{self.size}{seen}"


SETS = (
    Many(28, (("train", 180_000), ("val", 10_000), ("test", 10_000))),
    Many(224, (("train", 18_000), ("val", 1_000), ("test", 1_000))),
)


def measurements() -> Iterator[Measurement]:
    """The benchmarks of large data sets, in the table's order; one training per set gives all its rows."""
    for many in SETS:
        rows = (
            ("memory", "peak memory of a training on", "GiB", "≤ 1.5"),
            ("load", "time to find and check", "s", None),
            ("rate", "speed of an epoch of", "images/s", None),
            ("growth", f"images/s of an epoch, against that of one {GROWTH} times shorter,", "×", "≥ 0.90"),
        )  # fmt: skip
        for name, words, unit, goal in rows:
            what = f"SimpleCNN: {words} {many.words}"
            yield Measurement(
                f"many-{name}-{many.size}", what, unit, goal, partial(number, many, name)
            )


def number(many: Many, name: str) -> float:
    """One of the numbers of :func:`train`."""
    return train(many)[name]


@cache
def train(many: Many) -> dict[str, float]:
    """Draw a set, train on a part and on all of it, and return time and memory by name.

    Raises:
        BenchError: the training failed.
    """
    with tempfile.TemporaryDirectory(prefix="pneumo-bench-") as folder:
        path = Path(folder) / "many.npz"
        sets.write(path, dict(many.counts), many.size)
        command = [sys.executable, "-c", _TRAIN, str(path), str(many.size), str(GROWTH)]
        _, said = finish(command, PNEUMO_HOME=folder)
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found
