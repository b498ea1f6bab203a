"""Pretrain ResNet18 on a folder of images by class, with the same loop, store and resume as every run.

The result is a file of weights for fine-tuning, and a manifest of its training.
"""

import json
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save as safetensors
from torchvision.datasets.folder import IMG_EXTENSIONS

from pneumo.base import checksums, storage
from pneumo.data import DataError, Split, radiographs
from pneumo.data.checks import RadiographError
from pneumo.data.datasets import order
from pneumo.training import runs
from pneumo.training.loop import Loop, ManyClasses, seed_everything
from pneumo.training.models import build, count_parameters
from pneumo.training.recipes import Augmentation, Recipe
from pneumo.training.runs import Listener
from pneumo.training.train import find_device, provenance

FILES = (runs.MANIFEST, "history.csv", runs.WEIGHTS)
VALIDATION_SHARE = 0.1
SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing"}
RECIPE = Recipe(
    name="pretrain-resnet18",
    title="ResNet18 (pretraining)",
    architecture="resnet18",
    input_size=64,
    batch_size=192,
    epochs=8,
    learning_rate=4e-3,
    weight_decay=5e-2,
    label_smoothing=0.1,
    averaging="ema",
    ema_decay=0.999,
    augmentation=Augmentation(rotation=0.0, translation=0.15, zoom=0.3, brightness=0.2, contrast=0.3),
)  # fmt: skip


@dataclass(frozen=True)
class Folder:
    """Grey training images by class."""

    path: Path
    classes: tuple[str, ...]
    train: Split
    val: Split
    warnings: tuple[str, ...] = ()  # of images that may have been read differently than intended

    @property
    def fingerprint(self) -> str:
        """Hash all images with their splits and classes, independent of their order."""
        return checksums.of_set(
            f"{name}/{self.classes[label]}\n".encode() + image.tobytes()
            for name, split in (("train", self.train), ("val", self.val))
            for image, label in zip(split.images, split.labels, strict=True)
        )

    @property
    def order(self) -> str:
        """Hash all images and labels in their order."""
        return order({"train": self.train, "val": self.val})


def read(path: Path, size: int = RECIPE.input_size) -> Folder:
    """Read the images of a folder: a sub-folder per class, or `train` and `val` with one per class in each.

    :mod:`pneumo.data.radiographs` reads them, as for `pneumo predict`. Hidden files and folders are skipped.
    Without a `val` of the same classes, a fixed tenth of each class is held out.

    Raises:
        DataError: there are fewer than two classes, a class has fewer than two images or links back to the
            folder, a file is not an image, or there are splits but no `train`.
    """
    training, validation = path / "train", path / "val"
    root = training if training.is_dir() else path
    classes = _classes(root)
    strangers = sorted(name for name in classes if name.lower() in SPLITS)
    if root == path and strangers:
        raise DataError(
            f"{path}: expected train beside {' and '.join(strangers)}, or a folder for each class"
        )
    if len(classes) < 2:
        raise DataError(
            f"{root}: expected a folder of images for each of at least two classes, found {len(classes)}"
        )
    train, warned = _split(root, classes, size)
    if training.is_dir() and validation.is_dir() and _classes(validation) == classes:
        val, more = _split(validation, classes, size)
        warned += more
    else:
        held_out = _held_out(train.labels)
        kept = np.setdiff1d(np.arange(len(train.labels)), held_out)
        val = Split(train.images[held_out], train.labels[held_out])
        train = Split(train.images[kept], train.labels[kept])
    often = warned.most_common(5)
    lines = [f"{count:,} images: {words}" for words, count in often]
    if len(warned) > len(often):
        lines.append(f"{warned.total() - sum(dict(often).values()):,} images: other warnings")
    return Folder(path, classes, train, val, tuple(lines))


def pretrain(
    folder: Folder,
    output: Path,
    recipe: Recipe = RECIPE,
    seed: int = 0,
    home: Path | None = None,
    listener: Listener | None = None,
    device: str = "auto",
) -> Path:
    """Train on the images of a folder and write the weights; a finished run is only written again.

    Args:
        output: folder of the weights, which are named ``resnet18-<folder>-<digest>.safetensors`` for
            ``--weights``; the manifest has the same name with ``.json``.
        recipe: of the architecture ``resnet18``.
        seed: of the initial weights, the order of images and augmentation.
        home: the run store's folder; None for the project's.
        listener: receives every step and epoch.
        device: "auto" for a GPU if there is one.

    Returns:
        The path of the weights: a state dict of torchvision's ResNet18 in 16-bit floats.
    """
    key = runs.run_key(recipe, seed, folder, None)
    destination = runs.folder(recipe, seed, key, home)
    with runs.once(destination, FILES) as partial:
        if partial:
            seed_everything(seed)
            model = build(recipe, outputs=len(folder.classes)).to(find_device(device))
            loop = Loop(recipe, seed, model, ManyClasses(), folder.train, folder.val, partial)
            loop.run(listener)
            _finish(loop, folder, key)
    return _publish(destination, folder.path.resolve().name, output)


