"""Operating points: thresholds fixed before the test set was opened, what they promised, and what they kept.

Rates are the first seed's, with Wilson's interval; several seeds show in `thresholds`.
"""

from dataclasses import dataclass

from pneumo.base.errors import PneumoError
from pneumo.base.estimate import Estimate
from pneumo.statistics import metrics
from pneumo.statistics.metrics import Confusion
from pneumo.study.study import RULES, Model, Rule


class RuleError(PneumoError):
    """A rule that does not exist was asked for."""


@dataclass(frozen=True)
class OperatingPoint:
    """One model at one rule's threshold, first seed."""

    rule: Rule
    thresholds: tuple[float, ...]  # of every seed
    promised: Confusion  # on validation
    kept: Confusion  # on test

    @property
    def rates(self) -> dict[str, Estimate]:
        """Sensitivity, specificity, predictive values and likelihood ratios on the test set."""
        return rates(self.kept)

    @property
    def promised_rates(self) -> dict[str, Estimate]:
        """The same on validation."""
        return rates(self.promised)

    def shortfall(self, name: str) -> float:
        """What the test set kept less what validation promised, for a name of :attr:`rates`."""
        return self.rates[name].value - self.promised_rates[name].value


def find_rule(name: str) -> Rule:
    """The rule called `name`.

    Raises:
        RuleError: there is none; the message lists those there are.
    """
    for rule in RULES:
        if rule.name == name:
            return rule
    raise RuleError(f"no rule is called {name!r}; there are: {', '.join(r.name for r in RULES)}")


def points(model: Model) -> tuple[OperatingPoint, ...]:
    """A model's operating points, one a rule."""
    return tuple(
        OperatingPoint(
            rule,
            tuple(model.thresholds(rule)),
            model.confusion(rule, "val"),
            model.confusion(rule, "test"),
        )
        for rule in RULES
    )


def rates(counts: Confusion) -> dict[str, Estimate]:
    """Rates of a confusion matrix: Wilson's intervals for shares, the log method's for ratios.

    Raises:
        MetricError: a class has no cases.
    """
    positive_ratio, negative_ratio = metrics.likelihood_ratio_intervals(counts)
    return {
        "sensitivity": _share(counts.true_positive, counts.false_negative),
        "specificity": _share(counts.true_negative, counts.false_positive),
        "ppv": _share(counts.true_positive, counts.false_positive),
        "npv": _share(counts.true_negative, counts.false_negative),
        "lr_positive": Estimate(counts.likelihood_ratio_positive, *positive_ratio),
        "lr_negative": Estimate(counts.likelihood_ratio_negative, *negative_ratio),
    }


def _share(part: int, rest: int) -> Estimate:
    if not part + rest:
        return Estimate(float("nan"))
    return Estimate(part / (part + rest), *metrics.wilson(part, part + rest))
