"""Images held out to evaluate recipes: their choice, and that no network learns from them."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from pneumo.data import Split, held_out, part
from pneumo.training.loop import Loop
from pneumo.training.recipes import RECIPES
from pneumo.training.train import train

CNN = replace(RECIPES["simple-cnn"], epochs=1, held_out=True)


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
    phantom, halves, tmp_path, monkeypatch
):
    seen = {}
    start = Loop.__init__

    def watched(self, recipe, seed, model, task, training, validation, folder):
        seen.update(training=training, validation=validation)
        start(self, recipe, seed, model, task, training, validation, folder)

    monkeypatch.setattr(Loop, "__init__", watched)
    run = train(CNN, 0, phantom, home=tmp_path)
    assert set(bytes_of(seen["training"])).isdisjoint(bytes_of(halves[1]))
    assert len(seen["training"].labels) == len(halves[0].labels)
    assert seen["validation"] is phantom.val
    np.testing.assert_array_equal(run.predictions["held"].labels, halves[1].labels)
