"""Shared mistakes, kinds of pneumonia, and duplicates, on handmade cases with known counts."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from pneumo.analysis import duplicates, mistakes, origins
from pneumo.analysis.claims import performance
from pneumo.data import Split, datasets
from pneumo.data.origins import Origins
from pneumo.record.images import digest
from pneumo.record.summaries import PNEUMONIAS
from pneumo.statistics import metrics
from pneumo.study.study import RULES, YOUDEN, Model, Study, evaluate, threshold
from pneumo.training.recipes import RECIPES, Profile

# Validation that sets Youden's threshold to one half.
VAL = ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
LABELS = [0, 0, 0, 1, 1, 1]


@pytest.fixture
def study_of(made_study):
    """A study of models with one run for each list of test probabilities."""

    def make(*models, labels=LABELS):
        pairs = [[(VAL, (labels, test)) for test in tests] for tests in models]
        return made_study(dict(zip(RECIPES, pairs, strict=False)))

    return make


def test_cases_are_ordered_by_how_many_models_err_and_by_how_surely(study_of):
    first = [0.99, 0.1, 0.6, 0.9, 0.4, 0.1]
    second = [0.9, 0.2, 0.7, 0.1, 0.2, 0.2]
    third = [0.9, 0.2, 0.1, 0.4, 0.3, 0.25]
    two = study_of([first], [second])
    assert mistakes.errors(two).sum(axis=0).tolist() == [2, 0, 2, 1, 2, 2]
    assert mistakes.missed_by_all(two).tolist() == [0, 5, 4, 2]
    # Cases 3 and 2 are called by one and by two of three models; the spread orders the others.
    first = [0.9, *first[1:]]
    assert mistakes.divided(study_of([first], [second], [third])).tolist() == [3, 2, 4, 5, 1, 0]


def test_cases_are_grouped_by_label_and_call_the_surest_first(study_of):
    (model,) = study_of([[0.9, 0.6, 0.2, 0.7, 0.1, 0.4, 0.5]], labels=[1, 1, 1, 0, 0, 0, 1]).models
    found = {group: list(indices) for group, indices in mistakes.groups(model).items()}
    assert found == {
        "true positive": [0, 1, 6],
        "true negative": [4, 5],
        "false positive": [3],
        "false negative": [2],
    }


def test_the_expected_counts_follow_the_binomial_for_models_of_equal_skill(study_of):
    tests = [np.roll([0.9, 0.1, 0.1, 0.1], shift).tolist() for shift in range(3)]
    study = study_of(*([[*test, 0.9]] for test in tests), labels=[0, 0, 0, 0, 1])
    expected = mistakes.expected_by_chance(study, study.data.test.labels == 0)
    np.testing.assert_allclose(expected, 4 * stats.binom.pmf(range(4), 3, 0.25))
    # The one pneumonia case is never missed.
    assert mistakes.expected_missed_by_all(study) == pytest.approx(4 * 0.25**3)


def test_seeds_that_disagree_are_found_the_most_even_split_first(study_of):
    runs = [
        [0.1, 0.9, 0.1, 0.9, 0.9, 0.9],
        [0.1, 0.9, 0.1, 0.9, 0.9, 0.1],
        [0.1, 0.1, 0.1, 0.9, 0.9, 0.1],
        [0.1, 0.1, 0.9, 0.9, 0.9, 0.9],
    ]
    study = study_of(runs)
    (model,) = study.ran
    assert mistakes.contested([model]).tolist() == [1, 5, 2]
    assert mistakes.contested(study.ran).tolist() == [1, 5, 2]
    assert mistakes.votes(study.ran).tolist() == [0, 2, 1, 4, 4, 2]
    assert len(mistakes.contested([Model(model.recipe, model.runs[:1])])) == 0


def test_a_permutation_agrees_with_the_hypergeometric_for_two_models(study_of):
    labels = [0] * 20 + [1] * 20
    first = np.array([1] * 5 + [0] * 15 + [0] * 20, bool)
    second = np.array([1, 1, 1] + [0] * 12 + [1] * 5 + [0] * 20, bool)

    def probabilities(wrong):
        return np.where(wrong, 0.9 - 0.8 * np.array(labels), 0.1 + 0.8 * np.array(labels)).tolist()

    study = study_of([probabilities(first)], [probabilities(second)], labels=labels)
    exact = stats.hypergeom.sf(2, 20, 5, 8)
    assert mistakes.chance_of_sharing(study) == pytest.approx(exact, abs=0.02)
    alone = study_of([probabilities(first)], labels=labels)
    assert mistakes.chance_of_sharing(alone) == 1


@pytest.fixture
def study_of_kinds(made_study):
    """A study of one model on 40 normal films and films of both kinds, with a given number of misses."""

    def make(bacteria, virus, missed_bacteria, missed_virus, alone=True):
        labels = [0] * 40 + [1] * (bacteria + virus)
        scores = [0.1 + 0.001 * i for i in range(40)]
        for count, missed in ((bacteria, missed_bacteria), (virus, missed_virus)):
            scores += [0.2] * missed + [0.9] * (count - missed)
        val = ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
        study = made_study({"simple-cnn": [(val, (labels, scores))]})
        named = np.array(["normal"] * 40 + ["bacteria"] * bacteria + ["virus"] * virus)
        patients = np.arange(len(named)) // (1 if alone else 4)
        vars(study.data)["origins"] = {
            "val": Origins(np.array(["normal"] * 2 + ["virus"] * 2), np.arange(4), np.ones(4)),
            "test": Origins(named, patients, np.ones(len(named))),
        }
        return study

    return make


def test_each_kind_is_counted_as_by_hand(study):
    numbers = origins.kinds(study).tables["tbl-kinds"]
    test = study.data.origins["test"]
    for model in study.ran:
        for kind in PNEUMONIAS:
            against_normals = (test.kinds == kind) | (study.data.test.labels == 0)
            areas, shares = [], {rule.name: [] for rule in RULES}
            for run in model.runs:
                said = run.predictions["test"].probabilities
                own = study.data.test.labels[against_normals]
                areas.append(roc_auc_score(own, said[against_normals]))
                for rule in RULES:
                    shares[rule.name].append(
                        np.mean(said[test.kinds == kind] >= threshold(run, rule))
                    )
            own = numbers.where(model=model.name, kind=kind)
            assert own.where(rule="auc")["value"] == pytest.approx(np.mean(areas))
            for name, values in shares.items():
                assert own.where(rule=name)["value"] == pytest.approx(np.mean(values))


@pytest.mark.parametrize(
    ("made", "verdict", "said"),
    [
        ((200, 200, 0, 60), "supported", "More bacterial than viral"),
        ((200, 200, 60, 0), "supported", "More viral than bacterial"),
        ((400, 400, 4, 5), "refuted", ""),
        # Too few films decide nothing, and the words do not say that they are alike.
        ((20, 20, 1, 1), "inconclusive", "remains unclear"),
    ],
)
def test_kinds_differ_where_they_differ_beyond_the_margin(made, verdict, said, study_of_kinds):
    claim = performance.kinds_differ(study_of_kinds(*made))
    assert claim.verdict == verdict
    assert said in claim.finding


def test_several_films_of_a_patient_widen_the_interval(study_of_kinds):
    alone, together = (
        performance.kinds_differ(study_of_kinds(200, 200, 0, 60, alone=alone))
        for alone in (True, False)
    )
    assert together.high - together.low > 1.2 * (alone.high - alone.low)


def test_where_kinds_are_unknown_nothing_is_said_of_them(study_of_kinds):
    study = study_of_kinds(20, 20, 1, 1)
    vars(study.data)["origins"] = None
    assert origins.kinds(study).answers == {"kinds": None}
    assert performance.kinds_differ(study) is None


def _grain(count, seed, size=16):
    """Images as unlike one another as can be."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size)).astype(np.uint8)


