"""Every metric of every model with its 95 % interval, over test cases and over seeds where there are several.

Cases count by patient where patients are known. Thresholds are not chosen anew: validation fixed them.
"""

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis import baselines
from pneumo.record import Estimate
from pneumo.statistics import influence
from pneumo.statistics.influence import Measured
from pneumo.study import ensemble
from pneumo.study.cache import once
from pneumo.study.study import RULES, YOUDEN, Model, Rule, Study


def area(model: Model, split: str = "test") -> Measured:
    """A model's AUC on a split, mean over the seeds."""
    return influence.auc(model.run.predictions[split].labels, model.logits(split))


def measured(model: Model, rule: Rule = YOUDEN, split: str = "test") -> dict[str, Measured]:
    """Each of `metrics.NAMES` of a model at the rule's operating point."""
    labels = model.run.predictions[split].labels
    return influence.evaluate(labels, model.probabilities(split), model.thresholds(rule))


def difference(found: Measured, groups: NDArray[np.int64]) -> Estimate:
    """A difference with its interval; without one where no case tells the two apart."""
    estimate = found.estimate(groups)
    return estimate if estimate.low < estimate.high else Estimate(estimate.value)


@once
def intervals(study: Study) -> dict[str, dict[str, dict[str, Estimate]]]:
    """Mean and interval by model, the ensemble and the baselines with them, by rule and by metric."""
    groups = study.groups("test")
    return {
        model.name: {
            rule.name: {name: one.bounded(groups) for name, one in measured(model, rule).items()}
            for rule in RULES
        }
        for model in (*ensemble.compared(study), *baselines.models(study))
    }
