"""Operating points: thresholds fixed before the test set was opened, what they promised, and what they kept.

Rates are the first seed's, with Wilson's interval of as many cases as the patients' images tell of; several
seeds show in `thresholds`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pneumo.base.errors import PneumoError
from pneumo.base.estimate import Estimate
from pneumo.statistics import clusters, metrics
from pneumo.statistics.metrics import Confusion
from pneumo.study.study import RULES, Model, Rule, Study, threshold


class RuleError(PneumoError):
    """A rule that does not exist was asked for."""


@dataclass(frozen=True)
class OperatingPoint:
    """One model at one rule's threshold, first seed."""

    rule: Rule
    thresholds: tuple[float, ...]  # of every seed
    promised: Confusion  # on validation
    kept: Confusion  # on test
    rates: dict[
        str, Estimate
    ]  # on test: sensitivity, specificity, predictive values, likelihood ratios
    promised_rates: dict[str, Estimate]  # the same on validation

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


def points(study: Study, model: Model) -> tuple[OperatingPoint, ...]:
    """A model's operating points, one a rule."""
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
    """Rates of calls: Wilson's intervals for shares, the log method's for ratios.

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
