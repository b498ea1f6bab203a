"""Augmentation on small pictures whose right answer can be said in advance."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pneumo.training.augmentation import Draw, apply, augment, draw, resize
from pneumo.training.recipes import Augmentation

SIDE = 29  # odd, so there is a middle pixel


def change(count=1, **fields):
    """A draw that changes nothing but `fields`."""
    nothing = {name: torch.zeros(count) for name in Draw.__dataclass_fields__}
    nothing |= {"mirrored": torch.zeros(count, dtype=torch.bool), "contrast": torch.ones(count)}
    given_ = {name: torch.full((count,), value) for name, value in fields.items()}
    return Draw(**(nothing | given_))


def dot(row, column):
    """A bright square of 3×3 pixels on black."""
    image = torch.zeros(1, 1, SIDE, SIDE)
    image[..., row - 1 : row + 2, column - 1 : column + 2] = 1
    return image


def centre(image):
    """Where an image's brightness lies on average: row, column."""
    rows, columns = torch.meshgrid(*2 * [torch.arange(image.shape[-1]).float()], indexing="ij")
    light = image[0, 0] / image.sum()
    return float((rows * light).sum()), float((columns * light).sum())


@pytest.fixture
def scene():
    generator = torch.Generator().manual_seed(3)
    return torch.rand(4, 1, 28, 28, generator=generator)


@pytest.mark.parametrize("size", [28, 56, 64])
def test_a_draw_that_changes_nothing_is_a_resize(scene, size):
    torch.testing.assert_close(
        apply(scene, size, change(4)), resize(scene, size), atol=1e-5, rtol=0
    )


def test_flips_turns_and_brightness_do_what_their_names_say(scene):
    for fields, expected in (
        ({"mirrored": True}, scene.flip(-1)),
        ({"rotation": 90.0}, torch.rot90(scene, 1, (-2, -1))),  # counter-clockwise
        ({"brightness": -0.15}, (scene - 0.15).clamp(0, 1)),
    ):
        torch.testing.assert_close(
            apply(scene, 28, change(4, **fields)), expected, atol=1e-4, rtol=0
        )


@pytest.mark.parametrize(
    ("field", "share", "expected"),
    [
        ("right", 3 / SIDE, (14, 17)),
        ("right", -3 / SIDE, (14, 11)),
        ("down", 3 / SIDE, (17, 14)),
        ("down", -3 / SIDE, (11, 14)),
    ],
)
def test_a_shift_moves_by_its_share_of_the_side(field, share, expected):
    assert centre(apply(dot(14, 14), SIDE, change(**{field: share}))) == pytest.approx(
        expected, abs=1e-3
    )


@pytest.mark.parametrize(("zoom", "distance"), [(-0.5, 10), (0.0, 5), (0.25, 4)])
def test_a_zoom_shows_more_or_less_of_the_side(zoom, distance):
    row, column = centre(apply(dot(14, 19), SIDE, change(zoom=zoom)))
    assert (row, column) == pytest.approx((14, 14 + distance), abs=0.2)


def test_what_a_shift_uncovers_repeats_the_edge(scene):
    shifted = apply(scene, 28, change(4, right=4 / 28))
    edge = scene[..., :1].expand(-1, -1, -1, 4)
    torch.testing.assert_close(shifted[..., :4], edge, atol=1e-5, rtol=0)


def test_contrast_scales_the_distance_from_the_images_own_mean():
    image = torch.tensor([0.3, 0.5]).repeat(2, 1).view(1, 1, 2, 2)  # mean 0.4
    changed = apply(image, 2, change(contrast=1.5))
    torch.testing.assert_close(changed, torch.tensor([0.25, 0.55]).repeat(2, 1).view(1, 1, 2, 2))


@given(seed=st.integers(0, 2**31), strength=st.floats(0, 1), size=st.sampled_from([28, 40]))
def test_results_stay_between_0_and_1(seed, strength, size):
    ranges = Augmentation(0.5, 180 * strength, strength, strength, strength)
    generator = torch.Generator().manual_seed(seed)
    changed = augment(torch.rand(3, 1, 28, 28, generator=generator), size, ranges, generator)
    assert changed.shape == (3, 1, size, size)
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_draws_fill_their_ranges_and_stay_inside():
    ranges = Augmentation(0.3, rotation=12, translation=0.1, zoom=0.3, brightness=0.2, contrast=0.4)
    drawn = draw(4000, ranges, torch.Generator().manual_seed(0))
    assert drawn.mirrored.float().mean().item() == pytest.approx(0.3, abs=0.03)
    for values, middle, reach in (
        (drawn.rotation, 0, 12),
        (drawn.zoom, 0, 0.3),
        (drawn.right, 0, 0.1),
        (drawn.down, 0, 0.1),
        (drawn.brightness, 0, 0.2),
        (drawn.contrast, 1, 0.4),
    ):
        assert values.min().item() == pytest.approx(middle - reach, abs=0.01 * reach)
        assert values.max().item() == pytest.approx(middle + reach, abs=0.01 * reach)
        assert values.mean().item() == pytest.approx(middle, abs=0.05 * reach)
