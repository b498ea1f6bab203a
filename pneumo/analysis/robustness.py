"""How much of a model's skill corrupted images leave: AUC and accuracy by corruption and severity.

Numbers are the first seed's, of the test images that the profile's probes ask about.
"""

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.record import Estimate, Part, frame
from pneumo.record.robustness import Robustness as Answer
from pneumo.statistics import clusters, metrics
from pneumo.study import questions
from pneumo.study.cache import once
from pneumo.study.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from pneumo.study.study import HALF, YOUDEN, Model, Study, threshold

RESAMPLES = 1000
EXAMPLES = (1, 3, SEVERITIES)  # severities that the figure shows


def part(study: Study) -> Part:
    """The answers, and the numbers behind `fig-robustness`, `tbl-robustness` and `tbl-corruptions`."""
    found = robustness(study)
    runs = tuple(study.model(name).run.label for name in found)
    by_severity = [
        {
            "model": name,
            "corruption": corruption,
            "severity": severity,
            "auc": one.clean_auc if severity == 0 else float(one.auc[place, severity - 1]),
            "accuracy": one.clean_accuracy
            if severity == 0
            else float(one.accuracy[place, severity - 1]),
        }
        for name, one in found.items()
        for place, corruption in enumerate(CORRUPTIONS)
        for severity in range(SEVERITIES + 1)
    ]
    means = [
        {
            "model": name,
            "auc clean": one.clean_auc,
            "auc corrupted": float(one.auc.mean()),
            "fall": one.degradation.value,
            "fall low": one.degradation.low,
            "fall high": one.degradation.high,
            "accuracy clean": one.clean_accuracy,
            "accuracy corrupted": float(one.accuracy.mean()),
            "worst corruption": one.worst,
        }
        for name, one in found.items()
    ]
    by_corruption = [
        {
            "corruption": corruption,
            "model": name,
            "auc": float(one.auc[place].mean()),
            "accuracy": float(one.accuracy[place].mean()),
        }
        for place, corruption in enumerate(CORRUPTIONS)
        for name, one in found.items()
    ]
    return Part(
        {"robustness": _answer(study, found)},
        figures={"fig-robustness": frame(by_severity, runs=runs)},
        tables={
            "tbl-robustness": frame(means, runs=runs),
            "tbl-corruptions": frame(by_corruption, runs=runs),
        },
    )


def examples(study: Study) -> NDArray[np.uint8]:
    """The first positive test image under every corruption at :data:`EXAMPLES`, (3, C, S, S)."""
    image = study.data.test.images[study.data.test.labels == 1][:1]
    return np.array(
        [[corrupt(image, name, severity)[0] for name in CORRUPTIONS] for severity in EXAMPLES]
    )


@dataclass(frozen=True)
class Robustness:
    """One model under every corruption, (C, 5) in the order of `corruptions.CORRUPTIONS`."""

    images: int  # asked about
    clean_auc: float
    clean_accuracy: float
    clean_error: float  # balanced, at Youden's threshold
    auc: NDArray[np.float64]
    accuracy: NDArray[np.float64]  # at 0.5
    error: NDArray[np.float64]  # balanced error: 1 − (sensitivity + specificity) / 2, at Youden's
    degradation: Estimate  # mean over corruptions and severities of (clean AUC − AUC) / clean AUC

    @property
    def worst(self) -> str:
        """The corruption that leaves the lowest mean AUC."""
        return list(CORRUPTIONS)[int(self.auc.mean(axis=1).argmin())]


def robustness(study: Study) -> dict[str, Robustness]:
    """Each model that ran, under every corruption.

    The degradation is relative to the model's own clean AUC; MedMNIST-C's errors are relative to an
    AlexNet of its authors on images of 224 pixels, which would say nothing here. Its interval is the
    percentile bootstrap's, over test cases drawn within their class, by patient.
    """
    return {
        name: Robustness(
            **{
                **found,
                **{key: np.array(found[key]) for key in ("auc", "accuracy", "error")},
                "degradation": Estimate(*found["degradation"]),
            }
        )
        for name, found in _computed(study)["models"].items()
    }


def less_degraded(study: Study, first: str, second: str) -> Estimate | None:
    """How much less the first model's AUC falls than the second's, paired case by case; None without both."""
    found = _computed(study)["pairs"].get(f"{first} {second}")
    return Estimate(*found) if found else None


@dataclass(frozen=True)
class Order:
    """Which model leads by AUC, and whether all keep their places."""

    same: bool
    clean: str  # the leader's title on clean images
    corrupted: str  # and on corrupted ones


