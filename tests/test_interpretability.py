"""Maps and filters in the record, and what the pages on interpretability and the shift draw from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.text import Text

from pneumo.analysis import grad_cam
from pneumo.pages.figures import networks, pictures
from pneumo.record.interpretability import Explained


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


def test_smooth_kernels_are_told_from_random_ones():
    ramps = np.arange(9.0).reshape(1, 3, 3) * np.array([1, -2, 3]).reshape(3, 1, 1)
    assert grad_cam.neighbour_correlation(ramps) > 0.8
    noise = np.random.default_rng(0).normal(size=(500, 3, 3))
    assert abs(grad_cam.neighbour_correlation(noise)) < 0.05
    assert np.isnan(grad_cam.neighbour_correlation(np.ones((2, 3, 3))))


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


@given(arrays.arrays(np.float32, (3, 3), elements=st.floats(-1, 1, width=32)), st.booleans())
def test_evidence_is_what_speaks_for_the_call_that_was_made(signed, positive):
    shown = pictures.evidence(signed, positive)
    assert shown.min() >= 0
    for_call = signed if positive else -signed
    assert ((shown > 0) <= (for_call > 0)).all()
    assert shown.max() == (pytest.approx(1) if (for_call > 0).any() else 0)
