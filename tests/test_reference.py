"""Prose that verdicts choose, a site beside the reference record, results of others, and guidelines."""

import itertools
import math
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import changed
from scipy import stats

from pneumo.analysis import seeds
from pneumo.base import paths
from pneumo.commands.main import main
from pneumo.pages import figure, fragments, guidelines, published, references, showing, table
from pneumo.pages.guidelines import JUDGEMENTS, NAMES, REPORTING, GuidelineError
from pneumo.pages.topics import FIGURES, TABLES
from pneumo.record import check, read
from pneumo.statistics import metrics
from pneumo.study import ensemble
from pneumo.study.study import HALF, YOUDEN, evaluate

FRAGMENTS = [f"reference{part}" for part in ("", "-numbers", "-claims", "-difference", "-origin")]


@pytest.fixture(scope="module")
def real(record, tmp_path_factory):
    """The record of the tests' study, as if its data were not the phantom's."""
    return changed(record, tmp_path_factory.mktemp("real") / "tests", source="file")


@pytest.fixture(scope="module")
def ours():
    """The project's reference record."""
    return read(paths.reference())


def said(record, name, ours):
    same = bool(ours) and references.is_same(record, ours)
    compared = references.compare(record, ours) if ours else []
    shared = references.shared_runs(record, ours) if ours else 0
    values = {"kept": ours, "same": same, "compared": compared, "shared": shared}
    return showing.fragment_markdown(record, name, **values)


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


def test_figure_and_tables_carry_no_mark_of_the_phantom(ours, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figure(ours, "fig-reference")
    for anchor in ("tbl-reference", "tbl-reference-claims", "tbl-reference-origin"):
        table(ours, anchor)
    assert "phantom" not in capsys.readouterr().out
    canvas = FIGURES["fig-reference"](ours).canvas
    curves = [line for line in canvas.axes[0].lines if len(line.get_xdata()) > 1]
    assert len(curves) == len(ours.ran[0].seeds)


def test_the_page_reads_with_a_reference_and_without_one(record, ours):
    for name, one, found in itertools.product(FRAGMENTS, (record, ours), (ours, None)):
        text = said(one, name, found)
        assert text.strip()
        assert "None" not in text
        assert "nan" not in text


def test_every_page_of_a_phantoms_site_bears_its_mark(record, ours):
    assert "synthetic phantom, not medical data" in fragments.render(record, "notice").lower()
    assert "This page alone is about the real data" in said(record, "reference", ours)
    for page in (paths.root() / "report").glob("[!_]*.qmd"):
        text = page.read_text(encoding="utf-8")
        marks = re.findall(r'^say\((?:study|record|open_record\(\)), "(\w+)"', text, re.M)
        assert marks[:1] == ["reference" if page.stem == "reference" else "notice"], page.name


@pytest.fixture
def keep(tmp_path, monkeypatch):
    """Stores a finished study's record as the reference in a folder."""
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "home"))

    def command(folder, record):
        finished = paths.record(record.profile.name)
        shutil.copytree(record.path, finished, dirs_exist_ok=True)
        return main(["reference", "--profile", record.profile.name, str(folder)])

    return command


def test_a_record_becomes_the_reference_and_keeps_what_lies_beside_it(ours, keep, tmp_path):
    folder = tmp_path / "reference"
    assert keep(folder, ours) == 0
    (folder / "predictions" / "simple-cnn-s9.csv").touch()
    (folder / "bench.json").write_text("{}")
    assert keep(folder, ours) == 0
    check(folder)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {*ours.sums, "SHA256SUMS", "bench.json"}


