"""Each claim with predictions made by hand, so that every verdict it can have is had."""

from dataclasses import replace

import numpy as np
import pytest

from pneumo.analysis import ablation, claims
from pneumo.data import Split
from pneumo.record import Estimate as Interval
from pneumo.statistics import metrics
from pneumo.study import selection
from pneumo.study.study import Model, Study
from pneumo.training.recipes import RECIPES, Profile

CNN, SCRATCH, IMAGENET, TINY = (
    RECIPES[name]
    for name in ("simple-cnn", "resnet18-scratch", "resnet18-imagenet", "resnet18-tiny-imagenet")
)
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
def study_of(black, write_run):
    """A study whose models' runs have the given (validation, test) predictions, one pair a seed."""

    def make(**pairs):
        models = []
        for recipe in (CNN, SCRATCH, IMAGENET, TINY):
            given = pairs.get(recipe.name.replace("-", "_"), [])
            runs = tuple(write_run(recipe, *pair, seed=i) for i, pair in enumerate(given))
            models.append(Model(recipe, 1, runs, None if runs else "not here"))
        names = tuple(model.name for model in models)
        made = black(*next(iter(pairs.values()))[0])
        return Study(Profile("made", names, (0,)), made, tuple(models))

    return make


def verdict(study, claim):
    found = {each.id: each for each in claims.decide(study)}
    return found[claim].verdict


def training_set(phantom, normal, pneumonia):
    labels = np.array([0] * normal + [1] * pneumonia, np.uint8)
    return replace(phantom, train=Split(np.zeros((len(labels), 28, 28), np.uint8), labels))


@pytest.mark.parametrize(
    ("normal", "pneumonia", "expected"),
    [
        (30, 90, "supported"),
        (90, 30, "supported"),
        (50, 50, "inconclusive"),
        (45, 55, "inconclusive"),
    ],
)
def test_the_training_set_is_called_imbalanced_beyond_chance_only(
    normal, pneumonia, expected, study_of
):
    made = study_of(simple_cnn=[(PLAIN, PLAIN)])
    study = replace(made, data=training_set(made.data, normal, pneumonia))
    assert verdict(study, "training-set-imbalanced") == expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (counted(98, 2, 40, 60), "supported"),
        (counted(60, 40, 2, 98), "supported"),
        (counted(90, 10, 12, 88), "inconclusive"),
        (counted(90, 10, 10, 90), "inconclusive"),
    ],
)
def test_accuracy_misleads_where_one_mistake_is_far_commoner(test, expected, study_of):
    assert verdict(study_of(simple_cnn=[(PLAIN, test)]), "accuracy-misleads") == expected


@pytest.mark.parametrize(
    ("tuned", "scratch", "expected"),
    [
        (scored(3, 1), scored(0.5, 2), "supported"),
        (scored(0.5, 1), scored(3, 2), "refuted"),
        (scored(1.5, 1), scored(1.5, 2), "inconclusive"),
        (scored(1.5, 1), scored(1.5, 1), "inconclusive"),
    ],
)
@pytest.mark.parametrize("name", ["resnet18-imagenet", "resnet18-tiny-imagenet"])
def test_transfer_helps_where_delongs_test_says_so(name, tuned, scratch, expected, study_of):
    study = study_of(
        resnet18_scratch=[(PLAIN, scratch)], **{name.replace("-", "_"): [(PLAIN, tuned)]}
    )
    assert verdict(study, f"{name}-beats-scratch") == expected


def test_transfer_is_not_spoken_of_where_a_model_is_missing(study_of):
    for study in (
        study_of(simple_cnn=[(PLAIN, PLAIN)], resnet18_scratch=[(PLAIN, PLAIN)]),
        study_of(simple_cnn=[(PLAIN, PLAIN)], resnet18_imagenet=[(PLAIN, PLAIN)]),
    ):
        assert not [claim for claim in claims.decide(study) if "scratch" in claim.id]


def test_several_seeds_are_decided_by_their_mean(study_of):
    tests = [(scored(2, 1), scored(1, 2)), (scored(1, 3), scored(2, 4))]
    study = study_of(
        resnet18_scratch=[(PLAIN, theirs) for _, theirs in tests],
        resnet18_tiny_imagenet=[(PLAIN, ours) for ours, _ in tests],
    )
    evidence = {each.id: each.evidence for each in claims.decide(study)}
    first, second = (metrics.auc(*ours) - metrics.auc(*theirs) for ours, theirs in tests)
    told = evidence["resnet18-tiny-imagenet-beats-scratch"]
    assert f"mean over 2 seeds: {(first + second) / 2:+.3f}" in told
    assert f"DeLong's test on the first seed, {first:+.3f}" in told


