"""Calibration of probabilities, as stored in a record."""

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
