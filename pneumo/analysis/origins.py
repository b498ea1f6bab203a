"""Where the images came from: kinds and patients by split, how a film became a thumbnail, and what follows.

Bacterial and viral pneumonia apart: how many of each a model finds, and how it ranks them above normals; the
kinds are those of the published file names: how a film was filed, not what a laboratory found. Several images
of one patient: what that costs in certainty, and whether validation flatters for it.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pneumo.analysis import intervals
from pneumo.analysis.rows import pixel_rows, unfold
from pneumo.data import SPLITS, origins, phantom, radiographs
from pneumo.record import Estimate, Part, frame
from pneumo.record.summaries import PNEUMONIAS, Control, Kinds, MetricFall, Origins, Patients
from pneumo.statistics import influence
from pneumo.statistics.influence import Measured
from pneumo.study import ensemble
from pneumo.study.study import RULES, YOUDEN, Model, Rule, Study, run_labels

FILM = (84, 60)  # width and height of the film that is drawn, in pixels
SIDE = 28
METRICS = ("auc", "recall", "specificity")
CONTROL = ("simple-cnn", "simple-cnn-unshared-patients")


def part(study: Study) -> Part:
    """The answer and its table, and the steps of one film; nothing where no origins are known."""
    if study.data.origins is None:
        return Part({"origins": None})
    found = origins.count(study.data.origins)
    rows = [
        {
            "split": name,
            **found.kinds[name],
            "unknown": int((~split.known).sum()),
            "patients": found.patients[name],
            "most of one patient": _most(split),
        }
        for name, split in study.data.origins.items()
    ]
    # Every pixel of every step; of a drawn film, since a record holds no image of anybody.
    recipe = pixel_rows({name: np.asarray(step) for name, step in steps().items()}, "step", "grey")
    return Part(
        {"origins": Origins(**vars(found))},
        figures={"fig-recipe": frame(recipe)},
        tables={"tbl-origins": frame(rows)},
    )


def steps() -> dict[str, Image.Image]:
    """A drawn film, 8-bit grey, and what each step of the recipe makes of it."""
    chest = phantom.draw(FILM[1], True, np.random.default_rng(phantom.SEED))
    film = Image.fromarray(chest).resize(FILM, Image.Resampling.BILINEAR)
    resized = radiographs.shrink(radiographs.centre(film), SIDE)
    return {"film": film, "resized": resized, "stored": radiographs.as_jpeg(resized)}


def _most(split: origins.Origins) -> int:
    """Images of the patient who has most."""
    known = split.patients[split.known]
    return int(np.unique(known, return_counts=True)[1].max()) if len(known) else 0


def kinds(study: Study) -> Part:
    """The answer, and the numbers behind `fig-kinds` and `tbl-kinds`; nothing where no kinds are known."""
    if not kinds_known(study):
        return Part({"kinds": None})
    assert study.data.origins
    test = study.data.origins["test"]
    images = {kind: int((test.kinds == kind).sum()) for kind in PNEUMONIAS}
    numbers = frame(_of_kinds(study, images), runs=run_labels(study.ran))
    return Part(
        {
            "kinds": Kinds(
                images,
                {kind: len(np.unique(test.patients[test.kinds == kind])) for kind in PNEUMONIAS},
                {model.name: differences(study, model) for model in ensemble.compared(study)},
            )
        },
        figures={"fig-kinds": numbers},
        tables={"tbl-kinds": numbers},
    )


def kinds_known(study: Study) -> bool:
    """Whether the test set has films of which each kind is known."""
    origins = study.data.origins
    return origins is not None and set(PNEUMONIAS) <= set(origins["test"].kinds.tolist())


def sensitivities(study: Study, model: Model, rule: Rule) -> tuple[Measured, Measured]:
    """A model's sensitivity for bacterial films, and that for viral ones."""
    assert study.data.origins  # asked only where kinds are known
    named = study.data.origins["test"].kinds
    bacteria, virus = (influence.share(model.calls(rule), named == kind) for kind in PNEUMONIAS)
    return bacteria, virus


def differences(study: Study, model: Model) -> dict[str, Estimate]:
    """A model's sensitivity for bacterial films less that for viral ones, by rule."""
    found = {}
    for rule in RULES:
        bacteria, virus = sensitivities(study, model, rule)
        found[rule.name] = intervals.difference(bacteria - virus, study.groups("test"))
    return found


def _of_kinds(study: Study, images: dict[str, int]) -> Iterator[dict[str, Any]]:
    """A row an AUC against the normal films, and a row a sensitivity at an operating point, of all seeds.

    `missed` is the mean over the seeds.
    """
    assert study.data.origins
    truth, named = study.data.test.labels, study.data.origins["test"].kinds
    for model, kind in product(ensemble.compared(study), PNEUMONIAS):
        own = (truth == 0) | (named == kind)
        groups = study.groups("test")[own]
        row = {"model": model.name, "kind": kind}
        area = influence.auc(truth[own], model.logits()[:, own]).bounded(groups)
        yield row | {"rule": "auc", **vars(area), "missed": None}
        for rule in RULES:
            recall = influence.share(model.calls(rule)[:, own], truth[own] == 1).bounded(groups)
            missed = (1 - recall.value) * images[kind]
            yield row | {"rule": rule.name, **vars(recall), "missed": missed}


def patients(study: Study) -> Part:
    """The answers, and the numbers behind `tbl-clustering` and `tbl-shared-patients`.

    Nothing where no patient is known.
    """
    if study.data.origins is None:
        return Part({"patients": None})
    found = {model.name: falls(study, model) for model in study.ran}
    costs = list(_costs(study))
    every = run_labels(study.ran)
    return Part(
        {
            "patients": Patients(
                counts={split: len(np.unique(study.groups(split))) for split in SPLITS},
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


def falls(study: Study, model: Model) -> dict[str, MetricFall]:
    """Each of :data:`METRICS` on both halves of validation, on all of it, and on test."""
    own = sharing(study)
    shared, unshared = (_of(study, model, "val", members) for members in (own, ~own))
    validation, test = (_of(study, model, split) for split in ("val", "test"))
    return {
        name: MetricFall(shared[name], unshared[name], validation[name], test[name])
        for name in METRICS
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
    groups = study.groups("test")
    for model, name in product(study.ran, METRICS):
        found = intervals.measured(model)[name]
        image, patient = found.bounded(np.arange(len(groups))), found.bounded(groups)
        yield {
            "model": model.name, "metric": name, "value": patient.value,
            "by image": image.high - image.low, "by patient": patient.high - patient.low,
        }  # fmt: skip
