"""What a finished study's model says of images from outside, and what such a word is worth.

Nothing here trains or downloads: the networks are those of the study's runs.
"""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.base.errors import PneumoError, printable
from pneumo.base.estimate import Estimate
from pneumo.data import radiographs
from pneumo.data.radiographs import RadiographError
from pneumo.statistics import metrics
from pneumo.study import operating_points, selection
from pneumo.study.study import YOUDEN, Model, Rule, Study, threshold
from pneumo.training.runs import Run

SCHEMA = 1
PHANTOM = (
    "The model learned from the synthetic phantom, not medical data: what it says of a radiograph "
    "means nothing."
)
CAVEAT = (
    "This is no medical device: it must not be used for diagnosis, nor for any other decision about a "
    "person."
)
ASSUMED = (
    "How this set's images of this size were made has not been checked: that bilinear resizing without JPEG "
    "prepares a file alike is an assumption."
)
# What a call is worth, as `pneumo.study.operating_points` names it.
RATES = ("sensitivity", "specificity", "ppv", "npv")


class PredictionError(PneumoError):
    """A model that can't be asked."""


@dataclass(frozen=True)
class Prediction:
    """What a model's networks say of one image; the first seed's decides."""

    probabilities: tuple[float, ...]  # of the class that is looked for, in [0, 1], a value a seed
    thresholds: tuple[float, ...]  # each seed's own

    @property
    def probability(self) -> float:
        """The first seed's, as its network gives it: not calibrated."""
        return self.probabilities[0]

    @property
    def threshold(self) -> float:
        """The first seed's."""
        return self.thresholds[0]

    @property
    def calls(self) -> tuple[bool, ...]:
        """Whether each seed's network calls it positive, at its own threshold."""
        return tuple(
            p >= limit for p, limit in zip(self.probabilities, self.thresholds, strict=True)
        )

    @property
    def positive(self) -> bool:
        """Whether the first seed's network calls it positive."""
        return self.calls[0]

    @property
    def agreeing(self) -> int:
        """How many seeds, the first among them, make the first one's call."""
        return self.calls.count(self.calls[0])


class Predictor:
    """Trained networks of one model, loaded once and asked of many images.

    Args:
        finished: the model's runs, the one that decides first.
        rule: how each run's threshold is found.
        device: "auto" for a GPU where there is one.

    Raises:
        PneumoError: a run is damaged, or there is no such device.
    """

    def __init__(self, finished: Sequence[Run], rule: Rule = YOUDEN, device: str = "auto") -> None:
        from pneumo.study.questions import load_network

        self.recipe = finished[0].recipe
        self.thresholds = tuple(threshold(run, rule) for run in finished)
        self.networks = [load_network(run, device) for run in finished]

    def predict(self, images: NDArray[np.uint8]) -> list[Prediction]:
        """One prediction an image, of images uint8 (N, S, S) that `radiographs.read` made."""
        from pneumo.training.loop import predict

        logits = np.stack([predict(each, self.recipe, images) for each in self.networks])  # (S, N)
        return [
            Prediction(tuple(values.tolist()), self.thresholds)
            for values in metrics.probabilities(logits).T
        ]


def find_model(study: Study, name: str | None = None) -> Model:
    """The model of a study that is to be asked: the one called `name`, else the best on validation.

    Raises:
        PredictionError: the study has no such model, or it was not run. Controls are no models.
    """
    known = ", ".join(model.name for model in study.ran)
    if not known:
        raise PredictionError(f"no model of profile {study.profile.name} was run")
    if name is None:
        return selection.best(study)
    for model in study.models:
        if model.name == name and model.ran:
            return model
        if model.name == name:
            raise PredictionError(f"{name} was not run: {model.reason}; there are: {known}")
    raise PredictionError(f"the study has no model {name!r}; there are: {known}")


