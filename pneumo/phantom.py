"""Draws chest-like images: thorax, lung fields, ribs, heart and, for pneumonia, opacities.

Not medical data: a stand-in on which the whole pipeline runs in seconds, without a network.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

SEED = 20_260_101
# Cases by split and class, in the real set's ratios.
COUNTS = {"train": (83, 237), "val": (17, 47), "test": (36, 60)}

Image = NDArray[np.float64]


def draw_phantom(size: int = 28, seed: int = SEED) -> dict[str, tuple[NDArray[np.uint8], ...]]:
    """Images and labels of every split.

    Args:
        size: side of the images, in pixels.
        seed: decides every image.

    Returns:
        For each split ``images``, uint8 (N, size, size), and ``labels``, uint8 (N,), in mixed order.
    """
    generator = np.random.default_rng(seed)
    splits: dict[str, tuple[NDArray[np.uint8], ...]] = {}
    for split, counts in COUNTS.items():
        labels = generator.permutation(np.repeat(np.array([0, 1], np.uint8), counts))
        images = np.stack([_chest(size, bool(label), generator) for label in labels])
        splits[split] = (images, labels)
    return splits


def _chest(size: int, pneumonia: bool, generator: np.random.Generator) -> NDArray[np.uint8]:
    """One image, drawn at four times its size and averaged down, as a detector would."""
    fine = 4 * size
    y, x = np.mgrid[-1 : 1 : fine * 1j, -1 : 1 : fine * 1j]
    tilt = np.deg2rad(generator.normal(0, 4))
    x, y = x * np.cos(tilt) - y * np.sin(tilt), x * np.sin(tilt) + y * np.cos(tilt)
    x = (x - generator.normal(0, 0.05)) / generator.uniform(0.9, 1.05)
    y = (y - generator.normal(0, 0.05)) / generator.uniform(0.9, 1.05)

    thorax = _soft(1 - (x / 0.98) ** 4 - ((y + 0.1) / 1.25) ** 4, 0.25)
    image = 0.08 + 0.55 * thorax
    lungs = np.zeros_like(x)
    for side in (-1, 1):
        # Narrow at the apex, wide at the diaphragm, which cuts it off in an arch.
        centre = side * (0.45 + 0.05 * y)
        half_width = 0.27 + 0.13 * (y + 0.75)
        across = (x - centre) / half_width
        diaphragm = 0.62 - 0.35 * ((x - side * 0.4) ** 2) + 0.05 * (side < 0)
        field = _soft(1 - across**2, 0.35) * _soft(y + 0.82, 0.12) * _soft(diaphragm - y, 0.08)
        lungs = np.maximum(lungs, field)
    depth = generator.uniform(0.34, 0.44)
    image -= depth * lungs
    phase = generator.uniform(0, 0.2)
    ribs = 0.5 + 0.5 * np.cos(2 * np.pi * ((y + 0.35 * np.abs(x) ** 1.5 + phase) / 0.235))
    image += 0.07 * lungs * ribs**3
    # Spine and mediastinum, then the heart, which lies to the right in the picture.
    image += 0.16 * np.exp(-((x / 0.11) ** 2)) * thorax
    heart = ((x - 0.17) / generator.uniform(0.3, 0.36)) ** 2 + ((y - 0.32) / 0.34) ** 2
    image += 0.26 * _soft(1 - heart, 0.35) * (1 - 0.4 * _soft(y - 0.62, 0.1))
    if pneumonia:
        image += _opacities(x, y, lungs, depth, generator)
    image = gaussian_filter(image, fine / 110)
    coarse = image.reshape(size, 4, size, 4).mean(axis=(1, 3))
    exposure, gain = generator.normal(0, 0.035), generator.uniform(0.9, 1.12)
    coarse = 0.5 + gain * (coarse - 0.5) + exposure + generator.normal(0, 0.012, coarse.shape)
    return np.asarray((255 * np.clip(coarse, 0, 1)).round(), dtype=np.uint8)


def _opacities(
    x: Image, y: Image, lungs: Image, depth: float, generator: np.random.Generator
) -> Image:
    """One to three patches in the lung fields, from a faint haze to a consolidation."""
    added = np.zeros_like(x)
    for _ in range(generator.integers(1, 4)):
        side = generator.choice((-1, 1))
        centre_x, centre_y = side * generator.uniform(0.25, 0.65), generator.uniform(-0.45, 0.5)
        width, height = generator.uniform(0.1, 0.32, 2)
        distance = ((x - centre_x) / width) ** 2 + ((y - centre_y) / height) ** 2
        added += generator.uniform(0.15, 0.85) * depth * np.exp(-distance)
    texture = gaussian_filter(generator.normal(1, 0.6, x.shape), x.shape[0] / 40)
    return np.asarray(np.minimum(added, 0.9 * depth) * lungs * np.clip(texture, 0.6, 1.4))


def _soft(value: Image, width: float) -> Image:
    """0 below zero, 1 above `width`, a smooth step between."""
    step = np.clip(value / width, 0, 1)
    return np.asarray(step * step * (3 - 2 * step))
