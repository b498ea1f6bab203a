"""Framing: statistics against simulation and other code, crops against films, and the text of pages."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import stats
from sklearn.metrics import roc_auc_score

from pneumo.analysis import framing
from pneumo.analysis.claims import networks
from pneumo.base import npz
from pneumo.data import datasets
from pneumo.statistics import adjusted_roc
from pneumo.study import framing as crops
from pneumo.study import outputs
from pneumo.study.study import load


def cases(seed, count=400, skill=1.0, by_covariate=2.0, spread=0.0, apart=0.5):
    """Labels, scores (1, N) and a covariate that is correlated with both."""
    generator = np.random.default_rng(seed)
    labels = (np.arange(count) % 2).astype(np.uint8)
    covariate = generator.uniform(0, 1, count) + apart * labels
    noise = generator.normal(size=count) * (1 + spread * covariate)
    return labels, (skill * labels + by_covariate * covariate + noise)[None], covariate


def test_the_adjusted_auc_holds_where_scores_spread_more_at_some_covariates():
    labels, scores, covariate = cases(2, 60_000, spread=2.0)
    found = adjusted_roc.adjusted_auc(labels, scores, covariate, np.ones((1, len(labels))))
    truth = stats.norm.cdf(1 / (np.sqrt(2) * (1 + 2 * covariate[labels == 1]))).mean()
    assert found[0, 0] == pytest.approx(truth, abs=0.006)


@pytest.mark.parametrize("area", [adjusted_roc.adjusted_auc, adjusted_roc.weighted_auc])
def test_an_auc_of_weights_is_that_of_cases_written_out_so_often(area):
    labels, scores, covariate = cases(3, 60)
    scores, often = scores.round(1), np.random.default_rng(0).integers(0, 3, len(labels))  # ties
    rows = np.repeat(np.arange(len(labels)), often)

    def of(rows, weights):
        more = (covariate[rows], weights) if area == adjusted_roc.adjusted_auc else (weights,)
        return area(labels[rows], scores[:, rows], *more)[0, 0]

    every = np.arange(len(labels))
    assert of(every, often[None] * 1.0) == pytest.approx(of(rows, np.ones((1, len(rows)))))


def test_an_interval_of_the_adjusted_auc_covers_the_truth_about_as_often_as_it_says():
    truth, covered = stats.norm.cdf(1 / np.sqrt(2)), 0
    for seed in range(100):
        labels, scores, covariate = cases(seed, 120)
        weights = adjusted_roc.resample(labels, np.arange(120), 200, seed)
        values = adjusted_roc.adjusted_auc(labels, scores, covariate, weights)
        found = adjusted_roc.over_cases_and_seeds(values)
        covered += found.low <= truth <= found.high
    assert covered >= 88  # a binomial with p = 0.95 is lower in less than one of 200 cases


def test_the_auc_of_like_pairs_counts_the_pairs_within_the_caliper():
    labels, scores, covariate = cases(4, 80)
    positive, negative = np.flatnonzero(labels), np.flatnonzero(labels == 0)
    won = [
        scores[0, i] > scores[0, j]
        for i in positive
        for j in negative
        if abs(covariate[i] - covariate[j]) <= 0.1
    ]
    weights = np.ones((1, 80))
    found = adjusted_roc.weighted_auc(labels, scores, weights, covariate, 0.1)
    assert found[0, 0] == pytest.approx(np.mean(won))
    every = adjusted_roc.weighted_auc(labels, scores, weights)
    assert every[0, 0] == pytest.approx(roc_auc_score(labels, scores[0]))


def test_fiellers_interval_covers_a_ratio_and_is_undefined_where_the_whole_may_be_zero():
    generator, covered = np.random.default_rng(6), 0
    for _ in range(300):
        centre = generator.multivariate_normal([0.3, 1.0], [[0.02, 0.01], [0.01, 0.04]])
        drawn = generator.multivariate_normal(centre, [[0.02, 0.01], [0.01, 0.04]], 2000)
        part, whole = np.concatenate([centre[None], drawn]).T[:, None]
        found = adjusted_roc.ratio(part, whole)
        covered += found.low <= 0.3 <= found.high
    assert 273 <= covered <= 297
    found = adjusted_roc.ratio(part, whole - whole[0, 0] + 0.1)
    assert np.isfinite(found.value)
    assert np.isnan([found.low, found.high]).all()


def test_a_crop_is_the_centred_square_made_small_as_the_set_was(phantom):
    films = datasets.phantom(64).test.images[:3]
    whole = crops.crop(films, 1.0, 28, phantom.about)
    half = crops.crop(films, 0.5, 28, phantom.about)
    assert whole.shape == half.shape == (3, 28, 28)
    for film, tight in zip(films, half, strict=True):
        plain = Image.fromarray(film[16:48, 16:48]).resize((28, 28), Image.Resampling.BILINEAR)
        assert np.abs(np.asarray(plain, float) - tight).mean() < 5  # except for JPEG's loss
        assert (np.asarray(plain) != tight).any()


def test_the_same_films_at_another_size_are_found_beside_the_data_others_not(arrays, tmp_path):
    def enlarged(images):
        return np.stack([np.asarray(Image.fromarray(each).resize((64, 64))) for each in images])

    names = [f"{split}_images" for split in datasets.SPLITS]
    large = arrays | {name: enlarged(arrays[name]) for name in names}
    other = large | {name: large[name][::-1] for name in names}
    paths = {size: tmp_path / f"pneumoniamnist{end}.npz" for size, end in ((28, ""), (64, "_64"))}
    np.savez(paths[28], **arrays)
    small = datasets.load(28, str(paths[28]))
    assert small.larger is None
    for beside in (large, other):
        np.savez(paths[64], **beside)
        larger, thumbnails = replace(small).larger, datasets.load(64, str(paths[64])).thumbnails
        if beside is other:
            assert (larger, thumbnails) == (None, {})
        else:
            np.testing.assert_array_equal(larger["test"].images, large["test_images"])
            np.testing.assert_array_equal(thumbnails["test"], arrays["test_images"])


@pytest.fixture
def taught(store):
    """The study, as if its networks used only the films' ratios, in predictions and crops."""

    def make(weight, dose, fall=0.0):
        study = load(home=store)
        origin = study.data.origins
        for model in study.ran:
            for run in model.runs:
                noise = np.random.default_rng(run.seed)
                for name in ("val", "test"):
                    found = run.predictions[name]
                    ratios = origin[name].ratios
                    logits = weight * (ratios - 1.35) / 0.18 + 2 * found.labels - 1
                    logits = logits + noise.normal(size=len(logits)) + fall * (name == "test")
                    run.predictions[name] = replace(found, logits=logits)
                answer = outputs.read(run, "framing", study.profile)
                steps = (1 - np.array(crops.FACTORS))[:, None] / 0.1
                noise = np.random.default_rng(run.seed).normal(size=len(answer["indices"]))
                answer["logits"] = dose * steps + noise
                npz.write_sealed(outputs.path(run, "framing", study.profile), **answer)
        return study

    return make


