"""The baselines: what each uses of an image, and the pixels' information about a film's sides."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pneumo.analysis import baselines
from pneumo.data import Dataset, Split
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


def test_every_baseline_gives_a_probability_for_each_case(study):
    found = baselines.models(study)
    assert [b.name for b in found] == ["majority", "pixel-deviation", "logistic-regression"]
    for baseline in found:
        for split in ("val", "test"):
            probabilities = baseline.probabilities(split)
            assert probabilities.shape == (1, len(study.data.splits[split].labels))
            assert ((probabilities >= 0) & (probabilities <= 1)).all()
    share = study.data.train.labels.mean()
    np.testing.assert_allclose(found[0].probabilities(), share, atol=1e-6)
    deviations = study.data.test.images.std(axis=(1, 2))
    ranks = stats.spearmanr(found[1].logits()[0], deviations).statistic
    assert abs(ranks) == pytest.approx(1)


def test_the_logistic_regression_is_what_the_library_gives_step_by_step(phantom):
    flat = {name: s.images.reshape(len(s.images), -1) / 1.0 for name, s in phantom.splits.items()}
    scaler = StandardScaler().fit(flat["train"])
    model = LogisticRegression(C=baselines.PENALTY, max_iter=2000)
    model.fit(scaler.transform(flat["train"]), phantom.train.labels)
    found = baselines.models(Study(Profile("made", (), (0,)), phantom, ()))[-1]
    for split in ("val", "test"):
        expected = model.predict_proba(scaler.transform(flat[split]))[:, 1]
        np.testing.assert_allclose(found.probabilities(split)[0], expected, atol=1e-6)


def test_a_sign_on_one_side_is_lost_in_the_mirror_and_one_on_both_is_not():
    plain, mirrored = baselines.mirror_aucs(_study(_left_edge))
    assert mirrored < 0.7 < 0.99 < plain
    plain, mirrored = baselines.mirror_aucs(_study(_both_edges))
    assert min(plain, mirrored) > 0.99
