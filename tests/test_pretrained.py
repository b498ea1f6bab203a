"""Where pretrained weights come from, how they are loaded, and pretraining on a folder of drawn pictures."""

import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torchvision.models import resnet18
from trainings import Listener

from pneumo.base import checksums
from pneumo.commands.main import main
from pneumo.data import DataError
from pneumo.training import pretrain as module
from pneumo.training import weights
from pneumo.training.models import build
from pneumo.training.pretrain import manifest, pretrain, read
from pneumo.training.recipes import RECIPES
from pneumo.training.weights import Weights, WeightsError, WeightsUnavailableError, find_weights

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
            theirs = stored[name].to(value.dtype)
            torch.testing.assert_close(value, theirs, check_stride=False, msg=name)


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("name", ["mine.pth", "resnet18-00000000.pth", "resnet18-f37072fd.pth"])
def test_weights_whose_name_does_not_say_their_digest_are_refused(name, imagenet_file, tmp_path):
    renamed = shutil.copy(imagenet_file, tmp_path / name)
    with pytest.raises(WeightsError, match="to use other weights on purpose") as raised:
        find_weights(IMAGENET, renamed)
    assert imagenet_file.name in str(raised.value)  # the name that would be right


def test_weights_are_downloaded_once_into_the_hubs_cache(cache, host, imagenet_file, monkeypatch):
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
    [({}, "503"), ({"/resnet18-01234567.pth": b"something else"}, "does not start with 01234567")],
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
def test_weights_that_cannot_be_used_are_refused_by_name(
    name, change, words, imagenet_file, tmp_path
):
    state, path = torch.load(imagenet_file), tmp_path / "changed.pth"
    told = refused(path, pickled(state | {name: change(state[name])}))
    assert told == f"{path}: {name}: expected {words}"
    other = build(RECIPES["simple-cnn"]).network.state_dict()
    assert "does not fit the network" in refused(path, pickled(other))


SMALL = replace(
    module.RECIPE, input_size=32, batch_size=16, epochs=3, learning_rate=2e-3, ema_decay=0.8
)
CLASSES = ("across", "down", "plain")


def draw(path, kind, seed):
    """A picture of grey bars across or down, or of none."""
    pixels = np.random.default_rng(seed).integers(90, 130, (40, 32))
    bars = (slice(None, None, 4),) if kind == "across" else (slice(None), slice(None, None, 4))
    if kind != "plain":
        pixels[bars] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).convert("RGB").save(path)


def fill(folder, count=20, seed=0):
    for place, kind in enumerate(CLASSES):
        for number in range(count):
            draw(folder / kind / "images" / f"{number}.png", kind, seed + 1000 * place + number)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("pictures") / "bars & more")


@pytest.fixture(scope="module")
def written(pictures, tmp_path_factory):
    """Weights from a training that nothing disturbed."""
    place = tmp_path_factory.mktemp("pretraining")
    return pretrain(read(pictures, 32), place, SMALL, home=place / "home")


def test_a_tenth_of_each_class_is_held_out(pictures):
    folder = read(pictures, 32)
    assert folder.classes == CLASSES
    assert folder.train.images.shape == (54, 32, 32)
    assert np.bincount(folder.val.labels).tolist() == [2, 2, 2]
    assert read(pictures, 32).fingerprint == folder.fingerprint


def test_a_folder_with_both_splits_keeps_them(tmp_path):
    fill(tmp_path / "train", 4), fill(tmp_path / "val", 3, seed=99)
    folder = read(tmp_path, 32)
    assert (len(folder.train.labels), len(folder.val.labels)) == (12, 9)
    assert replace(folder, train=folder.val, val=folder.train).fingerprint != folder.fingerprint


