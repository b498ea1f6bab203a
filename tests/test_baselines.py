"""The pixels' logistic regression: what it says of the sides of an image."""

import numpy as np

from pneumo.baselines import mirror_aucs
from pneumo.data import Dataset, Split


def _dataset(symmetric, seed=0):
    """Images whose class is a bright edge: on the left, or on both sides."""
    generator = np.random.default_rng(seed)
    splits = {}
    for name, count in (("train", 200), ("val", 20), ("test", 100)):
        labels = generator.integers(0, 2, count).astype(np.uint8)
        images = generator.integers(0, 60, (count, 8, 8)).astype(np.uint8)
        images[labels == 1, :, :2] += 60
        if symmetric:
            images[labels == 1, :, -2:] += 60
        splits[name] = Split(images, labels)
    return Dataset(**splits, source="file", fingerprint="", size=8, location="")


def test_a_sign_on_one_side_is_lost_in_the_mirror():
    plain, mirrored = mirror_aucs(_dataset(symmetric=False))
    assert plain > 0.99
    assert mirrored < 0.7


def test_a_sign_on_both_sides_survives_the_mirror():
    plain, mirrored = mirror_aucs(_dataset(symmetric=True))
    assert plain > 0.99
    assert mirrored > 0.99
