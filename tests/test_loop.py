"""The networks, and the loop's parts: what each way of training does to a batch, to rates and to weights."""

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F
from trainings import Listener, assert_same_bits

from pneumo.training import loop as module
from pneumo.training import models
from pneumo.training.loop import Loop, ManyClasses, Stage, TwoClasses
from pneumo.training.models import build, standardise
from pneumo.training.recipes import RECIPES
from pneumo.training.train import train

CNN = replace(RECIPES["simple-cnn"], epochs=3, train_images=96, batch_size=32, label_smoothing=0.0)
TUNED = replace(RECIPES["resnet18-tiny-imagenet"], input_size=28, frozen_epochs=1, epochs=2)
EVERYTHING = {
    "standardised": True,
    "label_smoothing": 0.1,
    "mixup": 0.4,
    "balanced": True,
    "averaging": "ema",
    "views": 3,
}


def loop(recipe, dataset, folder, task=None):
    torch.manual_seed(0)
    return Loop(recipe, 0, build(recipe), task or TwoClasses(), dataset.train, dataset.val, folder)


@pytest.mark.parametrize("averaging", ["ema", "swa"])
def test_with_everything_asked_for_a_stopped_training_ends_the_same(averaging, phantom, tmp_path):
    recipe = replace(CNN, **{**EVERYTHING, "averaging": averaging})
    expected = train(recipe, 0, phantom, home=tmp_path / "one")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, 0, phantom, home=tmp_path / "two", listener=Listener(stop_in_epoch=3))
    resumed = train(recipe, 0, phantom, home=tmp_path / "two")
    assert_same_bits(resumed, expected)


def test_each_way_of_training_changes_what_comes_of_it(phantom, tmp_path):
    recipe = replace(CNN, epochs=1)
    plain = train(recipe, 0, phantom, home=tmp_path).predictions["test"].logits
    for field, value in EVERYTHING.items():
        run = train(replace(recipe, **{field: value}), 0, phantom, home=tmp_path)
        assert not np.allclose(run.predictions["test"].logits, plain, atol=1e-4), field


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_many_classes_are_judged_by_cross_entropy_and_top_1(smoothing):
    logits = torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [0.0, 0.0, 1.0]])
    labels = torch.tensor([0.0, 1.0, 0.0])
    logs = F.log_softmax(logits, dim=1)
    own = -logs[range(3), [0, 1, 0]].mean()
    expected = (1 - smoothing) * own - smoothing * logs.mean()
    assert float(ManyClasses().loss(logits, labels, smoothing)) == pytest.approx(float(expected))
    scores = ManyClasses().scores("val", labels.numpy(), logits.double().numpy())
    assert scores == {"val_accuracy": pytest.approx(2 / 3)}


def test_a_checkpoint_is_in_memory_once_while_it_is_written(phantom, tmp_path):
    training = loop(replace(CNN, epochs=1), phantom, tmp_path)
    optimizer, schedule = training._optimizer(Stage("open", 1, 0.1), 10)
    training.history = [{"epoch": 1}]
    training.weights = {"large": torch.zeros(3_000_000)}
    training._save(optimizer, schedule)
    tracemalloc.start()
    training._save(optimizer, schedule)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * (tmp_path / "checkpoint.pt").stat().st_size


