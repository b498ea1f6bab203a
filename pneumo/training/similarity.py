"""Similarity of two saliency maps of one image, and random maps for comparison."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

# Windows of 3×3 cells, since a map has seven or eight on a side; Wang's 11 would not fit.
WINDOW = 3


def rank_correlation(
    first: NDArray[np.floating], second: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Spearman's rank correlation of each image's two maps, cell by cell, ties at their mean rank.

    Args:
        first: signed maps, (N, h, w).
        second: as many of the same shape.

    Returns:
        float64 (N,) in [-1, 1]; 0 if a map is constant.
    """
    one, other = (rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (first, second))
    one, other = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    reach = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return np.asarray((one * other).sum(axis=1) / np.where(reach > 0, reach, 1), dtype=np.float64)


def structural_similarity(
    first: NDArray[np.floating], second: NDArray[np.floating]
) -> NDArray[np.float64]:
    """SSIM (Wang et al. 2004) of each image's two maps, in uniform windows of :data:`WINDOW` cells.

    Each map is first divided by its largest absolute value and moved from [-1, 1] to [0, 1]: its scale does
    not matter, and SSIM is defined for intensities, which are not negative (for a map and its negative, both
    factors of SSIM would be negative, and their product positive).

    Args:
        first: signed maps, (N, h, w), h and w at least :data:`WINDOW`.
        second: as many of the same shape.

    Returns:
        float64 (N,) in [-1, 1].
    """
    from skimage.metrics import structural_similarity as ssim

    return np.array(
        [
            ssim(one, other, win_size=WINDOW, data_range=1.0)
            for one, other in zip(_to_range(first), _to_range(second), strict=True)
        ],
        dtype=np.float64,
    )


def random_maps(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float64]:
    """Draw maps of independent standard normal cells, as a baseline."""
    return np.random.default_rng(seed).standard_normal(shape)


def _to_range(maps: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scale each map to [0, 1], with its zero at one half."""
    reach = np.abs(maps).max(axis=(1, 2), keepdims=True)
    return np.asarray((1 + maps / np.where(reach > 0, reach, 1)) / 2, dtype=np.float64)
