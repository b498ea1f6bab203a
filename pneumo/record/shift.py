"""Shift from the images of development to the test set, as stored in a record."""

from dataclasses import dataclass

from pneumo.base.confusion import Confusion


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
