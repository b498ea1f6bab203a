"""Relation of the shape of films to labels and predictions, as stored in a record."""

from dataclasses import dataclass, field

from pneumo.base.estimate import Estimate
from pneumo.record.shift import TwoSample


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
