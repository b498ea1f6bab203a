"""Each claim with predictions made by hand, so that every verdict it can have is had."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.special import logit
from statsmodels.stats.multitest import multipletests

from pneumo.analysis import claims, shift
from pneumo.analysis.claims import probabilities
from pneumo.statistics import metrics
from pneumo.statistics.adjusted_roc import over_cases_and_seeds
from pneumo.study import selection
from pneumo.study.study import YOUDEN, Model, Study, threshold
from pneumo.training.recipes import RECIPES, Profile
from pneumo.training.runs import Predictions, Run

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


def claim(study, identifier):
    return {each.id: each for each in claims.decide(study)}[identifier]


def verdict(study, identifier):
    return claim(study, identifier).verdict


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (counted(98, 2, 40, 60), "supported"),
        (counted(60, 40, 2, 98), "supported"),
        (counted(90, 10, 12, 88), "inconclusive"),
        (counted(990, 10, 12, 988), "refuted"),
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
        # Not better by what matters, however the networks rank.
        (scored(1.5, 1), scored(1.5, 1), "refuted"),
    ],
)
@pytest.mark.parametrize("name", ["resnet18-imagenet", "resnet18-tiny-imagenet"])
def test_pretraining_helps_where_auc_is_higher_by_the_margin(
    name, tuned, scratch, expected, study_of
):
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
    told = claim(study, "resnet18-tiny-imagenet-beats-scratch")
    first, second = (metrics.auc(*ours) - metrics.auc(*theirs) for ours, theirs in tests)
    assert told.estimate == pytest.approx((first + second) / 2)
    assert told.seeds == 2
    assert len(told.runs) == 4


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
    blind = study_of(simple_cnn=[(PLAIN, scored(0.1, 1))])
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
        (counted(990, 10, 60, 940), counted(990, 10, 65, 935), "supported"),
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
        (([1] * 100 + [0] * 100, [0.95] * 100 + [0.6] * 100), "supported"),
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


def test_the_evidence_states_the_counts_it_rests_on(study_of):
    study = study_of(simple_cnn=[(PLAIN, counted(97, 3, 20, 80))])
    assert claim(study, "screening-recall").evidence.endswith(
        "100 pneumonia cases missed, by seed: 3"
    )
    assert (
        "3.0 % of pneumonia cases are missed, 20.0 %" in claim(study, "accuracy-misleads").finding
    )


def test_no_text_behind_an_open_claim_says_that_there_is_nothing(study_of):
    study = study_of(simple_cnn=[(PLAIN, counted(98, 2, 5, 95))])
    told = claim(study, "screening-recall")
    assert told.verdict == "inconclusive"
    assert "may lie on either side" in told.finding


def test_the_ensemble_is_held_against_every_model(study_of):
    strong, weak = scored(3, 1), scored(0.5, 2)
    study = study_of(simple_cnn=[(PLAIN, weak)], resnet18_scratch=[(PLAIN, strong)])
    told = claim(study, "ensemble-beats-best")
    assert told.verdict == "refuted"
    assert "does not beat ResNet18 (scratch)" in told.finding


def test_of_models_that_validation_cannot_tell_apart_the_smallest_is_shown(study_of):
    close = scored(2, 1)
    labels, scores = close
    study = study_of(
        simple_cnn=[(close, close)], resnet18_scratch=[((labels, scores**0.99), close)]
    )
    larger = replace(study.models[1], parameters=2)
    study = replace(study, models=(study.models[0], larger, *study.models[2:]))
    assert {model.name for model in selection.tied(study)} == {"simple-cnn", "resnet18-scratch"}
    assert selection.best(study).name == "simple-cnn"


def test_the_claim_of_a_mended_threshold_covers_what_is_true():
    """Scores of known distributions: the interval holds the loss that the best threshold would leave."""
    normal, held, turns = stats.norm, 0, 100
    generator = np.random.default_rng(0)
    recipe = CNN
    for _ in range(turns):
        splits = {}
        for split, moved in (("val", 0.0), ("test", 0.7)):
            labels = np.repeat([0, 1], (150, 200)).astype(np.uint8)
            logits = generator.normal(size=350) + 2.5 * labels + moved * (labels == 0) - 1
            splits[split] = Predictions(logits, labels)
        run = Run(Path("made"), recipe, 0, "0" * 12, {})
        vars(run)["predictions"] = splits
        model = Model(recipe, 1, (run,))
        study = Apart(lambda split: np.arange(350))
        _, left = shift.mending_over_seeds(study, model)
        found = over_cases_and_seeds(left)
        at = logit(threshold(run, YOUDEN))
        promised = normal.cdf(at + 1)
        # The same sensitivity needs the same threshold, since positive scores have not moved.
        held += found.low <= normal.cdf(at + 1 - 0.7) - promised <= found.high
    assert 0.88 <= held / turns <= 1


@dataclass(frozen=True)
class Apart:
    """A study of which only the patients are asked: each case has its own."""

    groups: Callable[[str], np.ndarray]


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
    assert verdict(study, "mistakes-are-shared") != "supported"


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
    # Of so many cases the other claims would take seconds.
    (found,) = probabilities.calibrated(study_of(simple_cnn=[(val, test)]))
    assert (found.id, found.verdict) == ("calibrated-after-temperature", expected)