def test_several_seeds_decide_where_the_first_alone_would_not(study_of):
    good, poor = scored(3, 1), scored(0.5, 1)
    tuned = [(PLAIN, good)] * 3
    study = study_of(resnet18_scratch=[(PLAIN, poor)] * 3, resnet18_tiny_imagenet=tuned)
    assert verdict(study, "resnet18-tiny-imagenet-beats-scratch") == "supported"
    study = study_of(resnet18_scratch=tuned, resnet18_tiny_imagenet=[(PLAIN, poor)] * 3)
    assert verdict(study, "resnet18-tiny-imagenet-beats-scratch") == "refuted"
    mixed = [(PLAIN, good), (PLAIN, poor), (PLAIN, poor)]
    study = study_of(resnet18_scratch=mixed, resnet18_tiny_imagenet=mixed[::-1])
    assert verdict(study, "resnet18-tiny-imagenet-beats-scratch") == "inconclusive"


def test_a_network_is_held_against_the_strongest_baseline(study_of):
    # Black images tell a baseline nothing.
    seeing = study_of(simple_cnn=[(PLAIN, scored(2, 1))])
    assert verdict(seeing, "beats-trivial-baselines") == "supported"
    blind = study_of(simple_cnn=[(PLAIN, scored(0, 1))])
    assert verdict(blind, "beats-trivial-baselines") == "inconclusive"
    turned = study_of(simple_cnn=[(PLAIN, scored(-2, 1))])
    assert verdict(turned, "beats-trivial-baselines") == "refuted"


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (counted(1000, 1, 5, 95), "supported"),
        (counted(80, 20, 5, 95), "refuted"),
        (counted(98, 2, 5, 95), "inconclusive"),
        (counted(5, 0, 5, 95), "inconclusive"),
    ],
)
def test_recall_is_held_against_what_screening_asks(test, expected, study_of):
    assert verdict(study_of(simple_cnn=[(PLAIN, test)]), "screening-recall") == expected


@pytest.mark.parametrize(
    ("validation", "test", "expected"),
    [
        (counted(90, 10, 5, 95), counted(90, 10, 40, 60), "refuted"),
        (counted(90, 10, 40, 60), counted(90, 10, 5, 95), "supported"),
        (counted(90, 10, 6, 94), counted(90, 10, 8, 92), "inconclusive"),
    ],
)
def test_specificity_is_promised_on_validation_and_kept_on_test(
    validation, test, expected, study_of
):
    study = study_of(simple_cnn=[(validation, test)])
    assert verdict(study, "validation-predicts-specificity") == expected


def test_a_shift_is_claimed_where_the_test_images_differ(study, phantom):
    assert verdict(study, "test-is-shifted") == "inconclusive"
    darker = replace(phantom.test, images=phantom.test.images // 2)
    moved = replace(study, data=replace(phantom, test=darker))
    assert verdict(moved, "test-is-shifted") == "supported"


def test_a_shift_is_not_spoken_of_with_too_few_images(study_of):
    study = study_of(simple_cnn=[(PLAIN, PLAIN)])
    assert not [claim for claim in claims.decide(study) if claim.id == "test-is-shifted"]


# Validation without a fault: sensitivity and specificity of 1.
PROMISED = ([1] * 100 + [0] * 100, [0.8] * 100 + [0.2] * 100)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        # All scores moved alike: the ranking is whole.
        (([1] * 100 + [0] * 100, [0.95] * 100 + [0.6] * 100), "inconclusive"),
        # Forty normal cases stand above every pneumonia.
        (([1] * 100 + [0] * 100, [0.8] * 100 + [0.2] * 60 + [0.9] * 40), "refuted"),
    ],
)
def test_a_threshold_mends_what_the_ranking_kept(test, expected, study_of):
    study = study_of(simple_cnn=[(PROMISED, test)])
    assert verdict(study, "threshold-mends-shift") == expected


def test_where_nothing_was_lost_there_is_nothing_to_mend(study_of):
    study = study_of(simple_cnn=[(PROMISED, PROMISED)])
    assert not [claim for claim in claims.decide(study) if claim.id == "threshold-mends-shift"]


def test_the_best_model_is_named_without_a_look_at_the_test_set(study_of):
    good, bad = scored(3, 1), scored(0.3, 2)
    study = study_of(simple_cnn=[(good, bad)], resnet18_scratch=[(bad, good)])
    assert selection.best(study).name == "simple-cnn"


def test_the_best_model_is_best_on_average_over_its_seeds(study_of):
    lucky, steady, poor = scored(4, 1), scored(2, 2), scored(0, 3)
    study = study_of(
        simple_cnn=[(lucky, steady), (poor, steady)],
        resnet18_scratch=[(steady, steady), (steady, steady)],
    )
    assert selection.best(study).name == "resnet18-scratch"


