"""One function per figure: each takes a record and returns a drawing, a caption and an alternative text."""

from collections.abc import Callable

from pneumo.pages.figures import (
    ablation,
    cases,
    dataset,
    duplicates,
    evaluation,
    external,
    framing,
    networks,
    paired,
    reference,
    robustness,
    saliency,
    shift,
    training,
    usefulness,
)
from pneumo.pages.showing import Shown
from pneumo.record import Record

# By anchor, as in a cross-reference.
FIGURES: dict[str, Callable[[Record], Shown]] = {
    **dataset.FIGURES,
    **duplicates.FIGURES,
    **training.FIGURES,
    **evaluation.FIGURES,
    **paired.FIGURES,
    **usefulness.FIGURES,
    **shift.FIGURES,
    **framing.FIGURES,
    **external.FIGURES,
    **robustness.FIGURES,
    **ablation.FIGURES,
    **networks.FIGURES,
    **saliency.FIGURES,
    **cases.FIGURES,
    **reference.FIGURES,
}
