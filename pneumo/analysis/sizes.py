"""What size buys: each model on thumbnails and on larger images of the same test films, paired by patient."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis.intervals import sample
from pneumo.record import Part, Record, files, finding, frame
from pneumo.record.images import digest
from pneumo.record.sizes import Sizes
from pneumo.statistics.intervals import Sample, bootstrap, cut
from pneumo.study import ensemble
from pneumo.study.study import HALF, YOUDEN, Study

RULES = (HALF, YOUDEN)
# What is compared, and its place among what the bootstrap measures at RULES.
METRICS = (
    ("auc", HALF, 0),
    ("accuracy", HALF, 2),
    ("accuracy", YOUDEN, 7),
    ("recall", YOUDEN, 9),
    ("specificity", YOUDEN, 10),
)


def part(study: Study) -> Part:
    """The answer, and the numbers behind `fig-size` and `tbl-size`; nothing without a larger study."""
    data = study.data
    if data.size != files.SIDE or data.is_phantom:
        return Part({"sizes": None})
    films = [digest(image) for image in data.test.images]
    larger = finding.larger(study.profile.name, study.about.name, films)
    return compare(study, larger) if larger else Part({"sizes": None})


def compare(study: Study, larger: Record) -> Part:
    """The share of the record that tells what a record of the same test films at a larger size reaches.

    Args:
        study: of thumbnails.
        larger: its test films are the study's, in the same order.
    """
    groups = study.groups("test")
    compared = [
        model
        for model in ensemble.compared(study)
        if model.name in larger.models and larger.models[model.name].ran
    ]
    rows = [
        {"model": model.name, **row}
        for model in compared
        for row in _differences(sample(model, RULES), _sample(larger, model.name), groups)
    ]
    numbers = frame(rows, runs=[run.label for model in study.ran for run in model.runs])
    areas = [row for row in rows if row["metric"] == "auc"]
    answer = Sizes(
        size=larger.data.size,
        record=larger.sums[files.RESULTS],
        films=len(groups),
        best=larger.profile.best,
        models=len(compared),
        higher=sum(row["low"] > 0 for row in areas),
        lower=sum(row["high"] < 0 for row in areas),
    )
    return Part({"sizes": answer}, figures={"fig-size": numbers}, tables={"tbl-size": numbers})


def _differences(
    small: Sample, large: Sample, groups: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    """Each metric at both sizes, means over the seeds, and larger less smaller with its interval.

    Both are asked about the same drawn patients; seeds are drawn for each. Where no resample differs, the
    bootstrap has nothing to go by, and there is no interval.
    """
    values, low, high = bootstrap(
        [small, large], lambda both: np.concatenate([*both, both[1] - both[0]]), groups=groups
    )
    fixed = low == high
    low[fixed] = high[fixed] = np.nan
    count = len(values) // 3
    for metric, rule, place in METRICS:
        yield {
            "metric": metric,
            "rule": rule.name,
            "smaller": values[place],
            "larger": values[count + place],
            "difference": values[2 * count + place],
            "low": low[2 * count + place],
            "high": high[2 * count + place],
        }


def _sample(larger: Record, name: str) -> Sample:
    """A model's test predictions in a record, seed by seed."""
    model = larger.models[name]
    scores = np.array([larger.probabilities(name, seed) for seed in model.seeds])
    thresholds = np.array([model.point(rule.name).thresholds for rule in RULES]).T
    return cut(larger.test_labels(), scores, thresholds)