def _decided(study):
    found = (networks.uses_framing(study), networks.explains_fall(study))
    return {claim.id: claim for claim in found}


@pytest.mark.parametrize(
    ("weight", "dose", "expected"),
    [(3.0, 0.5, "supported"), (3.0, 0.0, "refuted"), (-2.0, 0.5, "refuted")],
)
def test_networks_use_framing_where_observation_and_trial_agree(weight, dose, expected, taught):
    found = _decided(taught(weight, dose))["uses-framing"]
    assert found.verdict == expected
    assert found.finding != found.text


def test_a_fall_that_has_nothing_to_do_with_framing_is_not_explained_by_it(taught):
    found = _decided(taught(0.0, 0.0, fall=2.0))["framing-explains-fall"]
    assert found.verdict == "refuted"
    assert found.high < 0.5


def test_a_set_whose_films_have_no_known_shape_claims_nothing_of_it(study):
    unknown = replace(study, data=replace(study.data, source="file", location="/nowhere/a.npz"))
    assert networks.uses_framing(unknown) is networks.explains_fall(unknown) is None
    answer = framing.part(unknown).answers["framing"]
    assert not answer.known
    assert sum(answer.films.values()) == study.profile.probed_images


def test_the_record_has_the_ratios_auc(record, study):
    answer = record.framing
    ratios, labels = study.data.origins["test"].ratios, study.data.test.labels
    assert answer.auc["test"] == pytest.approx(roc_auc_score(labels, ratios))
    assert record.results["framing"]["auc"].keys() == {"train", "val", "test"}


def test_the_smooth_share_is_the_kernels_weighted_mean():
    generator = np.random.default_rng(5)
    covariate, hits = generator.normal(size=50), generator.integers(0, 2, (1, 50)).astype(float)
    weights = generator.integers(1, 4, (2, 50)).astype(float)
    found = adjusted_roc.smooth_share(hits, covariate, np.array([0.3, 40.0]), 0.4, weights)
    for row, own in zip(weights, found[0], strict=True):
        kernel = row * stats.norm.pdf(covariate, 0.3, 0.4)
        assert own[0] == pytest.approx((kernel * hits[0]).sum() / kernel.sum())
        nearest = hits[0, covariate.argmax()]  # almost alone
        assert own[1] == pytest.approx(nearest, abs=0.01)


def test_few_seeds_that_disagree_widen_an_interval():
    drawn = np.random.default_rng(7).normal(0.5, 0.01, (1, 500))
    alike = np.repeat(np.c_[0.5, drawn], 3, axis=0)
    apart = alike + np.array([[-0.1], [0.0], [0.1]])
    narrow, wide = map(adjusted_roc.over_cases_and_seeds, (alike, apart))
    assert narrow.high - narrow.value == pytest.approx(1.96 * drawn.std(ddof=1), rel=0.01)
    # Most variance is that of the seeds, so Student's t has hardly more than two degrees of freedom.
    assert wide.high - wide.value == pytest.approx(stats.t.ppf(0.975, 2) * 0.1 / 3**0.5, rel=0.1)
