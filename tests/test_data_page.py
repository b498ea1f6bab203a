"""The page on the data and the part on duplicates: drawn from a record, true to the data."""

from dataclasses import replace

import numpy as np

from pneumo.analysis import data_audit
from pneumo.data import Split
from pneumo.pages import fragments
from pneumo.pages.figures import FIGURES
from pneumo.pages.tables import TABLES
from pneumo.record.images import digest


def pictures(shown):
    return [axes.images[0].get_array() for axes in shown.canvas.axes if axes.images]


def test_the_data_are_counted_by_split_and_class(record, phantom):
    for row, split in zip(TABLES["tbl-data"](record).rows, phantom.splits.values(), strict=True):
        positive, total = int(split.labels.sum()), len(split.labels)
        assert row[1:4] == (str(total - positive), str(positive), str(total))
        assert row[4] == f"{100 * positive / total:.1f} %"
    texts = {text.get_text() for text in FIGURES["fig-class-balance"](record).canvas.axes[0].texts}
    assert texts == {str(n) for counts in phantom.counts().values() for n in counts.values()}


def test_the_examples_are_training_images_of_their_class(record, phantom):
    for row in record.figure("fig-examples").rows():
        index = int(row["index"])
        assert phantom.train.labels[index] == row["label"]
        assert digest(phantom.train.images[index]) == row["sha256"]
    shown = pictures(FIGURES["fig-examples"](record))
    expected = [record.images.find(sha) for sha in record.figure("fig-examples")["sha256"]]
    assert len(shown) == 2 * data_audit.EXAMPLES
    for one, other in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(one[..., 0], other)


def test_an_image_in_three_splits_is_counted_once_in_the_words(record, study, phantom):
    splits = dict(phantom.splits)
    first = splits["train"].images[0]
    for name in ("val", "test"):
        images = splits[name].images.copy()
        images[0] = first
        splits[name] = Split(images, splits[name].labels)
    changed = replace(study, data=replace(phantom, **splits))
    audit = data_audit.part(changed).answers["data_audit"]
    said = fragments.render(record, "audit", audit=audit)
    assert "1 image is in more than one split. 1 of them is a test image" in said


def test_duplicates_are_told_with_and_without_any(record):
    none = replace(record.duplicates, in_validation=0, in_test=0)
    said = fragments.render(record, "copies-effect", duplicates=none)
    assert said.startswith("No image of validation or of the test set repeats another")
    some = replace(none, in_validation=1, in_test=3, largest_effect=0.0123)
    said = fragments.render(record, "copies-effect", duplicates=some)
    assert "3 test images repeat" in said
    assert "1 image of validation repeats" in said
    assert "more than 0.012" in said
