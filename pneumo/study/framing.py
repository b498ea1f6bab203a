"""Predict tighter and tighter crops of the same films, to test whether predictions depend on framing.

The centred square of a wide film shows less of the chest, as a tighter crop does. Wider crops are impossible:
the pixels outside the square were not stored.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pneumo.data import Dataset
from pneumo.data.descriptions import Description
from pneumo.data.radiographs import stored

# Share of the side that is kept. The whole square is processed like the crops, so that nothing else differs.
FACTORS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6)


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


def variants(dataset: Dataset, indices: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Test films in crops of each of :data:`FACTORS`, uint8 (n, S, S)."""
    assert dataset.larger is not None  # else it is not asked
    films = dataset.larger["test"].images[indices]
    for factor in FACTORS:
        yield crop(films, factor, dataset.size, dataset.about)
