"""All sources of pretrained weights (network ones on loopback), and how weights are loaded."""

import io
import shutil

import pytest
import torch
from safetensors.torch import load_file
from torchvision.models import resnet18

from pneumo.base import checksums
from pneumo.training import weights
from pneumo.training.models import build
from pneumo.training.recipes import RECIPES
from pneumo.training.weights import (
    Weights,
    WeightsError,
    WeightsUnavailableError,
    find_weights,
)

IMAGENET = RECIPES["resnet18-imagenet"]
TINY = RECIPES["resnet18-tiny-imagenet"]


@pytest.fixture(scope="module")
def imagenet_file(tmp_path_factory):
    """A ResNet18 of 1,000 classes with weights of our own, named as torch's hub names files."""
    torch.manual_seed(11)
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(resnet18(num_classes=1000).state_dict(), path)
    return path.rename(path.with_name(f"resnet18-{checksums.digest(path.read_bytes())[:8]}.pth"))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of torchvision's."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    "environment",
    [{"TORCH_HOME": "~/torch"}, {"XDG_CACHE_HOME": "/caches"}, {}],
    ids=lambda environment: "-".join(environment) or "neither",
)
def test_the_cache_is_torchs_hubs(environment, monkeypatch):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(weights._hub()) == torch.hub.get_dir()


def test_carried_and_given_weights_load_into_everything_but_the_head(imagenet_file):
    given = find_weights(IMAGENET, imagenet_file)
    assert imagenet_file.name in given.name
    assert given.sha256 == checksums.digest(imagenet_file.read_bytes())
    for recipe, found, load in (
        (TINY, find_weights(TINY), load_file),
        (IMAGENET, given, torch.load),
    ):
        model, stored = build(recipe, found), load(found.path)
        body = {
            name: value
            for name, value in model.network.state_dict().items()
            if not name.startswith(model._head)
        }
        assert len(body) > 100
        for name, value in body.items():
            torch.testing.assert_close(
                value, stored[name], check_dtype=False, check_stride=False, msg=name
            )


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("name", ["mine.pth", "resnet18-00000000.pth", "resnet18-f37072fd.pth"])
def test_weights_whose_name_does_not_say_their_digest_are_refused(name, imagenet_file, tmp_path):
    renamed = shutil.copy(imagenet_file, tmp_path / name)
    with pytest.raises(WeightsError, match="to use other weights on purpose") as raised:
        find_weights(IMAGENET, renamed)
    assert imagenet_file.name in str(raised.value)  # the name that would be right


def test_weights_are_downloaded_once_into_torchvisions_cache(
    cache, host, imagenet_file, monkeypatch
):
    monkeypatch.setattr(weights, "IMAGENET_URL", f"{host.url}/{imagenet_file.name}")
    host.bodies[f"/{imagenet_file.name}"] = imagenet_file.read_bytes()
    first = find_weights(IMAGENET)
    assert first.path == cache / imagenet_file.name
    assert first.name == "ImageNet (torchvision)"
    host.bodies.clear()
    assert find_weights(IMAGENET) == first


@pytest.mark.promise("hostile", "found")
@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        ({}, "503"),
        ({"/resnet18-01234567.pth": b"something else"}, "does not start with 01234567"),
    ],
    ids=["breaks off", "other content"],
)
def test_a_download_that_goes_wrong_is_not_kept(offered, reason, cache, host, monkeypatch):
    monkeypatch.setattr(weights, "IMAGENET_URL", f"{host.url}/resnet18-01234567.pth")
    host.bodies.update(offered)
    with pytest.raises(WeightsUnavailableError, match=f"could not be downloaded: .*{reason}"):
        find_weights(IMAGENET)
    assert not list(cache.iterdir())


def pickled(content):
    """The bytes that torch saves."""
    torch.save(content, stream := io.BytesIO())
    return stream.getvalue()


def refused(path, content):
    """The error for building a network from a file with this content."""
    path.write_bytes(content)
    with pytest.raises(WeightsError) as raised:
        build(IMAGENET, Weights("other", path, checksums.digest(path.read_bytes())))
    return str(raised.value)


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("noise.safetensors", lambda: b"not weights at all"),
        ("noise.pth", lambda: b"not weights at all"),
        ("model.pth", lambda: pickled(resnet18())),
        ("tensor.pth", lambda: pickled(torch.zeros(3))),
    ],
)
def test_a_file_that_holds_no_weights_is_refused_by_its_path(name, make, tmp_path):
    assert refused(tmp_path / name, make()) == (
        f"{tmp_path / name} does not hold this network's weights: expected tensors by name, found a whole "
        "model, other objects or a damaged file; save `network.state_dict()`"
    )


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("conv1.weight", lambda t: t[..., :5], "the shape [64, 3, 7, 7], found [64, 3, 7, 5]"),
        ("conv1.weight", lambda t: t.int(), "floating-point numbers, found int32"),
        ("bn1.bias", lambda t: t / 0, "finite numbers, found NaN or infinity"),
        ("bn1.running_var", lambda t: -t, "variances, found negative numbers"),
        ("bn1.bias", lambda t: 3.0, "a dense tensor, found something else"),
    ],
)
def test_weights_that_cannot_be_trained_from_are_refused_by_name(
    name, change, words, imagenet_file, tmp_path
):
    state, path = torch.load(imagenet_file), tmp_path / "changed.pth"
    told = refused(path, pickled(state | {name: change(state[name])}))
    assert told == f"{path}: {name}: expected {words}"
    other = build(RECIPES["simple-cnn"]).network.state_dict()
    assert "does not fit the network" in refused(path, pickled(other))
