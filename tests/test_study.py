"""A study: run once, read as often as one likes, and never mixed with another's."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pneumo.analysis import summary
from pneumo.data import DataError, descriptions
from pneumo.pages import fragments
from pneumo.pages.tables import TABLES
from pneumo.record.plain import to_plain
from pneumo.statistics import metrics
from pneumo.study import predict
from pneumo.study import study as study_module
from pneumo.study.study import HALF, YOUDEN, Model, StudyError, load, run
from pneumo.training import recipes
from pneumo.training.recipes import RECIPES, Profile, RecipeError
from pneumo.training.runs import RunError
from pneumo.training.weights import WeightsError

ALONE = Profile("alone", ("simple-cnn",), seeds=(0,), epochs_share=0.01, train_images=64)


@pytest.fixture(scope="module")
def small_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipes.PROFILES, ALONE.name, ALONE)
        run(ALONE.name, "phantom", home=home)
    return home


@pytest.fixture
def small(small_home, tmp_path, monkeypatch):
    """A study of one model and one seed in a run store of its own, to be spoilt."""
    shutil.copytree(small_home, tmp_path, dirs_exist_ok=True)
    monkeypatch.setitem(recipes.PROFILES, ALONE.name, ALONE)
    return load(ALONE.name, home=tmp_path)


def record_of(home, profile=ALONE.name):
    return home / "studies" / f"{profile}.json"


def assert_same(one, other):
    assert one.profile == other.profile
    assert one.data.fingerprint == other.data.fingerprint
    assert [model.recipe for model in one.models] == [model.recipe for model in other.models]
    assert [model.reason for model in one.models] == [model.reason for model in other.models]
    assert [model.parameters for model in one.models] == [m.parameters for m in other.models]
    assert [a.manifest for a in one.runs] == [b.manifest for b in other.runs]


def test_a_study_is_loaded_as_it_was_run(study, home):
    assert_same(load(study.profile.name, home=home), study)


def test_a_loaded_study_reports_what_the_finished_one_did(study, home):
    loaded = load(study.profile.name, home=home)
    assert to_plain(summary.part(loaded).answers) == to_plain(summary.part(study).answers)


class Deaf:
    """A listener for a study in which nothing is left to train."""

    def step(self, images):
        raise AssertionError("something is being trained")

    epoch = step


def test_a_second_call_trains_nothing(study, home):
    again = run(study.profile.name, "phantom", home=home, listener=lambda *_: Deaf())
    assert_same(again, study)


def test_a_study_has_a_run_for_every_seed(study):
    for model in study.ran:
        assert [run.seed for run in model.runs] == list(study.profile.seeds)
    models = study.ran + study.controls + study.ablations
    assert len(study.runs) == len(models) * len(study.profile.seeds)
    assert [model.name for model in study.models] == list(study.profile.recipes)


def test_the_listener_hears_which_run_it_listens_to(study, home):
    asked = []

    def listener(recipe, seed, images):
        asked.append((recipe.name, seed, images))

    run(study.profile.name, "phantom", home=home, listener=listener)
    names = [model.name for model in study.ran + study.controls + study.ablations]
    assert asked == [(name, seed, 64) for name in names for seed in study.profile.seeds]


def test_loading_imports_no_torch(study, home):
    script = f"""
import sys
from pneumo.training import recipes
from pneumo.training.recipes import Profile
recipes.PROFILES["tests"] = {study.profile!r}
from pathlib import Path
from pneumo.study.study import load
study = load("tests", home=Path({str(home)!r}))
assert not {{"torch", "torchvision", "medmnist", "captum", "dask", "distributed"}} & set(sys.modules)
print(len(study.runs))
"""
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (result.stdout, result.stderr, result.returncode) == (f"{len(study.runs)}\n", "", 0)


def test_a_study_with_nothing_left_to_do_imports_neither_torch_nor_what_computes(study, home):
    script = f"""
