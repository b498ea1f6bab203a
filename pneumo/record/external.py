"""Results of the models on labelled images from elsewhere, as stored in a record."""

from dataclasses import dataclass

from pneumo.base.estimate import Estimate
from pneumo.record.answers import Mean


@dataclass(frozen=True)
class Rates:
    """Rates at thresholds that were chosen in one way."""

    sensitivity: Mean
    specificity: Mean
    index: Mean  # Youden's: sensitivity + specificity - 1; 0 is no better than chance


@dataclass(frozen=True)
class Asked:
    """One model, mean over its seeds, with intervals over patients and seeds."""

    auc: Mean
    sensitivity: Mean  # at the threshold that Youden's J chose on validation
    specificity: Mean
    here: Mean  # AUC on the study's own test set
    change: Estimate  # AUC there less here
    within_view: Estimate  # AUC over pairs of films of one view; NaN where no view is known
    view_told: Estimate  # AUC of the scores for AP against PA films of one class
    operating_points: dict[str, Rates]  # by the rule's id, at the study's thresholds
    local: Rates  # at thresholds chosen there, evaluated on other patients
    regained: Estimate  # Youden's index: local less that at the threshold of validation
    predicted: float  # mean probability
    intercept: float  # of the outcome on the logit: 0 is right
    slope: Estimate  # 1 is right


@dataclass(frozen=True)
class Ages:
    """In years, of the images whose patient's age is known."""

    images: int
    youngest: float
    median: float
    oldest: float
    children: int  # images of patients under 18


@dataclass(frozen=True)
class External:
    """A set of labelled images from elsewhere."""

    images: int
    unreadable: int  # rows that were left out
    models: dict[str, Asked]
    key: str  # of the runs that were used
    counts: dict[str, int]  # by class
    patients: int | None  # None: not known, so that each image counts as one
    in_both_classes: int | None  # patients
    ages: Ages | None
    views: dict[str, dict[str, int]]  # images by view and class; of those whose view is known
    title: str = ""  # as in prose
