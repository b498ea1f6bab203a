"""Explain a trained network: its first filters, and Grad-CAM maps of the test images."""

import numpy as np
import torch
from captum.attr import LayerGradCam
from numpy.typing import NDArray
from torch import Tensor, nn

from pneumo.training.augmentation import Draw, apply, draw, resize, to_unit
from pneumo.training.models import Classifier
from pneumo.training.recipes import Augmentation, Recipe
from pneumo.training.runs import Explanation


def explain(
    model: Classifier, recipe: Recipe, images: NDArray[np.uint8], examples: NDArray[np.uint8]
) -> Explanation:
    """Compute filters, maps and augmented examples of a trained network.

    Args:
        model: the trained network; it is put into evaluation mode.
        recipe: names the layer that Grad-CAM reads and the augmentation.
        images: the test images, uint8 (N, H, W).
        examples: a few training images to show augmented, uint8 (K, H, W).
    """
    return Explanation(
        filters=first_filters(model),
        maps=grad_cam(model, recipe, images),
        augmented=augmented_examples(examples, recipe.augmentation),
    )


def first_filters(model: nn.Module) -> NDArray[np.float32]:
    """Kernels of the first convolution for grey input: summed over its input channels.

    Returns:
        float32 (F, h, w).
    """
    first = next(layer for layer in model.modules() if isinstance(layer, nn.Conv2d))
    return first.weight.detach().sum(dim=1).cpu().numpy().astype(np.float32)


def grad_cam(
    model: Classifier, recipe: Recipe, images: NDArray[np.uint8], batch_size: int = 32
) -> NDArray[np.float32]:
    """Grad-CAM (Selvaraju et al. 2017) of the pneumonia logit, before its ReLU, at its native size.

    Without the ReLU one map explains both calls: positive cells are evidence for pneumonia, negative ones for
    normal, since with a single logit the evidence for one class is the negative of that for the other.

    Args:
        model: a network whose logit is high for pneumonia.
        recipe: names the layer (`explained_layer`) and the input size.
        images: uint8 (N, H, W).
        batch_size: images per pass.

    Returns:
        float32 (N, h, w).
    """
    model.eval()
    layer = model.network.get_submodule(recipe.explained_layer)
    method = LayerGradCam(model, layer)
    device = next(model.parameters()).device
    maps = []
    for start in range(0, len(images), batch_size):
        batch = to_unit(images[start : start + batch_size]).to(device)
        attribution: Tensor = method.attribute(resize(batch, recipe.input_size))
        maps.append(attribution.detach().squeeze(1).float().cpu().numpy())  # (n, h, w)
    return np.concatenate(maps)


def augmented_examples(images: NDArray[np.uint8], ranges: Augmentation) -> NDArray[np.uint8]:
    """Make the :data:`pneumo.training.runs.VARIANTS` of each image.

    Args:
        images: uint8 (K, H, W).
        ranges: the recipe's augmentation.

    Returns:
        uint8 (K, V, 2H, 2W), at twice the side, so that small rotations are visible.
    """
    batch, count = to_unit(images), len(images)
    unchanged = {name: torch.zeros(count) for name in Draw.__dataclass_fields__}
    unchanged |= {"mirrored": torch.zeros(count, dtype=torch.bool), "contrast": torch.ones(count)}
    extremes: tuple[dict[str, Tensor], ...] = (
        {},
        {"rotation": torch.full((count,), ranges.rotation)},
        {name: torch.full((count,), ranges.translation) for name in ("right", "down")},
        {"brightness": torch.full((count,), ranges.brightness)},
        {"contrast": torch.full((count,), 1 + ranges.contrast)},
    )
    draws = [Draw(**{**unchanged, **extreme}) for extreme in extremes]
    draws.append(draw(count, ranges, torch.Generator().manual_seed(0)))
    size = 2 * images.shape[-1]
    variants = torch.stack([apply(batch, size, change) for change in draws], dim=1)
    return (variants.squeeze(2) * 255).round().byte().numpy()  # (K, V, 2H, 2W)
