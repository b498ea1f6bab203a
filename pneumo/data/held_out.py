"""Hold out training images to compare recipes, which are hard in the same way as the test set.

Validation images are drawn like training images, and every recipe does well on them. Normal images of the
test set look more like pneumonia than normal images of training (`analysis.shift`), so results on validation
may not hold there. Therefore the normal training images that look most like pneumonia are held out, and used
to compare recipes.
"""

import numpy as np
from numpy.typing import NDArray

from pneumo.data.datasets import LARGE, Split
from pneumo.data.thumbnails import thumbnails

NORMAL_SHARE, PNEUMONIA_SHARE = 0.15, 0.10  # of the training images of each class
FOLDS = 5
PENALTY = 5000.0  # of the ridge, for pixels of unit variance


def divide(training: Split) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide training images into those to train on and those held out: sorted indices of each.

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
    return np.flatnonzero(~held), np.flatnonzero(held)


def remaining(labels: NDArray[np.uint8]) -> int:
    """Number of images with these labels that are left for training."""
    normal, pneumonia = (np.flatnonzero(labels == label) for label in (0, 1))
    return len(labels) - _share(normal, NORMAL_SHARE) - _share(pneumonia, PNEUMONIA_SHARE)


def _likeness(training: Split) -> NDArray[np.float64]:
    """Out-of-fold score of each image for pneumonia, (N,)."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    images = training.images
    if images.nbytes > LARGE:
        images = thumbnails(images)
    # Pixels become floats, of eight times their bytes, only fold by fold.
    classifier = make_pipeline(
        FunctionTransformer(lambda pixels: pixels / 255),
        StandardScaler(copy=False),
        RidgeClassifier(alpha=PENALTY, copy_X=False),
    )
    pixels = images.reshape(len(images), -1)
    found = cross_val_predict(
        classifier, pixels, training.labels, cv=FOLDS, method="decision_function"
    )
    return np.asarray(found, dtype=np.float64)


def _share(members: NDArray[np.int64], share: float) -> int:
    return max(1, round(share * len(members)))
