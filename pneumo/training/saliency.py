"""Tests of saliency maps that need the network: cascading randomisation of weights, and removal of pixels.

Both take a trained network and a few test images, and return arrays that `pneumo study` stores;
:mod:`pneumo.analysis.sanity_checks` evaluates them.
"""

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pneumo.data import Dataset
from pneumo.training.augmentation import resize
from pneumo.training.grad_cam import grad_cam
from pneumo.training.models import Classifier, build
from pneumo.training.recipes import Recipe
from pneumo.training.removal import MAPS, ORDERS, REMOVAL_IMAGES, impute, order, some
from pneumo.training.runs import Run
from pneumo.training.similarity import random_maps, rank_correlation, structural_similarity

SEED = 0
DRAWS = 3  # of random weights: a single one could be similar by chance
# Most test images, and their largest share of the images to use.
CASCADE_IMAGES = (32, 0.25)
REMOVED = (0.1, 0.2, 0.4, 0.6, 0.8)  # shares of the pixels
_PASS = 256  # images per pass

# From the head down: stages that are randomised together, by their names in the report, with their modules.
STAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "simple-cnn": {
        "head": ("fc",),
        "block 3": ("features.8", "features.9"),
        "block 2": ("features.4", "features.5"),
        "block 1": ("features.0", "features.1"),
    },
    "resnet18": {
        "head": ("fc",),
        "layer 4": ("layer4",),
        "layer 3": ("layer3",),
        "layer 2": ("layer2",),
        "layer 1": ("layer1",),
        "stem": ("conv1", "bn1"),
    },
    "efficientnet-lite0": {
        "head": ("_fc",),
        "blocks 11–15": ("_conv_head", "_bn1", *(f"_blocks.{i}" for i in range(11, 16))),
        "blocks 5–10": tuple(f"_blocks.{i}" for i in range(5, 11)),
        "blocks 3–4": ("_blocks.3", "_blocks.4"),
        "blocks 0–2": tuple(f"_blocks.{i}" for i in range(3)),
        "stem": ("_conv_stem", "_bn0"),
    },
}


