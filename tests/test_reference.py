"""The reference study: numbers that lose nothing in writing, and that other studies are held against."""

import csv
import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text
from scipy import stats

from pneumo.analysis import reference, results
from pneumo.analysis.reference import CONTENT, ReferenceStudyError
from pneumo.base import paths
from pneumo.commands.main import main
from pneumo.pages import figures, prose, style, tables
from pneumo.statistics import metrics
from pneumo.study import ensemble
from pneumo.study.study import HALF, RULES, threshold
from pneumo.training import recipes, runs
from pneumo.training.recipes import RECIPES

FRAGMENTS = (
    "reference",
    "reference-numbers",
    "reference-claims",
    "reference-difference",
    "reference-origin",
)


@pytest.fixture(scope="module")
def marked_real(study):
    """The tests' study, as if its data were not the phantom's."""
    return replace(study, data=replace(study.data, source="file"))


@pytest.fixture(scope="module")
def written(marked_real, tmp_path_factory):
    return reference.write(marked_real, tmp_path_factory.mktemp("kept") / "reference", ("tests",))


def texts(canvas):
    return " ".join(text.get_text() for text in canvas.findobj(Text))


def test_a_reference_holds_numbers_and_nothing_else(written, study):
    assert {path.name for path in written.path.iterdir()} == set(CONTENT)
    names = {f"{run.recipe.name}-s{run.seed}.csv" for model in study.ran for run in model.runs}
    for folder, more in (("predictions", {"ensemble-s0.csv"}), ("histories", set())):
        assert {path.name for path in (written.path / folder).iterdir()} == names | more
    assert [path.name for path in written.path.parent.iterdir()] == ["reference"]


def test_its_results_are_those_of_a_site_without_an_engine(written, marked_real):
    expected = results.summarise(marked_real, "none")
    told = dict(written.results)
    assert len(told.pop("written")) == len("2026-01-31")
    assert told.pop("engine") is None
    expected.pop("engine")
    assert told == json.loads(json.dumps(expected))


def test_a_loaded_reference_gives_every_metric_as_the_runs_do(written, marked_real):
    loaded = reference.load(written.path)
    assert loaded.models == (*(model.name for model in marked_real.ran), "ensemble")
    np.testing.assert_array_equal(loaded.labels, marked_real.data.test.labels)
    for model in ensemble.compared(marked_real):
        for run, found in zip(model.runs, loaded.at_half[model.name], strict=True):
            test = run.predictions["test"]
            exact = metrics.evaluate(test.labels, test.probabilities, metrics.HALF)
            assert found == pytest.approx(exact, abs=1e-6, nan_ok=True)


def test_trimmed_probabilities_keep_every_call_and_the_area(marked_real):
    for run in (run for model in marked_real.ran for run in model.runs):
        test = run.predictions["test"]
        kept = np.array(reference.trimmed(run), float)
        for rule in RULES:
            at = threshold(run, rule)
            np.testing.assert_array_equal(kept >= at, test.probabilities >= at)
        assert metrics.auc(test.labels, kept) == pytest.approx(
            metrics.auc(test.labels, test.probabilities)
        )


def test_probabilities_near_one_keep_the_digits_that_tell_them_apart(write_run):
    close = ([0, 1, 0, 1], [0.1, 1 - 1e-9, 1 - 2e-9, 0.9])
    run = write_run(RECIPES["simple-cnn"], close, close)
    kept = [float(text) for text in reference.trimmed(run)]
    assert kept[1] > kept[2]
    assert reference.trimmed(run)[0] == "0.1"


def test_histories_are_those_of_the_runs(written, marked_real):
    run = marked_real.runs[0]
    path = written.path / "histories" / f"{run.recipe.name}-s{run.seed}.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["stage"] for row in rows] == [row["stage"] for row in run.history]
    assert float(rows[0]["val_loss"]) == pytest.approx(run.history[0]["val_loss"], rel=1e-5)


def test_the_phantom_is_no_reference(study, tmp_path):
    with pytest.raises(ReferenceStudyError, match="this one is of the phantom"):
        reference.write(study, tmp_path / "reference", ("tests",))
    assert not list(tmp_path.iterdir())