@pytest.fixture
def strangers():
    """Images by split without a copy among them."""
    return {"train": _grain(40, 1), "val": _grain(12, 2), "test": _grain(20, 3)}


@pytest.fixture
def study_on(phantom, write_run):
    """A study of given images by split, with one model whose scores are made up but not senseless."""

    def make(images):
        splits = {
            name: Split(own, np.arange(len(own)).astype(np.uint8) % 2)
            for name, own in images.items()
        }
        made = replace(phantom, **splits, fingerprint=datasets.fingerprint(splits))
        generator = np.random.default_rng(0)
        cases = []
        for split in (made.val, made.test):
            logits = 2.0 * split.labels - 1 + generator.normal(size=len(split.labels))
            cases.append((split.labels, metrics.probabilities(logits)))
        run = write_run(RECIPES["simple-cnn"], *cases)
        return Study(Profile("made", (), (0,)), made, (Model(run.recipe, (run,)),))

    return make


def counts(study):
    return {(row["first"], row["second"]): row for row in duplicates.search(study).counts}


def test_among_strangers_no_copy_is_found(study_on, strangers):
    study = study_on(strangers)
    found = duplicates.search(study)
    assert found.near == ()
    assert sum(row["identical"] + row["near"] for row in found.counts) == 0
    assert sum(row["pairs"] for row in found.counts) == 72 * 71 // 2
    assert not duplicates.repeated(study, "test").any()
    assert not list(duplicates.part(study).tables["tbl-without-copies"].rows())