def manifest(weights: Path) -> dict[str, Any]:
    """Read the manifest of weights that :func:`pretrain` wrote."""
    found: dict[str, Any] = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    return found


def _finish(loop: Loop, folder: Folder, key: str) -> None:
    state = {
        # The head is the layer that torchvision has there, without the dropout before it.
        name.replace("fc.1.", "fc."): value.half() if value.is_floating_point() else value
        for name, value in loop.model.network.state_dict().items()
    }
    storage.write(
        loop.folder / runs.WEIGHTS,
        safetensors({name: value.contiguous().cpu() for name, value in state.items()}),
    )
    kept = loop.history[-1]
    about = {
        "key": key,
        "recipe": loop.recipe.to_dict(),
        "seed": loop.seed,
        "parameters": count_parameters(loop.model),
        "data": {
            "folder": folder.path.resolve().name,
            "fingerprint": folder.fingerprint,
            "classes": list(folder.classes),
            "train_images": len(folder.train.labels),
            "validation_images": len(folder.val.labels),
            "size": folder.train.images.shape[-1],
        },
        "images_seen": len(folder.train.labels) * len(loop.history),
        "metrics": {name: kept[name] for name in ("epoch", "val_loss", "val_accuracy")},
        **provenance(loop),
    }
    runs.write_manifest(loop.folder, about, FILES)


def _publish(run: Path, name: str, output: Path) -> Path:
    """Copy the weights and manifest of a finished run to the output folder, named by their digest."""
    about = runs.read_manifest(run, FILES)
    try:
        weights = runs.read_file(run, runs.WEIGHTS, about)
    except runs.RunError as error:
        raise runs.RunError(
            error.args[0], f"delete {run} and run `pneumo pretrain` again"
        ) from None
    digest = about["files"][runs.WEIGHTS]
    plain = "".join(sign if sign.isalnum() else "-" for sign in name)
    path = output / f"resnet18-{plain}-{digest[:8]}.safetensors"
    storage.write(path, weights)
    published = {name: value for name, value in about.items() if name != "files"}
    manifest = json.dumps({"sha256": digest, **published}, indent=1, ensure_ascii=False) + "\n"
    storage.write(path.with_suffix(".json"), manifest.encode())
    return path


def _classes(path: Path) -> tuple[str, ...]:
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder of images by class, found none")
    found = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))
    for folder in found:
        if path.resolve().is_relative_to(folder.resolve()):
            raise DataError(f"{folder}: expected a class, found a link to a folder that it lies in")
    return tuple(folder.name for folder in found)


def _split(root: Path, classes: Sequence[str], size: int) -> tuple[Split, Counter[str]]:
    """Read all images of all classes, in the order of their names, and count warnings."""
    paths, labels = [], []
    for label, name in enumerate(classes):
        found = sorted(
            path
            for path in (root / name).rglob("*")
            if path.suffix.lower() in IMG_EXTENSIONS
            and not any(part.startswith(".") for part in path.relative_to(root).parts)
        )
        if len(found) < 2:
            raise DataError(
                f"{root / name}: expected at least two images, found {len(found)} that end in "
                f"{', '.join(IMG_EXTENSIONS)}"
            )
        paths += found
        labels += [label] * len(found)
    images = np.empty((len(paths), size, size), dtype=np.uint8)

    def fill(place: int) -> tuple[str, ...]:
        read = radiographs.load(paths[place], size, None)
        images[place] = read.image
        return read.warnings

    warned: Counter[str] = Counter()
    try:
        with warnings.catch_warnings(action="ignore"), ThreadPoolExecutor() as pool:
            for own in pool.map(fill, range(len(paths)), chunksize=64):
                warned.update(own)
    except RadiographError as error:
        raise DataError(str(error)) from None
    return Split(images, np.array(labels)), warned


def _held_out(labels: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Sorted indices of a tenth of each class, at least one image."""
    generator = np.random.default_rng(0)
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = max(1, round(VALIDATION_SHARE * len(members)))
        chosen.append(generator.permutation(members)[:count])
    return np.sort(np.concatenate(chosen))
