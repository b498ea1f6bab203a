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

from pneumo.pages import figures, style
from pneumo.study.study import YOUDEN
from pneumo.training.runs import VARIANTS

FIGURES = (
    figures.examples,
    figures.class_balance,
    figures.augmentation,
    figures.cnn_architecture,
    figures.cnn_curves,
    figures.transfer_curves,
    figures.shift_scores,
    figures.shift_images,
    figures.near_duplicates,
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
    assert canvases[draw].get_figwidth() == style.WIDTH


def test_the_examples_are_the_same_every_time(study):
    one, other = (images_of(figures.examples(study)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def images_of(canvas):
    return [axes.images[0].get_array().data for axes in canvas.axes if axes.images]


def test_examples_show_normal_above_pneumonia(study, phantom):
    shown = images_of(figures.examples(study, each=5))
    assert len(shown) == 10
    for place, image in enumerate(shown):
        members = phantom.train.images[phantom.train.labels == (place >= 5)]
        assert (members == image[..., 0]).all(axis=(1, 2)).any()


def test_class_balance_writes_every_count(study):
    texts = words_of(figures.class_balance(study))
    for counts in study.data.counts().values():
        assert all(str(count) in texts for count in counts.values())


def test_the_bars_of_class_balance_fill_each_split(study):
    axes = figures.class_balance(study).axes[0]
    widths = [bar.get_width() for bar in axes.findobj(Rectangle) if bar in axes.patches]
    assert sum(widths) == pytest.approx(3)


def test_augmentation_shows_every_variant_of_either_class(study):
    canvas = figures.augmentation(study)
    assert len(images_of(canvas)) == 2 * len(VARIANTS)
    assert set(VARIANTS) < set(words_of(canvas))


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
