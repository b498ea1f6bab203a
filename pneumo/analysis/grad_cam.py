"""What can be seen of the trained networks: first-layer filters, and Grad-CAM maps of the test images."""

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis import evidence, mistakes
from pneumo.record import Part, frame
from pneumo.record.interpretability import Explained
from pneumo.study import selection
from pneumo.study.study import Model, Study

EACH = 2  # cases of each group that a figure shows


def part(study: Study) -> Part:
    """Maps and filters of every model's first seed, and the cases that the Grad-CAM figures show."""
    shown = {"fig-gradcam": selection.best(study), "fig-gradcam-second": selection.second(study)}
    found = {model.name: explained(model) for model in study.ran}
    kernels = [
        {"model": name, "kernels": one.kernels, "neighbour correlation": one.neighbours}
        for name, one in found.items()
    ]
    return Part(
        {"explained": found},
        figures={"fig-filters": frame(kernels, runs=[model.run.label for model in study.ran])}
        | {
            anchor: frame(
                ({"model": model.name} | row for row in mistakes.surest(study, model, EACH)),
                runs=[model.run.label],
            )
            for anchor, model in shown.items()
        },
        arrays={
            f"maps/{model.name}": model.run.explanation.maps.astype(np.float16)
            for model in study.ran
        }
        | {f"filters/{model.name}": model.run.explanation.filters for model in study.ran},
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
