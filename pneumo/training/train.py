"""Train a run from a recipe, a seed and a data set, and write it to disk."""

import ctypes
import os
import platform
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import nn

from pneumo.base import npz, storage
from pneumo.base.errors import PneumoError
from pneumo.data import Dataset, Part, Split, part, stratified
from pneumo.data.held_out import divide
from pneumo.data.origins import Origins
from pneumo.training import runs
from pneumo.training.loop import Loop, TwoClasses, predict, seed_everything
from pneumo.training.models import Classifier, build, count_parameters, layers
from pneumo.training.recipes import NO_ORIGINS, Recipe
from pneumo.training.runs import Listener, Run
from pneumo.training.weights import Weights

_LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "captum")


def train(
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    weights: Weights | None = None,
    home: Path | None = None,
    listener: Listener | None = None,
    device: str = "auto",
    key: str | None = None,
) -> Run:
    """Train a run, unless it is finished already.

    If two processes need the same run, the second waits and reads it. A killed training resumes from its last
    finished epoch, and ends with the same numbers as an uninterrupted one.

    Args:
        seed: of the initial weights, the order of images and augmentation.
        dataset: each epoch is evaluated on its validation split; test is predicted once, at the end.
        weights: the pretrained weights that the recipe needs.
        home: the run store's folder; None for the project's.
        listener: receives every step and epoch.
        device: "auto" for a GPU if there is one.
        key: of the run; None to find it.

    Raises:
        PneumoError: there is no such device, or weights or origins of images that the recipe needs are
            missing.
    """
    check_weights(recipe, weights)
    key = key or runs.find_key(recipe, seed, dataset, weights.sha256 if weights else None, home)
    destination = runs.folder(recipe, seed, key, home)
    with runs.once(destination) as partial:
        if partial:
            loop = fill(recipe, seed, dataset, weights, partial, find_device(device), listener)
            finish(loop, dataset, weights, key)
    return runs.load(destination)


def check_weights(recipe: Recipe, weights: Weights | None) -> None:
    """Refuse a training without its weights.

    Raises:
        PneumoError: the recipe needs pretrained weights, and none are given.
    """
    if recipe.pretraining and weights is None:
        raise PneumoError(
            f"{recipe.name} needs weights pretrained on {recipe.pretraining}; name them with --weights"
        )


def find_device(name: str) -> torch.device:
    """Find the device called `name`; "auto" is the GPU if there is one, else the CPU.

    It also sets how this process keeps memory and how a GPU rounds.

    Raises:
        PneumoError: there is no such device here.
    """
    # Freed memory is kept for the next step; page faults would cost a tenth of its time.
    for parameter in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
        _glibc("mallopt", parameter, 2**30)
    # Otherwise a GPU's convolutions round their inputs to 10 bits (TF32).
    torch.backends.cudnn.allow_tf32 = False
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise PneumoError(f"no device {name!r} here ({reason}); try auto or cpu") from None


def _glibc(name: str, *arguments: int) -> None:
    """Call a function of glibc's allocator; other C libraries have none."""
    with suppress(AttributeError, TypeError):
        getattr(ctypes.CDLL(None), name)(*arguments)


def use_threads(count: int) -> None:
    """Use `count` threads in this process."""
    torch.set_num_threads(count)


def fill(
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    weights: Weights | None,
    folder: Path,
    device: torch.device,
    listener: Listener | None,
    make: Callable[..., Loop] = Loop,
) -> Loop:
    """Train with checkpoints in `folder`.

    Args:
        folder: of checkpoint and history.
        device: torch's device.
        make: has the arguments of :class:`pneumo.training.loop.Loop`.
    """
    places = np.arange(len(dataset.train.labels))
    if recipe.held_out:
        places = divide(dataset.train)[0]
    if recipe.unshared_patients:
        places = np.intersect1d(places, _unshared(dataset))
    if recipe.train_images is not None and recipe.train_images < len(places):
        places = places[stratified(dataset.train.labels[places], recipe.train_images, seed)]
    training, validation = part(dataset.train, places), dataset.val
    if recipe.shuffled_labels:
        training = replace(training, labels=_shuffled(training.labels, seed))
        validation = replace(validation, labels=_shuffled(validation.labels, seed))
    seed_everything(seed)
    model = build(recipe, weights).to(device)
    loop = make(recipe, seed, model, _task(recipe, training.labels), training, validation, folder)
    if recipe.augmentation.framing:
        ratios = torch.from_numpy(_origins(dataset)["train"].ratios).float()
        loop.ratios = ratios[places]
    loop.run(listener)
    _glibc("malloc_trim", 0)
    return loop


