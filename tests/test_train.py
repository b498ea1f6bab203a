"""The loop on the phantom: the same numbers, however often it is interrupted; images held out of it."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.torch import load_file
from trainings import Listener, assert_same_bits

from pneumo.base.errors import PneumoError
from pneumo.data import Split, held_out, part, stratified
from pneumo.training.models import build
from pneumo.training.recipes import RECIPES
from pneumo.training.train import train
from pneumo.training.weights import find_weights

CNN = replace(RECIPES["simple-cnn"], epochs=3, train_images=96, batch_size=32)
TUNED = replace(
    RECIPES["resnet18-tiny-imagenet"],
    input_size=28,
    frozen_epochs=1,
    epochs=2,
    train_images=32,
    batch_size=16,
)


@pytest.fixture(scope="module")
def reference(phantom, tmp_path_factory):
    """One training of SimpleCNN that nothing disturbed."""
    return train(CNN, 0, phantom, home=tmp_path_factory.mktemp("reference"))


def logits(run):
    return {split: run.predictions[split].logits for split in ("val", "test")}


@pytest.mark.promise("same", "survived")
def test_the_same_seed_ends_with_the_same_bits(reference, phantom, tmp_path):
    again = train(CNN, 0, phantom, home=tmp_path)
    assert again.path != reference.path
    assert again.key == reference.key
    assert_same_bits(again, reference)
    np.testing.assert_array_equal(again.explanation.maps, reference.explanation.maps)


@pytest.mark.promise("killed", "survived")
@pytest.mark.parametrize("epoch", [2, 3])
def test_a_training_stopped_in_its_second_stage_goes_on_from_there(epoch, phantom, tmp_path, tuned):
    weights = find_weights(TUNED)
    with pytest.raises(KeyboardInterrupt):
        train(TUNED, 0, phantom, weights, tmp_path, Listener(stop_in_epoch=epoch))
    assert not [path for path in (tmp_path / "runs").iterdir() if path.name[0] != "."]
    listener = Listener()
    resumed = train(TUNED, 0, phantom, weights, tmp_path, listener)
    assert listener.epochs == list(range(epoch, 4))
    assert_same_bits(resumed, tuned)


@pytest.fixture(scope="module")
def tuned(phantom, tmp_path_factory):
    """One fine-tuning in two stages that nothing disturbed."""
    return train(TUNED, 0, phantom, find_weights(TUNED), tmp_path_factory.mktemp("tuned"))


def test_a_frozen_stage_moves_the_head_and_leaves_the_backbone(phantom, tmp_path):
    recipe, weights = replace(TUNED, epochs=0), find_weights(TUNED)
    run = train(recipe, 0, phantom, weights, tmp_path)
    assert {row["stage"] for row in run.history} == {"frozen"}
    trained = load_file(run.path / "weights.safetensors")
    torch.manual_seed(0)  # as the training seeds itself before it builds the network
    before = build(recipe, weights).state_dict()
    moved = {name for name, value in before.items() if not torch.equal(value, trained[name])}
    assert moved == {"network.fc.1.weight", "network.fc.1.bias"}
    assert any("running_var" in name for name in before)


@pytest.mark.promise("same", "survived")
def test_test_labels_have_no_influence_on_training(reference, phantom, tmp_path):
    lying = replace(phantom, test=Split(phantom.test.images, 1 - phantom.test.labels))
    run = train(CNN, 0, lying, home=tmp_path)
    assert_same_bits(run, reference)
    assert run.history[-1]["val_loss"] == reference.history[-1]["val_loss"]
    np.testing.assert_array_equal(run.predictions["test"].labels, 1 - phantom.test.labels)


def test_predictions_stand_in_the_order_of_the_data(reference, phantom):
    model = build(CNN).eval()
    stored = load_file(reference.path / "weights.safetensors")
    model.load_state_dict(stored)
    for split in ("val", "test"):
        images = torch.tensor(phantom.splits[split].images).float().unsqueeze(1) / 255
        with torch.inference_mode():
            expected = model(images).double().numpy()
        np.testing.assert_allclose(logits(reference)[split], expected, atol=1e-5)
        labels = reference.predictions[split].labels
        np.testing.assert_array_equal(labels, phantom.splits[split].labels)


@given(
    labels=arrays.arrays(np.uint8, st.integers(20, 200), elements=st.integers(0, 1)),
    share=st.floats(0.1, 1),
    seed=st.integers(0, 100),
)
def test_a_cap_on_training_images_keeps_the_classes_in_their_ratio(labels, share, seed):
    count = max(4, int(share * len(labels)))
    kept = stratified(labels, count, seed)
    assert (np.diff(kept) > 0).all()
    for label in (0, 1):
        members = int((labels == label).sum())
        wanted = min(members, max(2, round(count * members / len(labels))))
        assert int((labels[kept] == label).sum()) == wanted
    np.testing.assert_array_equal(kept, stratified(labels, count, seed))


COMMITTING = """
from contextlib import suppress
from pathlib import Path
from subprocess import run
from pneumo.base import paths
from pneumo.data import datasets
from test_train import CNN, Listener, train

