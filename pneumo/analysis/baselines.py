"""Classifiers that look at no shape, or at nothing: what a network must beat before its numbers mean much.

All are cheap enough to be fitted when a page is built, and none needs torch.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pneumo.data import Split
from pneumo.data.thumbnails import thumbnails
from pneumo.statistics import metrics
from pneumo.study import ensemble
from pneumo.study.cache import once
from pneumo.study.study import Model, Study
from pneumo.training.recipes import ENSEMBLE

# The inverse strength of the L2 penalty; of four powers of ten the best on validation.
PENALTY = 1e-2
# Logits are kept with this many decimals: far finer than two cases lie apart.
DECIMALS = 6
_TITLES = {
    "majority": "Majority class",
    "pixel-deviation": "Pixel standard deviation",
    "logistic-regression": "Logistic regression on pixels",
}


def models(study: Study) -> tuple[Model, ...]:
    """Three baselines, the simplest first, each fitted to the training images, as models of one run.

    `majority` gives every case the share of pneumonia in training; `pixel-deviation` knows an image by the
    standard deviation of its pixels alone, `logistic-regression` by all pixels one by one; both see larger
    images as thumbnails of 28×28.
    """
    return tuple(
        ensemble.derive(study, replace(ENSEMBLE, name=name, title=title), _fitted(study)[name])
        for name, title in _TITLES.items()
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
def _fitted(study: Study) -> dict[str, dict[str, NDArray[np.float64]]]:
    """The logits of every baseline: for validation, for test, and for the mirrored test images."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = study.data.train, study.data.test
    mirrored = Split(test.images[:, :, ::-1], test.labels)
    sets = {"val": study.data.val, "test": test, "mirrored": mirrored}
    share = float(train.labels.mean())
    prevalence = float(np.log(share / (1 - share)))
    found = {"majority": {name: np.full(len(one.labels), prevalence) for name, one in sets.items()}}
    # One coefficient and thousands of images: the library's own penalty is as good as none.
    fitted = {"pixel-deviation": (_deviations, 1.0), "logistic-regression": (_pixels, PENALTY)}
    for baseline, (features, penalty) in fitted.items():
        model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=2000))
        model.fit(features(train), train.labels)
        found[baseline] = {
            name: np.asarray(model.decision_function(features(one)).round(DECIMALS))
            for name, one in sets.items()
        }
    return found


def _deviations(split: Split) -> NDArray[np.float64]:
    return np.asarray(_pixels(split).std(axis=1, keepdims=True))  # (N, 1)


def _pixels(split: Split) -> NDArray[np.float64]:
    return thumbnails(split.images).reshape(len(split.images), -1).astype(np.float64)  # (N, S·S)
