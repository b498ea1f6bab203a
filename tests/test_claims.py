"""Each claim with handmade predictions that give every possible verdict."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from pneumo.analysis import claims
from pneumo.analysis.claims import networks, performance, transport
from pneumo.statistics import metrics
from pneumo.study import selection
from pneumo.training.recipes import RECIPES

CNN = RECIPES["simple-cnn"]
NAMES = ("simple-cnn", "resnet18-scratch", "resnet18-imagenet", "resnet18-tiny-imagenet")
PLAIN = ([0, 0, 1, 1], [0.2, 0.4, 0.6, 0.8])


def counted(true_positive=0, false_negative=0, false_positive=0, true_negative=0):
    """Labels and probabilities whose confusion at 0.5 has these counts; calls differ a little."""
    labels = [1] * (true_positive + false_negative) + [0] * (false_positive + true_negative)
    called = [True] * true_positive + [False] * false_negative
    called += [True] * false_positive + [False] * true_negative
    return labels, [(0.6 if yes else 0.2) + 0.001 * (i % 7) for i, yes in enumerate(called)]


def scored(shift, seed, noise=1.0, count=200):
    """Labels, half of each, and scores in which pneumonia stands out by `shift`."""
    labels = np.arange(count) % 2
    scores = shift * labels + noise * np.random.default_rng(seed).normal(size=count)
    return labels, 1 / (1 + np.exp(-scores))


@pytest.fixture
def study_of(made_study):
    """A study of four models by the (validation, test) predictions of their seeds."""
    return lambda **pairs: made_study({n: pairs.get(n.replace("-", "_"), []) for n in NAMES})


def verdict(test, study):
    """The verdict of the one claim that a test decides; None if the claim is left out."""
    found = test(study)
    return found.verdict if found else None


# Perfect validation: sensitivity and specificity of 1.
PROMISED = ([1] * 100 + [0] * 100, [0.8] * 100 + [0.2] * 100)
# All scores moved by the same amount, which keeps the ranking; and forty normal cases above every pneumonia.
MOVED = (PROMISED[0], [0.95] * 100 + [0.6] * 100)
BROKEN = (PROMISED[0], [0.8] * 100 + [0.2] * 60 + [0.9] * 40)
KEPT = transport.specificity_is_kept
TUNING_HELPS = partial(performance.pretraining_helps, name="resnet18-tiny-imagenet")
GOOD, POOR = (PLAIN, scored(3, 1)), (PLAIN, scored(0.5, 1))


@pytest.mark.parametrize(
    ("test", "runs", "expected"),
    [
        # One kind of mistake is far more common than the other.
        (performance.accuracy_misleads, [(PLAIN, counted(98, 2, 40, 60))], "supported"),
        (performance.accuracy_misleads, [(PLAIN, counted(60, 40, 2, 98))], "supported"),
        (performance.accuracy_misleads, [(PLAIN, counted(90, 10, 12, 88))], "inconclusive"),
        (performance.accuracy_misleads, [(PLAIN, counted(990, 10, 12, 988))], "refuted"),
        # A baseline learns nothing from black images.
        (performance.beats_baselines, [(PLAIN, scored(2, 1))], "supported"),
        (performance.beats_baselines, [(PLAIN, scored(0.1, 1))], "inconclusive"),
        (performance.beats_baselines, [(PLAIN, scored(-2, 1))], "refuted"),
        (performance.rule_out_recall, [(PLAIN, counted(1000, 1, 5, 95))], "supported"),
        (performance.rule_out_recall, [(PLAIN, counted(80, 20, 5, 95))], "refuted"),
        (performance.rule_out_recall, [(PLAIN, counted(98, 2, 5, 95))], "inconclusive"),
        (performance.rule_out_recall, [(PLAIN, counted(5, 0, 5, 95))], "inconclusive"),
        # Whether test keeps the specificity of validation.
        (KEPT, [(counted(90, 10, 5, 95), counted(90, 10, 40, 60))], "refuted"),
        (KEPT, [(counted(90, 10, 40, 60), counted(90, 10, 5, 95))], "supported"),
        (KEPT, [(counted(990, 10, 60, 940), counted(990, 10, 65, 935))], "supported"),
        (KEPT, [(counted(90, 10, 6, 94), counted(90, 10, 8, 92))], "inconclusive"),
        # A new threshold repairs a shift that keeps the ranking; without a loss there is nothing to repair.
        (transport.threshold_mends_shift, [(PROMISED, MOVED)], "supported"),
        (transport.threshold_mends_shift, [(PROMISED, BROKEN)], "refuted"),
        (transport.threshold_mends_shift, [(PROMISED, PROMISED)], None),
        # Left out with too few images, without an ablation, or without the models.
        (transport.test_is_shifted, [(PLAIN, PLAIN)], None),
        (performance.flip_is_safe, [(PLAIN, PLAIN)], None),
        (TUNING_HELPS, [(PLAIN, PLAIN)], None),
    ],
)
def test_a_claim_on_one_model_is_decided_by_its_predictions(test, runs, expected, study_of):
    assert verdict(test, study_of(simple_cnn=runs)) == expected


@pytest.mark.parametrize(
    ("tuned", "scratch", "expected"),
    [
        ([(PLAIN, scored(3, 1))], [(PLAIN, scored(0.5, 2))], "supported"),
        ([(PLAIN, scored(0.5, 1))], [(PLAIN, scored(3, 2))], "refuted"),
        ([(PLAIN, scored(1.5, 1))], [(PLAIN, scored(1.5, 2))], "inconclusive"),
        # Not better by the margin, however the networks rank.
        ([(PLAIN, scored(1.5, 1))], [(PLAIN, scored(1.5, 1))], "refuted"),
        ([GOOD] * 3, [POOR] * 3, "supported"),
        ([POOR] * 3, [GOOD] * 3, "refuted"),
        ([POOR, POOR, GOOD], [GOOD, POOR, POOR], "inconclusive"),
    ],
)
@pytest.mark.parametrize("name", ["resnet18-imagenet", "resnet18-tiny-imagenet"])
def test_pretraining_helps_where_auc_is_higher_by_the_margin_over_all_seeds(
    name, tuned, scratch, expected, study_of
):
    study = study_of(resnet18_scratch=scratch, **{name.replace("-", "_"): tuned})
    told = performance.pretraining_helps(study, name)
    assert told.id == f"{name}-beats-scratch"
    assert told.verdict == expected
    areas = [np.mean([metrics.auc(*test) for _, test in runs]) for runs in (tuned, scratch)]
    assert told.estimate == pytest.approx(areas[0] - areas[1])
    assert (told.seeds, len(told.runs)) == (len(tuned), 2 * len(tuned))


def test_a_shift_is_claimed_where_the_test_images_differ(study, phantom):
    assert verdict(transport.test_is_shifted, study) == "refuted"
    darker = replace(phantom.test, images=phantom.test.images // 2)
    moved = replace(study, data=replace(phantom, test=darker))
    assert verdict(transport.test_is_shifted, moved) == "supported"


def test_the_best_model_is_best_on_average_over_validation_without_a_look_at_the_test_set(study_of):
    lucky, steady, poor = scored(4, 1), scored(2, 2), scored(0, 3)
    study = study_of(
        simple_cnn=[(lucky, steady), (poor, steady)],
        resnet18_scratch=[(steady, poor), (steady, poor)],
    )
    assert selection.best(study).name == "resnet18-scratch"
    assert selection.second(study).name == "simple-cnn"


def test_each_verdict_is_where_its_interval_lies_and_p_values_are_corrected_together(study):
    found = claims.decide(study)
    assert len({each.id for each in found}) == len(found)
    for each in found:
        expected = "inconclusive"
        if each.low > each.margin:
            expected = "supported"
        elif each.high < each.margin:
            expected = "refuted"
        assert each.verdict == expected, each.id
        assert each.finding
        assert any(sign.isdigit() for sign in each.evidence)
        assert (each.p < 0.05) == (each.verdict != "inconclusive"), each.id
        assert each.p <= each.p_adjusted <= 1
    p_values = [each.p for each in found]
    expected = multipletests(p_values, method="holm")[1]
    assert [each.p_adjusted for each in found] == pytest.approx(expected)
    assert "resnet18-tiny-imagenet-beats-scratch" in {each.id for each in found}


def test_the_ensemble_is_held_against_every_model(study_of):
    strong, weak = scored(3, 1), scored(0.5, 2)
    study = study_of(simple_cnn=[(PLAIN, weak)], resnet18_scratch=[(PLAIN, strong)])
    told = performance.ensemble_beats_each(study)
    assert told.verdict == "refuted"
    assert "does not beat ResNet18 (scratch)" in told.finding


def test_shared_mistakes_are_claimed_only_beyond_chance(study_of):
    labels = np.arange(100) % 2
    wrong = np.random.default_rng(0).random(100) < 0.25
    made = labels, np.where(wrong, 0.9 - 0.8 * labels, 0.1 + 0.8 * labels)
    alike = study_of(simple_cnn=[(PLAIN, made)], resnet18_scratch=[(PLAIN, made)])
    assert verdict(performance.mistakes_are_shared, alike) == "supported"
    other = np.random.default_rng(1).random(100) < 0.25
    apart = labels, np.where(other, 0.9 - 0.8 * labels, 0.1 + 0.8 * labels)
    study = study_of(simple_cnn=[(PLAIN, made)], resnet18_scratch=[(PLAIN, apart)])
    assert verdict(performance.mistakes_are_shared, study) != "supported"


def bent(intercept, slope, count, seed):
    """Labels drawn with logit intercept + slope · x, and the probabilities of x."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0.5, 2, count)
    chances = metrics.probabilities(intercept + slope * logits)
    labels = (generator.random(count) < chances).astype(int)
    return labels, metrics.probabilities(logits)


