"""Images at the side that classifiers on pixels take, whatever side they have."""

import numpy as np
from numpy.typing import NDArray

SIDE = 28


def thumbnails(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images of at most 28 pixels a side: larger ones as means over what a new pixel covers.

    A logistic regression, or a table of correlations, on tens of thousands of pixels would learn grain, and
    take gigabytes.

    Args:
        images: (N, H, H).

    Returns:
        (N, S, S) with S at most 28; images that are no larger as they are.
    """
    if images.shape[-1] <= SIDE:
        return images
    from skimage.transform import resize_local_mean

    found = np.empty((len(images), SIDE, SIDE), np.uint8)
    for image, small in zip(images, found, strict=True):
        small[:] = resize_local_mean(image, (SIDE, SIDE), preserve_range=True).round()
    return found