@pytest.mark.parametrize(("deepest", "mode"), [(65535, None), (255, "RGB"), (255, "P")])
def test_images_are_read_as_predict_reads_them(deepest, mode, tmp_path):
    fill(tmp_path / "train", 2), fill(tmp_path / "val", 2)
    # Two squares, dark and bright, and a margin on both sides that is cropped.
    pixels = np.repeat([0, 50, 200, 0], 16)[None].repeat(32, 0)
    picture = Image.fromarray((pixels * (deepest // 255)).astype("u1" if mode else "u2"))
    picture = picture.convert(mode) if mode else picture
    picture.save(tmp_path / "train" / "plain" / "odd.png")
    image = read(tmp_path, 32).train.images[-1]  # of the last class the last
    np.testing.assert_array_equal(image, pixels[:, 16:48])


def test_what_is_hidden_is_no_class_and_no_image(tmp_path):
    fill(tmp_path, 3)
    for place in (".ipynb_checkpoints", "__MACOSX", "plain/.ipynb_checkpoints"):
        draw(tmp_path / place / "0.png", "plain", 0)
    (tmp_path / "plain" / "._0.png").write_bytes(b"what a Mac keeps beside a file")
    folder = read(tmp_path, 32)
    assert folder.classes == CLASSES
    assert len(folder.train.labels) + len(folder.val.labels) == 9


def spoilt(folder, name, content):
    path = fill(folder, 3) / "plain" / "images" / name
    path.write_bytes(content) if isinstance(content, bytes) else content.save(path)


FLOATS = Image.fromarray(np.eye(32, dtype=np.float32))
NO_FOLDERS = {
    "a folder of images for each of at least two classes, found 0": lambda folder: None,
    r"expected at least two images, found 1 that end in \.jpg, ": lambda folder: fill(folder, 1),
    "expected train beside test and val, or a folder for each class": lambda folder: [
        fill(folder / name, 2) for name in ("test", "val")
    ],
    "expected train beside Train": lambda folder: fill(folder / "Train", 2),
    "loop: expected a class, found a link to a folder that it lies in": lambda folder: (
        fill(folder, 2) / "loop"
    ).symlink_to(folder, True),
    "1.png: expected an image": lambda folder: spoilt(folder, "1.png", b"no"),
    "1.tif: expected whole numbers of 8 or 16 bits, found floating-point numbers": lambda folder: (
        spoilt(folder, "1.tif", FLOATS)
    ),
}


@pytest.mark.parametrize("words", NO_FOLDERS)
def test_what_is_no_folder_of_images_is_refused(words, tmp_path):
    NO_FOLDERS[words](tmp_path)
    with pytest.raises(DataError, match=words):
        read(tmp_path, 32)


def test_the_network_learns_what_the_folder_shows(written):
    about = manifest(written)
    assert about["metrics"]["val_accuracy"] > 0.6
    assert about["images_seen"] == 3 * 54


@pytest.mark.promise("killed", "survived")
def test_one_that_was_stopped_ends_with_the_same_bytes(written, pictures, tmp_path):
    folder = read(pictures, 32)
    stop = Listener(stop_in_epoch=2)
    with pytest.raises(KeyboardInterrupt):
        pretrain(folder, tmp_path, SMALL, home=tmp_path / "home", listener=stop)
    assert not list(tmp_path.glob("*.safetensors"))
    again = pretrain(folder, tmp_path, SMALL, home=tmp_path / "home")
    assert again.read_bytes() == written.read_bytes()


def test_the_command_trains_and_says_where_the_weights_are(pictures, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(module, "RECIPE", SMALL)
    arguments = ["pretrain", str(pictures), "--epochs", "1", "--output", str(tmp_path)]
    assert main(arguments) == 0
    (path,) = tmp_path.glob("resnet18-*.safetensors")
    said = capsys.readouterr()
    assert "3 classes, 54 training and 6 validation images" in said.err
    assert "epoch 1/1" in said.err
    assert f"{path}: top-1" in said.out
    assert manifest(path)["recipe"]["epochs"] == 1
    assert main(arguments) == 0
    assert "epoch" not in capsys.readouterr().err
