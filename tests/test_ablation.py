"""Ablations: differences with intervals, and whether a split predicts the test set."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pneumo.analysis import ablation
from pneumo.analysis.ablation import Row
from pneumo.analysis.claims import performance
from pneumo.pages import fragments
from pneumo.pages.topics import TABLES
from pneumo.record import Estimate as Interval
from pneumo.record.plain import to_plain
from pneumo.statistics import metrics


def row(change, held, test=None, model="SimpleCNN", val=0.0, reach=0.01, seeds=5):
    """A change whose differences are given, each with the same interval to either side."""
    differences = {"val": val, "held": held, "test": held if test is None else test}
    return Row(
        name=f"{model}-{change}",
        model=model,
        change=change,
        seeds=seeds,
        epochs=3,
        seconds=2.0,
        auc=dict.fromkeys(ablation.SPLITS, 0.9),
        difference={split: Interval(x, x - reach, x + reach) for split, x in differences.items()}
        if change
        else {},
    )


BASELINE = row("", 0)


def test_a_studys_rows_are_the_differences_of_its_runs(study):
    base, flips = ablation.rows(study)
    assert base.is_baseline
    assert base.difference == {}
    for split in ablation.SPLITS:
        means = []
        for name in ("simple-cnn-held-out-flips", "simple-cnn-held-out"):
            found = [run.predictions[split] for run in study.model(name).runs]
            means.append(np.mean([metrics.auc(one.labels, one.probabilities) for one in found]))
        assert flips.difference[split].value == pytest.approx(means[0] - means[1])
        assert flips.auc[split] == pytest.approx(means[0])
    assert (flips.seeds, flips.epochs) == (2, 1)


def test_the_agreements_interval_is_as_wide_as_so_few_changes_make_it():
    generator = np.random.default_rng(2)
    held, test = generator.normal(size=(2, 12))
    rows = [row(str(i), *pair) for i, pair in enumerate(zip(held, test, strict=True))]
    found = ablation.agreement(rows, "held")
    assert found.rank_correlation == pytest.approx(stats.spearmanr(held, test).statistic)
    assert found.low < found.rank_correlation < found.high
    assert found.high - found.low > 0.9
    assert ablation.agreement(rows[:4], "held") is None, "too few to speak of"


def holding(record, rows):
    """The record, with other ablations."""
    return replace(record, results={**record.results, "ablations": to_plain(rows)})


def test_the_table_marks_what_leaves_out_zero(record):
    rows = [BASELINE, row("this", 0.05, test=0.002)]
    made = TABLES["tbl-ablations"](holding(record, rows))
    first, second, below = made.rows
    assert first[0] == "**SimpleCNN**, 3 epochs"
    assert first[1:] == ("AUC 0.900", "AUC 0.900", "AUC 0.900")
    assert second == ("this", "0.000", "**+0.050**", "+0.002")
    assert below == ("", "−0.010 to +0.010", "+0.040 to +0.060", "−0.008 to +0.012")


VALUES = np.linspace(-0.05, 0.05, 10)


@pytest.mark.parametrize(
    ("test", "verdict"),
    [
        (VALUES, "supported"),
        (-VALUES, "refuted"),
        (VALUES[[4, 9, 1, 6, 3, 8, 0, 5, 7, 2]], "inconclusive"),
    ],
)
def test_the_claim_follows_the_agreement(test, verdict, study, monkeypatch):
    rows = [row(str(x), x, test=y) for x, y in zip(VALUES, test, strict=True)]
    monkeypatch.setattr(ablation, "rows", lambda study: (BASELINE, *rows))
    claim = performance.held_out_foretells_test(study)
    assert claim.verdict == verdict


def test_the_page_lists_what_was_better_worse_and_neither(record):
    rows = [BASELINE, row("flips", -0.02), row("zoom", 0.001), row("longer", 0.03)]
    said = fragments.render(holding(record, rows), "ablation-rows", rows=rows)
    assert "than the baseline:** SimpleCNN, longer (+0.030)" in said
    assert "Worse on the held-out images:** SimpleCNN, flips (−0.020)" in said
    assert "could show:** SimpleCNN, zoom (+0.001)" in said
    assert "synthetic phantom" in said.lower()
