"""What a record holds for programs, such as MedMNIST's evaluator, and the explorers in Python and script."""

import base64
import io
import json
import math
import shutil
import subprocess
from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from medmnist import Evaluator
from PIL import Image
from scipy.integrate import trapezoid
from test_usefulness import counted

from pneumo.analysis import baselines, evaluation, intervals, mistakes, writing
from pneumo.base import paths
from pneumo.base.confusion import Confusion
from pneumo.data import descriptions
from pneumo.pages import explorer, fragments, style
from pneumo.pages.pictures import evidence
from pneumo.record.plain import to_plain
from pneumo.statistics import decision_curves, metrics
from pneumo.study import ensemble, selection
from pneumo.study.study import HALF, YOUDEN, calls, evaluate

SCRIPT = paths.root() / "report" / "explorer.js"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
COUNTS = st.integers(0, 60)


def unpacked(packed):
    return np.frombuffer(base64.b64decode(packed), "<f8")


def opened(sheet):
    return Image.open(io.BytesIO(sheet.data))


def ask(expression, **given):
    """The result of an expression on the script's functions, `e`, and JSON values."""
    names = ", ".join(given)
    code = (
        f"const e = require({json.dumps(str(SCRIPT))});"
        f"const {{ {names} }} = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        f"console.log(JSON.stringify({expression}))"
    )
    command = [str(NODE), "-e", code]
    result = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, check=True
    )
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def emitted(record):
    """The data of a page's script, after a round trip through JSON."""
    return json.loads(json.dumps(explorer.thresholds(record)))


def plain(counts):
    """A confusion matrix with the script's names of cells."""
    names = ("truePositive", "falseNegative", "falsePositive", "trueNegative")
    return dict(zip(names, vars(counts).values(), strict=True))


def test_the_counts_at_every_operating_point_are_those_of_the_tables(study, emitted):
    models = ensemble.compared(study)
    assert [one["name"] for one in emitted["models"]] == [model.name for model in models]
    for one, model in zip(emitted["models"], models, strict=True):
        scores = unpacked(one["probabilities"])
        np.testing.assert_array_equal(scores, model.run.predictions["test"].probabilities)
        for point in evaluation.points(study)[model.name]:
            threshold = one["thresholds"][point.id]
            assert threshold == point.thresholds[0]
            assert metrics.confusion(emitted["labels"], scores, threshold) == point.counts


def test_the_first_sheet_holds_the_test_images_bit_by_bit(study, record):
    sheet = np.asarray(opened(explorer.sheets(record)[0]))
    images = study.data.test.images
    side = images.shape[-1]
    assert sheet.shape[1] == explorer.COLUMNS * side
    for place, image in enumerate(images):
        row, column = divmod(place, explorer.COLUMNS)
        cut = sheet[row * side : (row + 1) * side, column * side : (column + 1) * side]
        np.testing.assert_array_equal(cut, image)


def test_the_other_sheets_hold_the_evidence_for_each_call(study, record):
    entries = explorer.cases(record)["sheets"]
    drawn = explorer.sheets(record)
    assert len(entries) == len(drawn)
    scale = matplotlib.colormaps[style.HEAT](np.linspace(0, 1, explorer.LEVELS), bytes=True)
    for entry, sheet, model in zip(entries[1:], drawn[1:], study.ran, strict=True):
        assert entry["model"] == model.name
        picture = opened(sheet)
        levels, colours = np.asarray(picture), np.asarray(picture.convert("RGB"))
        np.testing.assert_array_equal(colours, scale[:, :3][levels])
        step = entry["side"] + 2 * entry["edge"]
        called = calls(model.run, YOUDEN)
        for place, map_ in enumerate(model.run.explanation.maps):
            row, column = divmod(place, explorer.COLUMNS)
            cut = levels[row * step : (row + 1) * step, column * step : (column + 1) * step]
            inner = cut[1:-1, 1:-1] / (explorer.LEVELS - 1)
            np.testing.assert_array_equal(cut, np.pad(cut[1:-1, 1:-1], 1, mode="edge"))
            expected = evidence(map_, bool(called[place]))
            # A record keeps maps in half precision.
            np.testing.assert_allclose(inner, expected, atol=0.5 / (explorer.LEVELS - 1) + 1e-3)


def test_without_images_there_is_no_gallery(unseen):
    assert explorer.sheets(unseen) == []
    assert "--data PATH" in fragments.render(unseen, "gallery")


@needs_node
def test_the_script_counts_as_the_tables_do_at_any_threshold(emitted):
    generator = np.random.default_rng(5)
    for one in emitted["models"]:
        scores = unpacked(one["probabilities"])
        # Scores themselves are thresholds too: a case at the threshold is called.
        levels = [*generator.random(20), *generator.choice(scores, 10), 0.0, 1.0]
        found = ask(
            "levels.map((level) => e.confusion(labels, e.unpack(packed), level))",
            labels=emitted["labels"], packed=one["probabilities"], levels=levels,
        )  # fmt: skip
        for level, counts in zip(levels, found, strict=True):
            assert counts == plain(metrics.confusion(emitted["labels"], scores, level))


