"""A simple classifier, cheap enough to fit when a page is built: logistic regression on the pixels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo import metrics
from pneumo.data import Dataset, Split

# The inverse strength of the L2 penalty; of four powers of ten the best on validation.
PENALTY = 1e-2


def mirror_aucs(dataset: Dataset) -> tuple[float, float]:
    """Test AUC of a logistic regression on standardised pixels: images as they are, and mirrored.

    A flip that changed nothing would leave the two equal; the difference says how far the sides of a chest
    film are not interchangeable.
    """
    model = _fit(dataset.train)
    mirrored = Split(dataset.test.images[:, :, ::-1], dataset.test.labels)
    return _auc(model, dataset.test), _auc(model, mirrored)


def _fit(split: Split) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(C=PENALTY, max_iter=2000)
    return make_pipeline(StandardScaler(), regression).fit(_pixels(split), split.labels)


def _auc(model: Any, split: Split) -> float:
    return metrics.auc(split.labels, model.predict_proba(_pixels(split))[:, 1])


def _pixels(split: Split) -> NDArray[np.float64]:
    return split.images.reshape(len(split.images), -1).astype(np.float64)  # (N, H·W)