@pytest.mark.parametrize(
    ("val", "test", "expected"),
    [
        (bent(0, 1, 9000, 0), bent(0, 1, 2000, 2), "supported"),
        # A temperature corrects miscalibration that validation shows,
        (bent(0, 0.5, 9000, 0), bent(0, 0.5, 2000, 2), "supported"),
        # but not miscalibration of the test set only.
        (bent(0, 1, 9000, 0), bent(-1, 1, 2000, 4), "refuted"),
        (bent(0, 1, 9000, 0), bent(0, 0.5, 2000, 4), "refuted"),
        # Few cases, and classes that no regression can be fitted to, leave it open.
        (bent(0, 1, 9000, 0), bent(0, 1, 60, 4), "inconclusive"),
        (PLAIN, PLAIN, "inconclusive"),
    ],
)
def test_probabilities_are_believed_where_the_test_set_bears_them_out(
    val, test, expected, study_of
):
    assert verdict(networks.calibrated, study_of(simple_cnn=[(val, test)])) == expected


def test_of_models_that_validation_cannot_tell_apart_the_smallest_is_shown(study_of):
    close = scored(2, 1)
    labels, scores = close
    study = study_of(
        simple_cnn=[(close, close)], resnet18_scratch=[((labels, scores**0.99), close)]
    )
    vars(study.models[1])["parameters"] = 2
    assert {model.name for model in selection.tied(study)} == {"simple-cnn", "resnet18-scratch"}
    assert selection.best(study).name == "simple-cnn"