@needs_node
@settings(max_examples=5)
@given(
    st.lists(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS), min_size=20, max_size=40),
    st.floats(0.001, 0.99),
)
def test_the_scripts_rates_are_those_of_the_tables(cells, prevalence):
    matrices = [Confusion(*one) for one in cells if one[0] + one[1] and one[2] + one[3]]
    found = ask(
        "cells.map((counts) => e.rates(counts, prevalence))",
        cells=[plain(counts) for counts in matrices], prevalence=prevalence,
    )  # fmt: skip
    for counts, rates in zip(matrices, found, strict=True):
        own = counted(counts)
        ppv, npv = decision_curves.predictive_values(counts, prevalence)
        expected = {"sensitivity": own["sensitivity"], "specificity": own["specificity"]}
        for name, rate in (expected | {"ppv": ppv, "npv": npv}).items():
            if np.isnan(rate.value):
                assert rates[name] is None
            else:
                values = [rates[name][part] for part in ("value", "low", "high")]
                assert values == pytest.approx([rate.value, rate.low, rate.high], abs=1e-12), name


@needs_node
def test_the_scripts_curves_are_those_of_the_figure(emitted):
    labels = np.array(emitted["labels"])
    for one in emitted["models"]:
        scores = unpacked(one["probabilities"])
        roc, precision_recall = ask(
            "[e.rocCurve(labels, e.unpack(packed))].flatMap((roc) => [roc, e.prCurve(roc, share)])",
            labels=emitted["labels"], packed=one["probabilities"], share=float(labels.mean()),
        )  # fmt: skip
        slips, hits = np.array(roc).T
        assert trapezoid(hits, slips) == pytest.approx(metrics.auc(labels, scores))
        assert roc[0] == [0, 0]
        assert roc[-1] == [1, 1]
        recalls, precisions = metrics.precision_recall(labels, scores)
        # scikit-learn's curve has one point more, where nothing is called.
        expected = np.stack([recalls, precisions], axis=1)[:-1][::-1]
        np.testing.assert_allclose(precision_recall, expected)


@needs_node
def test_the_scripts_groups_and_their_surest_cases_are_those_of_the_figures(study, emitted):
    best = selection.best(study)
    one = next(one for one in emitted["models"] if one["name"] == best.name)
    given_ = {
        "labels": emitted["labels"],
        "packed": one["probabilities"],
        "threshold": one["thresholds"][YOUDEN.name],
    }
    groups = ask(
        "labels.map((label, place) => e.groupOf(label, e.unpack(packed)[place] >= threshold))",
        **given_,
    )
    for group, members in mistakes.groups(best).items():
        places = [place for place, own in enumerate(groups) if own == group]
        assert sorted(members) == places
        found = ask(
            "e.ordered(places, 'surest', { divided: places, probabilities: [],"
            " sure: e.sureness(e.unpack(packed), threshold) })",
            places=places, **given_,
        )  # fmt: skip
        assert found == members.tolist()


@needs_node
def test_the_script_cuts_each_picture_from_its_place(record):
    emitted = explorer.cases(record)
    columns, count = emitted["columns"], len(emitted["labels"])
    for entry, sheet in zip(emitted["sheets"], explorer.sheets(record), strict=True):
        width, height = opened(sheet).size
        side, step = entry["side"], entry["side"] + 2 * entry["edge"]
        tiles = ask(
            "[...Array(count).keys()].map((place) => e.tile(place, sheet, columns, count))",
            sheet=entry, columns=columns, count=count,
        )  # fmt: skip
        for place, tile in enumerate(tiles):
            # A background's position in percent shares out the difference between it and its element.
            shown = np.array(tile["size"]) / 100 * side
            np.testing.assert_allclose(shown, (width, height))
            offset = np.array(tile["position"]) / 100 * (shown - side)
            row, column = divmod(place, columns)
            expected = (column * step + entry["edge"], row * step + entry["edge"])
            np.testing.assert_allclose(offset, expected, atol=1e-9)


@pytest.mark.promise("hostile", "survived")
def test_what_is_embedded_can_neither_end_its_element_nor_open_a_shortcode():
    content = {"title": "</script><!-- & {{< meta title >}} é \u2028"}
    text = explorer.embed("some-id", content)
    opening, closing = '<script type="application/json" id="some-id">', "</script>"
    assert text.startswith(opening)
    assert text.endswith(closing)
    inner = text.removeprefix(opening).removesuffix(closing)
    assert not set(inner) & set("<>&\n\u2028")
    assert json.loads(inner) == content


CALIBRATION = {
    "brier", "reliability", "resolution", "uncertainty", "ece", "intercept", "slope", "predicted",
    "observed",
}  # fmt: skip
METRICS = {"accuracy", "auc", "precision", "recall", "specificity", "f1", "brier"}


@pytest.fixture
def written(record):
    return record.results


