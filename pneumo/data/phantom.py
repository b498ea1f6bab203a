"""Draw images like chest X-rays, with opacities for pneumonia, and like ultrasound images, with lesions.

They are not medical data. The whole pipeline runs on them in seconds, without a download.
"""

import numpy as np
import scipy  # whose parts are loaded when they are first asked for
from numpy.typing import NDArray

SEED = 20_260_101
# Cases by split and class, in the ratios of PneumoniaMNIST and of BreastMNIST.
COUNTS = {
    "chest": {"train": (83, 237), "val": (17, 47), "test": (36, 60)},
    "breast": {"train": (234, 86), "val": (47, 17), "test": (70, 26)},
}

Image = NDArray[np.float64]


def draw_phantom(
    size: int = 28, seed: int = SEED, kind: str = "chest"
) -> dict[str, tuple[NDArray[np.uint8], ...]]:
    """Draw images and labels of every split.

    Args:
        size: side of the images, in pixels.
        seed: decides every image.
        kind: one of :data:`COUNTS`; label 1 is pneumonia in a chest, a malignant lesion in a breast.

    Returns:
        For each split ``images``, uint8 (N, size, size), and ``labels``, uint8 (N,), in mixed order.
    """
    generator = np.random.default_rng(seed)
    splits: dict[str, tuple[NDArray[np.uint8], ...]] = {}
    for split, counts in COUNTS[kind].items():
        labels = generator.permutation(np.repeat(np.array([0, 1], np.uint8), counts))
        images = np.stack([draw(size, bool(label), generator, kind) for label in labels])
        splits[split] = (images, labels)
    return splits


def draw(
    size: int, positive: bool, generator: np.random.Generator, kind: str = "chest"
) -> NDArray[np.uint8]:
    """Draw one image, uint8 (size, size), of label 0 or 1."""
    return {"chest": _chest, "breast": _breast}[kind](size, positive, generator)


