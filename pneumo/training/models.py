"""The networks, from images in [0, 1] to one logit each."""

import io
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from pneumo.base import checksums
from pneumo.training.recipes import Recipe
from pneumo.training.weights import Weights, WeightsError

# Below this an image counts as empty, so that noise is not amplified.
LEAST_DEVIATION = 0.02
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The Lite networks were trained on (pixel - 127) / 128.
LITE_MEAN, LITE_DEVIATION = (127 / 255,) * 3, (128 / 255,) * 3


class SimpleCNN(nn.Module):
    """Three convolutions and a linear layer: 93,249 parameters for one grey channel."""

    def __init__(self, dropout: float, outputs: int = 1) -> None:
        super().__init__()

        def block(inputs: int, outputs: int) -> list[nn.Module]:
            convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
            return [convolution, nn.BatchNorm2d(outputs)]

        # The largest number's ReLU is the largest ReLU: behind the pooling it has a quarter of the work.
        self.features = nn.Sequential(
            *block(1, 32),  # (N, 32, 28, 28)
            nn.MaxPool2d(2),
            nn.ReLU(),
            *block(32, 64),  # (N, 64, 14, 14)
            nn.MaxPool2d(2),
            nn.ReLU(),
            *block(64, 128),  # (N, 128, 7, 7)
            nn.ReLU(),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(128, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Float (N, 1, 28, 28) to logits, (N, 1) or one per output."""
        features = self.features(images)
        if self.training and features.requires_grad:
            # The pooling's gradient has torch's usual layout, in which the layers below are slow.
            features.register_hook(partial(Tensor.contiguous, memory_format=torch.channels_last))
        pooled: Tensor = self.pool(features).flatten(1)  # (N, 128)
        logits: Tensor = self.fc(self.dropout(pooled))
        return logits


class ReLU6(nn.ReLU6):
    """ReLU6 in place that keeps its output for the backward pass, where torch's keeps a copy of its input.

    The convolution after it mostly keeps the same output.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """Clamp numbers to [0, 6]."""
        clamped: Tensor = _Clamp.apply(inputs)
        return clamped


class _Clamp(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, inputs: Tensor) -> Tensor:
        output = inputs.clamp_(0, 6)
        context.mark_dirty(output)
        context.save_for_backward(output)
        return output

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        passed: Tensor = torch.ops.aten.hardtanh_backward(gradient, *context.saved_tensors, 0, 6)
        return passed


class Classifier(nn.Module):
    """A network with the interface of training, prediction and explanation."""

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        network: nn.Module,
        depths: Sequence[Sequence[str]],
        mean: tuple[float, ...],
        deviation: tuple[float, ...],
        standardised: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self._depths, self._head = depths, depths[-1][0]
        self._standardised = standardised
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).view(1, -1, 1, 1), False)

    @property
    def head(self) -> nn.Module:
        """The new layer, the only one trained in a frozen stage."""
        return self.network.get_submodule(self._head)

    def depths(self) -> list[list[nn.Module]]:
        """The network's layers in groups, from the input to the head; each group has one learning rate."""
        return [[self.network.get_submodule(name) for name in names] for names in self._depths]

    def forward(self, images: Tensor) -> Tensor:
        """Float (N, 1, S, S) in [0, 1] to logits (N,), above 0 for pneumonia; (N, C) with C > 1 outputs."""
        if self._standardised:
            images = standardise(images)
        # Subtracting a mean of three channels from one turns grey into three equal channels.
        normalised = (images - self.mean) / self.deviation  # (N, 1 or 3, S, S)
        logits: Tensor = self.network(normalised.contiguous(memory_format=torch.channels_last))
        return logits.squeeze(1)


def standardise(images: Tensor) -> Tensor:
    """Standardise each image to a mean of 0.5 and a deviation of 0.2; an empty one stays empty.

    Args:
        images: float (N, 1, S, S).

    Returns:
        float (N, 1, S, S), mostly in [0, 1].
    """
    deviation, mean = torch.std_mean(images, dim=(1, 2, 3), keepdim=True)
    return (images - mean) / deviation.clamp_min(LEAST_DEVIATION) * 0.2 + 0.5


def build(recipe: Recipe, weights: Weights | None = None, outputs: int = 1) -> Classifier:
    """Build the network of a recipe, with pretrained weights if given, and a new head.

    Args:
        recipe: names the architecture and its dropout.
        weights: pretrained weights; without them all parameters are random.
        outputs: logits per image: one for two classes, else one per class.

    Raises:
        WeightsError: the file does not hold this network's weights.
    """
    model = _BUILDERS[recipe.architecture](recipe, outputs)
    if weights is not None:
        _load(model, weights)
    return model.to(memory_format=torch.channels_last)


