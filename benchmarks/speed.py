"""Benchmarks of speed and memory: `nox -s bench`. Speeds are ratios of two ways measured in turn.

The machine's speed and load cancel out of a ratio. A row with a goal says whether it is met; others are for
information.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import transforms

from pneumo import data
from pneumo.base.errors import PneumoError
from pneumo.data import DataError, Dataset, Split, stratified
from pneumo.data.datasets import phantom
from pneumo.record import bench
from pneumo.training.augmentation import augment, resize, to_unit
from pneumo.training.loop import Loop, Stage, TwoClasses, predict
from pneumo.training.models import build
from pneumo.training.recipes import RECIPES, Recipe
from pneumo.training.train import find_device, hardware, versions
from pneumo.training.weights import Weights, WeightsUnavailableError, find_weights

# Training images per epoch; validation and test images are in the published set's proportion.
IMAGES, VALIDATION_IMAGES, TEST_IMAGES = 1152, 128, 152
TURNS = 3
CNN, RESNET, LITE = "simple-cnn", "resnet18-scratch", "efficientnet-lite0-imagenet"
_TRAIN = """
import resource, sys, tempfile
from dataclasses import replace
from pathlib import Path
from pneumo import data
from pneumo.training.weights import find_weights
from pneumo.training.recipes import RECIPES
from pneumo.training.train import train
recipe = replace(RECIPES[sys.argv[1]], epochs=1)
with tempfile.TemporaryDirectory() as home:
    train(recipe, 0, data.load(), find_weights(recipe), Path(home))
