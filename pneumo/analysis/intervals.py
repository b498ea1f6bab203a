"""95 % intervals of every metric: bootstrap over test cases, and over seeds where there are several.

Cases are drawn within their class, since the test set's class counts are its makers' choice; all seeds of
a model see the same drawn cases. Thresholds are not chosen anew: validation fixed them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pneumo.analysis import baselines
from pneumo.analysis.cache import once
from pneumo.record import Estimate
from pneumo.statistics import metrics
from pneumo.statistics.intervals import Sample, bootstrap, cut
from pneumo.study import ensemble
from pneumo.study.study import HALF, RULES, Model, Rule, Study, threshold

_AT_THRESHOLD = ("accuracy", "precision", "recall", "specificity", "f1")


def sample(model: Model, rules: Sequence[Rule] = RULES) -> Sample:
    """A model's test predictions, seed by seed, called at each rule's threshold."""
    return cut(
        model.run.predictions["test"].labels,
        np.array([run.predictions["test"].probabilities for run in model.runs]),
        np.array([[threshold(run, rule) for rule in rules] for run in model.runs]),
    )


def intervals(study: Study) -> dict[str, dict[str, dict[str, Estimate]]]:
    """For each model that ran, each rule and each of `metrics.NAMES`: mean and interval.

    Baselines are there too, at 0.5 alone.
    """
    return {
        name: {
            rule: {metric: Estimate(*map(_number, bounds)) for metric, bounds in values.items()}
            for rule, values in rules.items()
        }
        for name, rules in _computed(study).items()
    }


Bounds = dict[str, dict[str, list[float | None]]]


@once
def _computed(study: Study) -> dict[str, Bounds]:
    found = {model.name: _of(sample(model), RULES) for model in ensemble.compared(study)}
    if study.ran:
        labels = study.data.test.labels
        half = np.array([[metrics.HALF]])
        for baseline in baselines.predictions(study):
            found[baseline.name] = _of(cut(labels, baseline.test[None], half), (HALF,))
    return found


def _of(cases: Sample, rules: Sequence[Rule]) -> Bounds:
    positives, negatives = cases.wins.shape[1:]
    sizes = {"accuracy": positives + negatives, "recall": positives, "specificity": negatives}
    rows = np.stack(bootstrap([cases], lambda values: values[0]), axis=1)  # (K, 3)
    found: Bounds = {}
    for place, rule in enumerate(rules):
        values: dict[str, Any] = dict(zip(("auc", "brier"), rows[:2], strict=True))
        at = rows[2 + 5 * place : 2 + 5 * (place + 1)]
        values |= dict(zip(_AT_THRESHOLD, at, strict=True))
        for name, total in sizes.items():
            mean, low, high = values[name]
            if low == high:
                # Every resample gives the same share, 0 or 1: the bootstrap has nothing to go by.
                values[name] = np.array([mean, *metrics.wilson(round(mean * total), total)])
        found[rule.name] = {
            name: [float(x) if np.isfinite(x) else None for x in values[name]]
            for name in metrics.NAMES
        }
    return found


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