def count_parameters(model: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def layers(model: Classifier, size: int) -> list[dict[str, Any]]:
    """List the layers of a network in the order in which an image of `size` pixels passes them.

    Returns:
        One row per layer without sublayers: its name, kind, output shape (without the batch) and parameters.
    """
    rows: list[dict[str, Any]] = []

    def note(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(layer: nn.Module, _: Any, output: Tensor) -> None:
            rows.append(
                {
                    "name": name,
                    "kind": type(layer).__name__,
                    "output": list(output.shape[1:]),
                    "parameters": count_parameters(layer),
                }
            )

        return hook

    leaves = [(name, m) for name, m in model.network.named_modules() if not [*m.children()]]
    hooks = [layer.register_forward_hook(note(name)) for name, layer in leaves]
    model.eval()
    with torch.inference_mode():
        model(torch.zeros(1, 1, size, size, device=model.mean.device))
    for hook in hooks:
        hook.remove()
    return rows


def _simple_cnn(recipe: Recipe, outputs: int) -> Classifier:
    network = SimpleCNN(recipe.dropout, outputs)
    return Classifier(network, [["features"], ["fc"]], (0.5,), (0.25,), recipe.standardised)


def _resnet18(recipe: Recipe, outputs: int) -> Classifier:
    network = resnet18(num_classes=1)
    # The head keeps its name, so that a state dict's other names fit.
    network.fc = nn.Sequential(nn.Dropout(recipe.dropout), nn.Linear(512, outputs))
    kernel, stride = recipe.stem_kernel, recipe.stem_stride
    if kernel != network.conv1.kernel_size[0]:
        network.conv1 = nn.Conv2d(3, 64, kernel, stride, padding=kernel // 2, bias=False)
        # As torchvision begins its own.
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    network.conv1.stride = (stride, stride)
    if not recipe.stem_pooling:
        network.maxpool = nn.Identity()
    layers = [[f"layer{number}"] for number in range(1, 5)]
    depths = [["conv1", "bn1"], *layers, ["fc"]]
    return Classifier(network, depths, IMAGENET_MEAN, IMAGENET_DEVIATION, recipe.standardised)


def _efficientnet_lite0(recipe: Recipe, outputs: int) -> Classifier:
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name(
        "efficientnet-lite0",
        image_size=recipe.input_size,
        dropout_rate=recipe.dropout,
        num_classes=outputs,
    )
    for module in (network, *network._blocks):
        module._swish = ReLU6()
    # Its sixteen blocks by the size of their maps: a new group where the side is halved.
    starts = (0, 1, 3, 5, 11, 16)
    blocks = [[f"_blocks.{number}" for number in range(*bounds)] for bounds in pairwise(starts)]
    depths = [["_conv_stem", "_bn0"], *blocks, ["_conv_head", "_bn1"], ["_fc"]]
    return Classifier(network, depths, LITE_MEAN, LITE_DEVIATION, recipe.standardised)


_BUILDERS: dict[str, Callable[[Recipe, int], Classifier]] = {
    "simple-cnn": _simple_cnn,
    "resnet18": _resnet18,
    "efficientnet-lite0": _efficientnet_lite0,
}


def _load(model: Classifier, weights: Weights) -> None:
    """Load pretrained weights into all layers except the head."""
    head = f"{model._head}."
    fits = model.network.state_dict()
    body = {
        name: _checked(f"{weights.path}: {name}", value, fits[name]) if name in fits else value
        for name, value in _state(weights).items()
        if not name.startswith(head)
    }
    missing, unexpected = model.network.load_state_dict(body, strict=False)
    strangers = [n for n in missing if not n.startswith(head)] + list(unexpected)
    if strangers:
        raise WeightsError(
            f"{weights.path} does not fit the network: {len(strangers)} names are missing or "
            f"unknown, the first is {strangers[0]!r}"
        )


def _state(weights: Weights) -> dict[str, Any]:
    """Read the tensors of a file by name, possibly from its entry `state_dict`."""
    from safetensors.torch import load

    found = f"{weights.path} does not hold this network's weights"
    content = weights.path.read_bytes() if weights.path.is_file() else b""
    if checksums.digest(content) != weights.sha256:
        raise WeightsError(
            f"{found}: the file changed while it was read; run the same command again"
        )
    try:
        if weights.path.suffix == ".safetensors":
            state: Any = load(content)
        else:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # exceptions of readers for other files are not documented
        state = None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise WeightsError(
            f"{found}: expected tensors by name, found a whole model, other objects or a damaged file; save "
            "`network.state_dict()`"
        )
    return state


def _checked(what: str, value: Any, like: Tensor) -> Tensor:
    """Check a tensor: shape and type of the network, and possible values."""
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_meta:
        raise WeightsError(f"{what}: expected a dense tensor, found something else")
    if value.shape != like.shape:
        raise WeightsError(f"{what}: expected the shape {[*like.shape]}, found {[*value.shape]}")
    is_real = like.is_floating_point()
    if value.is_floating_point() != is_real or value.is_complex() or value.dtype == torch.bool:
        kind, found = "floating-point" if is_real else "whole", str(value.dtype)
        raise WeightsError(f"{what}: expected {kind} numbers, found {found.removeprefix('torch.')}")
    tensor: Tensor = value.to(like.dtype)
    if not tensor.isfinite().all():
        raise WeightsError(f"{what}: expected finite numbers, found NaN or infinity")
    if what.endswith("running_var") and (tensor < 0).any():
        raise WeightsError(f"{what}: expected variances, found negative numbers")
    return tensor
