"""Ablations, and thumbnails against larger images: differences with intervals, and what a split foretells."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from records import changed
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from pneumo.analysis import ablation, sizes, writing
from pneumo.analysis.ablation import Row
from pneumo.analysis.claims import performance
from pneumo.analysis.intervals import intervals
from pneumo.base import paths
from pneumo.data import Split
from pneumo.pages import fragments, references, showing
from pneumo.pages.topics import FIGURES, TABLES
from pneumo.record import Estimate as Interval
from pneumo.record import Part, files, finding, read
from pneumo.record.plain import to_plain
from pneumo.statistics import metrics
from pneumo.training.recipes import ABLATIONS


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
def test_the_claim_follows_the_agreement(test, verdict, study):
    """Each change's logits are the baseline's, moved by the label: the farther, the higher the AUC."""
    baseline = study.model("simple-cnn-held-out")
    models = [baseline]
    for change, *steps in zip(list(ABLATIONS.values())[1:11], VALUES, test, strict=True):
        runs = [replace(run, recipe=change.recipe) for run in baseline.runs]
        for run in runs:
            for split, step in zip(("held", "test"), steps, strict=True):
                found = run.predictions[split]
                moved = found.logits + 20 * step * np.ptp(found.logits) * (found.labels - 0.5)
                run.predictions[split] = replace(found, logits=moved)
        models.append(replace(baseline, recipe=change.recipe, runs=tuple(runs)))
    claim = performance.held_out_foretells_test(replace(study, ablations=tuple(models)))
    assert claim.verdict == verdict


def test_the_page_lists_what_was_better_worse_and_neither(record):
    rows = [BASELINE, row("flips", -0.02), row("zoom", 0.001), row("longer", 0.03)]
    said = showing.fragment_markdown(holding(record, rows), "ablation-rows", rows=rows)
    assert "than the baseline:** SimpleCNN, longer (+0.030)" in said
    assert "Worse on the held-out images:** SimpleCNN, flips (−0.020)" in said
    assert "could show:** SimpleCNN, zoom (+0.001)" in said
    assert "synthetic phantom" in said.lower()


@pytest.fixture
def make_larger(record, tmp_path, monkeypatch):
    """Writes where the record at 64 pixels is looked for: the study's own, with its logits changed."""
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path))

    def make(change=0.0, turned=False):
        head, *rows = csv.reader(io.StringIO(record.read("labels.csv").decode()))
        films = [row[3] for row in rows][:: -1 if turned else 1]
        rows = [[*row[:3], "0" * 64, film] for row, film in zip(rows, films, strict=True)]
        contents = {"labels.csv": files.table_bytes([[*head, "film"], *rows])}
        signs = np.where(record.test_labels() == 1, 1, -1)
        for name in record.sums:
            if name.startswith("predictions/"):
                model, _, seed = Path(name).stem.rpartition("-s")
                logits = logit(record.probabilities(model, int(seed))) + change * signs
                contents[name] = files.table_bytes(enumerate(map(float, expit(logits))))
        folder = paths.record(record.profile.name, paths.label(record.data.dataset, 64))
        return changed(record, folder, contents=contents, size=64, source="file")

    return make


def test_a_larger_study_of_the_same_films_is_found_and_another_is_not(real_study, make_larger):
    assert sizes.part(real_study).answers == {"sizes": None}
    make_larger(turned=True)
    assert sizes.part(real_study).answers == {"sizes": None}
    make_larger()
    part = sizes.part(real_study)
    assert part.answers["sizes"].size == 64
    for row in part.tables["tbl-size"].rows():  # the same predictions
        assert row["difference"] == pytest.approx(0, abs=1e-12)
        assert row["smaller"] == pytest.approx(row["larger"])
        if row["model"] == "ensemble":  # one score, so no seed is drawn for either
            assert np.isnan(row["low"])


def test_values_and_differences_are_those_of_the_predictions(real_study, make_larger):
    larger = make_larger(0.4)
    part = sizes.part(real_study)
    labels, answer = real_study.data.test.labels, part.answers["sizes"]
    for model in real_study.ran:
        (row,) = part.tables["tbl-size"].where(model=model.name, metric="auc").rows()
        own = [roc_auc_score(labels, run.predictions["test"].logits) for run in model.runs]
        others = [
            roc_auc_score(labels, larger.probabilities(model.name, run.seed)) for run in model.runs
        ]
        assert row["smaller"] == pytest.approx(np.mean(own))
        assert row["larger"] == pytest.approx(np.mean(others))
        assert row["difference"] == pytest.approx(np.mean(others) - np.mean(own))
        assert row["low"] <= row["difference"] <= row["high"]
    assert answer.higher >= 1
    assert answer.lower == 0


def test_the_interval_is_paired_by_patient(real_study, make_larger):
    """Both sizes rise and fall with the patients drawn, so their difference varies less than either."""
    make_larger(0.05)
    table = sizes.part(real_study).tables["tbl-size"]
    (area,) = table.where(model="ensemble", metric="auc").rows()
    alone = intervals(real_study)["ensemble"]["half"]["auc"]
    assert area["high"] - area["low"] < 0.5 * (alone.high - alone.low)


def test_labels_of_larger_images_name_the_thumbnails_of_their_films(phantom, study, tmp_path):
    splits = {
        name: Split(np.kron(split.images, np.ones((2, 2), np.uint8)), split.labels)
        for name, split in phantom.splits.items()
    }
    larger = replace(phantom, **splits, source="file", size=56)
    small = {name: split.images for name, split in phantom.splits.items()}
    vars(larger)["thumbnails"] = small
    head, *rows = writing._labels(replace(study, data=larger))
    assert head[-1] == "film"
    plain_head, *plain = writing._labels(study)
    assert "film" not in plain_head
    assert [row[-1] for row in rows] == [row[-1] for row in plain]


def test_the_page_shows_both_sizes_and_which_goals_were_met(real_study, make_larger, record):
    make_larger(0.4)
    written = changed(record, paths.record("tests"), sizes.part(real_study), source="file")
    assert finding.larger("tests", "pneumoniamnist", written.test_digests())
    answer = written.sizes
    assert FIGURES["fig-size"](written).alt.count(" to ") >= answer.models
    assert len(TABLES["tbl-size"](written).rows) == answer.models * len(sizes.METRICS)
    goals = TABLES["tbl-goals"](written).rows
    assert {row[0] for row in goals} == {"28", "64"}
    for row in goals:
        assert row[-1] == ("yes" if float(row[4]) >= float(row[3].removeprefix("≥ ")) else "no")
    assert "64×64" in fragments.render(written, "size", sizes=answer)
    assert "no case is there twice" in fragments.render(record, "size", sizes=None)
    assert "--size 64" in fragments.render(written, "size", sizes=None)


def test_a_reference_without_ablations_lends_none_to_a_report_of_its_size(record, tmp_path):
    larger = changed(record, tmp_path / "larger", Part({"ablations": []}), size=64, source="file")
    assert not references.reference(larger).has("ablations")
    assert references.with_ablations(larger) is larger


def test_the_two_records_of_the_project_belong_together():
    larger = read(paths.reference("pneumoniamnist-64"))
    assert read(paths.reference()).sizes.record == larger.sums["results.json"]
