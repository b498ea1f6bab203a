"""Benchmarks of large data sets: drawn sets of many images, each trained on in a separate process.

Memory is the private memory of a process. Pages of a mapped file do not count, since the system can drop them
at any time. If the system does not distinguish the two, it is all memory of the process.

``python -m benchmarks.large FILE SIZE`` is that process.
"""

import json
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from benchmarks import many
from benchmarks.speed import Measurement, finish
from pneumo import data
from pneumo.training.recipes import RECIPES
from pneumo.training.train import train

SETS = ((28, 200_000), (224, 20_000))  # size and number of images
GROWTH = 8  # the ratio of images in the long epoch to those in the short one
ROWS = (
    ("memory", "peak memory of a training on", "GiB", "≤ 1.5"),
    ("load", "time to find and check", "s", None),
    ("rate", "speed of an epoch of", "images/s", None),
    ("growth", f"images/s of an epoch, against that of one {GROWTH} times shorter,", "×", "≥ 0.90"),
)


def measurements() -> Iterator[Measurement]:
    """The benchmarks of large data sets, in the table's order; one training per set gives all its rows."""
    for size, images in SETS:
        seen = ", seen at 28×28" if size > 28 else ""
        for name, words, unit, goal in ROWS:
            what = f"SimpleCNN: {words} {images:,} images at {size}×{size}{seen}"
            measure = partial(_number, size, images, name)
            yield Measurement(f"many-{name}-{size}", what, unit, goal, measure)


def _number(size: int, images: int, name: str) -> float:
    return measured(size, images)[name]


@cache
def measured(size: int, images: int) -> dict[str, float]:
    """Draw a set, train on a part and on all of it, and return time and memory by name of the row.

    Raises:
        BenchError: the training failed.
    """
    with tempfile.TemporaryDirectory(prefix="pneumo-bench-") as folder:
        path = Path(folder) / "many.npz"
        counts = {"train": images * 9 // 10, "val": images // 20, "test": images // 20}
        many.write(path, counts, size)
        command = [sys.executable, "-m", "benchmarks.large", str(path), str(size)]
        _, said = finish(command, PNEUMO_HOME=folder)
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


class _Ear:
    """Hears the time of every step."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, int]] = []

    def step(self, images: int) -> None:
        self.heard.append((time.perf_counter(), images))

    def epoch(self, row: dict[str, Any]) -> None:
        pass

    def rate(self) -> float:
        warm = self.heard[min(4, len(self.heard) - 2) :]
        return sum(count for _, count in warm[1:]) / (warm[-1][0] - warm[0][0])


def _held() -> int:
    """Bytes of private memory, or else the most that were held."""
    status = Path("/proc/self/status")
    if status.is_file():
        rows = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(rows["RssAnon"].split()[0]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024)


def _main(path: str, size: int) -> None:
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, _held())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    started = time.perf_counter()
    dataset = data.load(size, path)
    loaded = time.perf_counter() - started
    # The network sees 28 by 28 pixels of every image: what is measured is what larger images cost before it.
    recipe, rates = replace(RECIPES["simple-cnn"], epochs=1), []
    images = len(dataset.train.labels)
    for count in (images // GROWTH, images):
        ear = _Ear()
        with tempfile.TemporaryDirectory() as home:
            train(replace(recipe, train_images=count), 0, dataset, None, Path(home), ear, "cpu")
        rates.append(ear.rate())
    done.set()
    watcher.join()
    short, long = rates
    found = {"load": loaded, "memory": peak / 2**30, "rate": long, "growth": long / short}
    print(json.dumps(found))


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
