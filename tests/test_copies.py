"""Duplicates: planted ones are found, other images are not, and results can leave duplicates out."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pneumo.analysis import duplicates
from pneumo.data import Split, datasets
from pneumo.record.images import digest
from pneumo.statistics import metrics
from pneumo.study.study import YOUDEN, Model, Study, evaluate, threshold
from pneumo.training.recipes import RECIPES, Profile


def _grain(count, seed, size=16):
    """Images as unlike one another as can be."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size)).astype(np.uint8)


@pytest.fixture
def strangers():
    """Images by split without a copy among them."""
    return {"train": _grain(40, 1), "val": _grain(12, 2), "test": _grain(20, 3)}


@pytest.fixture
def study_of(phantom, write_run):
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


def test_among_strangers_no_copy_is_found(study_of, strangers):
    study = study_of(strangers)
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


def test_without_copies_the_metrics_are_those_of_the_other_images(study_of, strangers):
    strangers["test"][[4, 9, 11]] = strangers["train"][[7, 8, 9]]
    study = study_of(strangers)
    (run,) = study.ran[0].runs
    others = np.delete(np.arange(20), [4, 9, 11])
    predictions = run.predictions["test"]
    labels, scores = predictions.labels[others], predictions.probabilities[others]
    found = duplicates.without(study, run, "test")
    assert found["auc"] == pytest.approx(roc_auc_score(labels, scores))
    called = scores >= threshold(run, YOUDEN)
    assert found["recall"] == pytest.approx(called[labels == 1].mean())
    assert duplicates.without(study, run, "val") == evaluate(run, YOUDEN, "val")
    changes = [
        abs(found[name] - evaluate(run, YOUDEN)[name]) for name in ("auc", "recall", "specificity")
    ]
    assert duplicates.part(study).answers["duplicates"].largest_effect == pytest.approx(
        max(changes)
    )


def test_copies_are_told_by_kind_and_named_by_their_bytes(study_of, strangers):
    train, val, test = strangers.values()
    test[[4, 9, 12]] = train[7], test[2], train[8] // 2 + 40  # the last is only alike
    val[8] = val[3] // 2 + 40
    study = study_of(strangers)
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
