"""Operating points: thresholds fixed before the test set was used, with rates on validation and test.

Rates are those of the first seed, with Wilson's interval for the effective number of cases; `thresholds` has
the thresholds of all seeds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pneumo.base.confusion import Confusion
from pneumo.base.errors import find
from pneumo.base.estimate import Estimate
from pneumo.statistics import clusters, metrics
from pneumo.study.study import RULES, Model, Rule, Study, threshold


@dataclass(frozen=True)
class OperatingPoint:
    """One model at the threshold of one rule, first seed."""

    rule: Rule
    thresholds: tuple[float, ...]  # of every seed
    promised: Confusion  # on validation
    kept: Confusion  # on test
    # On test: sensitivity, specificity, predictive values, likelihood ratios.
    rates: dict[str, Estimate]
    promised_rates: dict[str, Estimate]  # the same on validation

    def shortfall(self, name: str) -> float:
        """Rate on test less that on validation, for a name of :attr:`rates`."""
        return self.rates[name].value - self.promised_rates[name].value


def find_rule(name: str) -> Rule:
    """Find the rule called `name`.

    Raises:
        PneumoError: there is none; the message lists all.
    """
    return find("rule", {rule.name: rule for rule in RULES}, name)


def points(study: Study, model: Model) -> tuple[OperatingPoint, ...]:
    """Operating points of a model, one for each rule."""
    return tuple(
        OperatingPoint(
            rule,
            tuple(model.thresholds(rule)),
            model.confusion(rule, "val"),
            model.confusion(rule, "test"),
            rates_of(study, model, rule),
            rates_of(study, model, rule, "val"),
        )
        for rule in RULES
    )


def rates_of(study: Study, model: Model, rule: Rule, split: str = "test") -> dict[str, Estimate]:
    """The :func:`rates` of a model's first seed at the rule's operating point."""
    found = model.run.predictions[split]
    called = found.probabilities >= threshold(model.run, rule)
    return rates(found.labels, called, study.groups(split))


def rates(
    labels: NDArray[np.uint8], called: NDArray[np.bool_], groups: NDArray[np.int64]
) -> dict[str, Estimate]:
    """Compute rates of calls: Wilson's intervals for proportions, the log method for ratios.

    Args:
        labels: (N,).
        called: whether each case is called positive, (N,).
        groups: its patient, (N,).

    Raises:
        MetricError: a class has no cases.
    """
    sick = labels == 1
    counts = metrics.confusion(labels, called.astype(float), metrics.HALF)
    effects = clusters.design_effects(labels, called, groups)
    positive, negative = metrics.likelihood_ratio_intervals(counts, effects)
    return {
        "sensitivity": clusters.proportion(called[sick], groups[sick]),
        "specificity": clusters.proportion(~called[~sick], groups[~sick]),
        "ppv": clusters.proportion(sick[called], groups[called]),
        "npv": clusters.proportion(~sick[~called], groups[~called]),
        "lr_positive": Estimate(counts.likelihood_ratio_positive, *positive),
        "lr_negative": Estimate(counts.likelihood_ratio_negative, *negative),
    }