def test_a_study_of_another_profile_is_no_reference(marked_real, tmp_path):
    with pytest.raises(ReferenceStudyError, match="of the profile paper, not tests"):
        reference.write(marked_real, tmp_path / "reference")
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_else_is_left_alone(marked_real, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ReferenceStudyError, match="holds something else"):
        reference.write(marked_real, tmp_path, ("tests",))
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_new_reference_replaces_the_old_whole(written, marked_real, tmp_path):
    folder = tmp_path / "reference"
    shutil.copytree(written.path, folder)
    (folder / "predictions" / "simple-cnn-s9.csv").touch()
    again = reference.write(marked_real, folder, ("tests",))
    assert again.results == written.results
    assert not (folder / "predictions" / "simple-cnn-s9.csv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["reference"]


def test_a_writing_that_fails_leaves_the_old_reference(written, marked_real, tmp_path):
    folder = tmp_path / "reference"
    shutil.copytree(written.path, folder)
    gone = replace(marked_real.models[0].runs[0], path=tmp_path / "nowhere")
    broken = replace(marked_real.models[0], runs=(gone,))
    with pytest.raises(runs.RunError):
        reference.write(replace(marked_real, models=(broken,)), folder, ("tests",))
    assert reference.load(folder).results == written.results
    assert [path.name for path in tmp_path.iterdir()] == ["reference"]


def test_where_there_is_none_there_is_none(tmp_path):
    assert reference.load(tmp_path / "reference") is None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda told: told | {"schema": 99}, "a newer version of pneumo .*; update pneumo"),
        (lambda told: told | {"schema": 0}, "an older version of pneumo .*`pneumo reference`"),
        (lambda told: told | {"data": {"source": "phantom"}}, "is of the phantom"),
        (lambda _: {}, "is damaged"),
        (lambda _: [], "is damaged"),
    ],
)
def test_results_that_cannot_be_used_are_named(damage, said, written, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(damage(dict(written.results))))
    reference.write_digests(tmp_path)
    with pytest.raises(ReferenceStudyError, match=said) as raised:
        reference.load(tmp_path)
    assert str(path) in str(raised.value)


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("text", ["", "0,0.5\n2,0.5\n", "0,half\n", "0.5\n", "0,0.5\n"])
def test_predictions_that_cannot_be_used_are_named(text, written, tmp_path):
    shutil.copytree(written.path, tmp_path / "reference")
    path = tmp_path / "reference" / "predictions" / "simple-cnn-s1.csv"
    path.write_text(text)
    reference.write_digests(path.parents[1])
    with pytest.raises(ReferenceStudyError, match=r"simple-cnn-s1\.csv (is damaged|has 1 lines)"):
        _ = reference.load(tmp_path / "reference").predictions


def test_a_study_agrees_with_the_reference_that_it_became(written, marked_real):
    found = written.compare(marked_real)
    assert len(found) == len(marked_real.ran) * len(metrics.NAMES)
    assert written.shared_runs(marked_real) == len(marked_real.runs)
    for one in found:
        assert one.agrees or not one.decided
        assert one.here == pytest.approx(one.reference, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize(("shift", "agrees"), [(0.0, True), (0.004, True), (0.02, False)])
def test_a_study_agrees_as_far_as_the_seeds_differ(shift, agrees, written, marked_real):
    model = marked_real.model("simple-cnn")
    single = replace(model, runs=model.runs[:1])
    here = single.mean(HALF)
    seeds = tuple(
        {name: here[name] + shift + step / 1000 for name in metrics.NAMES} for step in range(-2, 3)
    )
    kept = replace(written)
    kept.__dict__["at_half"] = {"simple-cnn": seeds}
    found = {one.metric: one for one in kept.compare(replace(marked_real, models=(single,)))}
    assert found["auc"].decided
    assert found["auc"].agrees == agrees


def test_a_model_that_the_reference_lacks_is_not_compared(written, marked_real):
    lacking = replace(
        written,
        results=written.results
        | {"models": {"simple-cnn": written.results["models"]["simple-cnn"]}},
    )
    assert {one.model for one in lacking.compare(marked_real)} == {"simple-cnn"}


def test_the_prediction_interval_is_the_textbooks():
    # Meeker, Hahn & Escobar's form for one further draw, from SciPy's own t interval of the mean.
    sample = np.array([49.2, 53.9, 50.0, 44.5, 52.2, 42.3, 52.3, 32.3, 48.6, 47.5])
    of_the_mean = stats.t.interval(
        0.95, len(sample) - 1, sample.mean(), stats.sem(sample) * math.sqrt(1 + len(sample))
    )
    assert reference.expected(sample) == pytest.approx(of_the_mean)


def test_new_runs_fall_into_the_interval_as_often_as_it_says():
    draw = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        low, high = reference.expected(draw.normal(0.9, 0.02, 5), runs=3)
        inside += low <= draw.normal(0.9, 0.02, 3).mean() <= high
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.integers(1, 5), st.randoms())
def test_the_interval_lies_around_the_mean_and_not_in_any_order(values, count, shuffle):
    low, high = reference.expected(values, count)
    assert low <= np.mean(values) + 1e-12
    assert high >= np.mean(values) - 1e-12
    shuffle.shuffle(values)
    assert reference.expected(values, count) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize("values", [[], [0.5], [0.5, math.nan]])
def test_too_little_gives_no_interval(values):
    assert all(math.isnan(end) for end in reference.expected(values))


