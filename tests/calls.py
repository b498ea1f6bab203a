"""Rates of calls, from counts."""

import numpy as np

from pneumo.study import operating_points


def counted(counts):
    """The rates of calls with these counts, with every case its own patient."""
    calls = [
        counts.true_positive,
        counts.false_negative,
        counts.false_positive,
        counts.true_negative,
    ]
    labels, called = np.repeat([1, 1, 0, 0], calls), np.repeat([True, False, True, False], calls)
    return operating_points.rates(labels, called, np.arange(len(labels)))