def report(
    study: Study,
    files: Sequence[str],
    name: str | None = None,
    rule: Rule = YOUDEN,
    device: str = "auto",
) -> dict[str, Any]:
    """What a model says of image files, as plain data: what `pneumo predict --json` prints.

    Args:
        study: a finished one.
        files: as for :func:`pneumo.data.radiographs.read`.
        name: of the model; None for the best on validation.
        rule: of the operating point.
        device: "auto" for a GPU where there is one.

    Returns:
        schema: 1.
        model: name, title, profile, the seed that decides, all seeds, that run's key, and of the data their
            source, fingerprint, whether they are the phantom, the set's name, its images' size and what is
            looked for.
        operating_point: rule, title and threshold, and of that threshold on the test set: images, prevalence
            (the share of what is looked for), and sensitivity, specificity, ppv and npv, each with value, low
            and high of Wilson's 95 % interval, null where nothing was so called. All of the seed that
            decides.
        images: for each file that could be read: file, probability, threshold, rule, call (one of the set's
            classes, the second at or above the threshold), warnings, and where there are several seeds
            over_seeds: low and high of their probabilities, and how many are agreeing with the call, each at
            its own threshold; null with a single seed.
        unreadable: file and error of every other.
        warnings: of the model.
        caveat: what always holds.

    Raises:
        PneumoError: the model can't be asked; a file that can't be read is no reason.
    """
    model = find_model(study, name)
    predictor = Predictor(model.runs, rule, device)
    read, unreadable = [], []
    for file in files:
        try:
            read.append((file, radiographs.read(file, study.data.size, study.about)))
        except RadiographError as error:
            unreadable.append({"file": _name(file), "error": str(error)})
    predictions = predictor.predict(np.stack([one.image for _, one in read])) if read else []
    return {
        "schema": SCHEMA,
        "model": {
            "name": model.name,
            "title": model.title,
            "profile": study.profile.name,
            "seed": model.run.seed,
            "seeds": [run.seed for run in model.runs],
            "key": model.run.key,
            "data": {
                "source": study.data.source,
                "fingerprint": study.data.fingerprint,
                "phantom": study.data.is_phantom,
                "dataset": study.about.name,
                "size": study.data.size,
                "finding": study.about.finding,
                "condition": study.about.condition,
            },
        },
        "operating_point": _operating_point(study, model, rule),
        "images": [
            {
                "file": _name(file),
                "probability": said.probability,
                "over_seeds": _over_seeds(said),
                "threshold": said.threshold,
                "rule": rule.name,
                "call": study.about.classes[said.positive],
                "warnings": list(one.warnings),
            }
            for (file, one), said in zip(read, predictions, strict=True)
        ],
        "unreadable": unreadable,
        "warnings": [
            *([PHANTOM] if study.data.is_phantom else []),
            *([ASSUMED] if radiographs.is_assumed(study.about, study.data.size) else []),
        ],
        "caveat": CAVEAT,
    }


def to_json(found: dict[str, Any]) -> str:
    """A report as strict JSON in ASCII, so that no file's name can steer a terminal."""
    return json.dumps(found, indent=1, allow_nan=False)


def complaints(found: dict[str, Any]) -> list[str]:
    """What a report warns of, and why it could not read the rest: lines for standard error."""
    warnings = [
        f"{printable(image['file'])}: {warning}"
        for image in found["images"]
        for warning in image["warnings"]
    ]
    unreadable = [failure["error"] for failure in found["unreadable"]]
    return [*warnings, *(found["warnings"] if found["images"] else []), *unreadable]


def _operating_point(study: Study, model: Model, rule: Rule) -> dict[str, Any]:
    labels = model.run.predictions["test"].labels
    rates = operating_points.rates_of(study, model, rule)
    return {
        "rule": rule.name,
        "title": rule.title,
        "threshold": threshold(model.run, rule),
        "images": len(labels),
        "prevalence": float(labels.mean()),
        **{name: _plain(rates[name]) for name in RATES},
    }


def _plain(rate: Estimate) -> dict[str, float | None]:
    bounds = {"value": rate.value, "low": rate.low, "high": rate.high}
    return {name: None if math.isnan(value) else value for name, value in bounds.items()}


def _over_seeds(said: Prediction) -> dict[str, float] | None:
    if len(said.probabilities) == 1:
        return None
    return {
        "low": min(said.probabilities),
        "high": max(said.probabilities),
        "agreeing": said.agreeing,
    }


def _name(file: str) -> str:
    """A file's name as text: bytes that are no UTF-8 become backslash escapes."""
    return os.fsencode(file).decode("utf-8", "backslashreplace")
