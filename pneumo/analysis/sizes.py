"""What size buys: each model on thumbnails and on larger images of the same test films, paired by patient."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis.intervals import difference, measured
from pneumo.record import Part, Record, files, finding, frame
from pneumo.record.images import digest
from pneumo.record.summaries import Sizes
from pneumo.statistics import influence
from pneumo.study import ensemble
from pneumo.study.study import HALF, YOUDEN, Model, Study, run_labels

METRICS = (
    ("auc", HALF),
    ("accuracy", HALF),
    ("accuracy", YOUDEN),
    ("recall", YOUDEN),
    ("specificity", YOUDEN),
)


def part(study: Study) -> Part:
    """The answer, and the numbers behind `fig-size` and `tbl-size`; nothing without a larger study.

    The larger study's test films are the thumbnails', in the same order.
    """
    data, groups = study.data, study.groups("test")
    larger = None
    if data.size == files.SIDE and not data.is_phantom:
        films = [digest(image) for image in data.test.images]
        larger = finding.larger(study.profile.name, study.about.name, films)
    if larger is None:
        return Part({"sizes": None})
    ran = {name for name, model in larger.models.items() if model.ran}
    compared = [model for model in ensemble.compared(study) if model.name in ran]
    rows = list(_differences(compared, larger, groups))
    numbers = frame(rows, runs=run_labels(study.ran))
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
    models: Sequence[Model], larger: Record, groups: NDArray[np.int64]
) -> Iterator[dict[str, Any]]:
    """Each metric at both sizes, means over the seeds, and larger less smaller with its interval.

    Cases are the same, networks are others. Where no case is judged otherwise there is no interval.
    """
    truth = larger.test_labels()
    for model in models:
        there = larger.models[model.name]
        scores = np.array([larger.probabilities(model.name, seed) for seed in there.seeds])
        at = {
            rule: (
                measured(model, rule),
                influence.evaluate(truth, scores, there.point(rule.name).thresholds),
            )
            for rule in (HALF, YOUDEN)
        }
        for metric, rule in METRICS:
            small, large = (found[metric] for found in at[rule])
            yield {
                "model": model.name, "metric": metric, "rule": rule.name,
                "smaller": small.value, "larger": large.value,
                **difference(large.apart(small), groups).named("difference"),
            }  # fmt: skip
