"""Predict images from outside with a model of a finished study, and report its performance on the test set.

Nothing here trains or downloads: the networks are those of the runs of the study.
"""

import json
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from pneumo.base.errors import PneumoError, find, printable
from pneumo.base.estimate import Estimate
from pneumo.data import radiographs
from pneumo.data.checks import RadiographError
from pneumo.statistics import metrics
from pneumo.study import operating_points, selection
from pneumo.study.study import YOUDEN, Model, Rule, Study, threshold

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
# Rates of a report, as named in `pneumo.study.operating_points`.
RATES = ("sensitivity", "specificity", "ppv", "npv")


def find_model(study: Study, name: str | None = None) -> Model:
    """Choose the model of a study called `name`; without one, that of `selection.best`.

    Raises:
        PneumoError: the study has no such model, or it was not run. Controls cannot be chosen.
    """
    if not study.ran:
        raise PneumoError(
            f"no model of profile {study.profile.name} was run; run `pneumo study` with its weights"
        )
    if name is None:
        return selection.best(study)
    for model in study.not_run:
        if model.name == name:
            known = ", ".join(model.name for model in study.ran)
            raise PneumoError(f"{name} was not run: {model.reason}; there are: {known}")
    return find("model", {model.name: model for model in study.ran}, name)


def report(
    study: Study,
    files: Sequence[str],
    name: str | None = None,
    rule: Rule = YOUDEN,
    device: str = "auto",
) -> dict[str, Any]:
    """Predict image files; return the plain data that `pneumo predict --json` prints.

    Args:
        study: a finished one.
        files: as for :func:`pneumo.data.radiographs.read`.
        name: of the model; None for the one that the report presents first.
        rule: of the operating point.
        device: "auto" for a GPU if there is one.

    Returns:
        schema: 1.
        model: name, title, profile, the deciding seed, all seeds, the key of the deciding run, and of the
            data: source, location, fingerprint, whether they are the phantom, name of the set, size of the
            images, the finding and the condition.
        operating_point: rule, title and threshold; on the test set, for the deciding seed: images,
            prevalence, and sensitivity, specificity, ppv and npv, each with value, low and high of Wilson's
            95 % interval, null if undefined.
        images: for each readable file: file, probability, threshold, rule, call (a class of the set; the
            second at or above the threshold), and warnings; over_seeds with low and high of the
            probabilities of all seeds, and the number of seeds agreeing with the call, each at its own
            threshold; null with a single seed.
        unreadable: file and error of every other file.
        warnings: of the model.
        caveat: holds for all images.

    Raises:
        PneumoError: the model cannot be used. An unreadable file is not an error.
    """
    from pneumo.training.train import load_network

    model = find_model(study, name)
    networks = [load_network(run, device) for run in model.runs]
    read, unreadable = [], []
    for file in files:
        try:
            read.append((file, radiographs.read(file, study.data.size, study.about)))
        except RadiographError as error:
            unreadable.append({"file": _name(file), "error": str(error)})
    probabilities = np.empty((len(networks), 0))  # (S, N)
    if read:
        from pneumo.training.loop import predict

        images = np.stack([one.image for _, one in read])
        logits = np.stack([predict(each, model.recipe, images) for each in networks])
        probabilities = metrics.probabilities(logits)
    limits = np.array(model.thresholds(rule))[:, None]
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
                "location": study.data.location,
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
                "probability": own[0],
                "over_seeds": over_seeds(own, calls) if len(own) > 1 else None,
                "threshold": float(limits[0, 0]),
                "rule": rule.name,
                "call": study.about.classes[calls[0]],
                "warnings": list(one.warnings),
            }
            for (file, one), own, calls in zip(
                read, probabilities.T.tolist(), (probabilities >= limits).T.tolist(), strict=True
            )
        ],
        "unreadable": unreadable,
        "warnings": [
            *([PHANTOM] if study.data.is_phantom else []),
            *([ASSUMED] if radiographs.is_assumed(study.about, study.data.size) else []),
        ],
        "caveat": CAVEAT,
    }


def to_json(found: dict[str, Any]) -> str:
    """Write a report as strict JSON in ASCII, so that no file name can control a terminal."""
    return json.dumps(found, indent=1, allow_nan=False)


def complaints(found: dict[str, Any]) -> list[str]:
    """Lines for standard error: warnings of a report, and errors of unreadable files."""
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


def over_seeds(probabilities: Sequence[float], calls: Sequence[bool]) -> dict[str, float]:
    """Range of all seeds' probabilities of an image, and how many make the same call as the first."""
    return {
        "low": min(probabilities),
        "high": max(probabilities),
        "agreeing": calls.count(calls[0]),
    }


def _name(file: str) -> str:
    """Name of a file as text; bytes that are not UTF-8 become backslash escapes."""
    return os.fsencode(file).decode("utf-8", "backslashreplace")
