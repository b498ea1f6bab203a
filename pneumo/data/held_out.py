"""Training images held out to judge recipes by, harder than validation in the way that the test set is.

Validation images are drawn like those that a network learns from, and every recipe does well on them. The
test set's normal images look more like pneumonia than any normal image seen in training
(`analysis.shift`); what holds on validation need not hold there. So the normal training images that
look most like pneumonia are kept from a network, and it is asked about them.
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
    """What is left to learn from, and what is held out, each in the order of the data.

    Held out are the 15 % of normal images that a ridge classifier on pixels, fitted to the other folds, finds
    most like pneumonia, and 10 % of the pneumonia images, drawn at random. The same images give the same
    halves: no seed has a part in it. Images of more than `datasets.LARGE` bytes are shown to the
    classifier as thumbnails of 28×28.

    Args:
        training: images of both classes, at least as many of each as there are folds.
    """
    normal, pneumonia = (np.flatnonzero(training.labels == label) for label in (0, 1))
    likeness = _likeness(training)[normal]
    nearest = normal[np.argsort(-likeness, kind="stable")[: _share(normal, NORMAL_SHARE)]]
    drawn = np.random.default_rng(0).permutation(pneumonia)[: _share(pneumonia, PNEUMONIA_SHARE)]
    held = np.zeros(len(training.labels), dtype=bool)
    held[np.concatenate([nearest, drawn])] = True
    return part(training, np.flatnonzero(~held)), part(training, np.flatnonzero(held))


def remaining(labels: NDArray[np.uint8]) -> int:
    """How many of the images with these labels are left to learn from."""
    normal, pneumonia = (np.flatnonzero(labels == label) for label in (0, 1))
    return len(labels) - _share(normal, NORMAL_SHARE) - _share(pneumonia, PNEUMONIA_SHARE)


def _likeness(training: Split) -> NDArray[np.float64]:
    """How much each image looks like pneumonia to a classifier that has not seen it, (N,)."""
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
    """The same from sums over blocks of thumbnails: none of them need be in memory with another."""
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
    """All that a ridge asks of some images: their number, Σx, Σxxᵀ, Σy and Σxy."""
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
