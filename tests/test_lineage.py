"""What is behind a figure or a table: the runs that were read for it, and no others."""

from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from pneumo.analysis import cache as kept_module
from pneumo.analysis import intervals, reference
from pneumo.base import provenance
from pneumo.pages import figures, prose, tables
from pneumo.study import selection
from pneumo.study.study import HALF, YOUDEN


def labels(runs):
    return [run.label for run in runs]


def runs_of(*models):
    return [run.label for model in models for run in model.runs]


@pytest.mark.parametrize("name", ["manifest", "history", "predictions", "explanation"])
def test_a_run_is_noted_whenever_what_came_out_of_it_is_read(study, name):
    run = study.ran[0].run
    getattr(run, name)
    with provenance.watch() as seen:
        getattr(run, name)
    assert labels(seen.values()) == [run.label]


def test_a_run_that_is_only_named_is_not_noted(study):
    with provenance.watch() as seen:
        names = [(run.label, run.seed, run.key, run.recipe.title) for run in study.runs]
    assert names
    assert not seen


def test_reads_of_inner_watches_count_for_outer_ones_and_paused_ones_for_none(study):
    first, second, third = (model.run for model in study.ran[:3])
    with provenance.watch() as outer:
        with provenance.watch() as inner:
            assert first.history
        with provenance.unwatched():
            assert second.history
        assert third.history
    assert labels(inner.values()) == [first.label]
    assert labels(outer.values()) == [first.label, third.label]


def test_a_metric_that_is_known_already_still_has_its_run_behind_it(study):
    model = study.ran[0]
    model.mean(HALF)
    with provenance.watch() as seen:
        model.mean(HALF)
    assert labels(seen.values()) == runs_of(model)


def test_which_model_is_best_counts_for_nothing(study):
    with provenance.watch() as seen:
        selection.best(study)
    assert not seen


def test_a_figure_of_one_model_has_that_models_run_behind_it(study):
    other = study.ran[-1]
    assert labels(provenance.behind(figures.grad_cam(study, other))) == [other.run.label]


def test_a_figure_of_all_seeds_has_them_all_behind_it(study):
    cnn = study.model("simple-cnn")
    assert labels(provenance.behind(figures.cnn_curves(study))) == runs_of(cnn)


def test_a_figure_of_the_data_has_nothing_behind_it(study):
    assert provenance.behind(figures.examples(study)) == ()


@pytest.mark.parametrize("again", [False, True])
def test_what_is_kept_has_behind_it_what_it_was_computed_from(study, monkeypatch, again):
    if not again:
        monkeypatch.setattr(kept_module, "_in_memory", {})
    with provenance.watch() as seen:
        intervals.intervals(study)
    assert sorted(seen) == sorted(runs_of(*study.ran))


def test_a_table_has_the_runs_of_its_rows_behind_it(study):
    assert labels(tables.provenance(study).behind) == labels(study.runs)
    assert tables.data_counts(study).behind == ()


def test_the_ablations_have_their_own_runs_behind_them(study):
    assert sorted(labels(tables.ablations(study).behind)) == sorted(runs_of(*study.ablations))


def test_a_reference_is_behind_what_is_read_of_it():
    kept = reference.load()
    assert labels(provenance.behind(figures.reference_curves(kept))) == ["reference"]
    assert labels(tables.reference_scores(kept).behind) == ["reference"]


def test_a_caption_ends_with_every_key_and_a_link_to_its_row(study):
    figure = figures.divided(study)
    caption = prose.caption(study, "divided", figure).data
    found = BeautifulSoup(caption, "lxml").find("details")
    assert found.summary.string == f"From {len(study.ran)} runs"
    links = {link["href"].partition("#")[2]: link.code.string for link in found.find_all("a")}
    assert links == {model.run.anchor: model.run.key for model in study.ran}
    rows = prose.render(study, "runs")
    assert all(f"`{key}`]{{#{name}}}" in rows for name, key in links.items())


def test_paper_names_keys_where_they_are_few(study):
    one = prose.behind(study.runs[:1])
    assert f'(run #raw("{study.runs[0].key}"))]`{{=typst}}' in one
    many = [replace(study.runs[0], seed=seed) for seed in range(prose.FEW_RUNS + 1)]
    assert "=typst" not in prose.behind(many)
    assert prose.behind(()) == ""


def test_the_operating_point_of_a_run_is_read_from_it(study):
    model = study.ran[0]
    with provenance.watch() as seen:
        model.confusion(YOUDEN)
    assert labels(seen.values()) == [model.run.label]
