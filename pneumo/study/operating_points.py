"""Operating points: thresholds fixed before the test set was used, and the rates of calls at them.

Rates are those of the first seed, with Wilson's interval for the effective number of cases.
"""

import numpy as np
from numpy.typing import NDArray

from pneumo.base.errors import find
from pneumo.base.estimate import Estimate
from pneumo.statistics import clusters, metrics
from pneumo.study.study import RULES, Model, Rule, Study, calls


def find_rule(name: str) -> Rule:
    """Find the rule called `name`.

    Raises:
        PneumoError: there is none; the message lists all.
    """
    return find("rule", {rule.name: rule for rule in RULES}, name)


def rates_of(study: Study, model: Model, rule: Rule, split: str = "test") -> dict[str, Estimate]:
    """The :func:`rates` of a model's first seed at the rule's operating point."""
    labels = model.run.predictions[split].labels
    return rates(labels, calls(model.run, rule, split), study.groups(split))


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