def _chest(size: int, pneumonia: bool, generator: np.random.Generator) -> NDArray[np.uint8]:
    """One image; edges are soft by about a pixel, so nothing need be drawn finer than it is shown."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]  # both (size, size)
    tilt = np.deg2rad(generator.normal(0, 3))
    x, y = x * np.cos(tilt) - y * np.sin(tilt), x * np.sin(tilt) + y * np.cos(tilt)
    x = (x - generator.normal(0, 0.05)) / generator.uniform(0.92, 1.12)
    y = (y - generator.normal(0, 0.05)) / generator.uniform(0.92, 1.1)

    # Neck, sloping shoulders, trunk.
    flank = 0.24 + generator.uniform(0.64, 0.74) * _soft(y + 1.02, 0.32)
    body = _soft(flank - np.abs(x) + 0.05, 0.1)
    image = 0.06 + generator.uniform(0.5, 0.58) * body
    lungs, rims = np.zeros_like(x), np.zeros_like(x)
    heart_x, heart_y, heart_size = generator.normal((0.13, 0.2, 0.34), (0.02, 0.03, 0.025))
    for side in (-1, 1):
        # A pointed apex near the middle, a flank that bows outward, a base arched by the diaphragm.
        down = np.clip((y + 0.68) / 1.2, 0, 1)
        outer = 0.27 + 0.46 * np.sqrt(down) * (1.08 - 0.16 * down)
        inner = 0.15 + 0.04 * down
        top = -0.66 + 1.6 * (side * x - 0.33) ** 2
        base = 0.5 + 0.05 * (side > 0) + 0.75 * (side * x - 0.38).clip(0) ** 2
        field = _soft(outer - side * x + 0.05, 0.12) * _soft(side * x - inner + 0.05, 0.12)
        lungs = np.maximum(lungs, field * _soft(y - top + 0.05, 0.14) * _soft(base - y + 0.05, 0.1))
        rims = np.maximum(rims, np.exp(-(((side * x - outer - 0.07) / 0.05) ** 2)))
    rims *= _soft(y + 0.66, 0.2) * _soft(0.6 - y, 0.2)
    depth = generator.uniform(0.27, 0.37)
    image += 0.08 * rims * body - depth * lungs
    slope = (y + 0.3 * np.abs(x) ** 1.4 + generator.uniform(0, 0.24)) / 0.24
    image += 0.055 * lungs * np.cos(2 * np.pi * slope)
    for side in (-1, 1):  # the collar bones
        bone = np.exp(-(((y + 0.6 + 0.22 * (side * x - 0.1)) / 0.05) ** 2))
        image += 0.1 * bone * _soft(side * x - 0.08, 0.1) * body * (side * x < 0.75)
    # Spine and mediastinum, the abdomen, then the heart, which lies to the right in the picture.
    image += 0.14 * np.exp(-((x / 0.12) ** 2)) * body
    image += 0.13 * _soft(y - 0.5 - 0.5 * (np.abs(x) - 0.35).clip(0) ** 2, 0.2) * body
    heart = np.hypot((x - heart_x) / heart_size, (y - heart_y - 0.3 * (x - heart_x)) / 0.36)
    shadow = 0.85 * _soft(1.12 - heart, 0.35)
    image += depth * shadow * lungs
    aerated = lungs * (1 - shadow)  # an opacity shows where there is air to displace
    for side in (-1, 1):  # the vessels at the roots of the lungs
        root = np.hypot((side * x - 0.24) / 0.13, (y + 0.05) / 0.2)
        image += generator.uniform(0.1, 0.35) * depth * np.exp(-(root**2)) * lungs
    image -= generator.uniform(0, 0.25) * np.exp(-(((x - 0.4) ** 2 + (y - 0.8) ** 2) / 0.02)) * body
    if pneumonia:
        image += _opacities(x, y, aerated, depth, generator)
    mottle = scipy.ndimage.gaussian_filter(generator.normal(0, 1, x.shape), size / 28)
    image += 0.035 * mottle * body + generator.normal(0, 0.008, x.shape)
    image = 0.47 + generator.uniform(0.9, 1.2) * (image - 0.42) + generator.normal(0, 0.04)
    return np.asarray((255 * np.clip(image, 0, 1)).round(), dtype=np.uint8)


def _opacities(
    x: Image, y: Image, aerated: Image, depth: float, generator: np.random.Generator
) -> Image:
    """One to three patches in the lung fields, from a faint haze to a consolidation."""
    added = np.zeros_like(x)
    for _ in range(generator.integers(1, 4)):
        side = generator.choice((-1, 1))
        centre_x, centre_y = side * generator.uniform(0.25, 0.6), generator.uniform(-0.35, 0.4)
        width, height = generator.uniform(0.18, 0.42, 2)
        distance = ((x - centre_x) / width) ** 2 + ((y - centre_y) / height) ** 2
        added += generator.uniform(0.3, 1.0) * depth * np.exp(-distance)
    texture = scipy.ndimage.gaussian_filter(generator.normal(0, 1, x.shape), x.shape[0] / 24)
    return np.asarray(np.minimum(added, 0.85 * depth) * aerated * np.clip(1 + texture, 0.6, 1.4))


def _breast(size: int, malignant: bool, generator: np.random.Generator) -> NDArray[np.uint8]:
    """One image: skin, fat and glandular tissue in speckle, the muscle below, and in most a dark lesion.

    A benign lesion is oval, smooth and wider than tall, with brighter tissue below it; a malignant one is
    upright and ragged and casts a shadow. A fifth of the benign class has none.
    """
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]  # both (size, size)
    wave = 0.06 * np.sin(np.pi * (generator.uniform(0.5, 1.2) * x + generator.uniform(0, 2)))
    image = 0.42 - 0.16 * y + 0.3 * np.exp(-(((y + 0.93) / 0.07) ** 2))  # skin is bright
    image += 0.16 * _soft(y + wave + generator.uniform(0.35, 0.6), 0.12)  # glands below fat
    image -= 0.2 * _soft(y + wave - generator.uniform(0.55, 0.75), 0.1)  # muscle
    if malignant or generator.random() > 0.2:
        centre_x, centre_y = generator.uniform(-0.35, 0.35), generator.uniform(-0.25, 0.25)
        width = generator.uniform(0.18, 0.38)
        height = width * (generator.uniform(0.9, 1.5) if malignant else generator.uniform(0.5, 0.8))
        angle = np.arctan2(y - centre_y, x - centre_x)
        ragged = generator.uniform(0.08, 0.2) if malignant else 0.02
        waves = generator.integers((2, 4, 7), (4, 7, 10))[:, None, None]
        turns = generator.uniform(0, 2 * np.pi, 3)[:, None, None]
        rim = 1 + ragged * np.cos(waves * angle + turns).sum(axis=0)
        inside = _soft(rim - np.hypot((x - centre_x) / width, (y - centre_y) / height), 0.4)
        below = _soft(y - centre_y, height) * _soft(width - np.abs(x - centre_x), 0.15)
        shade = generator.uniform(0.05, 0.24) * (-1 if malignant else 0.6)
        image += shade * below
        image -= generator.uniform(0.14, 0.34) * inside
    # Speckle is multiplicative and coarser across the beam than along it.
    grain = scipy.ndimage.gaussian_filter(generator.normal(0, 1, x.shape), (size / 60, size / 28))
    image *= 1 + 0.16 * grain / grain.std()
    image = image * generator.uniform(0.85, 1.15) + generator.normal(0, 0.03)
    return np.asarray((255 * np.clip(image, 0, 1)).round(), dtype=np.uint8)


def _soft(value: Image, width: float) -> Image:
    """0 below zero, 1 above `width`, a smooth step between."""
    step = np.clip(value / width, 0, 1)
    return np.asarray(step * step * (3 - 2 * step))
