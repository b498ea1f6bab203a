"""Tables: rows that fit their columns, and cells that say what the runs say."""

import math
from dataclasses import replace

import pytest

from pneumo.pages import tables
from pneumo.pages.tables import Table, TableError, _table
from pneumo.study.study import Model

TABLES = (
    tables.data_counts,
    tables.shift_changes,
    tables.shift_tests,
    tables.shift_scores,
    tables.shift_losses,
    tables.near_duplicates,
    tables.planted_copies,
    tables.without_copies,
    tables.audit,
    tables.augmentations,
    tables.recipes,
    tables.provenance,
    tables.versions,
    tables.pretrained,
)


def column(table, name):
    place = table.columns.index(name)
    return [row[place] for row in table.rows]


def name_of(function):
    return function.__name__


@pytest.mark.parametrize("make", TABLES, ids=name_of)
def test_every_row_fits_its_columns(make, study):
    made = make(study)
    assert made.rows
    assert all(len(row) == len(made.columns) == len(made.numeric) for row in made.rows)
    assert all(isinstance(cell, str) for row in made.rows for cell in row)


@pytest.mark.parametrize("make", TABLES, ids=name_of)
def test_no_cell_breaks_a_pipe_table(make, study):
    assert not [cell for row in make(study).rows for cell in row if "|" in cell or "\n" in cell]


@pytest.mark.parametrize("make", TABLES, ids=name_of)
def test_no_cell_shows_what_python_calls_nothing(make, study):
    shown = [cell for row in make(study).rows for cell in row]
    assert not [cell for cell in shown if cell in ("nan", "None")]


def test_a_row_that_does_not_fit_is_refused():
    with pytest.raises(TableError, match="a table of 2 columns"):
        Table(("a", "b"), (False, True), (("1", "2"), ("3",)))


def test_a_heading_says_which_columns_are_numbers():
    made = tables.table("name | size >", [["a", "1"]])
    assert made == Table(("name", "size"), (False, True), (("a", "1"),))


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [(0.12345, 3, "0.123"), (2, 1, "2.0"), (None, 3, "–"), (math.nan, 3, "–"), (-0.5, 2, "-0.50")],
)
def test_a_number_has_fixed_digits_or_is_a_dash(value, digits, shown):
    assert tables.number(value, digits) == shown


@pytest.mark.parametrize(("share", "shown"), [(0.5, "50.0 %"), (1, "100.0 %"), (0.0004, "0.0 %")])
def test_a_share_is_shown_as_a_percentage(share, shown):
    assert tables.percent(share) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (61, "1 min 01 s"), (3600, "60 min 00 s")],
)
def test_a_duration_is_shown_in_minutes_and_seconds(seconds, shown):
    assert tables.duration(seconds) == shown


def test_the_data_are_counted_by_split_and_class(study, phantom):
    made = tables.data_counts(study)
    assert column(made, "split") == ["train", "val", "test"]
    for row, split in zip(made.rows, phantom.splits.values(), strict=True):
        positive, total = int(split.labels.sum()), len(split.labels)
        assert row[1:4] == (str(total - positive), str(positive), str(total))
        assert row[4] == f"{100 * positive / total:.1f} %"


def test_the_audit_lists_splits_pairs_and_conflicts(study):
    found = dict(tables.audit(study).rows)
    assert len(found) == 3 + 3 + 1
    assert found["copies of an image with different labels"] == str(study.audit.label_conflicts)
    for (first, second), count in study.audit.shared.items():
        assert found[f"distinct images that stand in both {first} and {second}"] == str(count)


def test_augmentations_show_the_ranges_of_the_recipes(study):
    ranges = column(tables.augmentations(study), "range")
    assert ranges == [
        "none",
        "±10°",
        "±7 % of the side",
        "±0.15 of the grey scale",
        "±15 %",
    ]


def test_other_ranges_are_shown_as_they_are(study):
    recipe = study.models[0].recipe
    steeper = replace(recipe, augmentation=replace(recipe.augmentation, rotation=12.5))
    changed = replace(study, models=(replace(study.models[0], recipe=steeper),))
    assert column(tables.augmentations(changed), "range")[1] == "±12.5°"


def test_recipes_are_shown_as_they_were_run(study):
    made = tables.recipes(study)
    assert column(made, "pretrained on") == ["none", "none", "ImageNet", "Tiny ImageNet"]
    assert column(made, "epochs, frozen") == ["–", "–", "1", "1"]
    assert column(made, "images") == ["64"] * 4


def test_a_recipe_without_a_cap_learns_from_every_training_image(study, phantom):
    recipe = replace(study.models[0].recipe, train_images=None)
    changed = replace(study, models=(replace(study.models[0], recipe=recipe),))
    assert column(tables.recipes(changed), "images") == [str(len(phantom.train.labels))]


def test_the_provenance_names_every_run(study):
    made = tables.provenance(study)
    assert column(made, "key") == [f"[`{run.key}`]{{#{run.anchor}}}" for run in study.runs]
    assert column(made, "seed") == [str(run.seed) for run in study.runs]


def test_versions_that_differ_between_runs_are_all_shown(study):
    assert len(tables.versions(study).rows) == len(study.runs[0].manifest["versions"])
    one, other = study.model("simple-cnn").runs
    versions = other.manifest["versions"] | {"torch": "0.1"}
    changed = replace(other, manifest={**other.manifest, "versions": versions})
    model = Model(one.recipe, 1, (one, changed))
    shown = dict(tables.versions(replace(study, models=(model,))).rows)
    assert shown["torch"] == f"0.1, {one.manifest['versions']['torch']}"


def test_pretrained_weights_are_shown_with_their_digest(study):
    rows = {row[0]: row[1:] for row in tables.pretrained(study).rows}
    weights = study.model("resnet18-tiny-imagenet").pretrained
    assert rows["ResNet18 (Tiny ImageNet)"] == ("Tiny ImageNet", f"`{weights['sha256'][:16]}…`")
    assert rows["ResNet18 (ImageNet)"] == ("not run", "–")


def test_every_column_has_room_for_its_longest_word_and_long_ones_share_the_rest():
    key, prose = "[`b15facb9150a`]{#run-simple-cnn-s0}", "a sentence of some length " * 9
    made = _table.table("model | key | threads > | words", [["EfficientNet", key, "2", prose]])
    model, code, count, words = made.widths
    assert (model, count) == (len("EfficientNet") + 2, len("threads") + 2)
    assert len("b15facb9150a") < code < len(key)
    assert words > model + code
    assert sum(made.widths) <= _table.LINE + len(made.columns)
    short = _table.table("a | b >", [["one", "2"]])
    assert short.widths == (5, 3)
