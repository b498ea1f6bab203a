"""The shift from validation to test: made groups that differ or do not, and intervals from the literature."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pneumo.analysis import shift
from pneumo.data import Split
from pneumo.data.descriptions import PNEUMONIA
from pneumo.statistics import metrics
from pneumo.statistics.metrics import MetricError


def _images(count, seed, brighter=0):
    """Noise images of 6×6 pixels, with the upper half brighter by `brighter` grey levels."""
    images = np.random.default_rng(seed).integers(60, 120, (count, 6, 6)).astype(np.uint8)
    images[:, :3] += np.uint8(brighter)
    return images


def _told(first, second, *resamples):
    """Two groups in which every image is its own patient."""
    return shift.two_sample(first, second, np.arange(len(first) + len(second)), *resamples)


def test_groups_that_differ_are_told_apart_and_those_of_one_kind_are_not():
    found = _told(_images(150, 1), _images(60, 2))
    assert (found.first, found.second) == (150, 60)
    assert found.low < 0.5 < found.high
    assert found.p_value > 0.05
    found = _told(_images(150, 1), _images(60, 2, brighter=20))
    assert found.auc > 0.9
    assert found.low > 0.5
    assert found.p_value == 1 / (1 + shift.RESAMPLES)


def test_the_auc_is_that_of_the_librarys_cross_validation():
    first, second = _images(70, 3), _images(45, 4, brighter=5)
    features = np.concatenate([first, second]).reshape(-1, 3, 2, 3, 2).mean(axis=(2, 4))
    expected = cross_val_score(
        make_pipeline(StandardScaler(), RidgeClassifier(shift.PENALTY)),
        features.reshape(len(features), -1),
        np.repeat([0, 1], [70, 45]),
        scoring="roc_auc",
        cv=StratifiedGroupKFold(shift.FOLDS, shuffle=True, random_state=0),
        groups=np.arange(len(features)),
    )
    assert _told(first, second, 9).auc == pytest.approx(expected.mean())


def test_chance_is_mistaken_for_a_shift_no_oftener_than_it_should_be():
    p_values = [
        _told(_images(40, 2 * seed), _images(30, 2 * seed + 1), 59).p_value
        for seed in range(100, 140)
    ]
    # Forty uniform p-values: both bounds are crossed once in thousands of times.
    assert sum(p <= 0.1 for p in p_values) <= stats.binom.ppf(0.9995, 40, 0.1)
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_images_without_any_difference_give_an_even_chance():
    blank = np.full((20, 6, 6), 7, np.uint8)
    found = _told(blank, blank, 19)
    assert (found.auc, found.p_value) == (0.5, 1)


def test_patients_with_several_images_are_no_shift():
    once = _images(60, 7)
    patients = np.repeat(np.arange(60), 4)
    images = once[patients]
    told = shift.two_sample(images[:160], images[160:], patients)
    assert told.p_value > 0.05
    # As 240 patients, images of the same 60 would be recognised.
    assert _told(images[:160], images[160:]).p_value < 0.05


@pytest.mark.parametrize(
    ("second", "patients", "told"),
    [
        (9, np.arange(49), "10 images in each; found 40 and 9"),
        (80, np.repeat(np.arange(15), 8), "fewer than two patients"),
    ],
)
def test_groups_too_small_to_learn_from_are_refused(second, patients, told):
    with pytest.raises(MetricError, match=told):
        shift.two_sample(_images(40, 1), _images(second, 2), patients)


def test_a_study_compares_each_class_has_a_control_and_leaves_out_a_class_too_small(study):
    found = shift.two_samples(study)
    assert list(found) == list(shift.COMPARISONS)
    assert all(list(by_class) == list(PNEUMONIA.classes) for by_class in found.values())
    counts = study.data.counts()
    normal = found["development and test"]["normal"]
    assert normal.first == counts["train"]["normal"] + counts["val"]["normal"]
    assert normal.second == counts["test"]["normal"]
    test = study.data.test
    few = np.flatnonzero((test.labels == 1) | (np.cumsum(test.labels == 0) <= 9))
    thin = replace(study.data, test=Split(test.images[few], test.labels[few]))
    found = shift.two_samples(replace(study, data=thin))
    assert list(found["development and test"]) == ["pneumonia"]


def test_scores_that_moved_are_found_and_those_that_stayed_are_not(made_study):
    generator = np.random.default_rng(0)
    labels = np.arange(400) % 2
    val = metrics.probabilities(3 * labels + generator.normal(size=400))
    test = metrics.probabilities(3 * labels + (1 - labels) + generator.normal(size=400))
    normal, pneumonia = shift.scores(made_study({"simple-cnn": [((labels, val), (labels, test))]}))
    assert normal["p_value"] < 0.001
    assert normal["test"] - normal["val"] == pytest.approx(1, abs=0.3)
    assert pneumonia["p_value"] > 0.05
    assert (normal["label"], pneumonia["label"]) == PNEUMONIA.classes
    # Holm doubles the smaller of two p-values, here the smallest that the permutations allow.
    clear, same = (
        stats.ks_2samp(*(np.log(s / (1 - s))[labels == label] for s in (val, test)))
        for label in (0, 1)
    )
    assert normal["distance"] == pytest.approx(clear.statistic)
    assert normal["p_value"] == pytest.approx(2 / (1 + shift.SCORE_RESAMPLES))
    assert pneumonia["p_value"] == pytest.approx(same.pvalue, abs=0.03)


def test_the_change_of_auc_has_the_spread_that_new_samples_show(made_study):
    generator = np.random.default_rng(1)
    labels = np.arange(200) % 2

    def sample():
        return metrics.probabilities(1.5 * labels + generator.normal(size=200))

    areas = [metrics.auc(labels, sample()) for _ in range(400)]
    study = made_study({"simple-cnn": [((labels, sample()), (labels, sample()))]})
    change = shift.changes(study)["simple-cnn"]["AUC"]
    reach = (change.high - change.low) / 2
    assert reach == pytest.approx(1.96 * np.sqrt(2) * np.std(areas), rel=0.2)
    assert change.low < 0 < change.high


@pytest.mark.parametrize("mended", [True, False], ids=["moved alike", "ranked among the others"])
def test_a_threshold_mends_scores_that_moved_and_not_those_that_mixed(mended, made_study):
    labels = [0] * 10 + [1] * 10
    val = np.r_[np.linspace(0.05, 0.3, 10), np.linspace(0.5, 0.7, 10)]
    test = val + 0.2 if mended else np.r_[[0.95] * 4, val[4:]]
    found = shift.loss(made_study({"simple-cnn": [((labels, val), (labels, test))]}).ran[0])
    assert found.promised.specificity == 1
    assert found.total == pytest.approx(0.4)
    assert found.of_threshold == pytest.approx(0.4 if mended else 0)
    assert found.of_ranking == pytest.approx(0 if mended else 0.4)
