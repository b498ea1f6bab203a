"""Tables: rows that fit their columns, and cells that say what the runs say."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pneumo.analysis import (
    baselines,
    calibration,
    comparison,
    decisions,
    intervals,
    mistakes,
)
from pneumo.pages import tables
from pneumo.pages.tables import Table, TableError, _table
from pneumo.statistics import metrics
from pneumo.study import ensemble, selection
from pneumo.study.study import HALF, RULES, YOUDEN, Model, Study
from pneumo.training.recipes import RECIPES, Profile

TABLES = (
    tables.comparison,
    tables.beside_source,
    tables.operating_points,
    tables.validation_and_test,
    tables.shift_changes,
    tables.shift_tests,
    tables.shift_scores,
    tables.shift_losses,
    tables.calibrations,
    tables.prevalences,
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


def test_the_comparison_holds_every_model_and_baseline_at_one_half(study):
    made = tables.comparison(study)
    found = intervals.intervals(study)
    rows = iter(made.rows)
    for model in study.models:
        row = next(rows)
        assert row[:2] == (model.title, f"{model.parameters:,}")
        if not model.ran:
            assert row[2:] == ("not run", *["–"] * (len(metrics.NAMES) - 1))
            continue
        below = next(rows)
        mean = model.mean(HALF)
        for place, name in enumerate(metrics.NAMES, start=2):
            assert row[place].rstrip("†‡") == tables.number(mean[name]), name
            bounds = found[model.name]["half"][name]
            if not math.isnan(mean[name]):
                expected = f"{bounds.low:.2f}–{bounds.high:.2f}".replace("0.", ".")
                assert below[place] == expected
    together = ensemble.combine(study)
    row = next(rows)
    assert row[:2] == (together.title, f"{together.parameters:,}")
    assert row[3] == tables.number(together.mean(HALF)["auc"])
    next(rows)
    for baseline in baselines.predictions(study):
        assert next(rows)[:2] == (baseline.title, "–")
        next(rows)
    assert not list(rows)


def test_a_mark_says_that_a_model_differs_from_the_best_one(black, write_run):
    labels = [0, 1] * 100
    generator = np.random.default_rng(0)
    plain, shift = generator.normal(size=200), np.tile([-2.0, 2.0], 100)
    strong = (labels, metrics.probabilities(plain + shift))
    weak = (labels, metrics.probabilities(plain + 0.1 * shift))
    models = []
    for name, test in (
        ("simple-cnn", strong),
        ("resnet18-scratch", weak),
        ("resnet18-imagenet", strong),
    ):
        run = write_run(RECIPES[name], strong if test is strong else weak, test)
        models.append(Model(RECIPES[name], 1, (run,)))
    study = Study(Profile("made", (), (0,)), black(strong, strong), tuple(models))
    assert tables.different_from_best(study) == {
        "resnet18-scratch": {"auc": "†", "accuracy": "‡"},
        "resnet18-imagenet": {},
    }
    marked = tables.comparison(study).rows[2]
    assert (marked[2][-1], marked[3][-1]) == ("‡", "†")


def test_every_pair_of_models_has_a_row(study):
    made = tables.all_pairs(study)
    assert len(made.rows) == len(comparison.pairs(study))
    assert made.rows[0][0] == study.ran[0].title


def test_the_source_write_up_stands_beside_what_was_measured(study):
    made = tables.beside_source(study)
    reported = [row for row in made.rows if row[1] == "reported"]
    assert [row[0] for row in reported] == [RECIPES[name].title for name in tables.SOURCE_WRITE_UP]
    ours = made.rows[1]
    assert ours[1] == "measured here"
    assert ours[3] == f"{study.model('simple-cnn').mean(HALF)['auc']:.3f}"


def test_operating_points_count_every_test_case_once(study, phantom):
    made = tables.operating_points(study)
    assert len(made.rows) == len(RULES) * len(ensemble.compared(study))
    for row in made.rows:
        counts = dict(zip(made.columns, row, strict=True))
        cases = [int(counts[name]) for name in ("TP", "FN", "FP", "TN")]
        assert sum(cases) == len(phantom.test.labels)
        assert counts["sensitivity"].startswith(f"{cases[0] / (cases[0] + cases[1]):.2f} (")
        assert counts["specificity"].startswith(f"{cases[3] / (cases[2] + cases[3]):.2f} (")


def test_predictive_values_are_those_of_the_counts(study):
    made = tables.predictive_values(study)
    assert len(made.rows) == len(RULES) * len(ensemble.compared(study))
    for place, model in enumerate(ensemble.compared(study)):
        counts = model.confusion(YOUDEN)
        row = dict(zip(made.columns, made.rows[len(RULES) * place + 1], strict=True))
        assert row["PPV"].startswith(tables.number(counts.precision, 2))
        assert row["NPV"].startswith(tables.number(counts.negative_predictive_value, 2))


def test_validation_and_test_are_set_side_by_side_at_one_threshold(study):
    made = tables.validation_and_test(study)
    model = study.ran[0]
    row = made.rows[0]
    assert row[:2] == (model.title, "Youden's J")
    found = {}
    for split in ("val", "test"):
        predictions = model.run.predictions[split]
        called = predictions.probabilities >= model.thresholds(YOUDEN)[0]
        sick = predictions.labels == 1
        found[split] = called[sick].mean(), (~called[~sick]).mean()
    for place in (0, 1):
        promised, kept, off = row[2 + 3 * place : 5 + 3 * place]
        assert promised == f"{found['val'][place]:.3f}"
        assert kept == f"{found['test'][place]:.3f}"
        assert off == tables.signed(found["test"][place] - found["val"][place])


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


def test_models_are_ranked_by_what_they_reach_on_test(study):
    ranked = [model.mean(HALF)["auc"] for model in tables.ranked(study, "auc")]
    assert ranked == sorted(ranked, reverse=True)
    assert len(ranked) == len(study.ran)


def test_shared_mistakes_count_every_test_case_once(study):
    made = tables.shared_mistakes(study)
    assert column(made, "models that err") == [str(k) for k in range(len(study.ran) + 1)]
    for name, count in study.data.counts()["test"].items():
        assert sum(map(int, column(made, name))) == count
        expected = sum(map(float, column(made, f"{name}, if independent")))
        assert expected == pytest.approx(count, abs=0.3)  # a rounding in each row


def test_flips_are_counted_where_there_are_seeds_to_disagree(study):
    made = tables.flips(study)
    assert column(made, "model") == [model.title for model in study.ran]
    for model, normal, pneumonia in zip(
        study.ran, column(made, "normal"), column(made, "pneumonia"), strict=True
    ):
        assert int(normal) + int(pneumonia) == len(mistakes.flipping(model))
    one = replace(study, models=tuple(Model(m.recipe, 1, m.runs[:1]) for m in study.ran))
    assert set(column(tables.flips(one), "normal")) == {tables.DASH}


def test_calibration_stands_by_split_before_and_after(study):
    made = tables.calibrations(study)
    assert len(made.rows) == 4 * len(study.ran)
    found = calibration.summary(study.ran[0])
    for row, split, when in zip(
        made.rows, ("val", "val", "test", "test"), ("before", "after") * 2, strict=False
    ):
        shown = dict(zip(made.columns, row, strict=True))
        one = found[split][when]
        assert shown["Brier"] == f"{one['brier']:.3f}"
        assert shown["ECE"] == f"{one['ece']:.3f}"
    assert [row[2] for row in made.rows[:2]] == ["1.00", f"{found['temperature']:.2f}"]


def test_an_infinite_slope_is_shown_as_such(phantom, write_run):
    separated = ([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.8])
    model = Model(
        RECIPES["simple-cnn"], 1, (write_run(RECIPES["simple-cnn"], separated, separated),)
    )
    made = tables.calibrations(Study(Profile("made", ("simple-cnn",), (0,)), phantom, (model,)))
    assert set(column(made, "slope")) == {"∞"}
    assert set(column(made, "intercept")) == {tables.DASH}


def test_predictive_values_stand_by_operating_point_and_prevalence(study):
    made = tables.prevalences(study)
    assert len(made.rows) == len(RULES) * len(decisions.PREVALENCES)
    counts = selection.best(study).confusion(RULES[0])
    for row, prevalence in zip(made.rows, decisions.PREVALENCES, strict=False):
        among = decisions.frequencies(counts, prevalence)
        assert row[1] == f"{100 * prevalence:g} %"
        assert row[4:] == (str(among.called), str(among.alarms), str(among.missed))


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