def test_the_file_has_the_names_of_the_first_schema(written):
    assert written["schema"] == 2
    assert written.keys() >= {
        "schema", "profile", "engine", "data", "models", "baselines", "comparisons", "ablations",
        "claims", "provenance",
    }  # fmt: skip
    assert written["data"].keys() >= {"source", "fingerprint", "size", "counts"}
    assert all(one.keys() >= {"id", "text", "verdict", "evidence"} for one in written["claims"])
    for model in written["models"].values():
        assert model.keys() >= {
            "status", "reason", "parameters", "pretrained", "seeds", "threshold", "test",
            "test_at_half", "operating_points", "calibration", "robustness",
        }  # fmt: skip
        assert model["threshold"].keys() == {"value", "chosen_on", "rule"}
        for point in (model["test"], model["test_at_half"]):
            assert point.keys() == METRICS
            assert all(values.keys() == {"mean", "low", "high"} for values in point.values())
        assert (model["pretrained"] or {"name": "", "sha256": ""}).keys() == {"name", "sha256"}
        if model["status"] == "ok":
            assert model["calibration"].keys() == {"temperature", "bins", "val", "test"}
            for split in (model["calibration"]["val"], model["calibration"]["test"]):
                assert split.keys() == {"before", "after"}
                assert all(one.keys() == CALIBRATION for one in split.values())


def test_it_says_what_was_studied_on_what_and_by_which_runs(written, study):
    assert (written["profile"], written["engine"]) == ("tests", None)
    told = written["data"]
    assert (told["source"], told["size"]) == ("phantom", 28)
    assert told["fingerprint"] == study.data.fingerprint
    assert list(told["counts"]["test"].values()) == np.bincount(study.data.test.labels).tolist()
    runs = written["provenance"]["runs"]
    assert [run["run"] for run in runs] == [run.label for run in study.runs]
    assert all(run["versions"]["torch"] for run in runs)
    pairs = written["comparisons"]
    assert len(pairs) == len(study.ran) * (len(study.ran) - 1) // 2
    assert {pair["correction"] for pair in pairs} == {"Holm"}
    assert all(0 <= pair["p_delong"] <= 1 for pair in pairs)
    trivial = written["baselines"]
    assert list(trivial) == [baseline.name for baseline in baselines.models(study)]
    assert trivial["majority"]["test_at_half"]["auc"]["mean"] == 0.5


def test_its_numbers_are_those_of_the_metrics(written, study):
    for model in study.ran:
        told = written["models"][model.name]
        assert (told["seeds"], told["parameters"]) == ([0, 1], model.parameters)
        for point, rule in (("test", YOUDEN), ("test_at_half", HALF)):
            found = [evaluate(run, rule) for run in model.runs]
            for name in METRICS:
                mean, own = np.mean([one[name] for one in found]), told[point][name]
                expected = None if math.isnan(mean) else pytest.approx(mean)
                assert own["mean"] == expected, (model.name, point, name)
                # A value that class counts alone fix has no interval.
                assert own["low"] is None or own["low"] - 1e-9 <= mean <= own["high"] + 1e-9


def test_what_is_undefined_is_null_and_not_nan(made_study):
    nothing_called = ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4])
    study = made_study({"simple-cnn": [(nothing_called, nothing_called)]})
    told = to_plain(intervals.intervals(study)["simple-cnn"]["half"])
    assert told["precision"]["value"] is None
    assert told["auc"]["value"] == 1


def test_medmnists_evaluator_scores_predictions_to_the_same(record, written, study, phantom_file):
    evaluator = Evaluator("pneumoniamnist", "test", root=str(phantom_file.parent))
    for model in ensemble.compared(study):
        scores = []
        for run in model.runs:
            path = record.path / "predictions" / f"{model.name}-s{run.seed}.csv"
            # As Evaluator.parse_and_evaluate reads such a file.
            frame = pd.read_csv(path, index_col=0, header=None)
            scores.append(evaluator.evaluate(frame.sort_index().values))
        told = written["models"][model.name]["test_at_half"]
        assert np.mean([score.AUC for score in scores]) == pytest.approx(told["auc"]["mean"])
        assert np.mean([score.ACC for score in scores]) == pytest.approx(told["accuracy"]["mean"])


def test_another_set_or_size_is_named_and_its_predictions_are_medmnists(study, tmp_path):
    data = replace(study.data, about=descriptions.BREAST)
    other = replace(study, data=data, models=study.ran[:1], controls=(), ablations=())
    made = writing.write(other, tmp_path / "breast")
    written = made.results["data"]
    assert (written["dataset"], written["size"]) == ("breastmnist", 28)
    assert set(written["counts"]["test"]) == {"normal or benign", "malignant"}
    run = study.ran[0].run
    lines = made.read(f"predictions/{run.recipe.name}-s{run.seed}.csv").decode().split()
    found = np.array([float(line.split(",")[1]) for line in lines])
    # There 1 is what is normal or benign.
    np.testing.assert_allclose(found, 1 - run.predictions["test"].probabilities, atol=1e-12)
    np.testing.assert_allclose(
        made.probabilities(run.recipe.name, run.seed), run.predictions["test"].probabilities
    )
