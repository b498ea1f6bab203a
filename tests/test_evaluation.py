"""The evaluation: numbers in the record against the runs, and figures, tables and words made from it."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text
from sklearn.metrics import roc_auc_score

from pneumo.analysis import evaluation
from pneumo.base import paths
from pneumo.pages import fragments, numbers
from pneumo.pages.topics import FIGURES, TABLES
from pneumo.statistics import metrics
from pneumo.study.study import HALF, RULES, YOUDEN


def words_of(canvas):
    return [text.get_text() for text in canvas.findobj(Text) if text.get_text()]


def test_the_curves_are_those_of_the_predictions_and_hold_the_operating_points(study, record):
    numbers, told = record.figure("fig-roc-pr"), words_of(FIGURES["fig-roc-pr"](record).canvas)
    for model in study.ran:
        test = model.run.predictions["test"]
        curve = numbers.where(model=model.name, kind="roc")
        x, y = curve["false positive rate"], curve["sensitivity"]
        area = roc_auc_score(test.labels, test.logits)
        assert np.trapezoid(y, x) == pytest.approx(area, abs=1e-5)
        assert curve["auc"][0] == pytest.approx(area, abs=1e-6)
        assert f"{model.title}, AUC {area:.3f}" in told
        for rule in RULES:
            (point,) = numbers.where(model=model.name, kind=rule.name).rows()
            counts = model.confusion(rule)
            assert point["sensitivity"] == pytest.approx(counts.sensitivity, abs=1e-6)
            assert point["sensitivity"] <= np.interp(point["false positive rate"], x, y) + 1e-5


def test_the_comparison_has_every_models_means_and_says_what_the_ensemble_joins(study, record):
    made = TABLES["tbl-comparison"](record)
    rows = {row[0]: [cell.rstrip("†‡") for cell in row[2:]] for row in made.rows}
    for model in study.models:
        shown = [numbers.number(model.mean(HALF)[name]) for name in metrics.NAMES if model.ran]
        assert rows[model.title][: len(shown) or 1] == (shown or ["not run"])
    runs = sum(len(model.runs) for model in study.ran)
    assert f"joins {runs} runs of {len(study.ran)} models, 2 seeds each" in made.caption


def test_a_mark_says_that_a_model_differs_from_the_best_one(made_study):
    labels = [0, 1] * 100
    generator = np.random.default_rng(0)
    plain, shift = generator.normal(size=200), np.tile([-2.0, 2.0], 100)
    strong = (labels, metrics.probabilities(plain + shift))
    weak = (labels, metrics.probabilities(plain + 0.1 * shift))
    scored = {"simple-cnn": strong, "resnet18-scratch": weak, "resnet18-imagenet": strong}
    study = made_study({name: [(cases, cases)] for name, cases in scored.items()})
    expected = {"resnet18-scratch": True, "resnet18-imagenet": False, "majority": True}
    found = evaluation.differing(study)
    for name, differs in expected.items():
        assert [found[name, metric] for metric in ("auc", "accuracy")] == [differs] * 2, name


def test_validation_and_test_are_set_side_by_side_at_one_threshold(study, record):
    model = study.ran[0]
    row = TABLES["tbl-promise"](record).rows[0]
    assert row[:2] == (model.title, "Youden's J")
    found = {}
    for split in ("val", "test"):
        predictions = model.run.predictions[split]
        called = predictions.probabilities >= model.thresholds(YOUDEN)[0]
        sick = predictions.labels == 1
        found[split] = called[sick].mean(), (~called[~sick]).mean()
    for place in (0, 1):
        promised, kept = found["val"][place], found["test"][place]
        expected = (f"{promised:.3f}", f"{kept:.3f}", numbers.signed(kept - promised))
        assert row[2 + 3 * place : 5 + 3 * place] == expected


def test_one_seed_is_not_spoken_of_as_several(record):
    single = {**record.results["study"], "seeds": [0]}
    alone = replace(record, results={**record.results, "study": single})
    assert "one seed" in TABLES["tbl-comparison"](alone).caption
    assert "means over 2 seeds" in TABLES["tbl-comparison"](record).caption
    assert "first seed" in FIGURES["fig-roc-pr"](record).caption
    assert "first seed" not in FIGURES["fig-roc-pr"](alone).caption
    assert "cannot disagree with itself" in fragments.render(alone, "flips")


def test_what_we_learned_is_every_claim_with_its_verdict(record):
    said = fragments.render(record, "learned")
    for claim in record.claims.values():
        mark = f"[claim {claim.verdict}]{{.verdict .verdict-{claim.verdict}}}"
        assert f"{numbers.prose(claim.finding)} {mark}" in said


def test_pages_from_the_reference_record_say_so(record):
    assert "reference record" not in fragments.render(record, "notice")
    reference = replace(record, path=paths.reference())
    assert "reference record" in fragments.render(reference, "notice")
