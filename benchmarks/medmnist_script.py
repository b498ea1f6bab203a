"""Benchmarks MedMNIST's training script against our loop: `nox -s bench -- --medmnist CLONE`."""

import importlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from torchvision import transforms

from benchmarks import speed
from benchmarks.speed import BenchError, Measurement
from pneumo.data import Dataset
from pneumo.training.recipes import RECIPES

SCRIPT = Path("MedMNIST2D") / "train_and_eval_pytorch.py"
FLAG, TASK, BATCH = "pneumoniamnist", "binary-class", 128  # the batch is the script's default


def against_medmnist(dataset: Dataset, folder: Path) -> float:
    """The ratio of the time of the script's epoch to that of ours, with the same network.

    The script's epoch is `train`, then `test` on each split, as in its `main`; its logs are dropped. Its
    ResNet18 for 28 pixels begins with a kernel of 3, a stride of 1 and no pooling. Unlike the script's,
    our network takes three channels instead of one and gives one logit instead of two, and we augment.
    """
    import medmnist

    theirs = _script(folder)
    recipe = replace(RECIPES[speed.RESNET], stem_pooling=False, batch_size=BATCH)
    small = speed._small(dataset)
    device, criterion = torch.device("cpu"), torch.nn.CrossEntropyLoss()
    shown = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
    model = theirs.ResNet18(in_channels=1, num_classes=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    silent = SimpleNamespace(add_scalar=lambda *_: None)
    with tempfile.TemporaryDirectory() as root:
        arrays: dict[str, Any] = {}
        for name, split in small.splits.items():
            arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels[:, None]}
        np.savez(Path(root) / f"{FLAG}.npz", **arrays)
        splits = {
            name: medmnist.PneumoniaMNIST(split=name, transform=shown, root=root)
            for name in small.splits
        }
        for name, images in splits.items():  # these check that the set is complete
            images.info = images.info | {"n_samples": {name: len(images.imgs)}}
        judges = {name: medmnist.Evaluator(FLAG, name, root=root) for name in splits}

        def epoch() -> None:
            loader = DataLoader(splits["train"], BATCH, shuffle=True)
            theirs.train(model, loader, TASK, criterion, optimizer, device, silent)
            for name, images in splits.items():
                again = DataLoader(images, BATCH)
                theirs.test(model, judges[name], again, TASK, criterion, device, "bench")

        return speed.ratio(epoch, speed._epoch(speed._loop(small, recipe)))


def measurements(folder: Path) -> Iterator[Measurement]:
    """The one benchmark, whose title names the script's commit."""
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode or not (folder / SCRIPT).is_file():
        raise BenchError(
            f"{folder} is not a clone of https://github.com/MedMNIST/experiments: no {SCRIPT} or no commit"
        )
    what = (
        f"ResNet18 at 28 pixels: an epoch of MedMNIST's own script (commit {found.stdout.strip()}), which "
        "judges on every split, against ours of the same network"
    )
    measure = partial(against_medmnist, speed._data(), folder)
    yield Measurement("medmnist-script", what, "×", "≥ 2.5", measure)


def _script(folder: Path) -> Any:
    """The script as a module; its logging packages need not be installed."""
    sys.modules.setdefault("tensorboardX", SimpleNamespace(SummaryWriter=None))  # type: ignore[arg-type]
    sys.path.insert(0, str((folder / SCRIPT).parent))
    try:
        theirs = importlib.import_module(SCRIPT.stem)
    finally:
        sys.path.pop(0)
    theirs.iteration = 0
    return theirs
