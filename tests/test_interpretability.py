"""Maps and filters in the record, and what the pages on interpretability and the shift draw from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.text import Text

from pneumo.analysis import grad_cam, mistakes
from pneumo.pages.figures import networks, pictures
from pneumo.record import images
from pneumo.record.interpretability import Explained
from pneumo.study import selection
from pneumo.study.study import YOUDEN


def test_the_record_holds_the_first_seeds_maps_and_filters(study, record):
    assert set(record.maps) == {
        f"{kind}/{m.name}" for kind in ("maps", "filters") for m in study.ran
    }
    for model in study.ran:
        explained = model.run.explanation
        maps = record.maps[f"maps/{model.name}"]
        assert maps.dtype == np.float16
        np.testing.assert_allclose(maps, explained.maps, rtol=2**-10, atol=1e-7)
        np.testing.assert_array_equal(record.maps[f"filters/{model.name}"], explained.filters)


def test_maps_in_which_nothing_speaks_for_the_call_are_counted(study):
    for model in study.ran:
        maps, test = model.run.explanation.maps, model.run.predictions["test"]
        threshold = model.thresholds(YOUDEN)[0]
        blank = sum(
            (map_ <= 0).all() if probability >= threshold else (map_ >= 0).all()
            for map_, probability in zip(maps, test.probabilities, strict=True)
        )
        assert grad_cam.explained(model).blank == blank


def test_smooth_kernels_are_told_from_random_ones():
    ramps = np.arange(9.0).reshape(1, 3, 3) * np.array([1, -2, 3]).reshape(3, 1, 1)
    assert grad_cam.neighbour_correlation(ramps) > 0.8
    noise = np.random.default_rng(0).normal(size=(500, 3, 3))
    assert abs(grad_cam.neighbour_correlation(noise)) < 0.05
    assert np.isnan(grad_cam.neighbour_correlation(np.ones((2, 3, 3))))


def test_the_cases_shown_are_the_surest_of_each_group(study, record):
    numbers = record.figure("fig-gradcam")
    model = selection.best(study)
    for group, members in mistakes.groups(model).items():
        own = numbers.where(group=group)
        assert own["index"].tolist() == members[: grad_cam.EACH].tolist()
        for row in own.rows():
            assert row["sha256"] == images.digest(study.data.test.images[int(row["index"])])


def test_grad_cam_shows_maps_at_their_native_size_and_overlays_over_the_whole_image(record):
    canvas = networks.grad_cam(record).canvas
    cells = record.answer("explained", dict[str, Explained])[record.best.name].cells
    native = [axes.images[0] for axes in canvas.axes[1::3] if axes.images]
    assert {image.get_array().shape for image in native} == {cells}
    assert {image.get_interpolation() for image in native} == {"none"}
    assert "map, {}×{}".format(*cells) in [text.get_text() for text in canvas.findobj(Text)]
    for axes in canvas.axes[2::3]:
        if axes.images:
            image, heat = axes.images
            np.testing.assert_allclose(heat.get_extent(), image.get_extent())


def test_every_networks_filters_are_shown_each_in_its_own_range(study, record):
    canvas = networks.filters(record).canvas
    for axes, model in zip(canvas.axes, study.ran, strict=True):
        kernels = model.run.explanation.filters
        shown = np.asarray(axes.images[0].get_array(), float)
        own_range = kernels / np.abs(kernels).max(axis=(1, 2), keepdims=True)
        np.testing.assert_allclose(
            np.sort(shown[np.isfinite(shown)]), np.sort(own_range.ravel()), atol=1e-6
        )


@given(arrays.arrays(np.float32, (3, 3), elements=st.floats(-1, 1, width=32)), st.booleans())
def test_evidence_is_what_speaks_for_the_call_that_was_made(signed, positive):
    shown = pictures.evidence(signed, positive)
    assert shown.min() >= 0
    for_call = signed if positive else -signed
    assert ((shown > 0) <= (for_call > 0)).all()
    assert shown.max() == (pytest.approx(1) if (for_call > 0).any() else 0)


def test_every_case_lies_in_one_bin_of_its_histogram(study, record):
    numbers = record.figure("fig-shift-scores")
    for model in study.ran:
        for split in ("val", "test"):
            own = numbers.where(model=model.name, split=split)
            assert own["cases"].sum() == len(model.run.predictions[split].labels)
            assert own["share"].sum() == pytest.approx(2)  # one of each class


def test_the_difference_of_mean_images_is_that_of_the_sets(study, record):
    splits = study.data.splits
    developed = np.concatenate([splits[s].images[splits[s].labels == 1] for s in ("train", "val")])
    tested = splits["test"].images[splits["test"].labels == 1]
    expected = (tested.mean(axis=0) - developed.mean(axis=0)) / 255
    found = record.figure("fig-shift-images")["pneumonia, difference"]
    np.testing.assert_allclose(found, expected.ravel(), atol=1e-5)
