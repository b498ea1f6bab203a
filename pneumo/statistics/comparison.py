"""P-values corrected for multiple comparisons."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for multiple comparisons by Holm's step-down method (Holm 1979).

    Args:
        p_values: each in [0, 1].

    Returns:
        Corrected p-values in the same order: the smallest of m is multiplied by m, the next by m − 1, and so
        on; in rising order, none is smaller than the one before it or larger than 1.
    """
    order = np.argsort(p_values)
    factors = np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(1, np.maximum.accumulate(factors * np.asarray(p_values)[order]))
    return corrected.tolist()