def test_rates_fall_from_the_head_to_the_input(phantom, tmp_path):
    recipe = replace(TUNED, layer_decay=0.5, learning_rate=0.1)
    training = loop(recipe, phantom, tmp_path)
    optimizer, schedule = training._optimizer(Stage("open", 2, 0.1), 10)
    rates = {
        parameter: group["max_lr"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    network = training.model.network
    assert len(rates) == len(list(network.parameters()))
    expected = {"fc.1": 0.1, "layer4.0.conv1": 0.05, "layer1.1.bn2": 0.00625, "conv1": 0.003125}
    for name, rate in expected.items():
        assert rates[network.get_submodule(name).weight] == pytest.approx(rate), name
    assert schedule.total_steps == 20


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_all_parameters_learn_in_the_open_stage_the_heads_in_the_frozen(recipe, phantom, tmp_path):
    training = loop(recipe, phantom, tmp_path)
    everything, head = training.model.parameters(), training.model.head.parameters()
    for name, learning in (("frozen", head), ("open", everything)):
        optimizer, _ = training._optimizer(Stage(name, 1, 0.1), 10)
        found = [p for group in optimizer.param_groups for p in group["params"]]
        wanted = set(learning)
        assert len(found) == len(set(found))
        assert set(found) == wanted
        assert {p for p in training.model.parameters() if p.requires_grad} == wanted
        for group in optimizer.param_groups:
            assert (group["weight_decay"] > 0) == all(p.ndim > 1 for p in group["params"])


@given(st.sampled_from(["ema", "swa"]), st.integers(1, 40), st.integers(0, 1000))
def test_the_running_mean_is_the_one_that_is_asked_for(averaging, steps, seed):
    recipe = replace(CNN, averaging=averaging, ema_decay=0.8)
    training = Loop.__new__(Loop)
    training.recipe, training.model = recipe, torch.nn.Linear(1, 1)
    mean = training._average(Stage("open", 1, 0.1), steps)
    values = np.random.default_rng(seed).normal(size=steps)
    expected = values[0]
    for step, value in enumerate(values):
        torch.nn.init.constant_(training.model.weight, value)
        mean.update_parameters(training.model)
        if averaging == "ema" and step:
            decay = min(0.8, (1 + step) / (10 + step))
            expected = decay * expected + (1 - decay) * value
    if averaging == "swa":
        first = min(round(steps * 0.75), steps - 1)
        expected = values[first:].mean()
    assert mean.module.weight.item() == pytest.approx(expected, abs=1e-5)


def test_mixed_images_have_a_mixed_loss(phantom, tmp_path):
    training = loop(replace(CNN, mixup=0.5, dropout=0.0, half_precision=False), phantom, tmp_path)
    training.model.eval()  # so that an image's logit does not depend on its batch
    images, labels = torch.rand(6, 1, 28, 28), torch.tensor([0.0, 1, 0, 1, 1, 0])
    torch.manual_seed(3)
    share = float(torch.distributions.Beta(0.5, 0.5).sample())
    partner = torch.randperm(6, generator=torch.Generator().manual_seed(5))
    torch.manual_seed(3)
    output, loss = training._forward(images, labels, torch.Generator().manual_seed(5))
    expected = training.model(share * images + (1 - share) * images[partner])
    torch.testing.assert_close(output, expected)
    mixed = share * labels + (1 - share) * labels[partner]
    wanted = F.binary_cross_entropy_with_logits(expected.detach(), mixed)
    assert loss.item() == pytest.approx(float(wanted), rel=1e-5)


def test_in_half_the_bits_a_network_learns_and_is_judged_in_all(phantom, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    half = train(replace(CNN, epochs=4), 0, phantom, home=tmp_path / "half")
    assert half.manifest["hardware"]["precision"] == "bfloat16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
    full = train(replace(CNN, epochs=4), 0, phantom, home=tmp_path / "full")
    assert full.manifest["hardware"]["precision"] == "float32"
    assert not np.array_equal(half.predictions["val"].logits, full.predictions["val"].logits)
    assert half.history[-1]["train_loss"] == pytest.approx(full.history[-1]["train_loss"], rel=0.2)
    # Logits would coincide in half precision.
    logits = half.predictions["test"].logits
    assert len(np.unique(logits)) > 0.9 * len(np.unique(phantom.test.images, axis=0))


def test_predictions_are_the_mean_over_views(phantom):
    recipe = replace(CNN, views=4)
    model = build(recipe)
    images = phantom.test.images[:10]
    with torch.inference_mode():
        views = [model.eval()(view) for view in module.views(module.to_unit(images), recipe)]
    assert len(views) == 4
    found, alone = (module.predict(model, recipe, some) for some in (images, images[3:4]))
    np.testing.assert_allclose(found, torch.stack(views).mean(dim=0), atol=1e-5)
    np.testing.assert_allclose(found[3:4], alone, atol=1e-5)


@given(st.integers(2, 200), st.integers(2, 64), st.integers(0, 1000))
def test_an_epoch_shows_every_image_once_but_for_a_last_single_one(count, size, seed):
    drawn = list(module.batches(count, size, torch.Generator().manual_seed(seed)))
    seen = torch.cat(drawn).tolist()
    assert len(seen) == len(set(seen)) == count - (count % size == 1)
    assert all(1 < len(batch) <= size for batch in drawn)
    assert len(drawn) == math.ceil(len(seen) / size)


TINY = RECIPES["resnet18-tiny-imagenet"]


def test_an_image_is_normalised_with_the_mean_that_the_network_knows():
    model = build(replace(TINY, dropout=0)).eval()
    images = torch.rand(2, 1, 56, 56)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    by_hand = model.network((images.expand(-1, 3, -1, -1) - mean) / deviation).squeeze(1)
    torch.testing.assert_close(model(images), by_hand, atol=1e-5, rtol=1e-4)


def test_layers_are_listed_as_an_image_passes_them():
    model = build(RECIPES["simple-cnn"])
    rows = models.layers(model, 28)
    assert sum(row["parameters"] for row in rows) == 93_249
    assert [row["output"] for row in rows if row["kind"] == "Conv2d"] == [
        [32, 28, 28], [64, 14, 14], [128, 7, 7]
    ]  # fmt: skip
    assert rows[-1]["output"] == [1]
    assert not any(layer._forward_hooks for layer in model.modules())


def test_standardised_images_and_their_logits_have_lost_their_exposure():
    images = torch.rand(4, 1, 28, 28)
    found = standardise(images)
    torch.testing.assert_close(found.mean(dim=(1, 2, 3)), torch.full((4,), 0.5))
    torch.testing.assert_close(found.std(dim=(1, 2, 3)), torch.full((4,), 0.2))
    torch.testing.assert_close(standardise(0.4 * images + 0.3), found, atol=1e-4, rtol=1e-4)
    empty = torch.full((1, 1, 28, 28), 0.7)
    torch.testing.assert_close(standardise(empty), torch.full_like(empty, 0.5))
    model = build(replace(RECIPES["simple-cnn"], standardised=True)).eval()
    torch.testing.assert_close(model(0.5 * images + 0.2), model(images), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", RECIPES)
def test_a_network_has_the_outputs_asked_for_and_depths_that_hold_every_parameter_once(name):
    recipe = RECIPES[name]
    model = build(recipe, outputs=7).eval()
    assert model(torch.rand(2, 1, recipe.input_size, recipe.input_size)).shape == (2, 7)
    found = [p for group in model.depths() for module in group for p in module.parameters()]
    assert len(found) == len(list(model.parameters()))
    assert model.depths()[-1] == [model.head]
