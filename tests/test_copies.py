"""Copies: planted ones are found, strangers are not, and results without them are those of the others."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from pneumo.analysis import duplicates
from pneumo.data import SPLITS, Split, datasets
from pneumo.record.images import digest
from pneumo.statistics import metrics
from pneumo.study.study import YOUDEN, Model, Study, evaluate, threshold
from pneumo.training.recipes import RECIPES, Profile


def _grain(count, seed, size=16):
    """Images as unlike one another as can be."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size)).astype(np.uint8)


def _dataset(phantom, images, labels=None):
    """A data set of given images by split, labelled in turns."""
    splits = {
        name: Split(made, np.arange(len(made)).astype(np.uint8) % 2 if labels is None else labels)
        for name, made in images.items()
    }
    return replace(phantom, **splits, fingerprint=datasets.fingerprint(splits))


@pytest.fixture
def strangers():
    """Images by split without a copy among them."""
    return {"train": _grain(40, 1), "val": _grain(12, 2), "test": _grain(20, 3)}


@pytest.fixture
def study_of(phantom, write_run):
    """A study of given images by split, with one model whose scores are made up but not senseless."""

    def make(images):
        made = _dataset(phantom, images)
        generator = np.random.default_rng(0)
        cases = []
        for split in (made.val, made.test):
            logits = 2.0 * split.labels - 1 + generator.normal(size=len(split.labels))
            cases.append((split.labels, metrics.probabilities(logits)))
        run = write_run(RECIPES["simple-cnn"], *cases)
        return Study(Profile("made", (), (0,)), made, (Model(run.recipe, 1, (run,)),))

    return make


def answer(study):
    return duplicates.part(study).answers["duplicates"]


def counts(study):
    return {row.splits: row for row in duplicates.search(study).counts}


def test_among_strangers_no_copy_is_found(study_of, strangers):
    study = study_of(strangers)
    found = duplicates.search(study)
    assert found.near == ()
    assert sum(row.identical + row.near for row in found.counts) == 0
    assert not duplicates.repeated(study, "test").any()


def test_every_pair_of_images_is_counted_once(study_of, strangers):
    found = duplicates.search(study_of(strangers))
    assert sum(row.pairs for row in found.counts) == 72 * 71 // 2
    assert 0 <= found.alike_by_hash <= 1


def test_a_copy_to_the_byte_is_identical_and_not_near(study_of, strangers):
    strangers["test"][[4, 9]] = strangers["train"][7], strangers["test"][2]
    study = study_of(strangers)
    found = counts(study)
    assert found["train", "test"].identical == found["test", "test"].identical == 1
    assert duplicates.search(study).near == ()
    assert np.flatnonzero(duplicates.repeated(study, "test")).tolist() == [4, 9]
    assert not duplicates.repeated(study, "val").any()


def test_a_brightened_copy_is_near_and_not_identical(study_of, strangers):
    strangers["test"][4] = strangers["train"][7] // 2 + 40
    study = study_of(strangers)
    (pair,) = duplicates.search(study).near
    assert (pair.first, pair.second) == (("train", 7), ("test", 4))
    assert pair.correlation > 0.99
    assert pair.bits <= duplicates.BITS
    assert counts(study)["train", "test"].near == 1
    assert counts(study)["train", "test"].identical == 0
    assert np.flatnonzero(duplicates.repeated(study, "test")).tolist() == [4]
    assert duplicates.search(study).closest[0] == pair


def test_of_two_copies_in_one_split_the_later_is_the_copy(study_of, strangers):
    strangers["val"][8] = strangers["val"][3] // 2 + 40
    study = study_of(strangers)
    assert np.flatnonzero(duplicates.repeated(study, "val")).tolist() == [8]
    # Pairs within a split are not what the figure shows.
    assert all(pair.first[0] != pair.second[0] for pair in duplicates.search(study).closest)


def test_likeness_across_classes_is_told(study_of, strangers):
    strangers["test"][4] = strangers["train"][7] // 2 + 40
    assert duplicates.search(study_of(strangers)).strangers > 0.99
    strangers["test"][4] = strangers["train"][8] // 2 + 40
    assert duplicates.search(study_of(strangers)).strangers == duplicates.LOOK_ALIKE


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
    assert found.alike_by_hash == sum(alike for alike, _ in expected.values())
    assert found.near == sum(alike and sure for alike, sure in expected.values())


@given(st.integers(0, 2**32 - 1))
def test_what_is_found_does_not_hang_on_the_order(phantom, seed):
    generator = np.random.default_rng(seed)
    images = {"train": _grain(12, 1), "val": _grain(6, 2), "test": _grain(8, 3)}
    images["test"][:2] = images["train"][3] // 2 + 40, images["val"][0]
    dealt = {name: generator.permutation(made) for name, made in images.items()}
    one, other = (
        duplicates._search.__wrapped__(
            Study(Profile("made", (), (0,)), _dataset(phantom, made, None), ())
        )
        for made in (images, dealt)
    )
    assert one["counts"] == other["counts"]
    assert [pair[2:] for pair in one["near"]] == [pair[2:] for pair in other["near"]]


def test_flat_images_are_identical_and_no_error(study_of, strangers):
    strangers["test"][:3] = 7
    study = study_of(strangers)
    assert counts(study)["test", "test"].identical == 3
    assert duplicates.repeated(study, "test").sum() == 2


def test_planted_copies_are_found_unless_they_moved_too_far(study):
    found = {row.change: row for row in duplicates.search(study).planted}
    assert list(found) == list(duplicates.plant(study.data.test.images))
    shifted = found["shift by a whole pixel"]
    for row in found.values():
        assert 0 <= row.found <= 1
        if "shift" not in row.change:
            assert row.found > 0.95
            assert row.correlation > shifted.correlation
    assert shifted.found < 0.5


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
    assert answer(study).largest_effect == pytest.approx(max(changes))


def test_where_copies_leave_one_class_the_metrics_are_undefined(study_of, strangers):
    strangers["test"][1::2] = strangers["train"][1::2][:10]
    study = study_of(strangers)
    assert np.isnan(duplicates.without(study, study.ran[0].run, "test")["auc"])
    assert answer(study).largest_effect == 0


def test_the_counts_of_identical_pairs_fit_the_audit(study):
    found, audit = counts(study), study.audit
    for pair, shared in audit.shared.items():
        assert (found[pair].identical == 0) == (shared == 0)
    for name, split in zip(SPLITS, audit.splits, strict=True):
        assert (found[name, name].identical == 0) == (split.duplicates == 0)


def test_only_splits_with_copies_are_compared_without_them(study_of, strangers):
    def compared():
        part = duplicates.part(study_of(strangers))
        return [(row["split"], row["metric"]) for row in part.tables["tbl-without-copies"].rows()]

    test = [("test", name) for name in ("auc", "recall", "specificity")]
    assert compared() == []
    strangers["test"][4] = strangers["train"][7]
    assert compared() == test
    strangers["val"][4] = strangers["train"][7]
    assert compared() == [("val", "auc"), *test]


def test_the_most_alike_images_are_named_by_their_bytes(study_of, strangers):
    strangers["test"][4] = strangers["train"][7] // 2 + 40
    rows = list(duplicates.part(study_of(strangers)).figures["fig-near-duplicates"].rows())
    named = [(row["split"], row["index"], row["sha256"]) for row in rows[:2]]
    assert named == [
        ("train", 7, digest(strangers["train"][7])),
        ("test", 4, digest(strangers["test"][4])),
    ]
