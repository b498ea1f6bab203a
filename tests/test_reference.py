"""The reference record: what the seed alone changes, and a page that compares a site with it."""

import itertools
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from records import changed
from scipy import stats

from pneumo.analysis import seeds
from pneumo.base import paths
from pneumo.commands import reference as command
from pneumo.commands.main import main
from pneumo.pages import figure, fragments, references, table
from pneumo.pages.topics import FIGURES
from pneumo.record import check
from pneumo.statistics import metrics
from pneumo.study import ensemble
from pneumo.study.study import HALF, YOUDEN, evaluate

FRAGMENTS = [f"reference{part}" for part in ("", "-numbers", "-claims", "-difference", "-origin")]


@pytest.fixture(scope="module")
def real(record, tmp_path_factory):
    """The record of the tests' study, as if its data were not the phantom's."""
    return changed(record, tmp_path_factory.mktemp("real") / "tests", source="file")


@pytest.fixture
def kept(real, monkeypatch):
    """The same record as the project's reference."""
    monkeypatch.setattr(paths, "reference", lambda label="": real.path)
    return real


def said(record, name, kept):
    same = bool(kept) and references.is_same(record, kept)
    compared = references.compare(record, kept) if kept else []
    shared = references.shared_runs(record, kept) if kept else 0
    values = {"kept": kept, "same": same, "compared": compared, "shared": shared}
    return fragments.render(record, name, **values)


def test_every_run_has_its_metrics_at_both_thresholds_and_a_curve_of_its_area(study, record):
    numbers, curves = record.table("tbl-reference-seeds"), record.figure("fig-reference-curves")
    for model in ensemble.compared(study):
        for run in model.runs:
            for rule in (HALF, YOUDEN):
                rows = numbers.where(model=model.name, seed=run.seed, rule=rule.name).rows()
                found = {row["metric"]: row["value"] for row in rows}
                assert found == pytest.approx(evaluate(run, rule), nan_ok=True)
            curve = curves.where(model=model.name, seed=run.seed)
            area = np.trapezoid(curve["sensitivity"], curve["false positive rate"])
            assert area == pytest.approx(evaluate(run, HALF)["auc"])


def test_the_prediction_interval_is_the_textbooks():
    # Meeker, Hahn & Escobar's form for one further draw, from SciPy's own t interval of the mean.
    sample = np.array([49.2, 53.9, 50.0, 44.5, 52.2, 42.3, 52.3, 32.3, 48.6, 47.5])
    of_the_mean = stats.t.interval(
        0.95, len(sample) - 1, sample.mean(), stats.sem(sample) * math.sqrt(1 + len(sample))
    )
    assert seeds.expected(sample) == pytest.approx(of_the_mean)


def test_new_runs_fall_into_the_interval_as_often_as_it_says():
    draw = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        low, high = seeds.expected(draw.normal(0.9, 0.02, 5), runs=3)
        inside += low <= draw.normal(0.9, 0.02, 3).mean() <= high
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)


def test_a_record_agrees_with_the_reference_that_it_became(real):
    found = references.compare(real, real)
    assert len(found) == len(real.ran) * len(metrics.NAMES)
    assert references.shared_runs(real, real) == len(real.provenance.runs)
    for one in found:
        assert one.agrees or not one.decided
        assert one.here == pytest.approx(one.reference, nan_ok=True)


def test_a_run_under_an_earlier_key_is_the_references_too(real):
    run = real.provenance.runs[0]
    (*_, earlier) = run.earlier_keys
    before = replace(run, key=earlier, earlier_keys=[])
    assert before.is_run(run.key, run.earlier_keys)
    assert run.is_run(before.key, before.earlier_keys)
    assert not replace(before, key="0" * 12).is_run(run.key, run.earlier_keys)


def test_the_figure_and_the_tables_carry_no_mark_of_the_phantom(
    kept, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    figure(kept, "fig-reference")
    for anchor in ("tbl-reference", "tbl-reference-claims", "tbl-reference-origin"):
        table(kept, anchor)
    assert "phantom" not in capsys.readouterr().out
    canvas = FIGURES["fig-reference"](kept).canvas
    curves = [line for line in canvas.axes[0].lines if len(line.get_xdata()) > 1]
    assert len(curves) == len(kept.ran[0].seeds)


def test_the_page_reads_with_a_reference_and_without_one(record, kept):
    for name, one, found in itertools.product(FRAGMENTS, (record, kept), (kept, None)):
        text = said(one, name, found)
        assert text.strip()
        assert "None" not in text
        assert "nan" not in text


def test_every_page_of_a_phantoms_site_bears_its_mark(record, kept):
    assert "synthetic phantom, not medical data" in fragments.render(record, "notice").lower()
    assert "This page alone is about the real data" in said(record, "reference", kept)
    for page in (paths.root() / "report").glob("*.qmd"):
        text = page.read_text(encoding="utf-8")
        marks = re.findall(r'^say\((?:study|record|open_record\(\)), "(\w+)"', text, re.M)
        assert marks[:1] == ["reference" if page.stem == "reference" else "notice"], page.name


def keep(folder, record, monkeypatch, profiles=("tests",)):
    monkeypatch.setattr(command, "PROFILES", profiles)
    monkeypatch.setattr(paths, "record", lambda profile, label="": record.path)
    return main(["reference", "--profile", "tests", str(folder)])


def test_a_record_becomes_the_reference_and_keeps_what_lies_beside_it(real, tmp_path, monkeypatch):
    folder = tmp_path / "reference"
    assert keep(folder, real, monkeypatch) == 0
    (folder / "predictions" / "simple-cnn-s9.csv").touch()
    (folder / "bench.json").write_text("{}")
    assert keep(folder, real, monkeypatch) == 0
    check(folder)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {*real.sums, "SHA256SUMS", "bench.json"}


def test_what_is_no_reference_is_refused(record, real, tmp_path, monkeypatch, capsys):
    assert keep(tmp_path / "kept", record, monkeypatch) == 1
    assert "this one is of the phantom" in capsys.readouterr().err
    assert keep(tmp_path / "kept", real, monkeypatch, ("paper",)) == 1
    assert "must have the profile paper, not tests" in capsys.readouterr().err
    (tmp_path / "thesis.txt").write_text("years of work")
    assert keep(tmp_path, real, monkeypatch) == 1
    assert "holds something else" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