def test_what_is_no_reference_is_refused(record, real, ours, keep, tmp_path, capsys):
    folder = tmp_path / "mine"
    assert keep(folder, record) == 1
    assert "this one is of the phantom" in capsys.readouterr().err
    assert keep(folder, real) == 1
    assert "must have the profile paper, not tests" in capsys.readouterr().err
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    assert keep(folder, ours) == 1
    assert "holds something else" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def decided(record, **verdicts):
    """A copy of the record with these verdicts, in another place, so that it is not the reference."""
    claims = [
        claim | {"verdict": verdicts.get(claim["id"].replace("-", "_"), claim["verdict"])}
        for claim in record.results["claims"]
    ]
    results = record.results | {"claims": claims}
    return replace(record, path=record.path.parent, results=results, sums={})


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ("supported", "promised is kept there."),
        ("refuted", "promised is not kept there."),
        ("inconclusive", "; it remains unclear whether the specificity that validation promised"),
    ],
)
def test_the_finding_says_what_the_verdict_is(ours, verdict, told):
    record = decided(ours, validation_predicts_specificity=verdict)
    words = fragments.render(record, "finding")
    assert told in words
    assert words.count(".**") == 1
    assert f"{record.best.test_at_half['auc'].value:.2f}" in words


def test_a_build_that_finds_the_opposite_says_so_on_the_front_page(ours):
    before = ours.claims["accuracy-misleads"]
    assert before.verdict != "refuted"
    record = decided(ours, accuracy_misleads="refuted")
    changes = references.otherwise(record, ours)
    assert [change.name for change in changes] == ["accuracy-misleads"]
    words = showing.fragment_markdown(record, "front", kept=ours, otherwise=changes)
    assert f"{before.text}* (refuted here, {before.verdict} there)" in words


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


# Items as published, with their parts.
PUBLISHED = {
    "tripod-ai-abstracts": 13, "stard-ai": 48, "probast-ai": 34, "tripod-ai": 52, "claim-2024": 44
}  # fmt: skip
REFERENCE = re.compile(r"@((?:sec|fig|tbl)-[\w-]+)")


def anchors():
    """All anchors of pages, figures and tables, and all pages."""
    pages = [*paths.root().glob("report/*.qmd")]
    files = [*pages, *(paths.root() / "templates" / "fragments").rglob("*.j2")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return set(re.findall(r"""(?:\{#|")((?:sec|fig|tbl)-[\w-]+)""", text)), {p.name for p in pages}


@pytest.mark.parametrize("name", NAMES)
def test_every_item_has_an_answer_that_points_somewhere_or_a_reason_and_no_number(name):
    found, (named, pages) = guidelines.load(name), anchors()
    assert len(found.items) == PUBLISHED[name]
    judged = {*JUDGEMENTS.values(), "not applicable"}
    statuses = judged if name == "probast-ai" else set(REPORTING.values())
    assert {item.status for item in found.items} <= statuses
    for item in found.items:
        assert set(REFERENCE.findall(item.words)) <= named, item.number
        assert set(re.findall(r"\]\(([\w.-]+)\)", item.words)) <= pages, item.number
        gap = item.status in ("not reported", "not applicable")
        assert not gap or len(item.words.split()) > 3, item.number
        assert not re.search(r"\d", REFERENCE.sub("", item.words)), item.number


ITEM = '[[item]]\nnumber = "1"\ntopic = "t"\nasks = "a."\n'
ONE = 'name = "M"\nitems = "1"\n' + ITEM


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "M"\nitems = "1 2"\n' + ITEM + 'answer = "x"\n', r"names: \['2'\]"),
        (ONE + 'answer = "x"\n' + ITEM + 'answer = "x"\n', "their order or number"),
        (ONE + 'answer = " "\n', "item 1 needs exactly one of .* it has none"),
        (ONE + 'answer = "x"\nmissing = "y"\n', "it has answer, missing"),
        ("name =", "is damaged"),
        (None, r"made\.toml"),
    ],
)
def test_a_guideline_that_is_not_whole_is_refused(text, said, tmp_path):
    if text is not None:
        (tmp_path / "made.toml").write_text(text, encoding="utf-8")
    with pytest.raises(GuidelineError, match=said):
        guidelines.load("made", tmp_path)
