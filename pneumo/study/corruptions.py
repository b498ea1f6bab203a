"""The corruptions of MedMNIST-C for chest X-rays, in five severities (Di Salvo, Doerrich & Ledig 2024).

Kinds and severities are those that MedMNIST-C defines for PneumoniaMNIST. They were chosen for images of
224 pixels; here they act on the images at their own size, so corruptions measured in pixels (blur,
pixelation, JPEG's blocks) are more severe.
"""

from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from scipy.ndimage import gaussian_filter

from pneumo.data import Dataset

SEVERITIES = 5
Images = NDArray[np.uint8]


def pixelate(images: Images, share: float, _: np.random.Generator) -> Images:
    """Scale down to `share` of the side and up again, with a box filter."""

    def change(image: Image.Image) -> Image.Image:
        width, height = image.size
        small = image.resize((int(width * share), int(height * share)), Image.Resampling.BOX)
        return small.resize((width, height), Image.Resampling.BOX)

    return _each(images, change)


def jpeg(images: Images, quality: float, _: np.random.Generator) -> Images:
    """Compress as JPEG of a quality in 1 … 95."""

    def change(image: Image.Image) -> Image.Image:
        file = BytesIO()
        image.save(file, "JPEG", quality=int(quality))
        return Image.open(file)

    return _each(images, change)


def gaussian_noise(images: Images, deviation: float, generator: np.random.Generator) -> Images:
    """Add normal noise of a standard deviation, in shares of the grey scale."""
    return _from_unit(_unit(images) + generator.normal(scale=deviation, size=images.shape))


def speckle_noise(images: Images, deviation: float, generator: np.random.Generator) -> Images:
    """Add normal noise in proportion to the intensity."""
    unit = _unit(images)
    return _from_unit(unit + unit * generator.normal(scale=deviation, size=images.shape))


def impulse_noise(images: Images, share: float, generator: np.random.Generator) -> Images:
    """Turn a share of the pixels black or white, with equal probability."""
    draws = generator.random((2, *images.shape))
    corrupted = images.copy()
    hit = draws[0] < share
    corrupted[hit] = np.where(draws[1][hit] < 0.5, 255, 0)
    return corrupted


def shot_noise(images: Images, photons: float, generator: np.random.Generator) -> Images:
    """Add Poisson noise, with this number of photons for white."""
    return _from_unit(generator.poisson(_unit(images) * photons) / photons)


def gaussian_blur(images: Images, kernel: float, _: np.random.Generator) -> Images:
    """Blur with a Gaussian kernel of this width in pixels; its deviation follows from the width."""
    deviation = 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8
    blurred = gaussian_filter(
        images.astype(float), (0, deviation, deviation), radius=(0, *[int(kernel) // 2] * 2),
        mode="mirror",
    )  # fmt: skip
    found: Images = np.clip(blurred.round(), 0, 255).astype(np.uint8)
    return found


def brightness(images: Images, factor: float, _: np.random.Generator) -> Images:
    """Scale intensities."""
    return _each(images, lambda image: ImageEnhance.Brightness(image).enhance(factor))


def contrast(images: Images, factor: float, _: np.random.Generator) -> Images:
    """Scale the distance of intensities from the image's mean."""
    return _each(images, lambda image: ImageEnhance.Contrast(image).enhance(factor))


def gamma(images: Images, exponent: float, _: np.random.Generator) -> Images:
    """Raise intensities, in [0, 1], to a power."""
    return np.clip((256 - 1e-3) * _unit(images) ** exponent, 0, 255).astype(np.uint8)


# Each corruption with its parameter at severities 1 … 5, as MedMNIST-C has them for PneumoniaMNIST.
CORRUPTIONS: dict[
    str, tuple[Callable[[Images, float, np.random.Generator], Images], tuple[float, ...]]
] = {
    "pixelate": (pixelate, (0.8, 0.7, 0.6, 0.5, 0.4)),
    "jpeg compression": (jpeg, (50, 30, 15, 10, 7)),
    "gaussian noise": (gaussian_noise, (0.04, 0.05, 0.06, 0.07, 0.08)),
    "speckle noise": (speckle_noise, (0.05, 0.07, 0.10, 0.15, 0.20)),
    "impulse noise": (impulse_noise, (0.005, 0.01, 0.013, 0.017, 0.02)),
    "shot noise": (shot_noise, (300, 200, 150, 100, 80)),
    "gaussian blur": (gaussian_blur, (3, 5, 7, 9, 11)),
    "brightness up": (brightness, (1.1, 1.2, 1.3, 1.4, 1.5)),
    "brightness down": (brightness, (0.9, 0.8, 0.7, 0.6, 0.5)),
    "contrast up": (contrast, (1.1, 1.2, 1.3, 1.4, 1.6)),
    "contrast down": (contrast, (0.9, 0.8, 0.7, 0.6, 0.4)),
    "gamma up": (gamma, (1.1, 1.2, 1.3, 1.4, 1.6)),
    "gamma down": (gamma, (0.9, 0.8, 0.7, 0.6, 0.4)),
}


def corrupt(images: Images, name: str, severity: int, seed: int = 0) -> Images:
    """Apply one corruption to images.

    Args:
        images: uint8 (N, H, W).
        name: one of :data:`CORRUPTIONS`.
        severity: 1 (slight) … 5 (severe).
        seed: of the noise; each corruption draws its own, and the same at every severity.

    Returns:
        uint8 (N, H, W).

    Raises:
        KeyError: no corruption has that name.
        IndexError: the severity is not in 1 … 5.
    """
    change, parameters = CORRUPTIONS[name]
    if not 1 <= severity <= SEVERITIES:
        raise IndexError(f"a severity lies in 1 … {SEVERITIES}; found {severity}")
    generator = np.random.default_rng([seed, list(CORRUPTIONS).index(name)])
    return change(images, parameters[severity - 1], generator)


def variants(dataset: Dataset, indices: NDArray[np.int64]) -> Iterator[Images]:
    """Test images under each of :data:`CORRUPTIONS` at all severities, uint8 (5, n, S, S)."""
    images = dataset.test.images[indices]
    for name in CORRUPTIONS:
        yield np.array([corrupt(images, name, level) for level in range(1, SEVERITIES + 1)])


def _each(images: Images, change: Callable[[Image.Image], Image.Image]) -> Images:
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in images])


def _unit(images: Images) -> NDArray[np.float64]:
    return images / 255


def _from_unit(images: NDArray[np.float64]) -> Images:
    return (np.clip(images, 0, 1) * 255).astype(np.uint8)
