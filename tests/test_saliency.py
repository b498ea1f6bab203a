"""What is seen of a network: filters, Grad-CAM and its place, and checks that maps show what was learned."""

from collections import OrderedDict
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from scipy.stats import wilcoxon
from torch import nn

from pneumo.analysis import evidence, sanity_checks
from pneumo.pages import pictures
from pneumo.study.study import YOUDEN, Model, Study, threshold
from pneumo.training import grad_cam, saliency
from pneumo.training.augmentation import to_unit
from pneumo.training.models import Classifier, build
from pneumo.training.recipes import RECIPES
from pneumo.training.removal import impute, order
from pneumo.training.runs import Explanation
from pneumo.training.similarity import random_maps, rank_correlation, structural_similarity
from pneumo.training.train import train
from pneumo.training.weights import find_weights

SIMPLE = RECIPES["simple-cnn"]
OF_EACH = {recipe.architecture: recipe for recipe in RECIPES.values()}
MAPS = random_maps((6, 7, 7), seed=3)


def _learned(recipe):
    """A network in which all weights have changed, as in training."""
    model = build(recipe)
    with torch.no_grad():
        for value in model.network.state_dict().values():
            value.add_(1)
    return model


@pytest.mark.parametrize("architecture", saliency.STAGES)
def test_a_stage_loses_all_it_learned_and_none_below_it_anything(architecture):
    recipe = OF_EACH[architecture]
    model = _learned(recipe)
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    fresh = saliency.fresh_network(model, recipe, seed=1)
    gone: tuple[str, ...] = ()
    for stage, modules in saliency.STAGES[architecture].items():
        saliency.randomise(model, fresh, recipe, stage)
        gone += tuple(f"{module}." for module in modules)
        for name, value in model.network.state_dict().items():
            assert torch.equal(value, before[name]) != name.startswith(gone), (stage, name)