import sys
from pathlib import Path
from pneumo.commands import main as cli
from pneumo.training import recipes
from pneumo.training.recipes import Profile
recipes.PROFILES["tests"] = {study.profile!r}
status = cli.main(["study", "--profile", "tests", "--data", "phantom"])
print(status, {{"torch", "torchvision", "captum", "sklearn", "pandas", "matplotlib"}} & set(sys.modules))
"""
    environment = os.environ | {"PNEUMO_HOME": str(home)}
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "0 set()"
    assert "resnet18-imagenet: not run: " in result.stdout


def test_the_profile_and_the_data_may_come_from_the_environment(study, home, monkeypatch):
    monkeypatch.setenv("PNEUMO_PROFILE", study.profile.name)
    monkeypatch.setenv("PNEUMO_DATA", "phantom")
    monkeypatch.setenv("PNEUMO_HOME", str(home))
    assert_same(load(), study)


def test_a_study_that_was_never_run_says_how_to_run_it(tmp_path):
    with pytest.raises(StudyError, match="no finished study of profile smoke") as raised:
        load("smoke", home=tmp_path)
    assert "pneumo study --profile smoke" in str(raised.value)


def test_an_unknown_profile_is_refused_by_name(tmp_path):
    for ask in (load, run):
        with pytest.raises(RecipeError, match="no profile is called 'nonsense'"):
            ask("nonsense", home=tmp_path)


def test_a_missing_run_is_named_with_what_to_do(small, tmp_path):
    shutil.rmtree(small.runs[0].path)
    with pytest.raises(StudyError, match="is missing") as raised:
        load(ALONE.name, home=tmp_path)
    assert small.runs[0].label in str(raised.value)
    assert "pneumo study --profile alone" in str(raised.value)


def test_a_run_that_is_not_whole_is_named(small, tmp_path):
    (small.runs[0].path / "explain.npz").unlink()
    with pytest.raises(RunError, match=r"explain\.npz"):
        load(ALONE.name, home=tmp_path)


def test_a_profile_that_has_grown_since_asks_for_the_study_again(small, tmp_path, monkeypatch):
    grown = replace(ALONE, recipes=("simple-cnn", "resnet18-scratch"))
    monkeypatch.setitem(recipes.PROFILES, ALONE.name, grown)
    with pytest.raises(StudyError, match="asks for other models"):
        load(ALONE.name, home=tmp_path)


def test_a_profile_with_another_seed_misses_its_run(small, tmp_path, monkeypatch):
    monkeypatch.setitem(recipes.PROFILES, ALONE.name, replace(ALONE, seeds=(0, 5)))
    with pytest.raises(StudyError, match=r"simple-cnn-s5-.* is missing"):
        load(ALONE.name, home=tmp_path)


def test_other_data_are_not_reported_as_the_studys(small, tmp_path, phantom):
    path = tmp_path / "pneumoniamnist.npz"
    arrays = {}
    for name, split in phantom.splits.items():
        arrays |= {f"{name}_images": split.images[::2], f"{name}_labels": split.labels[::2, None]}
    np.savez(path, **arrays)
    with pytest.raises(StudyError, match="is of other data than") as raised:
        load(ALONE.name, str(path), home=tmp_path)
    assert str(path) in str(raised.value)


def test_the_same_images_in_another_order_are_not_reported_as_the_studys(small, tmp_path, arrays):
    path = tmp_path / "pneumoniamnist.npz"
    # Of one label, so that only the images tell the orders apart.
    same = np.flatnonzero(arrays["test_labels"][:, 0] == 1)
    order = np.arange(len(arrays["test_labels"]))
    order[same] = same[::-1]
    arrays["test_images"] = arrays["test_images"][order]
    np.savez(path, **arrays)
    with pytest.raises(StudyError, match=r"is of the images of .* in another order; "):
        load(ALONE.name, str(path), home=tmp_path)
    again = run(ALONE.name, str(path), home=tmp_path)
    assert again.data.fingerprint == small.data.fingerprint
    assert again.runs[0].key != small.runs[0].key
    before, after = (one.runs[0].predictions["test"].logits for one in (small, again))
    np.testing.assert_allclose(after, before[order], atol=1e-4)


def test_the_same_data_from_a_file_are_the_same_study(small, tmp_path, phantom):
    path = tmp_path / "pneumoniamnist.npz"
    arrays = {}
    for name, split in phantom.splits.items():
        arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels[:, None]}
    np.savez(path, **arrays)
    loaded = load(ALONE.name, str(path), home=tmp_path)
    assert loaded.data.source == small.data.source, "it is named by the way it was made"
    assert loaded.runs[0].key == small.runs[0].key


def test_a_data_path_that_is_wrong_is_named(small, tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        load(ALONE.name, str(tmp_path / "nowhere.npz"), home=tmp_path)


@pytest.mark.promise("old", "found")
def test_a_record_of_another_schema_is_refused(small, tmp_path):
    path = record_of(tmp_path)
    path.write_text(json.dumps({"schema": 1, "models": [], "data": {}}))
    with pytest.raises(StudyError, match=r"an older version of pneumo .*; run `pneumo study"):
        load(ALONE.name, home=tmp_path)


def test_some_models_alone_can_be_trained_and_then_nothing_is_recorded(study, tmp_path):
    partial = run(study.profile.name, "phantom", home=tmp_path, only=["simple-cnn"])
    assert [model.name for model in partial.models] == ["simple-cnn"]
    with pytest.raises(StudyError, match="no finished study"):
        load(study.profile.name, home=tmp_path)


def test_a_model_that_the_profile_does_not_have_cannot_be_asked_for(study, tmp_path):
    with pytest.raises(StudyError, match="has no recipe nonsense"):
        run(study.profile.name, "phantom", home=tmp_path, only=["nonsense"])


def test_a_model_out_of_reach_is_not_run_and_says_why(study, record):
    model = study.model("resnet18-imagenet")
    assert not model.ran
    assert model.pretrained is None
    assert "host does not answer" in model.reason
    assert model.parameters == study.model("resnet18-tiny-imagenet").parameters
    assert study.not_run == (model,)

    told = record.models[model.name]
    assert (told.status, told.reason) == ("not run", model.reason)
    row = next(row for row in TABLES["tbl-comparison"](record).rows if row[0] == model.title)
    assert row[2] == "not run"
    assert "host does not answer" in fragments.render(record, "models-not-run")


@pytest.mark.promise("damage", "found")
def test_weights_that_are_damaged_stop_the_study(tmp_path, study):
    broken = tmp_path / "resnet18.pth"
    broken.write_bytes(b"broken")
    with pytest.raises(WeightsError, match=r"resnet18\.pth"):
        run(study.profile.name, "phantom", broken, tmp_path, only=["resnet18-imagenet"])


def test_a_model_is_found_by_name_and_an_unknown_one_is_not(study):
    assert study.model("simple-cnn").title == "SimpleCNN"
    with pytest.raises(StudyError, match="'nonsense'; it has: simple-cnn"):
        study.model("nonsense")


def test_a_mean_is_taken_over_the_seeds(study):
    model = study.model("simple-cnn")
    singles = [
        metrics.evaluate(run.predictions["test"].labels, run.predictions["test"].probabilities, 0.5)
        for run in model.runs
    ]
    for name in metrics.NAMES:
        expected = np.mean([single[name] for single in singles])
        assert model.mean(HALF)[name] == pytest.approx(expected, nan_ok=True)
    areas = [single["auc"] for single in singles]
    assert model.spread(HALF, "auc") == pytest.approx(abs(areas[0] - areas[1]) / np.sqrt(2))


def test_one_seed_has_no_spread(study):
    single = replace(study.model("simple-cnn"), runs=study.model("simple-cnn").runs[:1])
    assert np.isnan(single.spread(HALF, "auc"))


def test_the_threshold_is_chosen_without_a_look_at_the_test_set(write_run):
    validation = ([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9])
    runs_ = [
        write_run(RECIPES["simple-cnn"], validation, test)
        for test in (([0, 1], [0.1, 0.9]), ([1, 0], [0.3, 0.95]))
    ]
    model = Model(RECIPES["simple-cnn"], 1, tuple(runs_))
    assert model.thresholds(YOUDEN) == pytest.approx([0.4, 0.4])
    assert model.thresholds(HALF) == [0.5, 0.5]


def test_an_audit_is_made_once(study):
    assert study.audit is study.audit
    assert {split.name for split in study.audit.splits} == {"train", "val", "test"}


def test_the_record_names_its_data(study, home):
    record = json.loads(record_of(home, study.profile.name).read_text())
    assert record["data"]["fingerprint"] == study.data.fingerprint
    assert record["data"]["location"] == "phantom"
    assert record["schema"] == study_module.SCHEMA


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": 2}'])
def test_a_damaged_record_is_named_with_the_way_forward(tmp_path, content):
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "smoke.json").write_text(content)
    with pytest.raises(StudyError, match=r"smoke\.json is damaged .*run `pneumo study"):
        load("smoke", home=tmp_path)


def test_a_study_of_another_set_and_size_is_kept_beside_the_default_and_never_taken_for_it(
    tmp_path, monkeypatch
):
    tiny = replace(ALONE, name="tests", probed_images=8)
    monkeypatch.setitem(recipes.PROFILES, tiny.name, tiny)
    chosen = {"dataset": "breastmnist", "size": 64, "home": tmp_path}
    done = study_module.run(tiny.name, "phantom", **chosen)
    assert (done.about, done.data.size) == (descriptions.BREAST, 64)
    assert done.models[0].recipe.input_size == 64
    assert [path.name for path in (tmp_path / "studies").iterdir()] == ["breastmnist-64-tests.json"]
    loaded = study_module.load(tiny.name, **chosen)
    assert loaded.models[0].run.key == done.models[0].run.key
    monkeypatch.setenv("PNEUMO_DATASET", "breastmnist")
    monkeypatch.setenv("PNEUMO_SIZE", "64")
    assert study_module.load(tiny.name, home=tmp_path).about is descriptions.BREAST
    with pytest.raises(StudyError, match="no finished study of profile tests"):
        study_module.load(tiny.name, home=tmp_path, dataset="pneumoniamnist", size=28)
    with pytest.raises(
        StudyError, match=r"no finished study of BreastMNIST at 28 pixels .*--dataset"
    ):
        study_module.load(tiny.name, home=tmp_path, dataset="breastmnist", size=28)

    # What a model is asked about is prepared as its own images were.
    picture = tmp_path / "scan.png"
    Image.fromarray(done.data.test.images[0].repeat(4, axis=0).repeat(4, axis=1)).save(picture)
    said = predict.report(loaded, [str(picture)])
    assert said["model"]["data"]["size"] == 64
    assert said["images"][0]["call"] in descriptions.BREAST.classes
    assert not said["images"][0]["warnings"]
