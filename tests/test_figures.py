"""Figures: each draws, says what it must, and marks the phantom and nothing else."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from pneumo.analysis import calibration, decisions, mistakes
from pneumo.data.descriptions import PNEUMONIA
from pneumo.pages import figures, style
from pneumo.statistics import metrics
from pneumo.study import selection
from pneumo.study.study import HALF, RULES, YOUDEN, Model
from pneumo.training.recipes import RECIPES

FIGURES = (
    figures.cnn_architecture,
    figures.cnn_curves,
    figures.transfer_curves,
    figures.confusion,
    figures.roc,
    figures.roc_pr,
    figures.errors,
    figures.missed_by_all,
    figures.contested,
    figures.divided,
    figures.mean_images,
    figures.shift_scores,
    figures.shift_images,
    figures.reliability,
    figures.decision_curve,
    figures.predictive_values,
    figures.filters,
    figures.grad_cam,
    figures.cascade,
    figures.cascade_maps,
    figures.removal,
    figures.attention_masks,
)


def name_of(function):
    return function.__name__


def words_of(canvas):
    return [text.get_text() for text in canvas.findobj(Text) if text.get_text()]


@pytest.fixture(scope="module")
def canvases(study):
    """Every figure of the study, drawn once."""
    return {draw: draw(study) for draw in FIGURES}


@pytest.mark.parametrize("draw", FIGURES, ids=name_of)
def test_every_figure_draws(draw, canvases):
    assert isinstance(canvases[draw], Figure)
    picture = io.BytesIO()
    canvases[draw].savefig(picture, dpi=30)
    assert picture.getvalue().startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", FIGURES, ids=name_of)
def test_every_figure_marks_the_phantom(draw, canvases):
    assert "synthetic phantom, not medical data" in words_of(canvases[draw])


@pytest.mark.parametrize("draw", FIGURES, ids=name_of)
def test_no_figure_marks_other_data(draw, real_study):
    assert not [text for text in words_of(draw(real_study)) if "phantom" in text]


@pytest.mark.parametrize("draw", FIGURES, ids=name_of)
def test_every_figure_is_as_wide_as_the_text(draw, canvases):
    wanted = 3.1 if draw is figures.roc else style.WIDTH  # that one stands beside a table
    assert canvases[draw].get_figwidth() == wanted


def images_of(canvas):
    return [axes.images[0].get_array().data for axes in canvas.axes if axes.images]


def test_the_architecture_is_read_off_the_network(study):
    canvas = figures.cnn_architecture(study)
    assert {"32 × 14 × 14", "64 × 7 × 7", "128 × 7 × 7", "1"} <= set(words_of(canvas))
    assert "parameters, 93,249 in all" in words_of(canvas)
    below = [text.get_text() for text in canvas.findobj(Text) if text.get_position()[1] == 0.12]
    assert sum(int(count.replace(",", "")) for count in below if count) == 93_249


def test_curves_follow_the_history(study):
    model = study.model("simple-cnn")
    axes = figures.cnn_curves(study).axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert list(drawn["validation"]) == [row["val_loss"] for row in model.run.history]
    assert list(drawn["training"]) == [row["train_loss"] for row in model.run.history]


def test_only_pretrained_networks_have_a_shaded_stage(study):
    canvas = figures.transfer_curves(study)
    for axes in canvas.axes[: len(canvas.axes) // 2]:
        shaded = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        shaded += axes.findobj(PolyCollection)
        assert bool(shaded) == ("ImageNet" in axes.get_title())


def test_the_confusion_matrices_hold_the_counts(study):
    texts = words_of(figures.confusion(study))
    for model in study.ran:
        for rule in (HALF, YOUDEN):
            counts = model.confusion(rule)
            assert {str(counts.true_positive), str(counts.false_positive)} <= set(texts)


def test_the_legend_of_the_roc_curves_states_each_auc(study):
    legend = figures.roc_pr(study).legends[0]
    told = [text.get_text() for text in legend.get_texts()]
    for model in study.ran:
        test = model.run.predictions["test"]
        assert f"{model.title}, AUC {metrics.auc(test.labels, test.probabilities):.3f}" in told


def test_an_operating_point_lies_on_its_curve(study):
    left = figures.roc_pr(study).axes[0]
    model = study.ran[0]
    curve = next(line for line in left.lines if str(line.get_label()).startswith(model.title))
    half = next(line for line in left.lines if line.get_marker() == "o" and len(line.get_xdata()))
    (x,), (y,) = half.get_xdata(), half.get_ydata()
    assert np.interp(x, curve.get_xdata(), curve.get_ydata()) >= y - 1e-9
    assert min(np.hypot(curve.get_xdata() - x, curve.get_ydata() - y)) < 0.1


def test_error_cases_are_grouped_and_the_surest_come_first(write_run):
    test = ([1, 1, 1, 0, 0, 0, 1], [0.9, 0.6, 0.2, 0.7, 0.1, 0.4, 0.5])
    model = Model(RECIPES["simple-cnn"], 1, (write_run(RECIPES["simple-cnn"], test, test),))
    found = {group: list(indices) for group, indices in figures.cases(model, HALF).items()}
    assert found == {
        "true positive": [0, 1, 6],
        "true negative": [4, 5],
        "false positive": [3],
        "false negative": [2],
    }


def test_every_test_case_is_in_one_group(study):
    for model in study.ran:
        together = np.concatenate(list(figures.cases(model).values()))
        assert sorted(together) == list(range(len(study.data.test.labels)))


def test_errors_show_the_surest_case_with_its_probability(study):
    model = selection.best(study)
    shown = words_of(figures.errors(study))
    for indices in figures.cases(model).values():
        if len(indices):
            probability = model.run.predictions["test"].probabilities[indices[0]]
            assert f"{probability:.2f}" in shown


def test_every_networks_filters_are_shown_each_in_its_own_range(study, canvases):
    canvas = canvases[figures.filters]
    for axes, model in zip(canvas.axes, study.ran, strict=True):
        kernels = model.run.explanation.filters
        shown = np.asarray(axes.images[0].get_array(), float)
        shown = shown[np.isfinite(shown)]
        own_range = kernels / np.abs(kernels).max(axis=(1, 2), keepdims=True)
        np.testing.assert_allclose(np.sort(shown), np.sort(own_range.ravel()), atol=1e-6)
    assert "SimpleCNN: 32 kernels of 3×3" in words_of(canvas)


def test_grad_cam_shows_the_map_at_its_native_size(study):
    for model in study.ran:
        canvas = figures.grad_cam(study, model)
        height, width = model.run.explanation.maps.shape[1:]
        assert f"map, {height}×{width}" in words_of(canvas)
        native = [axes.images[0] for axes in canvas.axes[1::3] if axes.images]
        assert native
        assert {image.get_array().shape for image in native} == {(height, width)}
        assert {image.get_interpolation() for image in native} == {"none"}


def test_an_overlay_lies_over_the_whole_image(study):
    canvas = figures.grad_cam(study)
    overlays = [axes for axes in canvas.axes[2::3] if axes.images]
    assert overlays
    for axes in overlays:
        image, heat = axes.images
        np.testing.assert_allclose(heat.get_extent(), image.get_extent())
        assert heat.get_alpha() == 0.5


@given(arrays.arrays(np.float32, (3, 3), elements=st.floats(-1, 1, width=32)), st.booleans())
def test_evidence_is_what_speaks_for_the_call_that_was_made(signed, positive):
    shown = figures.evidence(signed, positive)
    assert shown.min() >= 0
    for_call = signed if positive else -signed
    assert ((shown > 0) <= (for_call > 0)).all()
    assert shown.max() == (pytest.approx(1) if (for_call > 0).any() else 0)


def test_maps_in_which_nothing_speaks_for_the_call_are_counted(study):
    for model in study.ran:
        maps, test = model.run.explanation.maps, model.run.predictions["test"]
        threshold = model.thresholds(YOUDEN)[0]
        blank = sum(
            (map_ <= 0).all() if probability >= threshold else (map_ >= 0).all()
            for map_, probability in zip(maps, test.probabilities, strict=True)
        )
        assert figures.empty_maps(model) == blank


def test_each_model_keeps_its_look_in_every_figure(study):
    looks = style.model_styles(study)
    assert list(looks) == [model.name for model in study.models]
    assert len({str(look) for look in looks.values()}) == len(looks)


def test_the_cases_that_all_miss_are_shown_with_their_labels(study):
    found = mistakes.missed_by_all(study)[:16]
    titles = [axes.get_title() for axes in figures.missed_by_all(study).axes]
    shown = [PNEUMONIA.classes[mistakes.truth(study)[index]] for index in found]
    assert [title for title in titles if title] == shown


def test_contested_cases_say_how_many_runs_call_them_pneumonia(study):
    count = sum(len(model.runs) for model in study.ran)
    positive = mistakes.called_by_runs(study)
    titles = [axes.get_title() for axes in figures.contested(study).axes]
    expected = [f"{positive[index]} of {count}" for index in mistakes.contested(study)[:16]]
    assert [title for title in titles if title] == expected


def test_divided_cases_say_what_each_model_makes_of_them(study):
    found = mistakes.divided(study)[:8]
    titles = [axes.get_title() for axes in figures.divided(study).axes]
    rows = [titles[start : start + 8] for start in range(0, len(titles), 8)]
    labels = mistakes.truth(study)[found]
    assert rows[0] == [PNEUMONIA.classes[label] for label in labels]
    for row, model in zip(rows[1:], study.ran, strict=True):
        probabilities = model.run.predictions["test"].probabilities[found]
        signs = ["✗" if wrong else "✓" for wrong in mistakes.wrong(model.run)[found]]
        assert row == [f"{p:.2f} {sign}" for p, sign in zip(probabilities, signs, strict=True)]


def test_the_mean_images_state_how_many_cases_they_average(study):
    found = figures.cases(selection.best(study))
    titles = [axes.get_title() for axes in figures.mean_images(study).axes[:4]]
    assert [int(title.split()[-1]) for title in titles] == [
        len(found[group]) for group in figures.GROUPS
    ]


def test_reliability_draws_each_bin_before_and_after(study):
    canvas = figures.reliability(study)
    for place, model in enumerate(study.ran):
        row, column = divmod(place, 3)
        axes = canvas.axes[2 * 3 * row + column]
        drawn = [one.lines[0].get_xydata() for one in axes.containers]
        for points, scaled in zip(drawn[:2], (False, True), strict=True):
            bins = calibration.reliability(
                model.run.predictions["test"].labels,
                calibration.logits_of(model.run, "test", scaled),
            )
            np.testing.assert_allclose(points, [(one.predicted, one.observed) for one in bins])


def test_decision_curves_stand_beside_treating_all_and_none(study):
    canvas = figures.decision_curve(study)
    assert len(canvas.axes) == 2 * (1 + len(decisions.WARDS))
    share = float(study.data.test.labels.mean())
    lines = {line.get_label(): line.get_ydata() for line in canvas.axes[0].get_lines()}
    np.testing.assert_allclose(lines["treat all"], decisions.treat_all(share))
    assert not np.any(lines["treat none"])
    for model in study.ran:
        expected = decisions.decision_curve(study, model, scaled=False)
        np.testing.assert_allclose(lines[model.title], expected)


def test_predictive_values_follow_prevalence_at_every_operating_point(study):
    left, right = figures.predictive_values(study).axes
    model = selection.best(study)
    for axes, place in ((left, 0), (right, 1)):
        lines = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
        for rule in RULES:
            prevalence, value = lines[rule.title][0]
            expected = decisions.predictive_values(model.confusion(rule), prevalence)[place]
            np.testing.assert_allclose(value, expected.value)
