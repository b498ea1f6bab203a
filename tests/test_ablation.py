"""What each choice is worth: differences with intervals, and whether a split foretells the test set."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pneumo.analysis import ablation
from pneumo.analysis.ablation import Row
from pneumo.analysis.claims import performance
from pneumo.pages import fragments
from pneumo.pages.figures import FIGURES
from pneumo.pages.tables import TABLES
from pneumo.record import Estimate as Interval
from pneumo.record.plain import to_plain
from pneumo.statistics import clusters, influence, metrics


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
    assert base.model == "SimpleCNN"
    assert not flips.is_baseline
    for split in ablation.SPLITS:
        means = []
        for name in ("simple-cnn-held-out-flips", "simple-cnn-held-out"):
            found = [run.predictions[split] for run in study.model(name).runs]
            means.append(np.mean([metrics.auc(one.labels, one.probabilities) for one in found]))
        assert flips.difference[split].value == pytest.approx(means[0] - means[1])
        assert flips.auc[split] == pytest.approx(means[0])
        assert flips.difference[split].low < flips.difference[split].value
    assert flips.seeds == 2
    assert flips.epochs == 1


@pytest.mark.parametrize(
    ("held", "verdict"), [(0.02, "better"), (-0.02, "worse"), (0.005, "no different")]
)
def test_the_verdict_is_where_the_held_out_interval_lies(held, verdict):
    assert row("x", held, test=-held).verdict == verdict
    assert BASELINE.verdict == ""


def difference(labels, first, second):
    """Of mean AUCs, over cases and seeds."""
    areas = influence.auc(labels, first), influence.auc(labels, second)
    return areas[0].apart(areas[1]).estimate(np.arange(len(labels)))


def test_one_run_each_gives_delongs_interval():
    generator = np.random.default_rng(0)
    labels = (np.arange(300) % 3 == 0).astype(np.uint8)
    ours, theirs = (labels + scale * generator.normal(size=300) for scale in (1, 1.5))
    found = difference(labels, ours[None], theirs[None])
    test = clusters.delong(labels, ours, theirs, np.arange(300))
    assert found.value == pytest.approx(test.difference)
    assert (found.low, found.high) == pytest.approx(test.interval(), abs=0.001)


def test_the_interval_covers_the_truth_with_cases_and_seeds_drawn_anew():
    """Two recipes that are equally good: zero lies outside seldom enough, and not never."""
    generator, outside, turns = np.random.default_rng(1), 0, 300
    labels = np.repeat(np.array([0, 1], np.uint8), 60)
    for _ in range(turns):
        case = generator.normal(size=120)  # how hard a case is, for all
        scores = [
            (1 + 0.4 * generator.normal(size=(5, 1))) * labels
            + 0.6 * case
            + 0.5 * generator.normal(size=(5, 120))
            for _ in range(2)
        ]
        found = difference(labels, *scores)
        outside += not found.low <= 0 <= found.high
    assert 0 < outside / turns < 0.07


def test_placements_average_to_the_auc():
    labels = np.array([0, 1, 0, 1, 1, 0])
    scores = np.array([[0.1, 0.9, 0.5, 0.5, 0.2, 0.3], [3, 2, 1, 1, 2, 3.0]])
    by_positive, by_negative = metrics.placements(labels, scores)
    for place, one in enumerate(scores):
        expected = metrics.auc(labels, metrics.probabilities(one))
        assert by_positive[place].mean() == pytest.approx(expected)
        assert by_negative[place].mean() == pytest.approx(expected)


def test_a_split_that_ranks_as_test_does_foretells_it():
    rows = [row(str(x), x, test=x**3, val=-x) for x in np.linspace(-1, 1, 9)]
    held, val = (ablation.agreement([BASELINE, *rows], split) for split in ("held", "val"))
    assert held.rank_correlation == pytest.approx(1)
    assert held.low > 0
    assert val.rank_correlation == pytest.approx(-1)
    assert val.high < 0


def test_the_agreements_interval_is_as_wide_as_so_few_changes_make_it():
    generator = np.random.default_rng(2)
    held, test = generator.normal(size=(2, 12))
    rows = [row(str(i), *pair) for i, pair in enumerate(zip(held, test, strict=True))]
    found = ablation.agreement(rows, "held")
    assert found.rank_correlation == pytest.approx(stats.spearmanr(held, test).statistic)
    assert found.low < found.rank_correlation < found.high
    assert found.high - found.low > 0.9


def test_of_a_few_changes_no_agreement_is_spoken():
    assert ablation.agreement([BASELINE, *(row(str(i), i) for i in range(4))], "held") is None


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
    assert below == ("", "-0.010 to +0.010", "+0.040 to +0.060", "-0.008 to +0.012")


def test_the_figure_has_a_panel_a_model_and_a_row_a_change(record):
    other = "ResNet18 (scratch)"
    rows = [BASELINE, row("a", 0.1), row("b", -0.1)]
    rows += [row("", 0, model=other), row("c", 0, model=other)]
    canvas = FIGURES["fig-ablations"](holding(record, rows)).canvas
    assert [axes.get_title(loc="left") for axes in canvas.axes] == ["SimpleCNN", other]
    ticks = [[text.get_text() for text in axes.get_yticklabels()] for axes in canvas.axes]
    assert ticks == [["a", "b"], ["c"]]
    empty = FIGURES["fig-ablations"](holding(record, [])).canvas
    assert "no ablations" in empty.texts[-1].get_text()


def with_rows(monkeypatch, rows):
    monkeypatch.setattr(ablation, "rows", lambda study: tuple(rows))


def test_the_claim_follows_the_agreement(study, monkeypatch):
    def verdict(rows):
        with_rows(monkeypatch, [BASELINE, *rows])
        (claim,) = performance.held_out_foretells_test(study)
        return claim.verdict

    values = np.linspace(-0.05, 0.05, 10)
    assert verdict([row(str(x), x, val=x) for x in values]) == "supported"
    assert verdict([row(str(x), x, test=-x) for x in values]) == "refuted"
    shuffled = values[[4, 9, 1, 6, 3, 8, 0, 5, 7, 2]]
    assert verdict(
        [row(str(x), x, test=y) for x, y in zip(values, shuffled, strict=True)]
    ) == "inconclusive"  # fmt: skip


def test_the_page_lists_what_was_better_worse_and_neither(record):
    rows = [BASELINE, row("flips", -0.02), row("zoom", 0.001), row("longer", 0.03)]
    said = fragments.render(holding(record, rows), "ablation-rows", rows=rows)
    assert "than the baseline:** SimpleCNN, longer (+0.030)" in said
    assert "Worse on the held-out images:** SimpleCNN, flips (-0.020)" in said
    assert "could show:** SimpleCNN, zoom (+0.001)" in said
    assert "synthetic phantom" in said.lower()
