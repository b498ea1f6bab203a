"""One function a figure: each takes a study and returns a matplotlib figure; none loads a network."""

from collections.abc import Callable

from pneumo.pages.figures import dataset, duplicates, robustness
from pneumo.pages.figures._cases import GROUPS, cases, empty_maps, evidence
from pneumo.pages.figures.ablation import ablations
from pneumo.pages.figures.evaluation import confusion, errors, roc, roc_pr
from pneumo.pages.figures.mistakes import contested, divided, mean_images, missed_by_all
from pneumo.pages.figures.networks import filters, grad_cam
from pneumo.pages.figures.reference import reference_curves
from pneumo.pages.figures.saliency import attention_masks, cascade, cascade_maps, removal
from pneumo.pages.figures.shift import shift_images, shift_scores
from pneumo.pages.figures.training import cnn_architecture, cnn_curves, transfer_curves
from pneumo.pages.figures.usefulness import decision_curve, predictive_values, reliability
from pneumo.pages.showing import Shown
from pneumo.record import Record

# By anchor, as in a cross-reference.
FIGURES: dict[str, Callable[[Record], Shown]] = {
    **dataset.FIGURES,
    **duplicates.FIGURES,
    **robustness.FIGURES,
}

__all__ = [
    "FIGURES",
    "GROUPS",
    "ablations",
    "attention_masks",
    "cascade",
    "cascade_maps",
    "cases",
    "cnn_architecture",
    "cnn_curves",
    "confusion",
    "contested",
    "decision_curve",
    "divided",
    "empty_maps",
    "errors",
    "evidence",
    "filters",
    "grad_cam",
    "mean_images",
    "missed_by_all",
    "predictive_values",
    "reference_curves",
    "reliability",
    "removal",
    "roc",
    "roc_pr",
    "shift_images",
    "shift_scores",
    "transfer_curves",
]
