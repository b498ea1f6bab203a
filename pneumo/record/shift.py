"""What changes between sets of images, as stored in a record: shift, framing of films, other hospitals."""

from dataclasses import dataclass, field

from pneumo.base.confusion import Confusion
from pneumo.base.estimate import Estimate
from pneumo.record.answers import Mean


@dataclass(frozen=True)
class TwoSample:
    """Two-sample test: whether a classifier can tell two groups of images apart."""

    first: int  # images in the one group
    second: int  # and in the other
    auc: float  # 0.5: not at all
    low: float  # of the 95 % interval
    high: float
    p_value: float


@dataclass(frozen=True)
class Loss:
    """Operating points of a run, which split its loss of specificity in two."""

    promised: Confusion  # on validation, at Youden's threshold
    kept: Confusion  # on test, at the same
    rechosen: Confusion  # on test, where sensitivity is at least what was promised

    @property
    def total(self) -> float:
        """Specificity on validation less that on test."""
        return self.promised.specificity - self.kept.specificity

    @property
    def of_threshold(self) -> float:
        """Part of the loss that another threshold would regain."""
        return self.rechosen.specificity - self.kept.specificity

    @property
    def of_ranking(self) -> float:
        """Part that no threshold regains, since negative images are ranked among the positive ones."""
        return self.promised.specificity - self.rechosen.specificity


@dataclass(frozen=True)
class Shift:
    """Between validation and test, first seeds."""

    losses: dict[str, Loss]  # by model
    significance: float  # the p-value below which two distributions of scores differ
    pairs: int  # how many were compared
    differ: dict[str, int]  # and how many of them differ, by class
    resamples: int  # dealings of the permutation test
    control: dict[str, TwoSample]  # training against validation, by class
    apart: dict[str, TwoSample]  # development against test, by class


@dataclass(frozen=True)
class Fall:
    """A model's specificity at Youden's threshold, means over its seeds."""

    promised: float  # on validation
    kept: float  # on test
    standardised: float  # on test, its films weighted until they are framed as validation's are
    explained: Estimate  # share of the fall that framing explains


@dataclass(frozen=True)
class Framing:
    """Width to height of the films, against labels and predictions; empty if unknown."""

    auc: dict[str, float] = field(default_factory=dict)  # of the ratio alone, by split
    auc_intervals: dict[str, Estimate] = field(default_factory=dict)
    normal_means: dict[str, Estimate] = field(default_factory=dict)  # of the ratio, by split
    edges: list[float] = field(default_factory=list)  # of the bins of the ratio
    caliper: float = 0.0  # films whose ratios differ by less are framed alike
    # By model: how well its score tells the wider half of the normal test films from the narrower.
    told_wide: dict[str, Estimate] = field(default_factory=dict)
    falls: dict[str, Fall] = field(default_factory=dict)  # by model
    # A classifier tells normal films of development from those of test: of all, of some, of like ratio.
    apart: dict[str, TwoSample] = field(default_factory=dict)
    factors: list[float] = field(default_factory=list)  # shares of the side that crops keep
    gentle: float = 0.0  # the tightest crop that films differ by of themselves
    films: dict[str, int] = field(
        default_factory=dict
    )  # cropped, by class; empty: none were at hand
    slopes: dict[str, Estimate] = field(
        default_factory=dict
    )  # by model: logits per 10 %, normal films

    @property
    def known(self) -> bool:
        """Whether shapes of films are known."""
        return bool(self.auc)


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
