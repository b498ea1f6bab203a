"""From stored images to a network's input, on whole batches of tensors: scaling, augmentation, size."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pneumo.training.recipes import Augmentation, Recipe


@dataclass(frozen=True)
class Draw:
    """Random changes of each image of a batch; every field is (N,)."""

    mirrored: Tensor  # bool
    rotation: Tensor  # degrees, counter-clockwise
    right: Tensor  # share of the side
    down: Tensor
    zoom: Tensor  # added to 1: the share of the side that is shown
    brightness: Tensor  # added to intensities
    contrast: Tensor  # factor of the distance from the image's mean


def to_unit(images: NDArray[np.uint8] | Tensor) -> Tensor:
    """Convert images uint8 (N, H, W), an array or a tensor, to float (N, 1, H, W) in [0, 1]."""
    tensor = images if isinstance(images, Tensor) else torch.from_numpy(images.copy())
    return tensor.unsqueeze(1).float() / 255


def resize(images: Tensor, size: int) -> Tensor:
    """Resize float (N, 1, H, W) to (N, 1, size, size), bilinear, as augmentation does without changes."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False)


# Limits of changes of framing: beyond them, a film would lose its lungs, or be mostly rim.
LEAST_SEEN, MOST_SEEN = 0.6, 1.6


def reframing(ratios: Tensor, batch: Tensor, generator: torch.Generator) -> Tensor:
    """Share of its side that each image shows if it is framed like a random film.

    The centred square of a film with ratio w of width to height shows 1/w of its width. At w/t of its side,
    it shows as much as the square of a film with ratio t.

    Args:
        ratios: of all training films, (N,); NaN where unknown.
        batch: indices of images, (B,).
        generator: draws t for each image, from all ratios.

    Returns:
        (B,), in [LEAST_SEEN, MOST_SEEN]; 1 if a ratio is unknown.
    """
    drawn = ratios[torch.randint(len(ratios), (len(batch),), generator=generator)]
    return (ratios[batch] / drawn).nan_to_num(1.0).clamp(LEAST_SEEN, MOST_SEEN)


def augment(
    images: Tensor,
    size: int,
    ranges: Augmentation,
    generator: torch.Generator,
    seen: Tensor | None = None,
) -> Tensor:
    """Make one random variant of each image, at its final size.

    Args:
        images: float (N, 1, H, W) in [0, 1].
        size: side of the result, in pixels.
        ranges: range of each change.
        generator: the source of every draw, on the CPU.
        seen: share of its side that each image shows before augmentation, (N,); None for all of it.

    Returns:
        float (N, 1, size, size) in [0, 1].
    """
    change = draw(len(images), ranges, generator)
    if seen is not None:
        change = replace(change, zoom=(1 + change.zoom) * seen - 1)
    return apply(images, size, change)


def views(images: Tensor, recipe: Recipe) -> Iterator[Tensor]:
    """Yield the views of each image for prediction: the image, then variants as in training.

    All images of a batch are varied the same way, so no prediction depends on other images.

    Args:
        images: float (N, 1, H, W) in [0, 1].
        recipe: its `views`, input size and augmentation.

    Yields:
        float (N, 1, S, S) in [0, 1], once for each view of the recipe.
    """
    yield resize(images, recipe.input_size)
    generator = torch.Generator().manual_seed(0)
    for _ in range(recipe.views - 1):
        one = draw(1, recipe.augmentation, generator)
        same = {name: value.expand(len(images)) for name, value in vars(one).items()}
        yield apply(images, recipe.input_size, Draw(**same))


def draw(count: int, ranges: Augmentation, generator: torch.Generator) -> Draw:
    """Draw changes for `count` images, each uniform in its range."""

    def uniform(reach: float) -> Tensor:
        return (2 * torch.rand(count, generator=generator) - 1) * reach  # in [-reach, reach]

    return Draw(
        mirrored=torch.rand(count, generator=generator) < ranges.flip,
        rotation=uniform(ranges.rotation),
        right=uniform(ranges.translation),
        down=uniform(ranges.translation),
        zoom=uniform(ranges.zoom),
        brightness=uniform(ranges.brightness),
        contrast=1 + uniform(ranges.contrast),
    )


def apply(images: Tensor, size: int, change: Draw) -> Tensor:
    """Apply the drawn changes to each image.

    Geometry and upsampling are one bilinear resampling, so an image is smoothed once, not twice. Uncovered
    areas repeat the nearest edge; a black rim would occur only in training images.

    Args:
        images: float (N, 1, H, W) in [0, 1].
        size: side of the result, in pixels.
        change: a draw for N images.

    Returns:
        float (N, 1, size, size) in [0, 1].
    """
    device, count = images.device, len(images)
    angle = (change.rotation * (math.pi / 180)).to(device)
    seen = (1 + change.zoom).to(device)
    cos, sin = seen * angle.cos(), seen * angle.sin()
    side = (1 - 2 * change.mirrored.float()).to(device)  # 1, or -1 where mirrored
    # The grid says where each output pixel is read from, in coordinates from -1 to 1: moving the
    # image to the right reads from the left, and a shift by the whole side is 2.
    right, down = (-2 * change.right).to(device), (-2 * change.down).to(device)
    rows = torch.stack([cos * side, -sin * side, right, sin, cos, down], dim=1)
    grid = F.affine_grid(rows.view(count, 2, 3), [count, 1, size, size], align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    brightness = change.brightness.view(-1, 1, 1, 1).to(device)
    contrast = change.contrast.view(-1, 1, 1, 1).to(device)
    mean = moved.mean(dim=(1, 2, 3), keepdim=True)
    return ((moved - mean) * contrast + mean + brightness).clamp(0, 1)
