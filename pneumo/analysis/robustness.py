"""How much of a model's skill corrupted images leave: AUC and accuracy by corruption and severity.

Numbers are means over the seeds, of the test images that the profile chooses for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis.rows import unfold
from pneumo.record import Estimate, Part, frame
from pneumo.record.summaries import Robustness as Answer
from pneumo.statistics import influence, metrics
from pneumo.statistics.influence import Measured
from pneumo.study import outputs
from pneumo.study.cache import once
from pneumo.study.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from pneumo.study.study import Study, run_labels

EXAMPLES = (1, 3, SEVERITIES)  # severities that the figure shows


def part(study: Study) -> Part:
    """The answers, and the numbers behind `fig-robustness`, `tbl-robustness` and `tbl-corruptions`."""
    found, runs = robustness(study), run_labels(study.ran)
    clean = sorted(found, key=lambda name: -found[name].clean_auc)
    corrupted = sorted(found, key=lambda name: -float(found[name].auc.mean()))
    by_severity = [
        {
            "model": name,
            "corruption": corruption,
            "severity": severity,
            "auc": auc,
            "accuracy": right,
        }
        for name, one in found.items()
        for corruption, areas, rights in zip(CORRUPTIONS, one.auc, one.accuracy, strict=True)
        for severity, (auc, right) in enumerate(
            [(one.clean_auc, one.clean_accuracy), *zip(areas, rights, strict=True)]
        )
    ]
    means = {
        name: {
            "auc clean": one.clean_auc,
            "auc corrupted": one.auc.mean(),
            "fall": one.degradation,
            "accuracy clean": one.clean_accuracy,
            "accuracy corrupted": one.accuracy.mean(),
            "worst corruption": one.worst,
        }
        for name, one in found.items()
    }
    by_corruption = {
        corruption: {
            name: {"auc": one.auc[place].mean(), "accuracy": one.accuracy[place].mean()}
            for name, one in found.items()
        }
        for place, corruption in enumerate(CORRUPTIONS)
    }
    return Part(
        {
            "robustness": Answer(
                images=len(found[clean[0]].patients),
                corruptions=list(CORRUPTIONS),
                falls={name: one.degradation for name, one in found.items()},
                worst={name: one.worst for name, one in found.items()},
                same_order=clean == corrupted,
                first_clean=study.model(clean[0]).title,
                first_corrupted=study.model(corrupted[0]).title,
            )
        },
        figures={"fig-robustness": frame(by_severity, runs=runs)},
        tables={
            "tbl-robustness": frame(unfold(means, "model"), runs=runs),
            "tbl-corruptions": frame(unfold(by_corruption, "corruption", "model"), runs=runs),
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
    """One model under every corruption, means over its seeds; (C, 5) in the order of `CORRUPTIONS`."""

    patients: NDArray[np.int64]  # of the images that were asked about, (n,)
    clean_auc: float
    clean_accuracy: float
    auc: NDArray[np.float64]
    accuracy: NDArray[np.float64]  # at 0.5
    fall: Measured  # of AUC, as a share of the clean one; mean over corruptions and severities

    @property
    def degradation(self) -> Estimate:
        """The fall with its interval over patients and seeds."""
        return self.fall.estimate(self.patients)

    @property
    def worst(self) -> str:
        """The corruption that leaves the lowest mean AUC."""
        return list(CORRUPTIONS)[int(self.auc.mean(axis=1).argmin())]


@once
def robustness(study: Study) -> dict[str, Robustness]:
    """Each model that ran, under every corruption.

    The fall is relative to the model's own clean AUC; MedMNIST-C's errors are relative to an AlexNet of its
    authors on images of 224 pixels, which would say nothing here.
    """
    found = {}
    for model in study.ran:
        answers = [outputs.read(run, "corruptions", study.profile) for run in model.runs]
        asked = answers[0]["indices"]  # the same for all
        truth = study.data.test.labels[asked]
        clean = model.logits("test")[:, asked]
        corrupted = np.array([answer["logits"] for answer in answers])  # (S, C, 5, n)
        rows = corrupted.reshape(len(clean), -1, len(asked))  # (S, C·5, n)
        whole = [influence.auc(truth, scores[None]) for scores in clean]
        left = [influence.auc(truth, scores) for scores in rows]
        areas = np.mean([one.values[0] for one in left], axis=0)
        found[model.name] = Robustness(
            patients=study.groups("test")[asked],
            clean_auc=float(np.mean([one.value for one in whole])),
            clean_accuracy=float(_right(truth, clean).mean()),
            auc=areas.reshape(corrupted.shape[1:3]),
            accuracy=_right(truth, corrupted).mean(axis=(0, 3)),
            fall=relative_fall(whole, left),
        )
    return found


def relative_fall(whole: Sequence[Measured], left: Sequence[Measured]) -> Measured:
    """By how much AUC falls under corruptions, as a share of the clean one: 1 − mean AUC / clean AUC.

    A ratio moves to first order as its two parts do (the delta method). NaN where a clean AUC is 0.

    Args:
        whole: the clean AUC of each seed.
        left: the mean AUC of each seed over corruptions of the same cases.
    """
    falls, influences = [], []
    for before, after in zip(whole, left, strict=True):
        clean = before.value or np.nan
        share = after.value / clean
        falls.append(1 - share)
        influences.append((share * before.influence - after.influence) / clean)
    return Measured((np.array(falls),), np.mean(influences, axis=0))


def _right(truth: NDArray[np.integer], logits: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each case, on the last axis, is called right at 0.5."""
    return np.asarray((metrics.probabilities(logits) >= metrics.HALF) == (truth == 1))