def commit():
    run(["git", "commit", "-qm", "x", "--allow-empty"], check=True)
    return paths.git_commit()
began = commit()
with suppress(KeyboardInterrupt):
    train(CNN, 0, datasets.phantom(), home=Path("home"), listener=Listener(stop_in_epoch=2))
commit()
done = train(CNN, 0, datasets.phantom(), home=Path("home"))
assert done.manifest["git_commit"] == began != paths.git_commit()
"""


def test_a_run_is_of_the_commit_at_which_it_began(git, run_in_copy, tmp_path):
    git(tmp_path, "init")
    run_in_copy(COMMITTING)


def test_a_training_that_diverges_names_recipe_seed_and_epoch(phantom, tmp_path):
    diverging = replace(CNN, learning_rate=1e30)
    with pytest.raises(PneumoError, match=r"loss of simple-cnn, seed 3, is (nan|inf) in epoch 1"):
        train(diverging, 3, phantom, home=tmp_path)


def bytes_of(split):
    return [image.tobytes() for image in split.images]


@pytest.fixture(scope="module")
def halves(phantom):
    return [part(phantom.train, places) for places in held_out.divide(phantom.train)]


def test_every_image_is_learned_from_or_held_out_and_none_is_both(phantom, halves):
    learned, held = halves
    assert sorted(bytes_of(learned) + bytes_of(held)) == sorted(bytes_of(phantom.train))
    assert len(learned.labels) + len(held.labels) == len(phantom.train.labels)


def test_the_normal_images_held_out_are_those_that_look_most_like_pneumonia():
    # The brighter an image, the likelier pneumonia; of the normal ones the brightest are to go.
    generator = np.random.default_rng(1)
    labels = np.repeat(np.array([0, 1], np.uint8), 200)
    level = np.where(labels == 1, 140, 100) + generator.integers(-30, 31, 400)
    noise = generator.integers(-5, 6, (400, 8, 8))
    images = (level[:, None, None] + noise).astype(np.uint8)
    whole = Split(images, labels)
    learned, held = (part(whole, places) for places in held_out.divide(whole))
    means = [one.images[one.labels == 0].mean(axis=(1, 2)) for one in (learned, held)]
    assert means[1].min() > np.quantile(means[0], 0.9)
    drawn = held.images[held.labels == 1].mean(axis=(1, 2))
    assert abs(drawn.mean() - 140) < 10  # pneumonia is drawn at random


def test_pixels_become_floats_fold_by_fold():
    images = np.random.default_rng(0).integers(0, 256, (200, 128, 128), np.uint8)
    labels = np.arange(200, dtype=np.uint8) % 2
    held_out.divide(Split(images[:20, :8, :8], labels[:20]))  # imports what it needs
    tracemalloc.start()
    held_out.divide(Split(images, labels))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * 8 * images.nbytes


def test_a_recipe_that_holds_out_neither_learns_from_nor_stops_by_those_images(
    phantom, halves, tmp_path
):
    learned, held = (Split(half.images[:], half.labels) for half in halves)
    recipe = replace(RECIPES["simple-cnn"], epochs=1)
    run = train(replace(recipe, held_out=True), 0, phantom, home=tmp_path / "held out")
    without = train(recipe, 0, replace(phantom, train=learned), home=tmp_path / "without")
    for split in ("val", "test"):
        np.testing.assert_array_equal(logits(run)[split], logits(without)[split])
    np.testing.assert_array_equal(run.predictions["held"].labels, held.labels)
