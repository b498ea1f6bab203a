"""One function a figure: each takes a study and returns a matplotlib figure; none loads a network."""

from collections.abc import Callable

from pneumo.pages.figures import networks, robustness, saliency, shift
from pneumo.pages.figures._cases import GROUPS, cases, empty_maps, evidence
from pneumo.pages.figures.ablation import ablations
from pneumo.pages.figures.copies import near_duplicates
from pneumo.pages.figures.dataset import augmentation, class_balance, examples
from pneumo.pages.figures.evaluation import confusion, errors, roc, roc_pr
from pneumo.pages.figures.mistakes import contested, divided, mean_images, missed_by_all
from pneumo.pages.figures.reference import reference_curves
from pneumo.pages.figures.training import cnn_architecture, cnn_curves, transfer_curves
from pneumo.pages.figures.usefulness import decision_curve, predictive_values, reliability
from pneumo.pages.showing import Shown
from pneumo.record import Record

# By anchor, as in a cross-reference.
FIGURES: dict[str, Callable[[Record], Shown]] = {
    **robustness.FIGURES,
    **networks.FIGURES,
    **saliency.FIGURES,
    **shift.FIGURES,
}

__all__ = [
    "FIGURES",
    "GROUPS",
    "ablations",
    "augmentation",
    "cases",
    "class_balance",
    "cnn_architecture",
    "cnn_curves",
    "confusion",
    "contested",
    "decision_curve",
    "divided",
    "empty_maps",
    "errors",
    "evidence",
    "examples",
    "mean_images",
    "missed_by_all",
    "near_duplicates",
    "predictive_values",
    "reference_curves",
    "reliability",
    "roc",
    "roc_pr",
    "transfer_curves",
]
