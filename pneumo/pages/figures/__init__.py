"""One function a figure: each takes a study and returns a matplotlib figure; none loads a network."""

from collections.abc import Callable

from pneumo.pages.figures import evaluation, robustness
from pneumo.pages.figures._cases import GROUPS, cases, empty_maps, evidence
from pneumo.pages.figures.ablation import ablations
from pneumo.pages.figures.copies import near_duplicates
from pneumo.pages.figures.dataset import augmentation, class_balance, examples
from pneumo.pages.figures.mistakes import divided
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
    **evaluation.FIGURES,
    **robustness.FIGURES,
}

__all__ = [
    "FIGURES",
    "GROUPS",
    "ablations",
    "attention_masks",
    "augmentation",
    "cascade",
    "cascade_maps",
    "cases",
    "class_balance",
    "cnn_architecture",
    "cnn_curves",
    "decision_curve",
    "divided",
    "empty_maps",
    "evidence",
    "examples",
    "filters",
    "grad_cam",
    "near_duplicates",
    "predictive_values",
    "reference_curves",
    "reliability",
    "removal",
    "shift_images",
    "shift_scores",
    "transfer_curves",
]
