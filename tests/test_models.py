"""The networks, and every place that pretrained weights may come from, none of them beyond loopback."""

import os
import shutil
import socket
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torchvision.models import ResNet18_Weights, resnet18

from pneumo import models
from pneumo.models import (
    WeightsError,
    WeightsUnavailableError,
    build,
    count_parameters,
    find_weights,
    layers,
    standardise,
)
from pneumo.network import answers
from pneumo.recipes import RECIPES

IMAGENET = RECIPES["resnet18-imagenet"]
TINY = RECIPES["resnet18-tiny-imagenet"]
LITE = RECIPES["efficientnet-lite0-imagenet"]


@pytest.fixture(scope="module")
def imagenet_file(tmp_path_factory):
    """A ResNet18 of 1,000 classes with weights of our own, named as torch's hub names files."""
    torch.manual_seed(11)
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(resnet18(num_classes=1000).state_dict(), path)
    return path.rename(path.with_name(f"resnet18-{models.sha256_of(path)[:8]}.pth"))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of torchvision's."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def turn_torchvision_to(host, name, monkeypatch):
    monkeypatch.setattr(ResNet18_Weights.IMAGENET1K_V1.value, "url", f"{host.url}/{name}")


def body_of(model):
    """The network's weights without its head's."""
    state = model.network.state_dict()
    return {name: value for name, value in state.items() if not name.startswith(model._head)}


def test_simple_cnn_has_93249_parameters():
    assert models.count_parameters(build(RECIPES["simple-cnn"])) == 93_249


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_every_network_gives_one_logit_an_image(recipe):
    images = torch.rand(3, 1, recipe.input_size, recipe.input_size)
    assert build(recipe).eval()(images).shape == (3,)


def test_resnet18_has_torchvisions_parameters_but_for_its_head():
    reference = sum(p.numel() for p in resnet18(num_classes=1).parameters())
    for name in ("resnet18-imagenet", "resnet18-tiny-imagenet"):
        assert models.count_parameters(build(RECIPES[name])) == reference
    smaller_kernels = 64 * 3 * (7 * 7 - 3 * 3)
    scratch = models.count_parameters(build(RECIPES["resnet18-scratch"]))
    assert scratch == reference - smaller_kernels


def test_an_image_is_normalised_with_the_mean_that_the_network_knows():
    model = build(replace(TINY, dropout=0)).eval()
    images = torch.rand(2, 1, 56, 56)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    by_hand = model.network((images.expand(-1, 3, -1, -1) - mean) / deviation).squeeze(1)
    torch.testing.assert_close(model(images), by_hand, atol=1e-5, rtol=1e-4)


def test_the_same_seed_builds_the_same_network():
    def first_weights(seed):
        torch.manual_seed(seed)
        return next(build(RECIPES["simple-cnn"]).parameters())

    assert torch.equal(first_weights(1), first_weights(1))
    assert not torch.equal(first_weights(1), first_weights(2))


def test_layers_are_listed_as_an_image_passes_them():
    model = build(RECIPES["simple-cnn"])
    rows = models.layers(model, 28)
    assert sum(row["parameters"] for row in rows) == 93_249
    assert [row["output"] for row in rows if row["kind"] == "Conv2d"] == [
        [32, 28, 28], [64, 14, 14], [128, 7, 7]
    ]  # fmt: skip
    assert rows[-1]["output"] == [1]
    assert not any(layer._forward_hooks for layer in model.modules())


def test_a_recipe_without_pretraining_asks_for_no_weights():
    assert find_weights(RECIPES["simple-cnn"]) is None


def test_the_carried_weights_load_into_everything_but_the_head():
    weights = find_weights(TINY)
    stored = load_file(weights.path)
    body = body_of(build(TINY, weights))
    assert set(body) <= set(stored)
    assert len(body) > 100
    for name, value in body.items():
        torch.testing.assert_close(
            value, stored[name], check_dtype=False, check_stride=False, msg=name
        )


def test_the_head_is_new_even_where_the_body_is_not():
    weights = find_weights(TINY)
    torch.manual_seed(0)
    one = build(TINY, weights).head[1].weight
    other = build(TINY, weights).head[1].weight
    assert not torch.equal(one, other)


def test_lite0s_weights_come_from_their_wheel():
    weights = find_weights(LITE)
    stored = torch.load(weights.path, map_location="cpu", weights_only=True)
    body = body_of(build(LITE, weights))
    assert weights.name == "ImageNet (EfficientNet-Lite0)"
    for name, value in body.items():
        torch.testing.assert_close(value, stored[name], check_stride=False, msg=name)