def test_beside_the_best_model_another_is_shown(study_of):
    good, poor = scored(3, 1), scored(0.3, 2)
    assert (
        selection.second(study_of(simple_cnn=[(poor, poor)], resnet18_scratch=[(good, good)])).name
        == "simple-cnn"
    )
    assert (
        selection.second(study_of(simple_cnn=[(good, good)], resnet18_scratch=[(poor, poor)])).name
        == "resnet18-scratch"
    )


def test_every_claim_of_a_study_is_decided_with_its_evidence(study):
    found = claims.decide(study)
    assert len({claim.id for claim in found}) == len(found)
    assert {claim.verdict for claim in found} <= {"supported", "refuted", "inconclusive"}
    assert all(any(sign.isdigit() for sign in claim.evidence) for claim in found)
    assert "resnet18-tiny-imagenet-beats-scratch" in {claim.id for claim in found}


def test_the_evidence_states_the_counts_it_rests_on(study_of):
    study = study_of(simple_cnn=[(PLAIN, counted(97, 3, 20, 80))])
    evidence = {claim.id: claim.evidence for claim in claims.decide(study)}
    assert "97 of 100 pneumonia cases found, 0.970" in evidence["screening-recall"]
    assert "3.0 % of pneumonia cases missed, 20.0 % of normal" in evidence["accuracy-misleads"]
    assert "p < 0.001" in evidence["accuracy-misleads"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.009, 0.004, "supported"),
        (-0.03, -0.011, "refuted"),
        (-0.02, -0.005, "inconclusive"),
        (-0.02, 0.01, "inconclusive"),
    ],
)
def test_a_flip_is_safe_where_its_loss_stays_within_the_margin(
    low, high, expected, study, monkeypatch
):
    base, flips = ablation.rows(study)
    difference = {**flips.difference, "test": Interval((low + high) / 2, low, high)}
    rows = (base, replace(flips, difference=difference))
    monkeypatch.setattr(ablation, "rows", lambda study: rows)
    assert verdict(study, "flip-is-safe") == expected


def test_flips_are_not_spoken_of_without_the_ablation(study_of):
    study = study_of(simple_cnn=[(PLAIN, PLAIN)])
    assert "flip-is-safe" not in {claim.id for claim in claims.decide(study)}


def test_shared_mistakes_are_claimed_only_beyond_chance(study_of):
    labels = np.arange(100) % 2
    wrong = np.random.default_rng(0).random(100) < 0.25
    made = labels, np.where(wrong, 0.9 - 0.8 * labels, 0.1 + 0.8 * labels)
    alike = study_of(simple_cnn=[(PLAIN, made)], resnet18_scratch=[(PLAIN, made)])
    assert verdict(alike, "mistakes-are-shared") == "supported"
    other = np.random.default_rng(1).random(100) < 0.25
    apart = labels, np.where(other, 0.9 - 0.8 * labels, 0.1 + 0.8 * labels)
    study = study_of(simple_cnn=[(PLAIN, made)], resnet18_scratch=[(PLAIN, apart)])
    assert verdict(study, "mistakes-are-shared") == "inconclusive"


def bent(intercept, slope, count, seed):
    """Labels, and probabilities of which the truth is intercept + slope · logit."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0.5, 2, count)
    labels = (generator.random(count) < metrics.probabilities(intercept + slope * logits)).astype(
        int
    )
    return labels, metrics.probabilities(logits)


@pytest.mark.parametrize(
    ("val", "test", "expected"),
    [
        (bent(0, 1, 9000, 0), bent(0, 1, 2000, 2), "supported"),
        # What validation shows a temperature mends,
        (bent(0, 0.5, 9000, 0), bent(0, 0.5, 2000, 2), "supported"),
        # what only the test set has it cannot,
        (bent(0, 1, 9000, 0), bent(-1, 1, 2000, 4), "refuted"),
        (bent(0, 1, 9000, 0), bent(0, 0.5, 2000, 4), "refuted"),
        # and few cases prove nothing, nor do classes that no regression can be fitted to.
        (bent(0, 1, 9000, 0), bent(0, 1, 60, 4), "inconclusive"),
        (PLAIN, PLAIN, "inconclusive"),
    ],
)
def test_probabilities_are_taken_at_face_value_where_the_test_set_bears_them_out(
    val, test, expected, study_of
):
    assert verdict(study_of(simple_cnn=[(val, test)]), "calibrated-after-temperature") == expected


def test_the_evidence_on_calibration_counts_the_seeds(study_of):
    right, wrong = bent(0, 1, 1000, 0), bent(-1, 1, 1000, 1)
    study = study_of(simple_cnn=[(right, wrong), (right, right), (right, wrong)])
    (claim,) = [c for c in claims.decide(study) if c.id == "calibrated-after-temperature"]
    assert claim.evidence.endswith("first seed, rejected for 2 of 3")
