"""Shrink images to the size that classifiers on pixels use."""

import numpy as np
from numpy.typing import NDArray

SIDE = 28


def thumbnails(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink images to at most 28 pixels a side, by the mean over the area of each new pixel.

    A logistic regression, or a correlation matrix, of tens of thousands of pixels would fit noise, and take
    gigabytes.

    Args:
        images: (N, H, H).

    Returns:
        (N, S, S) with S at most 28; smaller images are returned unchanged.
    """
    if images.shape[-1] <= SIDE:
        return images
    from skimage.transform import resize_local_mean

    found = np.empty((len(images), SIDE, SIDE), np.uint8)
    for image, small in zip(images, found, strict=True):
        small[:] = resize_local_mean(image, (SIDE, SIDE), preserve_range=True).round()
    return found