def _origins(dataset: Dataset) -> dict[str, Origins]:
    if dataset.origins is None:
        raise PneumoError(NO_ORIGINS)
    return dataset.origins


def _unshared(dataset: Dataset) -> NDArray[np.int64]:
    """Indices of the training images whose patients have no validation images."""
    training, validation = (_origins(dataset)[name].patients for name in ("train", "val"))
    return np.flatnonzero((training < 0) | ~np.isin(training, validation))


def _shuffled(labels: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Shuffle labels, so that nothing can be learned."""
    return np.random.default_rng(seed).permutation(labels)


def _task(recipe: Recipe, labels: NDArray[np.uint8]) -> TwoClasses:
    """Make the loss; a balanced one gives both classes the same weight, with mean weight 1."""
    if not recipe.balanced:
        return TwoClasses()
    share = float(labels.mean())
    return TwoClasses((0.5 / (1 - share), 0.5 / share))


def finish(loop: Loop, dataset: Dataset, weights: Weights | None, key: str) -> None:
    """Predict validation and test, explain, and write the files of a finished run."""
    from pneumo.training.grad_cam import explain

    model, recipe, folder = loop.model, loop.recipe, loop.folder
    arrays: dict[str, NDArray[Any]] = {}
    splits: dict[str, Split | Part] = {"val": dataset.val, "test": dataset.test}
    if recipe.held_out:
        splits["held"] = part(dataset.train, divide(dataset.train)[1])
    for name, split in splits.items():
        arrays[f"{name}_logits"] = predict(model, recipe, split.images)
        arrays[f"{name}_labels"] = split.labels
    storage.write(folder / "predictions.npz", npz.archive(**arrays))
    explanation = explain(model, recipe, dataset.test.images, _first_of_each(dataset.train))
    storage.write(folder / "explain.npz", npz.archive(**vars(explanation)))
    write_weights(model, folder / runs.WEIGHTS)
    manifest = {
        "key": key,
        "recipe": recipe.to_dict(),
        "seed": loop.seed,
        "parameters": count_parameters(model),
        "layers": layers(model, recipe.input_size),
        "pretrained": {"name": weights.name, "sha256": weights.sha256} if weights else None,
        "data": {
            "source": dataset.source,
            "fingerprint": dataset.fingerprint,
            "order": dataset.order,
            "size": dataset.size,
        },
        **provenance(loop),
        "metrics": {
            name: loop.history[-1][name]
            for name in ("epoch", "val_loss", "val_accuracy", "val_auc")
        },
    }
    runs.write_manifest(folder, manifest)


def write_weights(model: nn.Module, path: Path) -> None:
    """Convert the weights of a network to safetensors."""
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    storage.write(path, save(state))


def load_network(run: Run, device: str = "auto") -> Classifier:
    """Load the trained network of a run, in evaluation mode.

    Raises:
        RunError: its weights are damaged.
    """
    model = build(run.recipe)
    model.load_state_dict(load(run.read(runs.WEIGHTS)))
    return model.to(find_device(device)).eval()


def provenance(loop: Loop) -> dict[str, Any]:
    """Entries of the manifest on hardware and duration."""
    return {
        "versions": versions(),
        "hardware": hardware(loop.device)
        | {"precision": str(loop.precision).removeprefix("torch.")}
        | ({"processes": loop.processes} if loop.processes > 1 else {}),
        "git_commit": loop.git_commit,
        "seconds": round(sum(row["seconds"] for row in loop.history), 3),
    }


def versions() -> dict[str, str]:
    """Versions of Python, this package, and the libraries that numbers depend on."""
    from pneumo import __version__

    libraries = {name: version(name) for name in _LIBRARIES}
    return {"pneumo": __version__, "python": platform.python_version(), **libraries}


def hardware(device: torch.device) -> dict[str, Any]:
    """Describe the hardware without the name of the machine."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    # The library whose convolutions a CPU runs; its version is no package's.
    kernels = re.search(r"MKL-DNN v([\d.]+)", torch.__config__.show())
    return {
        "device": device.type,
        "name": name,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        **({"onednn": kernels[1]} if kernels else {}),
    }


def _first_of_each(split: Split) -> NDArray[np.uint8]:
    """The first training image of each class, (2, H, W)."""
    return split.images[[int((split.labels == label).argmax()) for label in (0, 1)]]
