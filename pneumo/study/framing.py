"""Predict tighter and tighter crops of the same films, to test whether predictions depend on framing.

The centred square of a wide film shows less of the chest, as a tighter crop does. Wider crops are impossible:
the pixels outside the square were not stored.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pneumo.data import Dataset
from pneumo.data.descriptions import Description
from pneumo.data.radiographs import stored
from pneumo.training.runs import Run

if TYPE_CHECKING:
    from pneumo.training.models import Classifier

# Share of the side that is kept. The whole square is processed like the crops, so that nothing else differs.
FACTORS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6)
# The last crops, (F, n, size, size), by what they were made of: all networks of a study predict the same.
_made: dict[tuple[str, bytes], NDArray[np.uint8]] = {}


def crop(
    images: NDArray[np.uint8], factor: float, size: int, about: Description
) -> NDArray[np.uint8]:
    """Crop the centred square of each film, and prepare it like its set.

    Args:
        images: films with more pixels than wanted, uint8 (N, S, S).
        factor: share of the side that is kept, in (0, 1].
        size: side of the result, in pixels.

    Returns:
        uint8 (N, size, size).
    """
    whole = images.shape[-1]
    side = round(factor * whole)
    left = round((whole - side) / 2)
    box = (left, left, left + side, left + side)
    return np.stack([stored(Image.fromarray(each).crop(box), size, about) for each in images])


def probe(
    model: "Classifier", run: Run, dataset: Dataset, indices: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Predict the test films in crops of each of :data:`FACTORS`.

    Returns:
        `logits` float (F, n), in that order.
    """
    from pneumo.training.loop import predict

    assert dataset.larger is not None  # else it is not asked
    made_of = dataset.order, indices.tobytes()
    if made_of not in _made:
        films = dataset.larger["test"].images[indices]
        _made.clear()
        _made[made_of] = np.stack(
            [crop(films, factor, dataset.size, dataset.about) for factor in FACTORS]
        )
    return {"logits": np.array([predict(model, run.recipe, images) for images in _made[made_of]])}
