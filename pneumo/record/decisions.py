"""Usefulness of decisions based on scores, as stored in a record."""

from dataclasses import dataclass

from pneumo.base.estimate import Estimate


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
