"""A confusion matrix with its rates, as statistics compute them and a record stores it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Confusion:
    """Counts of cases by truth and call."""

    true_positive: int
    false_negative: int
    false_positive: int
    true_negative: int

    @property
    def positives(self) -> int:
        """Cases of the positive class."""
        return self.true_positive + self.false_negative

    @property
    def negatives(self) -> int:
        """Cases of the negative class."""
        return self.true_negative + self.false_positive

    @property
    def sensitivity(self) -> float:
        """Share of the pneumonia cases that are called so; recall is its other name."""
        return _share(self.true_positive, self.positives)

    @property
    def specificity(self) -> float:
        """Share of the normal cases that are called so."""
        return _share(self.true_negative, self.negatives)

    @property
    def precision(self) -> float:
        """Share of the pneumonia calls that are right: PPV. NaN where nothing is called pneumonia."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def likelihood_ratio_positive(self) -> float:
        """How much oftener pneumonia is called so than normal is; infinite without a false alarm."""
        return _ratio(self.sensitivity, 1 - self.specificity)

    @property
    def likelihood_ratio_negative(self) -> float:
        """How much oftener pneumonia is called normal than normal is; below 1 where a call helps."""
        return _ratio(1 - self.sensitivity, self.specificity)

    @property
    def accuracy(self) -> float:
        """Share of all cases that are called right."""
        return _share(self.true_positive + self.true_negative, self.positives + self.negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where no case is called right as pneumonia."""
        wrong = self.false_positive + self.false_negative
        return _share(2 * self.true_positive, 2 * self.true_positive + wrong)


def _ratio(numerator: float, denominator: float) -> float:
    if denominator == 0:
        return float("inf") if numerator > 0 else float("nan")
    return numerator / denominator


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
