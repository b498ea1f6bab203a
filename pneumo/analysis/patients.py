"""Several images of one patient: what that costs in certainty, and whether validation flatters for it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis import intervals
from pneumo.analysis.rows import unfold
from pneumo.data import SPLITS
from pneumo.record import Estimate, Part, frame
from pneumo.record.patients import Control, Fall, Patients
from pneumo.statistics import influence
from pneumo.study.study import YOUDEN, Model, Study, run_labels

METRICS = ("auc", "recall", "specificity")
CONTROL = ("simple-cnn", "simple-cnn-unshared-patients")


def part(study: Study) -> Part:
    """The answers, and the numbers behind `tbl-clustering` and `tbl-shared-patients`.

    Nothing where no patient is known.
    """
    if study.data.origins is None:
        return Part({"patients": None})
    found = {model.name: falls(study, model) for model in study.ran}
    costs = list(_costs(study))
    every = run_labels(study.ran)
    patients = {split: np.unique(study.groups(split)) for split in SPLITS}
    return Part(
        {
            "patients": Patients(
                counts={split: len(numbers) for split, numbers in patients.items()},
                images={split: len(study.groups(split)) for split in SPLITS},
                sharing=int(sharing(study).sum()),
                testing=int(np.isin(study.groups("test"), study.groups("train", "val")).sum()),
                wider=float(np.median([row["by patient"] / row["by image"] for row in costs])),
                falls=found,
                control=control(study),
            )
        },
        tables={
            "tbl-clustering": frame(costs, runs=every),
            "tbl-shared-patients": frame(unfold(found, "model", "metric", "images"), runs=every),
        },
    )


def sharing(study: Study) -> NDArray[np.bool_]:
    """Which validation images are of a patient who has images in training, too, (N,)."""
    return np.isin(study.groups("val"), study.groups("train"))


def falls(study: Study, model: Model) -> dict[str, Fall]:
    """Each of :data:`METRICS` on both halves of validation, on all of it, and on test."""
    own = sharing(study)
    shared, unshared = (_of(study, model, "val", members) for members in (own, ~own))
    validation, test = (_of(study, model, split) for split in ("val", "test"))
    return {
        name: Fall(shared[name], unshared[name], validation[name], test[name]) for name in METRICS
    }


def control(study: Study) -> Control | None:
    """SimpleCNN beside the same trained without validation's patients; None without both."""
    found = {model.name: model for model in study.all if model.ran}
    if not set(CONTROL) <= set(found):
        return None
    models = [found[name] for name in CONTROL]
    left_out = np.isin(study.groups("train"), study.groups("val"))
    return Control(
        images=len(left_out),
        fewer=int(left_out.sum()),
        thresholds=[float(np.mean(model.thresholds(YOUDEN))) for model in models],
        promised=[_of(study, model, "val")["specificity"] for model in models],
        kept=[_of(study, model, "test")["specificity"] for model in models],
    )


def _of(
    study: Study, model: Model, split: str, members: NDArray[np.bool_] | slice = slice(None)
) -> dict[str, Estimate]:
    """Each of :data:`METRICS` on some images of a split, or all; mean over the seeds, drawn by patient."""
    truth = model.run.predictions[split].labels[members]
    if len(np.unique(truth)) < 2:
        return {name: Estimate(float("nan")) for name in METRICS}
    chosen = model.thresholds(YOUDEN)
    found = influence.evaluate(truth, model.probabilities(split)[:, members], chosen)
    groups = study.groups(split)[members]
    return {name: found[name].bounded(groups) for name in METRICS}


def _costs(study: Study) -> Iterator[dict[str, Any]]:
    """The width of each interval on test, of images drawn one by one and of patients."""
    for model in study.ran:
        found, groups = intervals.measured(model), study.groups("test")
        for name in METRICS:
            image = found[name].bounded(np.arange(len(groups)))
            patient = found[name].bounded(groups)
            yield {
                "model": model.name, "metric": name, "value": patient.value,
                "by image": image.high - image.low, "by patient": patient.high - patient.low,
            }  # fmt: skip
