"""Calibration of probabilities, and usefulness of decisions based on them, as stored in a record."""

from dataclasses import dataclass
from typing import Literal

from pneumo.base.estimate import Estimate

Mended = Literal["most", "part", "nothing", "harm"]


@dataclass(frozen=True)
class Probabilities:
    """Calibration of the probabilities of one run on the test set."""

    predicted: float  # their mean
    mean_error: Estimate  # observed share less predicted
    ece: float  # expected calibration error
    slope: Estimate  # of the outcome on the logit, 1 is right; NaN where it cannot be fitted

    @property
    def bias(self) -> Literal["too high", "too low", "none"]:
        """Whether the mean probability is significantly above or below the observed share."""
        if self.mean_error.high < 0:
            return "too high"
        return "too low" if self.mean_error.low > 0 else "none"

    @property
    def confidence(self) -> Literal["over", "under", "right", "unknown"]:
        """Whether the slope is significantly below 1, above 1, or neither."""
        if not self.slope.known:
            return "unknown"
        if self.slope.high < 1:
            return "over"
        return "under" if self.slope.low > 1 else "right"


@dataclass(frozen=True)
class Calibration:
    """The model presented first, evaluated on the test set; the first seed unless noted."""

    bins: int  # of equally many cases
    observed: float  # share of cases with the finding
    as_given: Probabilities
    scaled: Probabilities  # by the temperature of validation
    at_prevalence: Probabilities  # scaled, and moved to the test set's prevalence
    ece_by_chance: float  # expected if every scaled probability were right
    separated: bool  # whether no logit of one class lies among those of the other
    temperature: float  # mean over the seeds
    ece_before: float  # mean over the seeds
    ece_after: float  # the same after scaling
    scaling_mends: Mended  # of the calibration error
    prevalence_explains: Mended  # of the error that is left after scaling


@dataclass(frozen=True)
class Stretch:
    """Range of threshold probabilities where a model is better than treating all and treating none."""

    low: float
    high: float
    from_lowest: bool  # whether no lower threshold was looked at
    to_highest: bool  # whether no higher one was


@dataclass(frozen=True)
class Ward:
    """The best model at another prevalence, scaled by the temperature of validation."""

    prevalence: float
    better: Stretch | None  # None: nowhere
    surely: Stretch | None = None  # where the 95 % interval lies above both, too


@dataclass(frozen=True)
class Example:
    """Results of calls at Youden's threshold among a round number of people, in whole people."""

    among: int
    prevalence: float
    sick: int
    found: int  # sick and called so
    alarms: int  # well and called sick
    called: int  # sick, rightly or wrongly
    missed: int  # sick and not called so
    ppv: Estimate
    ppv_here: float  # the same calls on the test set

    @property
    def well(self) -> int:
        """People without the finding."""
        return self.among - self.sick


@dataclass(frozen=True)
class Decisions:
    """The model presented first: net benefit as means over the seeds, calls of the first seed."""

    prevalence: float  # of the test set
    presumed: float  # of the training set, which the probabilities presume
    as_given: Stretch | None  # on the test set; None: nowhere
    scaled: Stretch | None
    wards: list[Ward]
    example: Example
    surely: Stretch | None = None  # as `scaled`, where the 95 % interval lies above both, too
