"""Hold out training images to compare recipes, which are hard in the same way as the test set.

Validation images are drawn like training images, and every recipe does well on them. Normal images of the
test set look more like pneumonia than normal images of training (`analysis.shift`), so results on validation
may not hold there. Therefore the normal training images that look most like pneumonia are held out, and used
to compare recipes.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.data.datasets import LARGE, Part, Split, part
from pneumo.data.thumbnails import thumbnails

NORMAL_SHARE, PNEUMONIA_SHARE = 0.15, 0.10  # of the training images of each class
FOLDS = 5
PENALTY = 5000.0  # of the ridge, for pixels of unit variance
_BLOCK = 4096  # images that are floats at a time


def divide(training: Split) -> tuple[Part, Part]:
    """Divide training images into those to train on and those held out, each in the order of the data.

    Held out are the 15 % of normal images that a ridge classifier on pixels, fitted to the other folds,
    scores most like pneumonia, and a random 10 % of the pneumonia images. The division depends only on the
    images, not on a seed. For more than `datasets.LARGE` bytes of images the classifier uses 28×28
    thumbnails.

    Args:
        training: images of both classes, at least one per fold and class.
    """
    normal, pneumonia = (np.flatnonzero(training.labels == label) for label in (0, 1))
    likeness = _likeness(training)[normal]
    nearest = normal[np.argsort(-likeness, kind="stable")[: _share(normal, NORMAL_SHARE)]]
    drawn = np.random.default_rng(0).permutation(pneumonia)[: _share(pneumonia, PNEUMONIA_SHARE)]
    held = np.zeros(len(training.labels), dtype=bool)
    held[np.concatenate([nearest, drawn])] = True
    return part(training, np.flatnonzero(~held)), part(training, np.flatnonzero(held))


def remaining(labels: NDArray[np.uint8]) -> int:
    """Number of images with these labels that are left for training."""
    normal, pneumonia = (np.flatnonzero(labels == label) for label in (0, 1))
    return len(labels) - _share(normal, NORMAL_SHARE) - _share(pneumonia, PNEUMONIA_SHARE)


def _likeness(training: Split) -> NDArray[np.float64]:
    """Out-of-fold score of each image for pneumonia, (N,)."""
    if training.images.nbytes > LARGE:
        return _likeness_in_blocks(training)
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = make_pipeline(StandardScaler(), RidgeClassifier(alpha=PENALTY))
    pixels = training.images.reshape(len(training.labels), -1) / 255
    found = cross_val_predict(
        classifier, pixels, training.labels, cv=FOLDS, method="decision_function"
    )
    return np.asarray(found, dtype=np.float64)


def _likeness_in_blocks(training: Split) -> NDArray[np.float64]:
    """The same from sums over blocks of thumbnails, with one block in memory at a time."""
    from sklearn.model_selection import StratifiedKFold

    labels = training.labels
    small = np.concatenate([thumbnails(training.images[rows]) for rows in _blocks(len(labels))])
    pixels = small.reshape(len(labels), -1)  # uint8 (N, P)
    signs = np.where(labels == 1, 1.0, -1.0)
    folds = [held for _, held in StratifiedKFold(FOLDS).split(labels, labels)]
    sums = [_sums(pixels, signs, held) for held in folds]
    whole = [sum(parts) for parts in zip(*sums, strict=True)]
    found = np.empty(len(labels))
    for held, own in zip(folds, sums, strict=True):
        count, first, second, sign, product = (a - b for a, b in zip(whole, own, strict=True))
        mean = first / count
        deviation = np.sqrt((np.diagonal(second) / count - mean**2).clip(0))
        deviation[deviation == 0] = 1.0  # as sklearn's scaler has it for a pixel that never changes
        covariance = (second - count * np.outer(mean, mean)) / np.outer(deviation, deviation)
        wanted = (product - sign * mean) / deviation
        weights = np.linalg.solve(covariance + PENALTY * np.eye(len(mean)), wanted) / deviation
        for rows in _blocks(len(held)):
            grey = pixels[held[rows]] / 255
            found[held[rows]] = (grey - mean) @ weights + sign / count
    return found


def _sums(
    pixels: NDArray[np.uint8], signs: NDArray[np.float64], members: NDArray[np.int64]
) -> tuple[Any, ...]:
    """Sufficient statistics of a ridge regression: number of images, Σx, Σxxᵀ, Σy and Σxy."""
    side = pixels.shape[1]
    first, second, product = np.zeros(side), np.zeros((side, side)), np.zeros(side)
    for rows in _blocks(len(members)):
        grey, sign = pixels[members[rows]] / 255, signs[members[rows]]
        first += grey.sum(axis=0)
        second += grey.T @ grey
        product += sign @ grey
    return len(members), first, second, signs[members].sum(), product


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, count, _BLOCK))


def _share(members: NDArray[np.int64], share: float) -> int:
    return max(1, round(share * len(members)))