def order(study: Study) -> Order:
    """The models' ranking by AUC, on clean and on corrupted images."""
    found = robustness(study)
    clean = sorted(found, key=lambda name: -found[name].clean_auc)
    corrupted = sorted(found, key=lambda name: -float(found[name].auc.mean()))
    return Order(clean == corrupted, study.model(clean[0]).title, study.model(corrupted[0]).title)


def _answer(study: Study, found: dict[str, Robustness]) -> Answer:
    ranked = order(study) if found else None
    first = next(iter(found.values()), None)
    return Answer(
        images=first.images if first else 0,
        corruptions=list(CORRUPTIONS),
        falls={name: one.degradation for name, one in found.items()},
        worst={name: one.worst for name, one in found.items()},
        same_order=ranked.same if ranked else True,
        first_clean=ranked.clean if ranked else "",
        first_corrupted=ranked.corrupted if ranked else "",
    )


@once
def _computed(study: Study) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    models, resampled, drawn = {}, {}, None
    for model in study.ran:
        if "corruptions" in questions.missing(model.run, study.profile):
            continue
        answer = questions.read(model.run, "corruptions", study.profile)
        indices, logits = answer["indices"], answer["logits"]
        labels = model.run.predictions["test"].labels[indices]
        if drawn is None:
            # The same cases for all models, so that they can be compared case by case.
            groups = study.groups("test")[indices]
            weights = clusters.draw(labels, groups, RESAMPLES, generator)
            drawn = [weights[:, labels == label] for label in (1, 0)]
        clean = model.run.predictions["test"].logits[indices]
        stacked = np.concatenate([clean[None], logits.reshape(-1, len(labels))])
        areas = _areas(stacked, labels, drawn)  # (1 + C·5, 1 + B)
        with np.errstate(divide="ignore", invalid="ignore"):  # a resample without any skill to lose
            degradation = 1 - areas[1:].mean(axis=0) / areas[0]
        resampled[model.name] = degradation
        models[model.name] = {
            "images": len(labels),
            "degradation": _bounded(degradation),
            **_at_thresholds(model, labels, clean, logits),
            "clean_auc": float(areas[0, 0]),
            "auc": areas[1:, 0].reshape(logits.shape[:2]).tolist(),
        }
    with np.errstate(invalid="ignore"):
        pairs = {
            f"{first} {second}": _bounded(resampled[second] - resampled[first])
            for first, second in permutations(resampled, 2)
        }
    return {"models": models, "pairs": pairs}


def _areas(
    logits: NDArray[np.float64], labels: NDArray[np.uint8], drawn: list[NDArray[np.float32]]
) -> NDArray[np.float64]:
    """AUC of each row of logits (K, n), with every case once and as often as drawn: (K, 1 + B)."""
    positive, negative = (np.vstack([np.ones((1, d.shape[1]), np.float32), d]) for d in drawn)
    found = []
    for row in logits:
        difference = row[labels == 1][:, None] - row[labels == 0][None]
        wins = ((np.sign(difference) + 1) / 2).astype(np.float32)  # (P, Q)
        found.append(((positive @ wins) * negative).sum(axis=1))
    areas = np.array(found, dtype=float) / (positive.sum(axis=1) * negative.sum(axis=1))
    return np.asarray(areas)


def _at_thresholds(
    model: Model,
    labels: NDArray[np.uint8],
    clean: NDArray[np.float64],
    logits: NDArray[np.float64],
) -> dict[str, Any]:
    accuracies, errors = [], []
    for row in (clean, *logits.reshape(-1, len(labels))):
        scores = metrics.probabilities(row)
        accuracies.append(metrics.confusion(labels, scores, threshold(model.run, HALF)).accuracy)
        counts = metrics.confusion(labels, scores, threshold(model.run, YOUDEN))
        errors.append(1 - (counts.sensitivity + counts.specificity) / 2)
    shape = logits.shape[:2]
    return {
        "clean_accuracy": accuracies[0],
        "clean_error": errors[0],
        "accuracy": np.reshape(accuracies[1:], shape).tolist(),
        "error": np.reshape(errors[1:], shape).tolist(),
    }


def _bounded(values: NDArray[np.float64]) -> list[float]:
    """The value with every case once, and the 95 % interval of the resampled ones."""
    low, high = np.percentile(values[1:][np.isfinite(values[1:])], [2.5, 97.5])
    return [float(values[0]), float(low), float(high)]
