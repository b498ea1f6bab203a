"""What can be seen of the trained networks: first-layer filters, and Grad-CAM maps of the test images."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis import evidence, mistakes
from pneumo.analysis.data_audit import image_row
from pneumo.record import Part, frame
from pneumo.record.interpretability import Explained
from pneumo.study import selection
from pneumo.study.study import Model, Study

EACH = 2  # cases of each group that a figure shows


def part(study: Study) -> Part:
    """Maps and filters of every model's first seed, and the cases that the Grad-CAM figures show."""
    models = [model for model in study.ran if evidence.explained(model)]
    if not models:
        return Part({"explained": {}})
    shown = {"fig-gradcam": selection.best(study), "fig-gradcam-second": selection.second(study)}
    found = {model.name: explained(model) for model in models}
    kernels = [
        {"model": name, "kernels": one.kernels, "neighbour correlation": one.neighbours}
        for name, one in found.items()
    ]
    return Part(
        {"explained": found},
        figures={"fig-filters": frame(kernels, runs=[model.run.label for model in models])}
        | {
            anchor: frame(list(_surest(study, model)), runs=[model.run.label])
            for anchor, model in shown.items()
        },
        arrays={
            f"maps/{model.name}": model.run.explanation.maps.astype(np.float16) for model in models
        }
        | {f"filters/{model.name}": model.run.explanation.filters for model in models},
    )


def explained(model: Model) -> Explained:
    """What the maps and filters of a model's first seed amount to."""
    maps, filters = model.run.explanation.maps, model.run.explanation.filters
    blank = ~evidence.evidence(model)[0].any(axis=(1, 2))
    return Explained(
        images=len(maps),
        cells=(maps.shape[1], maps.shape[2]),
        blank=int(blank.sum()),
        kernels=len(filters),
        neighbours=neighbour_correlation(filters),
    )


def neighbour_correlation(filters: NDArray[np.floating]) -> float:
    """The correlation of weights that lie side by side in a kernel, over all kernels (F, h, w).

    Near zero for independent random weights; high for smooth kernels. NaN where all weights are equal.
    """
    pairs = [(filters[:, 1:], filters[:, :-1]), (filters[:, :, 1:], filters[:, :, :-1])]
    first, second = (
        np.concatenate([side.ravel() for side in sides]) for sides in zip(*pairs, strict=True)
    )
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _surest(study: Study, model: Model) -> Iterator[dict[str, Any]]:
    """The test cases of each group of calls that a model's first seed is surest of."""
    probabilities = model.run.predictions["test"].probabilities
    for group, indices in mistakes.groups(model).items():
        for index in indices[:EACH]:
            yield {
                "model": model.name,
                "group": group,
                **image_row(study, "test", int(index)),
                "probability": float(probabilities[index]),
            }
