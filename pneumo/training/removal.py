"""ROAD: remove pixels of an image in the order of a map, and impute them from their neighbours.

Rong et al. (2022) impute by noisy linear interpolation, so that the result reveals little about where pixels
were removed. This imputer uses SciPy's sparse solver; that of the `grad-cam` package needs OpenCV. No torch.
"""

from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom
from scipy.sparse import csr_array
from scipy.sparse.linalg import splu

from pneumo.data import stratified

# Of the imputation, as published: neighbours over an edge weigh twice those over a corner, and the noise's
# standard deviation is a hundredth of the grey range.
EDGE, CORNER, NOISE = 1 / 6, 1 / 12, 0.01
# Most test images whose pixels are removed, and their share of the images to use.
REMOVAL_IMAGES = (64, 0.5)
# Whose pixels are removed, and in which order, as the curves list them.
MAPS = ("Grad-CAM", "random map", "centre map")
ORDERS = ("most relevant first", "least relevant first")


def some(
    labels: NDArray[np.uint8], indices: NDArray[np.int64], most: int, share: float
) -> NDArray[np.int64]:
    """Draw a stratified share of the images at `indices`, up to a maximum."""
    return indices[stratified(labels[indices], min(most, round(share * len(indices))), seed=0)]


def order(maps: NDArray[np.floating], side: int) -> NDArray[np.int64]:
    """Rank the pixels of each map, the most relevant first.

    Args:
        maps: (N, h, w), high for evidence for the call; enlarged bilinearly to the size of the images.
        side: of the images, in pixels.

    Returns:
        int64 (N, side²), indices into the flattened image.
    """
    height, width = maps.shape[1:]
    large = zoom(
        np.asarray(maps, dtype=np.float64), (1, side / height, side / width),
        order=1, grid_mode=True, mode="nearest",
    )  # fmt: skip
    return np.argsort(-large.reshape(len(maps), -1), axis=1, kind="stable")


def impute(
    images: NDArray[np.floating], missing: NDArray[np.bool_], generator: np.random.Generator | None
) -> NDArray[np.float64]:
    """Impute missing pixels: each is the weighted mean of its up to eight neighbours, known or not.

    Args:
        images: (K, H, W), all with the same missing pixels.
        missing: (H, W); at least one pixel is known.
        generator: draws the noise; None for no noise.

    Returns:
        float64 (K, H, W); known pixels as they were.

    Raises:
        ValueError: no pixel is known.
    """
    gone = np.flatnonzero(missing)
    filled = np.array(images, dtype=np.float64).reshape(len(images), -1)  # a copy, (K, H·W)
    if not len(gone):
        return filled.reshape(images.shape)
    if len(gone) == missing.size:
        raise ValueError(f"all {missing.size} pixels are missing; at least one must be known")
    weights = _neighbours(missing.shape)  # rows of missing pixels only, below
    kept = np.flatnonzero(~missing)
    rows = weights[gone]
    # x = (weights of the missing) x + (weights of the known) known
    system = csr_array((np.ones(len(gone)), (range(len(gone)),) * 2)) - rows[:, gone]
    solution = splu(system.tocsc()).solve(rows[:, kept] @ filled[:, kept].T)  # (gone, K)
    if generator is not None:
        solution = solution + NOISE * generator.standard_normal(solution.shape)
    filled[:, gone] = solution.T
    return filled.reshape(images.shape)


@cache
def _neighbours(shape: tuple[int, int]) -> csr_array:
    """Weights of each pixel's neighbours in its mean, (H·W, H·W); rows sum to one, also at edges."""
    height, width = shape
    index = np.arange(height * width).reshape(shape)
    rows, columns, weights = [], [], []
    for down, right in product((-1, 0, 1), repeat=2):
        if (down, right) == (0, 0):
            continue
        here = index[max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
        there = index[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]
        rows.append(here.ravel())
        columns.append(there.ravel())
        weights.append(np.full(here.size, CORNER if down and right else EDGE))
    matrix = csr_array(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))),
        shape=(index.size, index.size),
    )
    total = matrix.sum(axis=1)
    return csr_array(matrix.multiply(1 / total[:, None]))