@pytest.mark.promise("damage", "found")
def test_the_digest_check_refuses_a_file_with_a_flipped_byte(tmp_path, monkeypatch):
    damaged = tmp_path / models.TINY_IMAGENET.name
    content = bytearray(models.TINY_IMAGENET.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    monkeypatch.setattr(models, "TINY_IMAGENET", damaged)
    with pytest.raises(WeightsError, match="is damaged") as raised:
        find_weights(TINY)
    assert str(damaged) in str(raised.value)
    assert not isinstance(raised.value, WeightsUnavailableError)


@pytest.mark.promise("damage", "found")
def test_carried_weights_that_were_lost_ask_for_a_new_installation(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "TINY_IMAGENET", tmp_path / "gone.safetensors")
    with pytest.raises(WeightsUnavailableError, match="install the package again"):
        find_weights(TINY)


def test_imagenet_weights_can_be_given_by_argument(imagenet_file):
    weights = find_weights(IMAGENET, imagenet_file)
    stored = torch.load(imagenet_file, weights_only=True)
    for name, value in body_of(build(IMAGENET, weights)).items():
        torch.testing.assert_close(value, stored[name], check_stride=False, msg=name)
    assert imagenet_file.name in weights.name
    assert weights.sha256 == models.sha256_of(imagenet_file)


def test_imagenet_weights_can_be_given_by_environment(imagenet_file, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(imagenet_file))
    assert find_weights(IMAGENET) == find_weights(IMAGENET, imagenet_file)


def test_other_recipes_do_not_look_at_the_given_weights(imagenet_file, monkeypatch):
    monkeypatch.setenv("PNEUMO_WEIGHTS", str(imagenet_file))
    assert find_weights(TINY).path == models.TINY_IMAGENET


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("name", ["mine.pth", "resnet18-00000000.pth", "resnet18-f37072fd.pth"])
def test_weights_whose_name_does_not_say_their_digest_are_refused(name, imagenet_file, tmp_path):
    renamed = shutil.copy(imagenet_file, tmp_path / name)
    with pytest.raises(WeightsError, match="to use other weights on purpose") as raised:
        find_weights(IMAGENET, renamed)
    assert imagenet_file.name in str(raised.value)  # the name that would be right


def test_a_given_file_that_is_not_there_is_an_error_and_no_download(tmp_path):
    with pytest.raises(WeightsError, match="no weights at") as raised:
        find_weights(IMAGENET, tmp_path / "nowhere.pth")
    assert not isinstance(raised.value, WeightsUnavailableError)


@pytest.mark.promise("damage", "found")
def test_torchvisions_cache_is_refused_where_it_is_damaged(cache):
    name = ResNet18_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[-1]
    (cache / name).write_bytes(b"half a download")
    with pytest.raises(WeightsError, match=r"is damaged.*delete it"):
        find_weights(IMAGENET)


def test_out_of_reach_weights_are_unavailable_within_seconds(cache):
    started = time.monotonic()
    with pytest.raises(WeightsUnavailableError, match="host does not answer"):
        find_weights(IMAGENET)
    assert time.monotonic() - started < 10


def test_weights_are_downloaded_once_into_torchvisions_cache(
    cache, host, imagenet_file, monkeypatch
):
    turn_torchvision_to(host, imagenet_file.name, monkeypatch)
    host.bodies[f"/{imagenet_file.name}"] = imagenet_file.read_bytes()
    first = find_weights(IMAGENET)
    assert first.path == cache / imagenet_file.name
    assert first.name == "ImageNet (torchvision)"
    host.bodies.clear()
    assert find_weights(IMAGENET) == first


def test_torchvisions_own_file_is_known_when_given(imagenet_file, host, monkeypatch):
    turn_torchvision_to(host, imagenet_file.name, monkeypatch)
    assert find_weights(IMAGENET, imagenet_file).name == "ImageNet (torchvision)"


@pytest.fixture
def unavailable(cache, host, monkeypatch):
    """Tells whether the weights can't be downloaded, for which reason, and whether nothing is left of it."""
    turn_torchvision_to(host, "resnet18-01234567.pth", monkeypatch)

    def check(reason):
        with pytest.raises(WeightsUnavailableError, match=f"could not be downloaded: .*{reason}"):
            find_weights(IMAGENET)
        assert not list(cache.iterdir())

    return check


@pytest.mark.promise("damage", "found")
def test_a_download_that_breaks_off_is_unavailable(unavailable):
    unavailable("503")


@pytest.mark.promise("damage", "found")
@pytest.mark.promise("hostile", "found")
def test_a_download_of_other_content_is_not_kept(host, unavailable):
    host.bodies["/resnet18-01234567.pth"] = b"something else"
    unavailable("invalid hash value")


@pytest.mark.promise("hostile", "found")
def test_a_download_that_does_not_end_is_cut_off_where_the_weights_would(
    host, unavailable, monkeypatch
):
    monkeypatch.setitem(ResNet18_Weights.IMAGENET1K_V1.meta, "_file_size", 0.5)  # MiB
    host.endless.add("/resnet18-01234567.pth")
    unavailable("sends more than the 529,530 bytes")


@pytest.mark.promise("hostile", "found")
def test_a_download_that_leads_away_from_tls_is_refused(host, unavailable):
    host.sent["/resnet18-01234567.pth"] = "http://127.0.0.1:9/resnet18-01234567.pth"
    unavailable("is not served over TLS")


@pytest.mark.promise("hostile", "survived")
def test_what_is_downloaded_is_never_unpickled(cache, host, tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    torch.save(Trap(), tmp_path / "trap.pth")
    name = f"resnet18-{models.sha256_of(tmp_path / 'trap.pth')[:8]}.pth"
    turn_torchvision_to(host, name, monkeypatch)
    host.bodies[f"/{name}"] = (tmp_path / "trap.pth").read_bytes()
    with pytest.raises(WeightsError, match="does not hold this network's weights"):
        build(IMAGENET, find_weights(IMAGENET))
    assert not (tmp_path / "sprung").exists()


def test_a_host_that_accepts_and_never_answers_costs_its_time_limit_only():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        assert not answers(f"http://127.0.0.1:{silent.getsockname()[1]}/file", seconds=0.5)
        assert time.monotonic() - started < 2


def test_a_host_that_answers_is_noticed(host):
    assert answers(f"{host.url}/file")


def test_what_is_no_address_does_not_answer():
    assert not answers("nonsense")


@pytest.mark.promise("damage", "found")
def test_a_file_that_holds_no_weights_is_refused_by_its_path(tmp_path):
    for name in ("noise.safetensors", "noise.pth"):
        path = tmp_path / name
        path.write_bytes(b"not weights at all")
        with pytest.raises(WeightsError, match="does not hold this network's weights") as raised:
            build(IMAGENET, models.Weights("noise", path, models.sha256_of(path)))
        assert str(path) in str(raised.value)


@pytest.mark.promise("damage", "found")
def test_another_networks_weights_are_refused(tmp_path):
    path = tmp_path / "other.pth"
    torch.save(build(RECIPES["simple-cnn"]).network.state_dict(), path)
    with pytest.raises(WeightsError, match="does not fit the network"):
        build(IMAGENET, models.Weights("other", path, models.sha256_of(path)))


@pytest.mark.parametrize(
    ("changes", "side", "parameters"),
    [
        ({}, 14, 11_177_025),
        ({"stem_stride": 1}, 28, 11_177_025),
        ({"stem_pooling": False}, 28, 11_177_025),
        ({"stem_kernel": 3, "stem_stride": 1, "stem_pooling": False}, 56, 11_177_025 - 3 * 64 * 40),
    ],
)
def test_the_stem_decides_how_large_the_first_maps_are(changes, side, parameters):
    torchvisions = {"stem_kernel": 7, "stem_stride": 2, "stem_pooling": True}
    model = build(replace(RECIPES["resnet18-scratch"], **torchvisions | changes))
    assert count_parameters(model) == parameters
    rows = {row["name"]: row["output"] for row in layers(model, 56)}
    assert rows["layer1.0.conv1"] == [64, side, side]


def test_another_stem_keeps_the_pretrained_kernels():
    recipe = replace(RECIPES["resnet18-tiny-imagenet"], stem_stride=1, stem_pooling=False)
    weights = find_weights(recipe)
    kernels = load_file(weights.path)["conv1.weight"].float()
    torch.testing.assert_close(build(recipe, weights).network.conv1.weight.detach(), kernels)


def test_a_standardised_image_has_lost_its_exposure():
    images = torch.rand(4, 1, 28, 28)
    found = standardise(images)
    torch.testing.assert_close(found.mean(dim=(1, 2, 3)), torch.full((4,), 0.5))
    torch.testing.assert_close(found.std(dim=(1, 2, 3)), torch.full((4,), 0.2))
    torch.testing.assert_close(standardise(0.4 * images + 0.3), found, atol=1e-4, rtol=1e-4)
    empty = torch.full((1, 1, 28, 28), 0.7)
    torch.testing.assert_close(standardise(empty), torch.full_like(empty, 0.5))


def test_a_standardised_networks_logits_do_not_hang_on_exposure():
    model = build(replace(RECIPES["simple-cnn"], standardised=True)).eval()
    images = torch.rand(4, 1, 28, 28)
    torch.testing.assert_close(model(0.5 * images + 0.2), model(images), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", RECIPES)
def test_the_depths_hold_every_parameter_once_and_end_at_the_head(name):
    model = build(RECIPES[name])
    found = [p for group in model.depths() for module in group for p in module.parameters()]
    assert len(found) == len(list(model.parameters()))
    assert model.depths()[-1] == [model.head]


@pytest.mark.parametrize("name", RECIPES)
def test_a_network_has_as_many_outputs_as_there_are_classes(name):
    recipe = RECIPES[name]
    model = build(recipe, outputs=7).eval()
    assert model(torch.rand(2, 1, recipe.input_size, recipe.input_size)).shape == (2, 7)
