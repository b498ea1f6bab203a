"""Training images held out to judge recipes by, harder than validation in the way that the test set is.

Validation images are drawn like those that a network learns from, and every recipe does well on them. The
test set's normal images look more like pneumonia than any normal image seen in training
(:mod:`pneumo.shift`); what holds on validation need not hold there. So the normal training images that
look most like pneumonia are kept from a network, and it is asked about them.
"""

import numpy as np
from numpy.typing import NDArray

from pneumo.data import Split

NORMAL_SHARE, PNEUMONIA_SHARE = 0.15, 0.10  # of the training images of each class
FOLDS = 5
PENALTY = 5000.0  # of the ridge, for pixels of unit variance


def divide(training: Split) -> tuple[Split, Split]:
    """What is left to learn from, and what is held out, each in the order of the data.

    Held out are the 15 % of normal images that a ridge classifier on pixels, fitted to the other folds, finds
    most like pneumonia, and 10 % of the pneumonia images, drawn at random. The same images give the same
    halves: no seed has a part in it.

    Args:
        training: images of both classes, at least as many of each as there are folds.
    """
    normal, pneumonia = (np.flatnonzero(training.labels == label) for label in (0, 1))
    likeness = _likeness(training)[normal]
    nearest = normal[np.argsort(-likeness, kind="stable")[: _share(normal, NORMAL_SHARE)]]
    drawn = np.random.default_rng(0).permutation(pneumonia)[: _share(pneumonia, PNEUMONIA_SHARE)]
    held = np.zeros(len(training.labels), dtype=bool)
    held[np.concatenate([nearest, drawn])] = True
    return _part(training, ~held), _part(training, held)


def remaining(labels: NDArray[np.uint8]) -> int:
    """How many of the images with these labels are left to learn from."""
    normal, pneumonia = (np.flatnonzero(labels == label) for label in (0, 1))
    return len(labels) - _share(normal, NORMAL_SHARE) - _share(pneumonia, PNEUMONIA_SHARE)


def _likeness(training: Split) -> NDArray[np.float64]:
    """How much each image looks like pneumonia to a classifier that has not seen it, (N,)."""
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


def _share(members: NDArray[np.int64], share: float) -> int:
    return max(1, round(share * len(members)))


def _part(split: Split, chosen: NDArray[np.bool_]) -> Split:
    return Split(split.images[chosen], split.labels[chosen])
