"""The baselines: what each knows of an image, and what the pixels say of the sides of a chest film."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pneumo.analysis import baselines
from pneumo.data import Dataset, Split
from pneumo.statistics import metrics
from pneumo.study.study import Study
from pneumo.training.recipes import Profile


def _study(draw, seed=0):
    """A study without models, of 8×8 images that `draw` changes in place, given their labels."""
    generator = np.random.default_rng(seed)
    splits = {}
    for name, count in (("train", 200), ("val", 20), ("test", 100)):
        labels = generator.integers(0, 2, count).astype(np.uint8)
        images = generator.integers(0, 60, (count, 8, 8)).astype(np.uint8)
        draw(images, labels)
        splits[name] = Split(images, labels)
    made = Dataset(**splits, source="file", fingerprint="", size=8, location="")
    return Study(Profile("made", (), (0,)), made, ())


def _left_edge(images, labels):
    images[labels == 1, :, :2] += 60


def _both_edges(images, labels):
    _left_edge(images, labels)
    images[labels == 1, :, -2:] += 60


def _flatter(images, labels):
    """Pneumonia has the same mean and half the contrast."""
    images[labels == 1] = 15 + images[labels == 1] // 2


def _by_name(study):
    return {baseline.name: baseline for baseline in baselines.predictions(study)}


def _aucs(study, split="test"):
    labels = study.data.splits[split].labels
    return {name: metrics.auc(labels, getattr(b, split)) for name, b in _by_name(study).items()}


def test_every_baseline_gives_a_probability_for_each_case(study):
    found = baselines.predictions(study)
    assert [b.name for b in found] == ["majority", "pixel-deviation", "logistic-regression"]
    for baseline in found:
        for split in ("val", "test"):
            probabilities = getattr(baseline, split)
            assert probabilities.shape == study.data.splits[split].labels.shape
            assert ((probabilities >= 0) & (probabilities <= 1)).all()
        assert baseline.title


def test_the_majority_class_is_the_share_of_pneumonia_in_training(study):
    majority = _by_name(study)["majority"]
    share = study.data.train.labels.mean()
    for probabilities in (majority.val, majority.test):
        np.testing.assert_allclose(probabilities, share, atol=1e-6)
    assert _aucs(study)["majority"] == 0.5


def test_a_difference_in_contrast_is_all_that_the_deviation_needs():
    found = _aucs(_study(_flatter))
    assert found["pixel-deviation"] > 0.99


def test_training_says_which_way_the_deviation_points(phantom):
    study = Study(Profile("made", (), (0,)), phantom, ())
    deviation = {name: s.images.std(axis=(1, 2)) for name, s in phantom.splits.items()}
    slope = stats.pearsonr(deviation["train"], phantom.train.labels).statistic
    ranks = stats.spearmanr(deviation["test"], _by_name(study)["pixel-deviation"].test).statistic
    assert ranks == pytest.approx(np.sign(slope))


def test_the_logistic_regression_is_what_the_library_gives_step_by_step(phantom):
    flat = {name: s.images.reshape(len(s.images), -1) / 1.0 for name, s in phantom.splits.items()}
    scaler = StandardScaler().fit(flat["train"])
    model = LogisticRegression(C=baselines.PENALTY, max_iter=2000)
    model.fit(scaler.transform(flat["train"]), phantom.train.labels)
    found = _by_name(Study(Profile("made", (), (0,)), phantom, ()))["logistic-regression"]
    for split in ("val", "test"):
        expected = model.predict_proba(scaler.transform(flat[split]))[:, 1]
        np.testing.assert_allclose(getattr(found, split), expected, atol=1e-6)


def test_a_sign_on_one_side_is_lost_in_the_mirror():
    plain, mirrored = baselines.mirror_aucs(_study(_left_edge))
    assert plain > 0.99
    assert mirrored < 0.7


def test_a_sign_on_both_sides_survives_the_mirror():
    plain, mirrored = baselines.mirror_aucs(_study(_both_edges))
    assert plain > 0.99
    assert mirrored > 0.99