status = Path("/proc/self/status")
if status.is_file():  # what getrusage says there is the caller's, if that held more
    (line,) = (row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
    print(int(line.split()[1]) * 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


class BenchError(PneumoError):
    """A benchmark does not exist or failed."""


@dataclass(frozen=True)
class Row:
    """One measurement."""

    id: str
    what: str
    value: float
    unit: str  # "×", "%", "min", "GiB", "ms"
    goal: str | None = None  # as "≥ 0.9"

    @property
    def ok(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.goal is None:
            return None
        sign, bound = self.goal.split()
        return self.value >= float(bound) if sign == "≥" else self.value <= float(bound)


def against_bare_loop(dataset: Dataset, recipe: Recipe) -> float:
    """The ratio of images per second in our epoch to those in a bare loop over the same steps.

    Our epoch augments, steps, keeps scores and evaluates on validation. The bare loop has its batches ready
    and does only forward, backward and step, in the same precision.
    """
    loop = _loop(dataset, recipe)
    optimizer, batches = _bare(loop.model), list(_batches(dataset, recipe))
    half = loop.precision != torch.float32

    def bare() -> None:
        loop.model.train()
        for inputs, targets in batches:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", loop.precision, enabled=half):
                output = loop.model(inputs).float()
            torch.autograd.backward(F.binary_cross_entropy_with_logits(output, targets))
            optimizer.step()

    return ratio(bare, _epoch(loop))


def against_usual_way(dataset: Dataset, recipe: Recipe) -> float:
    """The ratio of the time of an epoch with a DataLoader, PIL images and per-image transforms to ours.

    Network, augmentation and batch are the same; tensors have torch's usual layout. The faster of loading in
    the training process and in one worker counts.
    """
    loop = _loop(dataset, recipe)
    network = build(recipe, _weights(recipe)).network.to(memory_format=torch.contiguous_format)
    optimizer = _bare(network)
    found = []
    for workers in (0, 1):
        loader = DataLoader(
            _Pictures(dataset, recipe), recipe.batch_size, shuffle=True, num_workers=workers
        )

        def usual(loader: DataLoader[Any] = loader) -> None:
            network.train()
            for inputs, targets in loader:
                optimizer.zero_grad(set_to_none=True)
                output = network(inputs).squeeze(1)
                torch.autograd.backward(F.binary_cross_entropy_with_logits(output, targets))
                optimizer.step()
            network.eval()
            with torch.no_grad():
                network(_network_input(dataset.val.images, recipe))

        found.append(ratio(usual, _epoch(loop)))
    return min(found)


class _Pictures(torch.utils.data.Dataset[tuple[Tensor, float]]):
    """Training images as in most code: opened, augmented and converted to a tensor one at a time."""

    def __init__(self, dataset: Dataset, recipe: Recipe) -> None:
        self.split, change = dataset.train, recipe.augmentation
        channels = 1 if recipe.architecture == "simple-cnn" else 3
        self.transform = transforms.Compose(
            [
                transforms.Grayscale(channels),
                transforms.Resize(recipe.input_size),
                transforms.RandomHorizontalFlip(change.flip),
                transforms.RandomAffine(change.rotation, (change.translation, change.translation)),
                transforms.ColorJitter(change.brightness, change.contrast),
                transforms.ToTensor(),
                transforms.Normalize([0.5] * channels, [0.25] * channels),
            ]
        )

    def __len__(self) -> int:
        return len(self.split.labels)

    def __getitem__(self, place: int) -> tuple[Tensor, float]:
        image = Image.fromarray(self.split.images[place])
        return self.transform(image), float(self.split.labels[place])


def ratio(one: Callable[[], object], other: Callable[[], object], turns: int = TURNS) -> float:
    """The ratio of the time of one call to that of the other: the median over turns, after one warm-up."""
    found = []
    for turn in range(turns + 1):
        spans = []
        for work in (one, other):
            started = time.perf_counter()
            work()
            spans.append(time.perf_counter() - started)
        if turn:
            found.append(spans[0] / spans[1])
    return statistics.median(found)


def step_ratio(dataset: Dataset, recipe: Recipe, **changed: Any) -> float:
    """The speed-up of steps with `layout`, `precision`, `compiled` or `threads` changed.

    The default is channels_last, 32-bit floats, not compiled, on all threads.
    """
    plain, other = _steps(dataset, recipe), _steps(dataset, recipe, **changed)
    return ratio(plain, other)


def _steps(
    dataset: Dataset,
    recipe: Recipe,
    layout: torch.memory_format = torch.channels_last,
    precision: torch.dtype = torch.float32,
    compiled: bool = False,
    threads: int | None = None,
) -> Callable[[], None]:
    model = build(recipe, _weights(recipe))
    network: nn.Module = model.network.to(memory_format=layout)
    called: Callable[[Tensor], Tensor] = torch.compile(network) if compiled else network
    optimizer = _bare(network)
    shown = [
        (((inputs - model.mean) / model.deviation).contiguous(memory_format=layout), targets)
        for inputs, targets in list(_batches(dataset, recipe))[:4]
    ]

    def run() -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(threads or before)
        network.train()
        for inputs, targets in shown:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", precision, enabled=precision != torch.float32):
                output = called(inputs).squeeze(1).float()
            torch.autograd.backward(F.binary_cross_entropy_with_logits(output, targets))
            optimizer.step()
        torch.set_num_threads(before)

    return run


def side_by_side(recipe: Recipe) -> float:
    """The speed-up of two parallel trainings on one thread each over two in sequence on two threads."""
    command = [sys.executable, "-c", _TRAIN, recipe.name]

    def together() -> None:
        with ThreadPoolExecutor() as pool:
            both = [pool.submit(finish, command, OMP_NUM_THREADS="1") for _ in range(2)]
        for one in both:
            one.result()

    def in_turn() -> None:
        for _ in range(2):
            finish(command)

    return ratio(in_turn, together, turns=1)


def peak_memory(recipe: Recipe) -> float:
    """The peak memory of a training in a separate process, in GiB."""
    _, said = finish([sys.executable, "-c", _TRAIN, recipe.name])
    return int(said.split()[-1]) / 2**30


def one_prediction(dataset: Dataset) -> float:
    """Milliseconds to predict one image with a loaded SimpleCNN; the median of many."""
    recipe = RECIPES[CNN]
    model = build(recipe)
    spans = []
    for place in range(220):
        image = dataset.test.images[place % len(dataset.test.labels)][None]
        started = time.perf_counter()
        predict(model, recipe, image)
        spans.append(time.perf_counter() - started)
    return 1000 * statistics.median(spans[20:])


def standard_profile() -> float:
    """Minutes to train all models of the standard profile from scratch."""
    command = [sys.executable, "-m", "pneumo", "study", "--profile", "standard"]
    with tempfile.TemporaryDirectory() as home:
        return finish(command, PNEUMO_HOME=home)[0] / 60


@dataclass(frozen=True)
class Measurement:
    """A benchmark: its row, and the function that measures it."""

    id: str
    what: str
    unit: str
    goal: str | None
    measure: Callable[[], float]

    def row(self) -> Row:
        """Measure, and return the row."""
        return Row(self.id, self.what, self.measure(), self.unit, self.goal)


def measurements(dataset: Dataset) -> Iterator[Measurement]:
    """The benchmarks that can run here, in the table's order."""
    for recipe in filter(_can_run, RECIPES.values()):
        yield Measurement(
            f"throughput-{recipe.name}",
            f"{recipe.title}: images/s of an epoch, against a bare loop",
            "×",
            "≥ 0.95" if recipe.name == CNN else "≥ 0.90",
            partial(against_bare_loop, dataset, recipe),
        )
    for name, goal in ((CNN, "≥ 3.5"), (RESNET, "≥ 2.2")):
        yield Measurement(
            f"usual-way-{name}",
            f"{RECIPES[name].title}: an epoch with DataLoader and PIL, against ours",
            "×",
            goal,
            partial(against_usual_way, dataset, RECIPES[name]),
        )
    yield Measurement(
        "prediction", "SimpleCNN: one image, after load", "ms", "≤ 2", partial(one_prediction, dataset)
    )  # fmt: skip
    for name, goal in ((CNN, "≤ 1.5"), (RESNET, "≤ 1.5"), (LITE, "≤ 1.2")):
        what = f"{RECIPES[name].title}: peak memory of a training"
        measure = partial(peak_memory, RECIPES[name])
        yield Measurement(f"memory-{name}", what, "GiB", goal, measure)
    ways: dict[str, tuple[str, dict[str, Any]]] = {
        "usual-layout": (
            "torch's usual layout for channels_last",
            {"layout": torch.contiguous_format},
        ),
        "bfloat16": ("autocast to bfloat16", {"precision": torch.bfloat16}),
        "compiled": ("torch.compile", {"compiled": True}),
        "one-thread": ("one thread for all", {"threads": 1}),
    }
    for way, (words, changed) in ways.items():
        for name in (CNN, RESNET, LITE):
            what = f"{RECIPES[name].title}: speed of a step with {words}"
            measure = partial(step_ratio, dataset, RECIPES[name], **changed)
            yield Measurement(f"{way}-{name}", what, "×", None, measure)
    yield Measurement(
        "side-by-side",
        "SimpleCNN: two trainings on a thread each, against one after the other on all",
        "×",
        None,
        partial(side_by_side, RECIPES[CNN]),
    )
    yield Measurement(
        "standard-profile", "the standard profile, cold, without pages", "min", "≤ 12", standard_profile
    )  # fmt: skip


def run(
    measurable: Iterable[Measurement],
    chosen: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> list[Row]:
    """Run the chosen benchmarks, or all.

    Args:
        measurable: all benchmarks.
        chosen: ids; empty for all.
        say: is called with one line of progress per benchmark.

    Raises:
        BenchError: a chosen id does not exist.
    """
    known = {one.id: one for one in measurable}
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise BenchError(f"nothing is called {unknown[0]!r}; there are: {', '.join(known)}")
    rows = []
    for name in (name for name in known if name in chosen or not chosen):
        say(f"{name} …")
        try:
            rows.append(known[name].row())
        except (RuntimeError, PneumoError) as error:
            say(f"{name}: can't be measured here: {str(error).splitlines()[0]}")
    return rows


def _data() -> Dataset:
    """The available data, or else the phantom, since only times are measured."""
    try:
        return data.load()
    except DataError:
        return phantom()


def write(rows: Sequence[Row], path: Path) -> None:
    """Write rows to the file; they replace rows of the same id, and others stay."""
    before = (bench.read(path) or {"rows": []})["rows"]
    new = {row.id: asdict(row) | {"ok": row.ok} for row in rows}
    merged = {row["id"]: row for row in before} | new
    machine = hardware(torch.device("cpu")) | {"versions": versions()}
    bench.write(path, list(merged.values()), machine)


def options() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("--only", nargs="+", default=(), metavar="ID", help="only these rows")
    parser.add_argument("--output", type=Path, default=Path("bench.json"))
    parser.add_argument("--against", metavar="COMMIT", help="only compare HEAD with another commit")
    parser.add_argument(
        "--medmnist",
        type=Path,
        metavar="FOLDER",
        help="a clone of MedMNIST's experiments, whose training script is also measured",
    )
    return parser


def main(chosen: argparse.Namespace, measurable: Iterable[Measurement]) -> int:
    """Measure, print and write a table; the exit status is 1 if a goal is missed."""
    rows = run(measurable, chosen.only)
    write(rows, chosen.output)
    table = Table("what", "value", "goal", "met")
    for row in rows:
        met = {True: "yes", False: "no", None: ""}[row.ok]
        table.add_row(row.what, f"{row.value:.2f} {row.unit}", row.goal or "", met)
    Console().print(table)
    return 1 if any(row.ok is False for row in rows) else 0


def _small(dataset: Dataset) -> Dataset:
    """A subset with the images of one turn, with splits in the published set's proportion."""

    def few(split: Split, count: int) -> Split:
        if count >= len(split.labels):
            return split
        kept = stratified(split.labels, count, seed=0)
        return Split(split.images[kept], split.labels[kept])

    return replace(
        dataset,
        train=few(dataset.train, IMAGES),
        val=few(dataset.val, VALIDATION_IMAGES),
        test=few(dataset.test, TEST_IMAGES),
    )


def _weights(recipe: Recipe) -> Weights | None:
    return find_weights(recipe) if recipe.pretraining else None


def _can_run(recipe: Recipe) -> bool:
    """Whether the recipe's pretrained weights are available."""
    try:
        find_weights(recipe)
    except WeightsUnavailableError:
        return False
    return True


def _loop(dataset: Dataset, recipe: Recipe) -> Loop:
    torch.manual_seed(0)
    model = build(recipe, _weights(recipe)).to(find_device("cpu"))
    return Loop(recipe, 0, model, TwoClasses(), dataset.train, dataset.val, Path())


def _epoch(loop: Loop) -> Callable[[], None]:
    """One epoch of our own loop, with everything except the checkpoint."""
    labels = torch.tensor(loop.training.labels).float()
    steps = -(-len(labels) // loop.recipe.batch_size)
    stage = Stage("open", 10 * TURNS, loop.recipe.learning_rate)
    optimizer, schedule = loop._optimizer(stage, steps)
    loop.averaged = loop._average(stage, steps)
    return lambda: loop._epoch(stage, labels, optimizer, schedule, None)


def _bare(model: nn.Module) -> torch.optim.Optimizer:
    model.requires_grad_(True)
    return torch.optim.AdamW(model.parameters(), lr=1e-4)


def _batches(dataset: Dataset, recipe: Recipe) -> Iterator[tuple[Tensor, Tensor]]:
    """The augmented batches of an epoch."""
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.from_numpy(dataset.train.images), torch.tensor(dataset.train.labels)
    for batch in torch.split(torch.arange(len(labels)), recipe.batch_size):
        inputs = augment(to_unit(images[batch]), recipe.input_size, recipe.augmentation, generator)
        yield inputs, labels[batch].float()


def _network_input(images: np.typing.NDArray[np.uint8], recipe: Recipe) -> Tensor:
    """Images as input of a network without its normalisation."""
    channels = 1 if recipe.architecture == "simple-cnn" else 3
    return ((resize(to_unit(images), recipe.input_size) - 0.5) / 0.25).expand(-1, channels, -1, -1)


def finish(
    command: Sequence[str], folder: Path | None = None, **environment: str
) -> tuple[float, str]:
    """Run a command in a folder; returns its seconds and its standard output.

    Raises:
        BenchError: it failed.
    """
    started = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing said"]
        words = " ".join(word for word in command if "\n" not in word)  # without a program's text
        raise BenchError(f"{words} ended with {done.returncode}: {said[-1]}")
    return seconds, done.stdout
