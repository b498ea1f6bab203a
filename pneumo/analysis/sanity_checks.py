"""What the sanity checks of saliency maps (Adebayo et al. 2018) find in a study.

A map worth reading changes with what the network has learned: with its weights (the cascade, which
`training.saliency` computes and `pneumo study` keeps) and with its labels (the control that learned
from shuffled ones). No torch here.
"""

from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from pneumo.analysis.cache import kept
from pneumo.study import questions
from pneumo.study.study import Model, Study
from pneumo.training.similarity import WINDOW as WINDOW
from pneumo.training.similarity import random_maps, rank_correlation, structural_similarity

# A rank correlation above which two maps of one image would be read the same way.
ALIKE = 0.5
_RESAMPLES = 2000


class Agreement(TypedDict):
    """How alike two sets of maps of the same images are, on average over the images."""

    rank: float
    structure: float


def mean_interval(values: NDArray[np.floating], seed: int = 0) -> tuple[float, float, float]:
    """The mean and its 95 % interval, by the percentile bootstrap over images (Efron & Tibshirani 1993).

    Args:
        values: one an image, (N,); what is not a number is left out.
        seed: of the resampling.

    Returns:
        Mean, low, high; NaN where nothing is left.
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return (float("nan"),) * 3
    drawn = np.random.default_rng(seed).integers(0, len(known), (_RESAMPLES, len(known)))
    low, high = np.percentile(known[drawn].mean(axis=1), (2.5, 97.5))
    return float(known.mean()), float(low), float(high)


@kept()
def agreements(study: Study) -> dict[str, Agreement]:
    """SimpleCNN's maps against its other seeds', its control's and random ones, over all test images.

    The control has SimpleCNN's recipe and shuffled labels (data randomisation, Adebayo et al. 2018); the
    seeds are the ceiling, as far as there are several. Empty where the model was not run.
    """
    found = {model.name: model for model in study.ran + study.controls if model.ran}
    if "simple-cnn" not in found:
        return {}
    model = found["simple-cnn"]
    own = model.run.explanation.maps
    others: dict[str, list[NDArray[Any]]] = {
        "another seed": [run.explanation.maps for run in model.runs[1:]]
    }
    control = found.get("simple-cnn-shuffled-labels")
    if control is not None:
        others["shuffled labels"] = [run.explanation.maps for run in control.runs]
    others["random map"] = [random_maps(own.shape, seed) for seed in range(len(model.runs))]
    return {
        name: Agreement(
            rank=float(np.mean([rank_correlation(own, maps) for maps in sets])),
            structure=float(np.mean([structural_similarity(own, maps) for maps in sets])),
        )
        for name, sets in others.items()
        if sets
    }


class Cascade(NamedTuple):
    """A model's maps against its trained ones, stage after stage of the cascade."""

    stages: list[str]  # S + 1 names, "trained" first
    rank: NDArray[np.float64]  # (S + 1,), size of the rank correlation, mean over draws and images
    structure: NDArray[np.float64]  # (S + 1,), SSIM, mean over draws and images
    left: tuple[
        float, float, float
    ]  # `rank` with all weights drawn anew, 95 % interval over images
    chance: float  # `rank` of random maps
    images: int
    draws: int


class Removal(NamedTuple):
    """A model's probability of its call as pixels are removed in a map's order."""

    removed: NDArray[np.float64]  # (K + 1,), shares of the pixels
    curves: NDArray[
        np.float64
    ]  # (maps, orders, K + 1), mean over images; as :mod:`pneumo.training.saliency` orders
    gaps: tuple[
        tuple[float, float, float], ...
    ]  # a map's least minus most relevant first, see `gap`
    images: int


def cascade(study: Study, model: Model) -> Cascade:
    """What is left of a model's maps as its first seed's weights are drawn anew.

    The rank correlation's size counts and not its sign, since a random head may turn a whole map over.
    """
    found = questions.read(model.run, "saliency", study.profile)
    sizes = np.abs(found["rank"])  # (D, S + 1, N)
    return Cascade(
        stages=found["stages"].tolist(),
        rank=sizes.mean(axis=(0, 2)),
        structure=found["structure"].mean(axis=(0, 2)),
        left=mean_interval(sizes[:, -1].mean(axis=0)),
        chance=float(np.abs(found["random_rank"]).mean()),
        images=sizes.shape[2],
        draws=sizes.shape[0],
    )


def removal(study: Study, model: Model) -> Removal:
    """What removing pixels does to the calls of a model's first seed."""
    found = questions.read(model.run, "saliency", study.profile)
    removed, curves = found["removed"], found["curves"]
    gaps = tuple(mean_interval(gap(removed, each)) for each in curves)
    return Removal(removed, curves.mean(axis=-1), gaps, curves.shape[-1])


def gap(removed: NDArray[np.float64], curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean height between an image's two curves: least relevant first minus most relevant first.

    Above zero where the map's order is worth something; around zero for a map that knows nothing.

    Args:
        removed: shares of pixels, (K + 1,), rising.
        curves: the call's probability, (2, K + 1, N): most, then least relevant first.

    Returns:
        float64 (N,), in [-1, 1].
    """
    between = trapezoid(curves[1] - curves[0], removed, axis=0)
    return np.asarray(between / (removed[-1] - removed[0]), dtype=np.float64)


def asked(study: Study, model: Model) -> bool:
    """Whether the model's first seed was asked for its cascade."""
    return questions.path(model.run, "saliency", study.profile).is_file()
