"""What the sanity checks of saliency maps (Adebayo et al. 2018) find in a study.

A map worth reading changes with what the network has learned: with its weights (the cascade, which
:mod:`pneumo.saliency` computes and `pneumo study` keeps) and with its labels (the control that learned
from shuffled ones). No torch here.
"""

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from pneumo.kept import kept
from pneumo.similarity import random_maps, rank_correlation, structural_similarity
from pneumo.study import Study

# A rank correlation above which two maps of one image would be read the same way.
ALIKE = 0.5
_RESAMPLES = 2000


class Agreement(TypedDict):
    """How alike two sets of maps of the same images are, on average over the images."""

    name: str
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


@kept("runs", "similarity")
def agreements(study: Study) -> list[Agreement]:
    """SimpleCNN's maps against its other seeds', its control's and random ones, over all test images.

    The control has SimpleCNN's recipe and shuffled labels (data randomisation, Adebayo et al. 2018); the
    seeds are the ceiling, as far as there are several. Empty where the model was not run.
    """
    found = {model.name: model for model in study.ran + study.controls if model.ran}
    if "simple-cnn" not in found:
        return []
    model = found["simple-cnn"]
    own = model.run.explanation.maps
    others: dict[str, list[NDArray[Any]]] = {
        "another seed": [run.explanation.maps for run in model.runs[1:]]
    }
    control = found.get("simple-cnn-shuffled-labels")
    if control is not None:
        others["shuffled labels"] = [run.explanation.maps for run in control.runs]
    others["random map"] = [random_maps(own.shape, seed) for seed in range(len(model.runs))]
    return [
        Agreement(
            name=name,
            rank=float(np.mean([rank_correlation(own, maps) for maps in sets])),
            structure=float(np.mean([structural_similarity(own, maps) for maps in sets])),
        )
        for name, sets in others.items()
        if sets
    ]
