"""Results of others beside this report's, and what choosing on the test set would have given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pneumo.analysis import seeds
from pneumo.base import paths
from pneumo.pages import fragments, published
from pneumo.pages.topics import TABLES
from pneumo.study import ensemble
from pneumo.study.study import HALF, evaluate


def test_published_results_name_a_source_in_the_bibliography_and_what_was_checked():
    library = (paths.root() / "report" / "references.bib").read_text(encoding="utf-8")
    found = published.results("pneumoniamnist")
    assert {one.selected_on for one in found} == {"validation", "test", "not said"}
    for one in found:
        assert f"{{{one.source}," in library
        assert one.checked
        assert 0.5 < one.accuracy < 1


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9)), min_size=2, max_size=40))
def test_no_threshold_is_better_than_the_best(cases):
    labels = np.array([0, 1, *(label for label, _ in cases)], dtype=np.uint8)
    probabilities = np.array([5, 5, *(score for _, score in cases)]) / 10
    every = [np.mean((probabilities >= threshold) == labels) for threshold in np.arange(12) / 10]
    assert seeds.best_accuracy(labels, probabilities) == pytest.approx(max(every))


def test_choosing_on_the_test_set_never_reports_less(study, record):
    rows = {row["model"]: row for row in record.table("tbl-hindsight").rows()}
    for model in ensemble.compared(study):
        row = rows[model.name]
        accuracies = [evaluate(run, HALF)["accuracy"] for run in model.runs]
        assert row["accuracy at 0.5"] == pytest.approx(np.mean(accuracies))
        assert row["accuracy at 0.5, best seed"] == pytest.approx(max(accuracies))
        assert row["accuracy, best threshold and seed"] >= row["accuracy, best threshold"]
        assert row["accuracy, best threshold"] >= row["accuracy at 0.5"]
    answer = record.hindsight
    assert answer.accuracy == max(row["accuracy, best threshold and seed"] for row in rows.values())
    words = fragments.render(record, "hindsight", hindsight=answer, found=[])
    assert f"{answer.accuracy:.3f}" in words
    assert len(TABLES["tbl-hindsight"](record).rows) == len(rows)
