"""95 % intervals of every metric: bootstrap over test cases, and over seeds where there are several.

Cases are drawn within their class, since the test set's class counts are its makers' choice, and by patient
where patients are known; all seeds of a model see the same drawn cases. Thresholds are not chosen anew:
validation fixed them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis import baselines
from pneumo.analysis.cache import once
from pneumo.record import Estimate
from pneumo.statistics import clusters, metrics
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
            rule: {metric: estimate(bounds) for metric, bounds in values.items()}
            for rule, values in rules.items()
        }
        for name, rules in _computed(study).items()
    }


Bounds = dict[str, dict[str, list[float | None]]]


@once
def _computed(study: Study) -> dict[str, Bounds]:
    groups = study.groups("test")
    found = {model.name: of(sample(model), RULES, groups) for model in ensemble.compared(study)}
    if study.ran:
        labels = study.data.test.labels
        half = np.array([[metrics.HALF]])
        for baseline in baselines.predictions(study):
            found[baseline.name] = of(cut(labels, baseline.test[None], half), (HALF,), groups)
    return found


def of(cases: Sample, rules: Sequence[Rule], groups: NDArray[np.int64]) -> Bounds:
    """Mean and interval of each metric at each rule, drawn by these patients (N,); None where undefined."""
    labels = cases.labels
    patients = {
        "accuracy": groups,
        "recall": groups[labels == 1],
        "specificity": groups[labels == 0],
    }
    rows = np.stack(bootstrap([cases], lambda values: values[0], groups=groups), axis=1)  # (K, 3)
    found: Bounds = {}
    for place, rule in enumerate(rules):
        values: dict[str, Any] = dict(zip(("auc", "brier"), rows[:2], strict=True))
        at = rows[2 + 5 * place : 2 + 5 * (place + 1)]
        values |= dict(zip(_AT_THRESHOLD, at, strict=True))
        for name, own in patients.items():
            mean, low, high = values[name]
            if low == high:
                # Every resample gives the same share, 0 or 1: the bootstrap has nothing to go by.
                share = clusters.proportion(np.arange(len(own)) < round(mean * len(own)), own)
                values[name] = np.array([mean, share.low, share.high])
        found[rule.name] = {
            name: [float(x) if np.isfinite(x) else None for x in values[name]]
            for name in metrics.NAMES
        }
    return found


def estimate(bounds: list[float | None]) -> Estimate:
    """Mean and ends, NaN where there are none."""
    return Estimate(*(float("nan") if value is None else value for value in bounds))