def test_the_search_agrees_with_one_pair_at_a_time(phantom):
    study = Study(Profile("made", (), (0,)), phantom, ())
    images = {name: split.images for name, split in phantom.splits.items()}
    bits = {name: duplicates.hashes(made) for name, made in images.items()}
    expected = {}
    for i, first in enumerate(images["val"]):
        for j, second in enumerate(images["test"]):
            r = np.corrcoef(first.ravel(), second.ravel())[0, 1]
            differing = (bits["val"][i] != bits["test"][j]).sum()
            expected[i, j] = differing <= duplicates.BITS, r >= duplicates.CORRELATION
    found = counts(study)["val", "test"]
    assert found["alike_by_hash"] == sum(alike for alike, _ in expected.values())
    assert found["near"] == sum(alike and sure for alike, sure in expected.values())


def test_planted_copies_are_found_unless_they_moved_too_far(study):
    found = {row["change"]: row for row in duplicates.planted(study.data.test.images)}
    shifted = found["shift by a whole pixel"]
    for change, row in found.items():
        assert 0 <= row["found"] <= 1
        if "shift" not in change:
            assert row["found"] > 0.95
            assert row["correlation"] > shifted["correlation"]
    assert shifted["found"] < 0.5


def test_without_copies_the_metrics_are_those_of_the_other_images(study_on, strangers):
    strangers["test"][[4, 9, 11]] = strangers["train"][[7, 8, 9]]
    study = study_on(strangers)
    (run,) = study.ran[0].runs
    others = np.delete(np.arange(20), [4, 9, 11])
    predictions = run.predictions["test"]
    labels, scores = predictions.labels[others], predictions.probabilities[others]
    found = duplicates.without(study, run, "test")
    assert found["auc"] == pytest.approx(roc_auc_score(labels, scores))
    called = scores >= threshold(run, YOUDEN)
    assert found["recall"] == pytest.approx(called[labels == 1].mean())
    assert duplicates.without(study, run, "val") == evaluate(run, YOUDEN, "val")
    whole, metrics_told = evaluate(run, YOUDEN), ("auc", "recall", "specificity")
    largest = max(abs(found[name] - whole[name]) for name in metrics_told)
    told = duplicates.part(study).answers["duplicates"]
    assert told.largest_effect == pytest.approx(largest)


def test_copies_are_told_by_kind_and_named_by_their_bytes(study_on, strangers):
    train, val, test = strangers.values()
    test[[4, 9, 12]] = train[7], test[2], train[8] // 2 + 40  # the last is only alike
    val[8] = val[3] // 2 + 40
    study = study_on(strangers)
    found, told = counts(study), duplicates.search(study)
    assert (found["train", "test"]["identical"], found["test", "test"]["identical"]) == (1, 1)
    assert (found["train", "test"]["near"], found["val", "val"]["near"]) == (1, 1)
    alike = {(pair.first, pair.second) for pair in told.near}
    assert alike == {(("train", 8), ("test", 12)), (("val", 3), ("val", 8))}
    assert all(pair.correlation > 0.99 and pair.bits <= duplicates.BITS for pair in told.near)
    # Of two in one split the later is the copy, and such pairs are not what the figure shows.
    assert np.flatnonzero(duplicates.repeated(study, "test")).tolist() == [4, 9, 12]
    assert np.flatnonzero(duplicates.repeated(study, "val")).tolist() == [8]
    part = duplicates.part(study)
    rows = list(part.figures["fig-near-duplicates"].rows())[:2]
    assert [(row["split"], row["index"], row["sha256"]) for row in rows] == [
        ("train", 8, digest(train[8])),
        ("test", 12, digest(test[12])),
    ]
    compared = {(row["split"], row["metric"]) for row in part.tables["tbl-without-copies"].rows()}
    assert compared == {
        ("val", "auc"),
        *(("test", one) for one in ("auc", "recall", "specificity")),
    }