def test_the_tables_hold_the_results_numbers(written):
    shown = {row[0]: row for row in tables.reference_scores(written).rows}
    points = tables.reference_points(written).rows
    for name, model in written.results["models"].items():
        row = shown[recipes.title(name)]
        if name not in written.models:
            assert row[2:] == ("not run", "–", "–")
            continue
        assert row[3].startswith(f"{model['test_at_half']['auc']['mean']:.3f}")
        at_half = next(row for row in points if row[0] == recipes.title(name))
        assert at_half[5].startswith(f"{model['test_at_half']['specificity']['mean']:.3f}")


def test_an_interval_is_shown_where_there_is_one(written):
    told = json.loads(json.dumps(written.results))
    told["models"]["simple-cnn"]["test_at_half"]["auc"] = {"mean": 0.9, "low": 0.85, "high": 0.95}
    row = tables.reference_scores(replace(written, results=told)).rows[0]
    assert row[3] == "0.900 (0.85–0.95)"


def test_the_origin_names_profile_data_and_versions(written, study):
    rows = dict(tables.reference_origin(written).rows)
    assert rows["profile"] == "`tests`"
    assert rows["seeds"] == "0, 1"
    assert rows["fingerprint of the data"] == f"`{study.data.fingerprint}`"
    assert rows["torch"] == study.runs[0].manifest["versions"]["torch"]


def test_the_difference_is_this_sites_less_the_references(written, marked_real):
    first = written.results["models"]["simple-cnn"]["test_at_half"]["auc"]["mean"]
    single = replace(
        marked_real,
        models=tuple(replace(model, runs=model.runs[:1]) for model in marked_real.models),
    )
    rows = tables.reference_difference(single, written).rows
    here = single.model("simple-cnn").mean(HALF)["auc"]
    assert [row[1] for row in rows[:3]] == ["reference", "this site", "difference"]
    assert rows[0][3] == f"{first:.3f}"
    assert rows[1][3] == f"{here:.3f}"
    assert rows[2][3].strip("*") == tables.signed(here - first)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.01, "+0.010"), (-0.01, "-0.010"), (-0.0001, "0.000"), (math.nan, "–")]
)
def test_a_difference_has_a_sign_unless_it_rounds_to_nothing(value, shown):
    assert tables.signed(value) == shown


def test_the_curves_carry_no_mark_of_the_phantom(written):
    canvas = figures.reference_curves(written)
    assert canvas.get_figwidth() == style.WIDTH
    assert "phantom" not in texts(canvas)
    assert RECIPES["simple-cnn"].title in texts(canvas)
    panel = canvas.axes[0]
    curves = [line for line in panel.lines if len(line.get_xdata()) > 1]
    assert len(curves) == len(written.predictions["simple-cnn"])


def test_without_a_reference_the_figure_says_so():
    assert "no reference study" in texts(figures.reference_curves(None))


@pytest.mark.parametrize("name", FRAGMENTS)
def test_the_page_reads_with_a_reference_and_without_one(name, study, marked_real, written):
    for one in (study, marked_real):
        for kept in (written, None):
            said = prose.render(one, name, {"reference": kept})
            assert said.strip()
            assert "None" not in said
            assert "nan" not in said.replace("finance", "")
    assert "No reference study" in prose.render(study, "reference", {"reference": None})


def test_on_the_phantoms_site_the_page_is_headed_as_the_real_ones(study, marked_real, written):
    said = prose.render(study, "reference", {"reference": written})
    assert "This page alone is about the real data" in said
    assert "synthetic phantom, not medical data" in said
    assert "phantom" not in prose.render(marked_real, "reference", {"reference": written})


def test_the_phantoms_numbers_are_not_set_beside_the_references(study, written):
    said = prose.render(study, "reference-difference", {"reference": written})
    assert "tbl-" not in said


def test_the_words_on_agreement_follow_the_comparison(marked_real, written):
    said = prose.render(marked_real, "reference-difference", {"reference": written})
    assert "agree within the spread of the seeds" in said
    other = replace(marked_real, data=replace(marked_real.data, fingerprint="0" * 64))
    said = prose.render(other, "reference-difference", {"reference": written})
    assert "The data are not the same" in said


def test_the_project_keeps_its_reference_with_the_report():
    assert paths.reference().parent == paths.root() / "report"


def test_the_projects_reference_if_there_is_one_is_the_published_datas():
    kept = reference.load()
    if kept is not None:
        assert kept.is_published
        assert kept.results["profile"] in reference.PROFILES
        files = [path for path in kept.path.rglob("*") if path.is_file()]
        others = (reference.DIGESTS, reference.LOCK)
        assert {path.suffix for path in files if path.name not in others} == {".json", ".csv"}
        assert sum(path.stat().st_size for path in files) < 3e6


def test_the_command_refuses_the_phantom(study, home, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("PNEUMO_HOME", str(home))
    command = ["reference", "--profile", "tests", str(tmp_path / "kept")]
    assert main(command) == 1
    assert "this one is of the phantom" in capsys.readouterr().err
    assert not (tmp_path / "kept").exists()
