"""Classifiers that look at no shape, or at nothing: what a network must beat before its numbers mean much.

All are cheap enough to be fitted when a page is built, and none needs torch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.data import Split
from pneumo.data.thumbnails import thumbnails
from pneumo.statistics import metrics
from pneumo.study.cache import once
from pneumo.study.study import Study

# The inverse strength of the L2 penalty; of four powers of ten the best on validation.
PENALTY = 1e-2
# Logits are kept with this many decimals: far finer than two cases lie apart.
DECIMALS = 6


@dataclass(frozen=True)
class Baseline:
    """A classifier fitted to the training images, and what it says of the others."""

    name: str
    title: str  # as in tables and prose
    val: NDArray[np.float64]  # (N,) probabilities of pneumonia, in [0, 1]
    test: NDArray[np.float64]


def predictions(study: Study) -> tuple[Baseline, ...]:
    """Three baselines, the simplest first, each fitted to the training images.

    `majority` gives every case the share of pneumonia in training; `pixel-deviation` knows an image by the
    standard deviation of its pixels alone, `logistic-regression` by all pixels one by one; both see larger
    images as thumbnails of 28×28.
    """
    titles = {
        "majority": "Majority class",
        "pixel-deviation": "Pixel standard deviation",
        "logistic-regression": "Logistic regression on pixels",
    }
    logits = _fitted(study)
    return tuple(
        Baseline(
            name,
            title,
            **{split: metrics.probabilities(logits[name][split]) for split in ("val", "test")},
        )
        for name, title in titles.items()
    )


def mirror_aucs(study: Study) -> tuple[float, float]:
    """Test AUC of the logistic regression on pixels: images as they are, and mirrored.

    A flip that changed nothing would leave the two equal; the difference says how far the two sides are not
    interchangeable.
    """
    logits, labels = _fitted(study)["logistic-regression"], study.data.test.labels
    plain, mirrored = (
        metrics.auc(labels, metrics.probabilities(logits[name])) for name in ("test", "mirrored")
    )
    return plain, mirrored


@once
def _fitted(study: Study) -> dict[str, dict[str, list[float]]]:
    """The logits of every baseline by split; the logistic regression's also for mirrored test images."""
    train, val, test = (study.data.splits[name] for name in ("train", "val", "test"))
    share = float(train.labels.mean())
    prevalence = float(np.log(share / (1 - share)))
    # One coefficient and thousands of images: the library's own penalty is as good as none.
    deviation = _regression(1.0).fit(_deviations(train), train.labels)
    pixels = _regression(PENALTY).fit(_pixels(train), train.labels)
    mirrored = Split(test.images[:, :, ::-1], test.labels)
    return {
        "majority": {
            "val": [prevalence] * len(val.labels),
            "test": [prevalence] * len(test.labels),
        },
        "pixel-deviation": {
            "val": _logits(deviation, _deviations(val)),
            "test": _logits(deviation, _deviations(test)),
        },
        "logistic-regression": {
            "val": _logits(pixels, _pixels(val)),
            "test": _logits(pixels, _pixels(test)),
            "mirrored": _logits(pixels, _pixels(mirrored)),
        },
    }


def _regression(penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=2000))


def _logits(model: Any, features: NDArray[np.float64]) -> list[float]:
    return [round(float(logit), DECIMALS) for logit in model.decision_function(features)]


def _deviations(split: Split) -> NDArray[np.float64]:
    return np.asarray(_pixels(split).std(axis=1, keepdims=True))  # (N, 1)


def _pixels(split: Split) -> NDArray[np.float64]:
    return thumbnails(split.images).reshape(len(split.images), -1).astype(np.float64)  # (N, S·S)