def compute(
    model: Classifier, run: Run, dataset: Dataset, indices: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Compute the cascade and the removal curves of a finished run, on a few of the test images to use.

    Returns:
        `stages` (S + 1,) names, "trained" first; `images` (N,) indices of the cascade's test images; `maps`
        (S + 1, N, h, w), of the first draw; `rank` and `structure` (D, S + 1, N), the similarity to the
        trained map; `random_rank` and `random_structure` (D, N), of random maps; `removed` (K + 1,) shares of
        pixels; `curves` (3, 2, K + 1, M), the probability of the call for each of MAPS and ORDERS.
    """
    labels, images = dataset.test.labels, dataset.test.images
    removed, shown = (some(labels, indices, *size) for size in (REMOVAL_IMAGES, CASCADE_IMAGES))
    return {
        "images": shown,
        **cascade(model, run.recipe, images[shown]),
        "removed": np.array((0.0, *REMOVED)),
        "curves": removal(model, run.recipe, images[removed]),
    }


def fresh_network(model: Classifier, recipe: Recipe, seed: int) -> Classifier:
    """Make an untrained network of the same architecture, on the device of `model`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(recipe).to(next(model.parameters()).device)


def randomise(model: Classifier, fresh: Classifier, recipe: Recipe, stage: str) -> None:
    """Replace the weights of one stage, in place, by those of an untrained network.

    The modules of the stage take the weights, biases, and running means and variances of norms of the fresh
    network.

    Args:
        fresh: of the same architecture, see :func:`fresh_network`.
        recipe: names the architecture.
        stage: one of :data:`STAGES`.
    """
    for name in STAGES[recipe.architecture][stage]:
        state = fresh.network.get_submodule(name).state_dict()
        model.network.get_submodule(name).load_state_dict(state)


def cascade(
    model: Classifier, recipe: Recipe, images: NDArray[np.uint8]
) -> dict[str, NDArray[Any]]:
    """Cascading randomisation (Adebayo et al. 2018): stage after stage from the head down, in each draw.

    Args:
        model: the trained network, which is not changed.
        images: uint8 (N, H, W).
    """
    stages = tuple(STAGES[recipe.architecture])
    trained = grad_cam(model, recipe, images)
    drawn = []
    for draw in range(DRAWS):
        changed, fresh = deepcopy(model), fresh_network(model, recipe, SEED + draw)
        maps = [trained]
        for stage in stages:
            randomise(changed, fresh, recipe, stage)
            maps.append(grad_cam(changed, recipe, images))
        drawn.append(maps)
    chance = [random_maps(trained.shape, SEED + draw) for draw in range(DRAWS)]
    return {
        "stages": np.array(("trained", *stages)),
        "maps": np.stack(drawn[0]),
        "rank": np.array([[rank_correlation(trained, m) for m in maps] for maps in drawn]),
        "structure": np.array(
            [[structural_similarity(trained, m) for m in maps] for maps in drawn]
        ),
        "random_rank": np.array([rank_correlation(trained, m) for m in chance]),
        "random_structure": np.array([structural_similarity(trained, m) for m in chance]),
    }


def removal(model: Classifier, recipe: Recipe, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Deletion curves of ROAD (Rong et al. 2022): probability of the call as pixels are removed.

    The call is that of the network at a threshold of 0.5, on the whole image. The sign of Grad-CAM's map is
    chosen so that evidence for this call is high.

    Args:
        images: uint8 (N, H, W).

    Returns:
        float64 (3, 2, K + 1, N): MAPS and ORDERS of :mod:`pneumo.training.removal`, none and each of
        :data:`REMOVED`, images.
    """
    whole = images / 255  # (N, H, W) in [0, 1]
    side = images.shape[-1]
    intact = _probabilities(model, recipe, whole)
    positive = intact >= 0.5
    signed = grad_cam(model, recipe, images) * np.where(positive, 1, -1)[:, None, None]
    down, right = np.indices((side, side)) - (side - 1) / 2
    centre = np.broadcast_to(-(down**2 + right**2), images.shape)
    generator = np.random.default_rng(SEED)
    curves = []
    for maps in (signed, random_maps(images.shape, SEED), centre):
        forward = order(maps, side)
        for ranked in (forward, forward[:, ::-1]):
            left = [_removed(whole, ranked, share, generator) for share in REMOVED]
            found = _probabilities(model, recipe, np.concatenate(left)).reshape(len(REMOVED), -1)
            curves.append(np.vstack([intact, found]))
    calls = np.where(positive, curves, 1 - np.array(curves))  # (maps · orders, K + 1, N)
    return calls.reshape(len(MAPS), len(ORDERS), len(REMOVED) + 1, len(images))


def _removed(
    images: NDArray[np.float64],
    ranked: NDArray[np.int64],
    share: float,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Impute the first-ranked pixels of images (N, H, W), in [0, 1]."""
    size = images[0].size
    missing = np.zeros((len(images), size), dtype=bool)
    np.put_along_axis(missing, ranked[:, : round(share * size)], True, axis=1)
    shaped = missing.reshape(images.shape)
    if (missing == missing[0]).all():
        filled = impute(images, shaped[0], generator)  # one system for all images
    else:
        filled = np.concatenate(
            [
                impute(image[None], mask, generator)
                for image, mask in zip(images, shaped, strict=True)
            ]
        )
    return np.clip(filled, 0, 1)


def _probabilities(
    model: Classifier, recipe: Recipe, images: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The probability of pneumonia (N,) for images (N, H, W) in [0, 1]."""
    model.eval()
    device = next(model.parameters()).device
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), _PASS):
            batch: Tensor = torch.from_numpy(images[start : start + _PASS]).float().unsqueeze(1)
            logits = model(resize(batch.to(device), recipe.input_size))
            found.append(torch.sigmoid(logits.double()).cpu())
    return torch.cat(found).numpy()
