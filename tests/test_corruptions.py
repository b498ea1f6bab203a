"""Outputs of networks, computed once; corruptions that do what their names say; and falls of the AUC."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.util import random_noise
from torchvision.transforms import functional as vision

from pneumo.analysis import robustness
from pneumo.base import npz
from pneumo.base.errors import PneumoError
from pneumo.statistics import influence, metrics
from pneumo.study import outputs
from pneumo.study.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from pneumo.training.loop import predict
from pneumo.training.train import load_network


@pytest.fixture(scope="module")
def images(phantom):
    return phantom.test.images[:24]


@pytest.mark.parametrize("severity", range(1, SEVERITIES + 1))
def test_blur_and_gamma_are_torchvisions(severity, images):
    kernel = int(CORRUPTIONS["gaussian blur"][1][severity - 1])
    expected = vision.gaussian_blur(torch.tensor(images), kernel).numpy()
    found = corrupt(images, "gaussian blur", severity)
    assert np.abs(found.astype(int) - expected).max() <= 1
    for name in ("gamma up", "gamma down"):
        exponent = CORRUPTIONS[name][1][severity - 1]
        expected = np.asarray(vision.adjust_gamma(Image.fromarray(images[0]), exponent))
        np.testing.assert_array_equal(corrupt(images, name, severity)[0], expected)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_is_further_from_the_image_and_the_same_seed_gives_the_same(name, images):
    found = [corrupt(images, name, severity) for severity in range(1, SEVERITIES + 1)]
    assert {(one.shape, one.dtype) for one in found} == {(images.shape, images.dtype)}
    distances = [np.abs(one.astype(float) - images).mean() for one in found]
    # Compression goes in blocks: it may stand still between two severities, but not go back far.
    assert 0 < distances[0] < distances[-1]
    assert np.diff(distances).min() > -0.1 * distances[-1]
    np.testing.assert_array_equal(corrupt(images, name, 3), found[2])
    if "noise" in name:
        assert (corrupt(images, name, 3, seed=1) != found[2]).any()
    else:
        np.testing.assert_array_equal(found[3][3:5], corrupt(images[3:5], name, 4))


@pytest.mark.parametrize("severity", [1, 5])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gaussian", lambda deviation: {"mode": "gaussian", "var": deviation**2}),
        ("speckle", lambda deviation: {"mode": "speckle", "var": deviation**2}),
        ("impulse", lambda share: {"mode": "s&p", "amount": share}),
    ],
)
def test_noise_has_the_strength_of_scikit_images(name, options, severity):
    grey, strength = np.full((256, 28, 28), 128, np.uint8), CORRUPTIONS[f"{name} noise"][1]
    found = corrupt(grey, f"{name} noise", severity)
    theirs = random_noise(grey / 255, rng=0, **options(strength[severity - 1]))
    assert found.std() / 255 == pytest.approx(theirs.std(), rel=0.05)
    if name == "impulse":
        assert set(np.unique(found)) == {0, 128, 255}
        assert (found == 255).sum() == pytest.approx((found == 0).sum(), rel=0.15)


def test_shot_noise_is_that_of_so_many_photons():
    grey = np.full((256, 28, 28), 128, np.uint8)
    for severity in (1, 5):
        photons = CORRUPTIONS["shot noise"][1][severity - 1]
        found = corrupt(grey, "shot noise", severity).std() / 255
        assert found == pytest.approx(np.sqrt(128 / 255 / photons), rel=0.05)


def fall_of(labels, clean, corrupted):
    """Of the AUCs of scores (S, n), and of scores under each corruption, (S, K, n)."""
    whole = [influence.auc(labels, scores[None]) for scores in clean]
    return robustness.relative_fall(whole, [influence.auc(labels, rows) for rows in corrupted])


def test_its_numbers_are_those_of_the_metrics(study):
    for model in study.ran:
        found = robustness.robustness(study)[model.name]
        answers = [outputs.read(run, "corruptions", study.profile) for run in model.runs]
        asked = answers[0]["indices"]
        labels = study.data.test.labels[asked]
        scores = [metrics.probabilities(answer["logits"][3, 2]) for answer in answers]
        areas = [metrics.auc(labels, one) for one in scores]
        assert found.auc[3, 2] == pytest.approx(np.mean(areas))
        right = [metrics.confusion(labels, one, 0.5).accuracy for one in scores]
        assert found.accuracy[3, 2] == pytest.approx(np.mean(right))
        clean = [run.predictions["test"].probabilities[asked] for run in model.runs]
        assert found.clean_auc == pytest.approx(np.mean([metrics.auc(labels, c) for c in clean]))


def test_the_variance_of_a_fall_is_that_of_leaving_cases_out():
    generator = np.random.default_rng(0)
    labels = np.repeat([1, 0], [60, 40])
    logits = (labels + generator.normal(size=(2, 100))).round(1)  # with ties
    clean = metrics.probabilities(logits)
    corrupted = metrics.probabilities(logits[:, None] + generator.normal(size=(2, 3, 100)))
    found = fall_of(labels, clean, corrupted)

    def fall(kept):
        areas = [
            [metrics.auc(labels[kept], row[kept]) for row in (whole, *rows)]
            for whole, rows in zip(clean, corrupted, strict=True)
        ]
        return np.mean([1 - np.mean(left) / whole for whole, *left in areas])

    assert found.value == pytest.approx(fall(np.arange(100)))
    left_out = np.array([fall(np.delete(np.arange(100), case)) for case in range(100)])
    jackknife = sum((n - 1) * np.var(left_out[labels == label]) for label, n in ((1, 60), (0, 40)))
    assert np.sum(found.influence**2) == pytest.approx(jackknife, rel=0.1)


def test_nothing_falls_from_an_auc_of_zero():
    labels, clean = np.array([1, 1, 0, 0]), np.array([[0.1, 0.2, 0.3, 0.4]])
    found = fall_of(labels, clean, 1 - clean[:, None])
    assert not found.estimate(np.arange(4)).known


@pytest.fixture
def own(study, tmp_path):
    """A finished run in a store of its own, without its outputs."""
    run = study.ran[0].run
    shutil.copytree(run.path, tmp_path / "runs" / run.path.name)
    return replace(run, path=tmp_path / "runs" / run.path.name)


def test_a_finished_study_has_every_output_of_its_first_seeds(study):
    for model in study.ran:
        assert outputs.missing(model.run, study.profile) == []
        for name in outputs.OUTPUTS:
            answer = outputs.read(model.run, name, study.profile)
            assert len(answer["indices"]) == study.profile.probed_images


def test_the_same_network_answers_the_same_and_is_asked_once(own, study):
    with pytest.raises(PneumoError, match="no outputs for corruptions of simple-cnn-s0"):
        outputs.read(own, "corruptions", study.profile)
    outputs.make(own, "corruptions", study.data, study.profile)
    again = outputs.read(own, "corruptions", study.profile)
    first = outputs.read(study.ran[0].run, "corruptions", study.profile)
    for name in first:
        np.testing.assert_array_equal(again[name], first[name])
    file = outputs.path(own, "corruptions", study.profile)
    before = file.stat().st_mtime_ns
    outputs.make(own, "corruptions", study.data, study.profile)
    assert file.stat().st_mtime_ns == before


def test_a_profile_asks_about_a_stratified_few_or_all(study):
    few, labels = replace(study.profile, probed_images=16), study.data.test.labels
    assert set(outputs.missing(study.ran[0].run, few)) == set(outputs.OUTPUTS)
    indices = outputs._asked(study.data, few)
    assert len(indices) == 16
    assert labels[indices].mean() == pytest.approx(labels.mean(), abs=0.07)
    every = outputs._asked(study.data, replace(study.profile, probed_images=None))
    np.testing.assert_array_equal(every, np.arange(len(labels)))


def test_crops_are_asked_for_as_soon_as_there_are_larger_films(own, study):
    alone = replace(study.data)
    vars(alone)["larger"] = None  # none is found
    assert set(outputs.wanted(own, study.profile, alone)) == set(outputs.OUTPUTS) - {"framing"}
    assert set(outputs.wanted(own, study.profile, study.data)) == set(outputs.OUTPUTS)
    # As earlier versions answered without them.
    file = outputs.path(own, "framing", study.profile)
    file.parent.mkdir()
    npz.write_sealed(file, logits=np.empty((0, 8)), indices=np.arange(8))
    assert "framing" not in outputs.wanted(own, study.profile, alone)
    assert set(outputs.wanted(own, study.profile, study.data)) == set(outputs.OUTPUTS)


def test_the_network_that_is_loaded_is_the_one_that_was_trained(study):
    for model in study.ran:
        network = load_network(model.run, "cpu")
        logits = predict(network, model.recipe, study.data.test.images)
        np.testing.assert_allclose(logits, model.run.predictions["test"].logits, atol=1e-4)
