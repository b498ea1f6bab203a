"""What a record holds for programs: its results, and predictions that MedMNIST's own evaluator scores."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from medmnist import Evaluator

from pneumo.analysis import baselines, intervals, writing
from pneumo.data import descriptions
from pneumo.record.plain import to_plain
from pneumo.statistics import metrics
from pneumo.study import ensemble
from pneumo.study.study import HALF, YOUDEN

CALIBRATION = {
    "brier", "reliability", "resolution", "uncertainty", "ece", "intercept", "slope", "predicted",
    "observed",
}  # fmt: skip
METRICS = {"accuracy", "auc", "precision", "recall", "specificity", "f1", "brier"}


@pytest.fixture
def written(record):
    return record.results


def test_the_file_has_the_names_of_the_first_schema(written):
    assert set(written) >= {
        "schema", "profile", "engine", "data", "models", "baselines", "comparisons", "ablations",
        "claims", "provenance",
    }  # fmt: skip
    assert written["schema"] == 2
    assert set(written["data"]) >= {"source", "fingerprint", "size", "counts"}
    for model in written["models"].values():
        assert set(model) >= {
            "status", "reason", "parameters", "pretrained", "seeds", "threshold", "test",
            "test_at_half", "operating_points", "calibration", "robustness",
        }  # fmt: skip
        assert set(model["threshold"]) == {"value", "chosen_on", "rule"}
        for point in ("test", "test_at_half"):
            assert set(model[point]) == METRICS
            assert all(set(values) == {"mean", "low", "high"} for values in model[point].values())
        if model["pretrained"] is not None:
            assert set(model["pretrained"]) == {"name", "sha256"}
        if model["status"] == "ok":
            assert set(model["calibration"]) == {"temperature", "bins", "val", "test"}
            for split in ("val", "test"):
                assert set(model["calibration"][split]) == {"before", "after"}
                for one in model["calibration"][split].values():
                    assert set(one) == CALIBRATION
    for claim in written["claims"]:
        assert set(claim) >= {"id", "text", "verdict", "evidence"}


def test_it_says_what_was_studied_on_what_and_by_which_runs(written, study):
    assert (written["profile"], written["engine"]) == ("tests", None)
    told = written["data"]
    assert (told["source"], told["size"]) == ("phantom", 28)
    assert told["fingerprint"] == study.data.fingerprint
    assert list(told["counts"]["test"].values()) == np.bincount(study.data.test.labels).tolist()
    assert [run["run"] for run in written["provenance"]["runs"]] == [
        run.label for run in study.runs
    ]
    assert all(run["versions"]["torch"] for run in written["provenance"]["runs"])
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
        assert told["seeds"] == [0, 1]
        assert told["parameters"] == model.parameters
        for point, rule in (("test", YOUDEN), ("test_at_half", HALF)):
            found = [
                metrics.evaluate(
                    run.predictions["test"].labels, run.predictions["test"].probabilities, threshold
                )
                for run, threshold in zip(model.runs, model.thresholds(rule), strict=True)
            ]
            for name in METRICS:
                mean = np.mean([one[name] for one in found])
                expected = None if math.isnan(mean) else pytest.approx(mean)
                assert told[point][name]["mean"] == expected, (model.name, point, name)
                if expected is not None:
                    low, high = told[point][name]["low"], told[point][name]["high"]
                    # A value that class counts alone fix has no interval.
                    assert low is None or low - 1e-9 <= mean <= high + 1e-9


def test_what_is_undefined_is_null_and_not_nan(made_study):
    nothing_called = ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4])
    study = made_study({"simple-cnn": [(nothing_called, nothing_called)]})
    told = to_plain(intervals.intervals(study)["simple-cnn"]["half"])
    assert told["precision"]["value"] is None
    assert told["auc"]["value"] == 1


def test_medmnists_evaluator_scores_the_predictions_to_the_same_numbers(
    record, written, study, phantom_file
):
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
