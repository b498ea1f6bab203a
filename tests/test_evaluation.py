"""Models, pairs of models, all runs as one and baselines: numbers against the runs and other libraries."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.multitest import multipletests

from pneumo.analysis import baselines, evaluation
from pneumo.base import paths
from pneumo.data import Dataset, Split
from pneumo.pages import fragments, numbers
from pneumo.pages.topics import FIGURES, TABLES
from pneumo.statistics import metrics
from pneumo.statistics.comparison import holm
from pneumo.study import ensemble
from pneumo.study.study import HALF, RULES, Study, run_labels
from pneumo.study.temperature import temperature
from pneumo.training.recipes import Profile


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
    row, labels = record.models["ensemble"], run_labels(study.ran)  # no controls, no ablations
    assert (row.runs, row.members, row.member_seeds) == (labels, runs, list(study.profile.seeds))
    assert record.results["made_from"]["calibration"] == labels


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


def test_holm_is_statsmodels():
    # Few, since each call collects garbage, which takes long where torch is loaded.
    for p_values in ([0.3], [0.2, 0.2, 0.9, 0, 1, 0.2], np.random.default_rng(0).random(20) ** 3):
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_a_model_does_not_differ_from_its_double(study):
    model = study.ran[0]
    double = replace(study, models=(model, replace(model, recipe=study.ran[1].recipe)))
    (pair,) = evaluation.pairs(double)
    # Seeds are drawn for each model alone, so the interval has a width; its middle has none.
    assert pair.auc_difference.value == 0
    assert (pair.p_delong, pair.p_mcnemar_at_half, pair.p_mcnemar_at_youden) == (1, 1, 1)


@pytest.fixture(scope="module")
def together(study):
    return ensemble.combine(study)


def test_it_is_the_mean_of_every_runs_logits_over_its_temperature(study, together):
    members = [run for model in study.ran for run in model.runs]
    assert together.run.members == tuple(members)  # no control and no ablation
    assert ensemble.compared(study) == (*study.ran, together)
    for split in ("val", "test"):
        scaled = [run.predictions[split].logits / temperature(run) for run in members]
        found = together.run.predictions[split]
        np.testing.assert_allclose(found.logits, np.mean(scaled, axis=0))
        np.testing.assert_array_equal(found.labels, members[0].predictions[split].labels)


def test_one_run_alone_is_no_ensemble(study):
    model = replace(study.ran[0], runs=study.ran[0].runs[:1])
    alone = replace(study, models=(model,))
    assert ensemble.combine(alone) is None
    assert ensemble.compared(alone) == (model,)


def _study(draw, seed=0):
    """A study without models, of 8×8 images that `draw` changes in place, given their labels."""
    generator = np.random.default_rng(seed)
    splits = {}
    for name, count in (("train", 200), ("val", 20), ("test", 100)):
        labels = generator.integers(0, 2, count).astype(np.uint8)
        images = generator.integers(0, 60, (count, 8, 8)).astype(np.uint8)
        draw(images, labels)
        splits[name] = Split(images, labels)
    made = Dataset(**splits, source="file", fingerprint="", size=8, location="")
    return Study(Profile("made", (), (0,)), made, ())


def _left_edge(images, labels):
    images[labels == 1, :, :2] += 60


def _both_edges(images, labels):
    _left_edge(images, labels)
    images[labels == 1, :, -2:] += 60


def test_every_baseline_gives_a_probability_for_each_case(study):
    found = baselines.models(study)
    assert [b.name for b in found] == ["majority", "pixel-deviation", "logistic-regression"]
    for baseline in found:
        shape = 1, len(study.data.test.labels)
        assert baseline.probabilities().shape == shape
    share = study.data.train.labels.mean()
    np.testing.assert_allclose(found[0].probabilities(), share, atol=1e-6)
    deviations = study.data.test.images.std(axis=(1, 2))
    ranks = stats.spearmanr(found[1].logits()[0], deviations).statistic
    assert abs(ranks) == pytest.approx(1)


def test_the_logistic_regression_is_what_the_library_gives_step_by_step(phantom):
    flat = {name: s.images.reshape(len(s.images), -1) / 1.0 for name, s in phantom.splits.items()}
    scaler = StandardScaler().fit(flat["train"])
    model = LogisticRegression(C=baselines.PENALTY, max_iter=2000)
    model.fit(scaler.transform(flat["train"]), phantom.train.labels)
    found = baselines.models(Study(Profile("made", (), (0,)), phantom, ()))[-1]
    for split in ("val", "test"):
        expected = model.predict_proba(scaler.transform(flat[split]))[:, 1]
        np.testing.assert_allclose(found.probabilities(split)[0], expected, atol=1e-6)


def test_a_sign_on_one_side_is_lost_in_the_mirror_and_one_on_both_is_not():
    plain, mirrored = baselines.mirror_aucs(_study(_left_edge))
    assert mirrored < 0.7 < 0.99 < plain
    plain, mirrored = baselines.mirror_aucs(_study(_both_edges))
    assert min(plain, mirrored) > 0.99
