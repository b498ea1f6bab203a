"""One function a figure: each takes a study and returns a matplotlib figure; none loads a network."""

from pneumo.figures._cases import GROUPS, cases, empty_maps, evidence
from pneumo.figures.ablation import ablations
from pneumo.figures.copies import near_duplicates
from pneumo.figures.dataset import augmentation, class_balance, examples
from pneumo.figures.evaluation import confusion, errors, roc, roc_pr
from pneumo.figures.mistakes import contested, divided, mean_images, missed_by_all
from pneumo.figures.networks import filters, grad_cam
from pneumo.figures.reference import reference_curves
from pneumo.figures.robustness import corruptions, robustness_curves
from pneumo.figures.saliency import attention_masks, cascade, cascade_maps, removal
from pneumo.figures.shift import shift_images, shift_scores
from pneumo.figures.training import cnn_architecture, cnn_curves, transfer_curves
from pneumo.figures.usefulness import decision_curve, predictive_values, reliability

__all__ = [
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
    "confusion",
    "contested",
    "corruptions",
    "decision_curve",
    "divided",
    "empty_maps",
    "errors",
    "evidence",
    "examples",
    "filters",
    "grad_cam",
    "mean_images",
    "missed_by_all",
    "near_duplicates",
    "predictive_values",
    "reference_curves",
    "reliability",
    "removal",
    "robustness_curves",
    "roc",
    "roc_pr",
    "shift_images",
    "shift_scores",
    "transfer_curves",
]
