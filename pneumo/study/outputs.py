"""Outputs of trained networks that analyses need, cached so that no page needs a network.

They take too many passes through a network for a page. They are not part of a run, so that more can be added
for finished runs. Each kind is computed for the first seed of a model, some for every seed.
"""

from collections.abc import Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pneumo.base import checksums, keys, npz, storage, streams
from pneumo.base.errors import PneumoError
from pneumo.data import Dataset, stratified
from pneumo.study.cache import remember
from pneumo.training import runs
from pneumo.training.recipes import Profile
from pneumo.training.runs import Run

if TYPE_CHECKING:
    from pneumo.training.models import Classifier

SCHEMA = 2
FOLDER = "outputs"  # of the run store
OUTPUTS_VERSION = 1  # raise it by hand when the outputs change
# Each is a module that holds `variants(dataset, indices)`, which yields images to predict, (..., n, S, S), or
# `compute(model, run, dataset, indices)`, which gives arrays by name; `indices` are the n test images to use.
OUTPUTS = {
    "corruptions": "pneumo.study.corruptions",
    "saliency": "pneumo.training.saliency",
    "framing": "pneumo.study.framing",
}
LARGEST_KEPT = (
    64  # side of images whose variants are kept for the next network; larger ones would fill memory
)
OF_EVERY_SEED = ("corruptions", "framing")  # the other takes too long for that
OPTIONAL = ("framing",)  # crops of the films need larger images of them


def path(run: Run, name: str, profile: Profile) -> Path:
    """File of the outputs, beside the runs, named by run, kind and key; it may not exist yet."""
    key = keys.key(
        schema=SCHEMA,
        version=OUTPUTS_VERSION,
        run=run.key,
        weights=run.manifest["files"][runs.WEIGHTS],  # on another machine the same run has others
        probe=name,  # as in earlier versions, whose files stay valid
        images=profile.probed_images,
    )
    return run.path.parent.parent / FOLDER / f"{run.label}-{name}-{key}.npz"


def needed(run: Run, profile: Profile) -> dict[str, Path]:
    """Files of all outputs that a profile needs of a run, by kind."""
    if run.recipe.name not in profile.recipes:  # a control or an ablation
        return {}
    return {
        name: path(run, name, profile)
        for name in OUTPUTS
        if run.seed == profile.seeds[0] or name in OF_EVERY_SEED
    }


def missing(run: Run, profile: Profile) -> list[str]:
    """Outputs that this run needs and does not have yet."""
    return [name for name, file in needed(run, profile).items() if not file.is_file()]


def wanted(run: Run, profile: Profile, dataset: Dataset) -> list[str]:
    """Missing outputs of a run that its data allow; damaged ones are deleted before, with a message."""
    for name, file in needed(run, profile).items():
        try:
            with storage.refusals(file):
                if file.is_file():
                    content = checksums.verify(file.read_bytes(), file.name)
                    # Earlier versions kept an empty answer where no larger images were found.
                    is_empty = name in OPTIONAL and not npz.load(content)["logits"].size
                    if is_empty and dataset.larger is not None:
                        file.unlink()
        except (OSError, ValueError) as error:
            streams.tell(f"{file} is damaged ({error}); it is made again")
            file.unlink(missing_ok=True)
    found = missing(run, profile)
    return [name for name in found if name not in OPTIONAL or dataset.larger is not None]


def read(run: Run, name: str, profile: Profile) -> dict[str, NDArray[Any]]:
    """Read outputs of a run's network: their arrays, and `indices` of the test images.

    Raises:
        PneumoError: they are missing or damaged.
    """
    file = path(run, name, profile)
    if not file.is_file():
        raise PneumoError(f"no outputs for {name} of {run.label}; run `pneumo study`")
    with checksums.reading(file, PneumoError, "delete it and run `pneumo study`"):
        return npz.read_sealed(file)


def make(run: Run, name: str, dataset: Dataset, profile: Profile, device: str = "auto") -> None:
    """Compute outputs of a run's network, unless they exist already.

    Args:
        run: a finished run on `dataset`.
        name: one of :data:`OUTPUTS`.
        dataset: its test images are used, all or a stratified sample.
        profile: sets the number of images.
    """
    file = path(run, name, profile)
    if file.is_file():  # also if the store is read-only
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with storage.locked(file):
        if file.is_file():
            return
        from pneumo.training.train import load_network

        module, indices = import_module(OUTPUTS[name]), _asked(dataset, profile)
        model = load_network(run, device)
        if hasattr(module, "compute"):
            answer = module.compute(model, run, dataset, indices)
        else:
            variants = partial(module.variants, dataset, indices)
            if dataset.size <= LARGEST_KEPT:  # all networks predict the same ones
                what = name, profile.probed_images
                parts: Iterable[NDArray[np.uint8]] = remember(
                    dataset, what, lambda: list(variants())
                )
            else:
                parts = variants()
            answer = {"logits": np.stack([_predict(model, run, part) for part in parts])}
        npz.write_sealed(file, indices=indices, **answer)


def _predict(model: "Classifier", run: Run, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Predict images (..., S, S); logits (...)."""
    from pneumo.training.loop import predict

    flat = images.reshape(-1, *images.shape[-2:])
    return predict(model, run.recipe, flat).reshape(images.shape[:-2])


def keep(run: Run, name: str, profile: Profile, content: bytes) -> None:
    """Store outputs that were computed elsewhere, unless they exist already.

    Args:
        name: one of :data:`OUTPUTS`.
        profile: sets the number of images.
        content: the file that :func:`make` wrote there.

    Raises:
        PneumoError: it is not that file, byte for byte.
    """
    file = path(run, name, profile)
    try:
        checksums.verify(content, file.name)
    except ValueError as error:
        problem = f"{file.name} was damaged on its way, or is another's ({error})"
        raise PneumoError(f"{problem}; run the same command again") from None
    if not file.is_file():
        storage.write(file, content)


def _asked(dataset: Dataset, profile: Profile) -> NDArray[np.int64]:
    labels = dataset.test.labels
    if profile.probed_images is None or profile.probed_images >= len(labels):
        return np.arange(len(labels))
    return stratified(labels, profile.probed_images, seed=0)
