"""The shift from validation to test, found where groups differ; origins, and effects of shared patients."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pneumo import data
from pneumo.analysis import origins as analysis
from pneumo.analysis import shift
from pneumo.commands import main as cli
from pneumo.data import Split, held_out, origins, radiographs
from pneumo.data.descriptions import PNEUMONIA
from pneumo.data.thumbnails import SIDE, thumbnails
from pneumo.statistics import metrics
from pneumo.statistics.metrics import MetricError
from pneumo.study.study import YOUDEN, Model
from pneumo.training.augmentation import LEAST_SEEN, reframing
from pneumo.training.recipes import CONTROLS


def _images(count, seed, brighter=0):
    """Noise images of 6×6 pixels, with the upper half brighter by `brighter` grey levels."""
    images = np.random.default_rng(seed).integers(60, 120, (count, 6, 6)).astype(np.uint8)
    images[:, :3] += np.uint8(brighter)
    return images


def _told(first, second, *resamples):
    """Two groups in which every image is its own patient."""
    return shift.two_sample(first, second, np.arange(len(first) + len(second)), *resamples)


def test_groups_that_differ_are_told_apart_and_those_of_one_kind_are_not():
    found = _told(_images(150, 1), _images(60, 2))
    assert (found.first, found.second) == (150, 60)
    assert found.low < 0.5 < found.high
    assert found.p_value > 0.05
    found = _told(_images(150, 1), _images(60, 2, brighter=20))
    assert found.auc > 0.9
    assert found.low > 0.5
    assert found.p_value == 1 / (1 + shift.RESAMPLES)


def test_the_auc_is_that_of_the_librarys_cross_validation():
    first, second = _images(70, 3), _images(45, 4, brighter=5)
    features = np.concatenate([first, second]).reshape(-1, 3, 2, 3, 2).mean(axis=(2, 4))
    expected = cross_val_score(
        make_pipeline(StandardScaler(), RidgeClassifier(shift.PENALTY)),
        features.reshape(len(features), -1),
        np.repeat([0, 1], [70, 45]),
        scoring="roc_auc",
        cv=StratifiedGroupKFold(shift.FOLDS, shuffle=True, random_state=0),
        groups=np.arange(len(features)),
    )
    assert _told(first, second, 9).auc == pytest.approx(expected.mean())


def test_chance_is_mistaken_for_a_shift_no_oftener_than_it_should_be():
    p_values = [
        _told(_images(40, 2 * seed), _images(30, 2 * seed + 1), 39).p_value
        for seed in range(100, 130)
    ]
    # Thirty uniform p-values: both bounds are crossed once in thousands of times.
    assert sum(p <= 0.1 for p in p_values) <= stats.binom.ppf(0.9995, 30, 0.1)
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_images_without_any_difference_give_an_even_chance():
    blank = np.full((20, 6, 6), 7, np.uint8)
    found = _told(blank, blank, 19)
    assert (found.auc, found.p_value) == (0.5, 1)


def test_patients_with_several_images_are_no_shift():
    once = _images(60, 7)
    patients = np.repeat(np.arange(60), 4)
    images = once[patients]
    assert shift.two_sample(images[:160], images[160:], patients).p_value > 0.05
    # As 240 patients, images of the same 60 would be recognised.
    assert _told(images[:160], images[160:]).p_value < 0.05


@pytest.mark.parametrize(
    ("second", "patients", "told"),
    [
        (9, np.arange(49), "10 images in each; found 40 and 9"),
        (80, np.repeat(np.arange(15), 8), "fewer than two patients"),
    ],
)
def test_groups_too_small_to_learn_from_are_refused(second, patients, told):
    with pytest.raises(MetricError, match=told):
        shift.two_sample(_images(40, 1), _images(second, 2), patients)


def test_a_study_compares_each_class_has_a_control_and_leaves_out_a_class_too_small(study):
    found = shift.two_samples(study)
    assert list(found) == list(shift.COMPARISONS)
    assert all(list(by_class) == list(PNEUMONIA.classes) for by_class in found.values())
    counts = study.data.counts()
    normal = found["development and test"]["normal"]
    assert normal.first == counts["train"]["normal"] + counts["val"]["normal"]
    assert normal.second == counts["test"]["normal"]
    test = study.data.test
    few = np.flatnonzero((test.labels == 1) | (np.cumsum(test.labels == 0) <= 9))
    thin = replace(study.data, test=Split(test.images[few], test.labels[few]))
    found = shift.two_samples(replace(study, data=thin))
    assert list(found["development and test"]) == ["pneumonia"]


def test_scores_that_moved_are_found_and_those_that_stayed_are_not(made_study):
    generator = np.random.default_rng(0)
    labels = np.arange(400) % 2
    val = metrics.probabilities(3 * labels + generator.normal(size=400))
    test = metrics.probabilities(3 * labels + (1 - labels) + generator.normal(size=400))
    normal, pneumonia = shift.scores(made_study({"simple-cnn": [((labels, val), (labels, test))]}))
    assert normal["p_value"] < 0.001
    assert normal["test"] - normal["val"] == pytest.approx(1, abs=0.3)
    assert pneumonia["p_value"] > 0.05
    assert (normal["label"], pneumonia["label"]) == PNEUMONIA.classes
    # Holm doubles the smaller of two p-values, here the smallest that the permutations allow.
    clear, same = (
        stats.ks_2samp(*(np.log(s / (1 - s))[labels == label] for s in (val, test)))
        for label in (0, 1)
    )
    assert normal["distance"] == pytest.approx(clear.statistic)
    assert normal["p_value"] == pytest.approx(2 / (1 + shift.SCORE_RESAMPLES))
    assert pneumonia["p_value"] == pytest.approx(same.pvalue, abs=0.03)


@pytest.mark.parametrize("mended", [True, False], ids=["moved alike", "ranked among the others"])
def test_a_threshold_mends_scores_that_moved_and_not_those_that_mixed(mended, made_study):
    labels = [0] * 10 + [1] * 10
    val = np.r_[np.linspace(0.05, 0.3, 10), np.linspace(0.5, 0.7, 10)]
    test = val + 0.2 if mended else np.r_[[0.95] * 4, val[4:]]
    found = shift.loss(made_study({"simple-cnn": [((labels, val), (labels, test))]}).ran[0])
    assert found.promised.specificity == 1
    assert found.total == pytest.approx(0.4)
    assert found.of_threshold == pytest.approx(0.4 if mended else 0)
    assert found.of_ranking == pytest.approx(0 if mended else 0.4)


def test_an_image_that_the_table_does_not_know_is_a_patient_of_its_own():
    found = origins.look_up("test", np.zeros((2, 28, 28), np.uint8))
    assert not found.known.any()
    assert np.isnan(found.ratios).all()
    assert len(set(origins.told_apart(found.patients))) == 2
    assert len(set(origins.told_apart(np.array([7, -1, 7])))) == 2


def test_framing_is_drawn_so_that_it_says_nothing_of_the_film():
    ratios = torch.cat([torch.full((500,), 1.1), torch.full((500,), 1.5), torch.tensor([np.nan])])
    batch = torch.arange(1001)
    seen = reframing(ratios, batch, torch.Generator().manual_seed(0))
    drawn = (ratios / seen)[:1000]  # the ratio as which each film is shown
    narrow, wide = drawn[:500], drawn[500:]
    assert abs(narrow.mean() - wide.mean()) < 0.03
    assert seen[-1] == 1
    assert seen.min() >= LEAST_SEEN


def test_the_published_origins_are_counted_as_the_readme_of_the_data_counts_them():
    """Built from the table itself without images: each row stands for an image."""
    rows = {name: [] for name in data.SPLITS}
    for found in origins._table().values():
        for name, facts in found:
            rows[name].append(facts)
    counted = origins.count(
        {
            name: origins.Origins(*(np.array(column) for column in zip(*own, strict=True)))
            for name, own in rows.items()
        }
    )
    assert counted.known == 5856
    assert counted.patients == {"train": 2502, "val": 465, "test": 431}
    assert list(counted.kinds["train"].values()) == [1214, 2273, 1221]
    assert list(counted.kinds["test"].values()) == [234, 242, 148]
    assert counted.validation_images_sharing == 372
    assert counted.validation_images_sharing_within_kind == 256
    assert counted.test_images_sharing == 0


def test_unknown_images_share_no_patient_and_are_no_patient():
    kinds, patients = np.array(["", "virus"]), np.array([-1, 3])
    split = origins.Origins(kinds, patients, np.ones(2))
    counted = origins.count(dict.fromkeys(data.SPLITS, split))
    assert counted.known == 3
    assert counted.patients == {"train": 1, "val": 1, "test": 1}
    assert counted.validation_images_sharing == counted.test_images_sharing == 1


def test_the_record_and_the_command_tell_the_same_origins(record, capsys):
    told = record.origins
    assert told.known == record.data.total()
    assert set(record.results["origins"]) >= {
        "known", "patients", "validation_images_sharing", "kinds"
    }  # fmt: skip
    assert cli.main(["data", "--data", "phantom", "--dataset", "breastmnist"]) == 0
    assert "the origins of these images are unknown" in capsys.readouterr().out
    assert cli.main(["data", "--data", "phantom"]) == 0
    printed = capsys.readouterr().out
    assert f"{told.validation_images_sharing} validation images share a patient" in printed
    assert f"{told.validation_images_sharing_within_kind} counted within one kind" in printed
    for name, kinds in told.kinds.items():
        numbers = [name, *map(str, kinds.values()), str(told.patients[name])]
        assert numbers in [line.split() for line in printed.splitlines()]


def test_the_steps_that_are_drawn_are_those_that_a_film_goes_through(tmp_path):
    drawn = analysis.steps()
    drawn["film"].save(tmp_path / "film.png")
    assert np.array_equal(radiographs.read(tmp_path / "film.png").image, drawn["stored"])
    assert not np.array_equal(drawn["resized"], drawn["stored"])


@pytest.mark.parametrize("side", [64, 128, 224])
def test_larger_images_become_means_over_what_a_pixel_covers(side):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (3, side, side), dtype=np.uint8)
    small = thumbnails(images)
    assert (small.shape, small.dtype) == ((3, SIDE, SIDE), np.uint8)
    np.testing.assert_allclose(small.mean(axis=(1, 2)), images.mean(axis=(1, 2)), atol=0.5)
    if side % SIDE == 0:
        block = side // SIDE
        means = images.reshape(3, SIDE, block, SIDE, block).mean(axis=(2, 4))
        assert np.abs(means - small).max() <= 0.5 + 1e-6


def test_images_of_one_patient_are_in_one_group_in_every_split(study):
    train, val = (study.data.origins[split].patients for split in ("train", "val"))
    groups = study.groups("train", "val")
    assert (groups == np.r_[train, val]).all()
    held = held_out.divide(study.data.train)[1]
    assert (study.groups("held") == train[held]).all()


def test_where_nobody_knows_the_patients_every_image_is_one(real_study):
    groups = real_study.groups("train", "val", "test")
    assert len(np.unique(groups)) == len(groups)
    assert len(groups) == sum(len(split.labels) for split in real_study.data.splits.values())
    assert real_study.units == "cases"
    assert analysis.patients(real_study).answers == {"patients": None}
    assert not analysis.patients(real_study).tables


def test_both_halves_of_validation_make_the_whole(study):
    shared = analysis.sharing(study)
    assert 0 < shared.sum() < len(shared)
    labels = study.data.val.labels
    for model in study.ran:
        found = analysis.falls(study, model)
        assert found["auc"].validation.value == pytest.approx(model.mean(YOUDEN, "val")["auc"])
        assert found["auc"].test.value == pytest.approx(model.mean(YOUDEN)["auc"])
        for name, label in (("recall", 1), ("specificity", 0)):
            own = labels == label
            parts = [found[name].shared.value, found[name].unshared.value]
            weights = [(own & shared).sum(), (own & ~shared).sum()]
            whole = np.average(parts, weights=weights)
            assert found[name].validation.value == pytest.approx(whole)
        for fall in found.values():
            without = fall.validation.value - fall.unshared.value
            assert fall.whole - fall.left == pytest.approx(without)


def test_the_control_stands_beside_simple_cnn(study):
    assert analysis.control(replace(study, controls=())) is None
    own = study.model("simple-cnn")
    double = Model(CONTROLS["simple-cnn-unshared-patients"], own.runs[::-1])
    found = analysis.control(replace(study, controls=(double,)))
    train, val = study.groups("train"), study.groups("val")
    assert found.images - found.fewer == sum(patient not in val for patient in train)
    assert found.thresholds == pytest.approx([np.mean(own.thresholds(YOUDEN))] * 2)
    assert found.promised[0].value == pytest.approx(own.mean(YOUDEN, "val")["specificity"])
    assert found.kept[1].value == pytest.approx(own.mean(YOUDEN)["specificity"])
