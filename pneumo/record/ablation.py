"""Effect of each choice in a recipe, as stored in a record."""

from dataclasses import dataclass

from pneumo.record.answers import Mean

SPLITS = ("val", "held", "test")
JUDGE = "held"  # the split that judges choices


@dataclass(frozen=True)
class Row:
    """One ablation: a model's recipe with one thing changed, against the same recipe unchanged."""

    name: str  # the recipe's
    model: str  # the title of the model whose recipe it is
    change: str  # as in tables; empty for the baseline
    seeds: int
    epochs: int
    seconds: float  # an epoch, the median over epochs and seeds
    auc: dict[str, float]  # by split, the mean over seeds
    difference: dict[str, Mean]  # from the baseline's, by split; none for the baseline itself

    @property
    def is_baseline(self) -> bool:
        """Whether nothing is changed."""
        return not self.change

    @property
    def verdict(self) -> str:
        """Verdict of the images that judge choices: "better", "worse" or "no different"."""
        if self.is_baseline:
            return ""
        found = self.difference[JUDGE]
        return "better" if found.low > 0 else "worse" if found.high < 0 else "no different"


@dataclass(frozen=True)
class Agreement:
    """Agreement of the differences on a split with those on test, over all ablations."""

    split: str
    rank_correlation: float  # Spearman's
    low: float  # of the 95 % interval
    high: float
    p_value: float


@dataclass(frozen=True)
class HeldOut:
    """The images that judge ablations, and how well they predict results on the test set."""

    negative_share: (
        float  # of the negative training images, those hardest for a classifier on pixels
    )
    positive_share: float  # of the positive ones, drawn at random
    agreements: dict[str, Agreement]  # by split, val and held; empty with too few ablations