def test_the_cascade_starts_at_the_trained_network_and_leaves_it(phantom):
    model = _learned(SIMPLE)
    before = deepcopy(model.state_dict())
    found = saliency.cascade(model, SIMPLE, phantom.test.images[:5])
    stages = 1 + len(saliency.STAGES["simple-cnn"])
    assert found["stages"].tolist() == ["trained", *saliency.STAGES["simple-cnn"]]
    assert found["rank"].shape == found["structure"].shape == (saliency.DRAWS, stages, 5)
    assert found["maps"].shape == (stages, 5, 7, 7)
    np.testing.assert_allclose(found["rank"][:, 0], 1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.fixture
def square():
    """A network whose call depends on one square of 4×4 pixels, and its recipe."""
    network = nn.Sequential(
        OrderedDict(
            layer=nn.Conv2d(1, 49, 4, stride=4), flat=nn.Flatten(), fc=nn.Linear(49 * 49, 1)
        )
    )
    with torch.no_grad():
        network.layer.weight.fill_(1 / 16)
        network.layer.bias.zero_()
        network.fc.weight.zero_()
        # Channel k looks at cell k, so that Grad-CAM's mean gradient knows the cell's channel.
        network.fc.weight[0, 10 * 49 + 10] = 40.0
        network.fc.bias.fill_(-20.0)
        for channel in range(49):
            if channel != 10:
                network.layer.weight[channel].zero_()
    return Classifier(network, "fc", (0.0,), (1.0,)), replace(SIMPLE, explained_layer="layer")


def test_a_map_of_the_deciding_square_beats_a_random_one(square):
    model, recipe = square
    images = np.random.default_rng(0).integers(0, 60, (12, 28, 28)).astype(np.uint8)
    images[:, 4:8, 12:16] = 230  # cell 10: row 1, column 3
    curves = saliency.removal(model, recipe, images)
    removed = np.array((0.0, *saliency.REMOVED))
    own, chance, _ = (sanity_checks.gap(removed, each) for each in curves)
    assert (curves[:, :, 0] > 0.99).all()
    assert own.mean() > chance.mean() + 0.3
    assert curves[0, 0, 1].mean() < 0.5 < curves[0, 1, -1].mean()


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_hole_in_a_linear_ramp_is_filled_with_the_ramp(share):
    down, right = np.indices((12, 12))
    ramp = (0.03 * right + 0.02 * down + 0.1)[None]
    missing = np.random.default_rng(0).random((12, 12)) < share
    missing[[0, -1]] = missing[:, [0, -1]] = False
    spoiled = np.where(missing, 9.0, ramp)
    np.testing.assert_allclose(impute(spoiled, missing, None), ramp, atol=1e-12)


def test_a_pixel_is_the_weighted_mean_of_its_neighbours():
    image = np.arange(9.0).reshape(1, 3, 3) ** 2
    missing = np.zeros((3, 3), bool)
    missing[1, 1] = True
    expected = (1 + 9 + 25 + 49) / 6 + (0 + 4 + 36 + 64) / 12
    assert impute(image, missing, None)[0, 1, 1] == pytest.approx(expected)
    corner = np.zeros((3, 3), bool)
    corner[0, 0] = True  # two neighbours over an edge, one over a corner: 2 : 2 : 1
    assert impute(image, corner, None)[0, 0, 0] == pytest.approx((2 * 1 + 2 * 9 + 16) / 5)


def test_the_pixels_of_the_brightest_cell_go_first_and_every_pixel_once():
    maps = np.zeros((1, 7, 7))
    maps[0, 2, 5] = 1.0
    ranked = order(maps, 28)
    down, right = np.unravel_index(ranked[0, :4], (28, 28))
    assert set(down) <= {9, 10}
    assert set(right) <= {21, 22}
    np.testing.assert_array_equal(np.sort(ranked), [np.arange(784)])


@pytest.mark.parametrize("similarity", [rank_correlation, structural_similarity])
def test_maps_are_like_themselves_at_any_scale_and_unlike_their_inverse_or_another(similarity):
    np.testing.assert_allclose(similarity(MAPS, 40 * MAPS), 1, atol=1e-6)
    assert (similarity(MAPS, -MAPS) < -0.3).all()
    assert np.isfinite(similarity(MAPS, np.ones_like(MAPS))).all()
    one, other = random_maps((500, 7, 7), 0), random_maps((500, 7, 7), 1)
    assert abs(similarity(one, other).mean()) < 0.03
    np.testing.assert_allclose(similarity(one, other), similarity(other, one), atol=1e-12)


@given(st.integers(0, 10_000), st.integers(0, 20))
def test_ranks_agree_with_the_library_ties_and_all(seed, levels):
    generator = np.random.default_rng(seed)
    one, other = generator.integers(0, levels + 1, (2, 1, 4, 5)).astype(float)
    expected = 0.0  # a constant map ranks nothing
    if np.ptp(one) and np.ptp(other):
        expected = stats.spearmanr(one.ravel(), other.ravel()).statistic
    assert rank_correlation(one, other)[0] == pytest.approx(expected, abs=1e-12)


def test_the_mean_of_what_is_known_has_the_librarys_interval():
    values = np.random.default_rng(0).gamma(2.0, size=300)
    found = sanity_checks.mean_interval(np.r_[values, np.nan], np.arange(301))
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(expected.low, abs=0.02)
    assert found.high == pytest.approx(expected.high, abs=0.02)


def test_maps_are_held_against_seeds_the_control_and_chance(study):
    found = sanity_checks.agreements(study)
    assert list(found) == ["another seed", "shuffled labels", "random map"]
    model = study.model("simple-cnn")
    one, other = (run.explanation.maps for run in model.runs)
    assert found["another seed"].rank == pytest.approx(rank_correlation(one, other).mean())
    assert abs(found["random map"].rank) < 0.05


def test_the_regions_of_the_phantom_are_its_chest(study):
    masks = evidence.regions(study)
    assert masks["border"].sum() == 28 * 28 - 24 * 24
    assert masks["thorax"].mean() == pytest.approx(np.pi * evidence.RADIUS**2, abs=0.02)
    assert not (masks["lungs"] & ~masks["thorax"]).any()
    assert masks["lungs"][14, 8]
    assert masks["lungs"][14, 20]
    assert not masks["lungs"][14, 14]  # the mediastinum lies between
    assert not (masks["border"] & masks["lungs"]).any()


def test_an_even_map_has_the_regions_own_share_and_an_empty_one_none(study):
    for mask in evidence.regions(study).values():
        np.testing.assert_allclose(evidence.shares(np.ones((2, 8, 8)), mask), mask.mean())
        assert np.isnan(evidence.shares(np.zeros((1, 7, 7)), mask)).all()


def test_the_p_value_is_the_librarys_on_the_patients_mean_shares(study):
    model = study.model("simple-cnn")
    found = evidence.by_region(study, model)
    for region, mask in evidence.regions(study).items():
        values = evidence.mean_shares(evidence.evidence(model), mask)
        finite = np.isfinite(values)
        known, groups = values[finite], study.groups("test")[finite]
        patients = [known[groups == one].mean() for one in np.unique(groups)]
        expected = wilcoxon(np.array(patients) - mask.mean()).pvalue
        assert found[region].p_value == pytest.approx(expected)
        assert found[region].low <= found[region].mean == known.mean() <= found[region].high
        assert found[region].blank == np.isnan(values).sum()


def _marking(study, cells):
    """The study, with its first model's maps changed to mark only these cells for any call."""
    model = study.model("simple-cnn")
    run = replace(model.run)
    called = run.predictions["test"].probabilities >= threshold(run, YOUDEN)
    noise = np.random.default_rng(0).random((len(called), 7, 7)) * 0.01
    maps = (noise + cells) * np.where(called, 1, -1)[:, None, None]
    run.__dict__["explanation"] = Explanation(*(np.zeros(0),), maps, np.zeros(0))
    alone = Model(model.recipe, (run,))
    return Study(study.profile, study.data, (alone,)), alone


def test_maps_that_mark_the_lungs_are_told_from_maps_that_mark_the_edge(study):
    lungs = evidence.coverage(evidence.regions(study)["lungs"], (7, 7))
    found = evidence.by_region(*_marking(study, lungs > 0.9))["lungs"]
    assert found.low > found.uniform
    edge = evidence.coverage(evidence.regions(study)["border"], (7, 7))
    found = evidence.by_region(*_marking(study, edge > 0.4))
    assert found["lungs"].high < found["lungs"].uniform
    assert found["border"].low > found["border"].uniform


@pytest.fixture
def toy():
    """Three convolution channels, averaged, then weighed: Grad-CAM can be said by hand."""
    torch.manual_seed(5)
    network = nn.Sequential(
        OrderedDict(
            layer=nn.Conv2d(1, 3, 4, stride=4),
            pool=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            fc=nn.Linear(3, 1),
        )
    )
    return Classifier(network, "fc", mean=(0.0,), deviation=(1.0,))


@pytest.fixture
def toy_recipe():
    return replace(RECIPES["simple-cnn"], explained_layer="layer")


@pytest.mark.parametrize(
    "name", ["simple-cnn", "resnet18-tiny-imagenet", "efficientnet-lite0-imagenet"]
)
def test_no_grad_cam_map_is_coarse_or_constant(name, study, phantom, home):
    recipe = study.profile.recipe(name)
    maps = train(recipe, 0, phantom, find_weights(recipe), home).explanation.maps
    assert len(maps) == len(phantom.test.images)
    assert min(maps.shape[1:]) >= 7
    spread = np.ptp(maps, axis=(1, 2))
    assert (spread > 0.05 * np.abs(maps).max(axis=(1, 2))).all()
    assert len(np.unique(maps.reshape(len(maps), -1), axis=0)) == len(maps)


def test_a_filter_is_what_grey_input_meets():
    recipe = RECIPES["resnet18-tiny-imagenet"]
    model = build(recipe, find_weights(recipe))
    filters = torch.from_numpy(grad_cam.first_filters(model))
    grey = torch.rand(1, 1, 16, 16)
    kernels = model.network.conv1.weight.detach()
    of_colour = nn.functional.conv2d(grey.expand(-1, 3, -1, -1), kernels)
    of_grey = nn.functional.conv2d(grey, filters.unsqueeze(1))
    torch.testing.assert_close(of_grey, of_colour, atol=1e-5, rtol=1e-4)


def test_the_signed_map_of_a_linear_head_is_the_one_worked_out_by_hand(toy, toy_recipe, phantom):
    images = phantom.test.images[:5]
    found = grad_cam.grad_cam(toy, toy_recipe, images)
    activations = toy.network.layer(to_unit(images)).detach()  # (5, 3, 7, 7)
    weights = toy.network.fc.weight.detach().view(1, 3, 1, 1) / 49  # the gradient of each cell
    np.testing.assert_allclose(found, (weights * activations).sum(1).numpy(), atol=1e-6)
    assert np.ptp(found) > 0


@given(arrays.arrays(np.float32, (3, 3), elements=st.floats(-1, 1, width=32)), st.booleans())
def test_evidence_is_what_speaks_for_the_call_that_was_made(signed, positive):
    shown = pictures.evidence(signed, positive)
    assert shown.min() >= 0
    for_call = signed if positive else -signed
    assert ((shown > 0) <= (for_call > 0)).all()
    assert shown.max() == (pytest.approx(1) if (for_call > 0).any() else 0)
