"""A study: run once, read as often as one likes, and never mixed with another's."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pneumo.commands.main import main
from pneumo.data import descriptions
from pneumo.pages import fragments
from pneumo.pages.tables import TABLES
from pneumo.study import predict
from pneumo.study import study as study_module
from pneumo.study.study import StudyError, load, run
from pneumo.training import recipes
from pneumo.training.recipes import Profile

ALONE = Profile("alone", ("simple-cnn",), (0,), epochs_share=0.01, train_images=64, probed_images=8)


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


@pytest.fixture
def saved(tmp_path, arrays):
    """Saves the phantom as a file, with changes to its arrays."""

    def save(**changes):
        path = tmp_path / "pneumoniamnist.npz"
        np.savez(path, **(arrays | changes))
        return str(path)

    return save


def assert_same(one, other):
    assert one.profile == other.profile
    assert one.data.fingerprint == other.data.fingerprint
    assert [model.recipe for model in one.models] == [model.recipe for model in other.models]
    assert [model.reason for model in one.models] == [model.reason for model in other.models]
    assert [model.parameters for model in one.models] == [m.parameters for m in other.models]
    assert [a.manifest for a in one.runs] == [b.manifest for b in other.runs]


def test_a_study_is_loaded_as_it_was_run(study, home):
    assert_same(load(study.profile.name, home=home), study)


class Deaf:
    """A listener for a study in which nothing is left to train."""

    def step(self, images):
        raise AssertionError("something is being trained")

    epoch = step


def test_a_second_call_trains_nothing(study, home):
    again = run(study.profile.name, "phantom", home=home, listener=lambda *_: Deaf())
    assert_same(again, study)


TRAINING = {"torch", "torchvision", "captum", "distributed"}
COMPUTING = TRAINING | {"sklearn", "statsmodels", "pandas", "matplotlib"}


def in_a_process(study, home, line):
    """Runs a line in a process that knows the study's profile: its output, and what it has imported."""
    script = f"""
import sys
from pathlib import Path
from pneumo.commands import main as cli
from pneumo.study.study import load
from pneumo.training import recipes
from pneumo.training.recipes import Profile
recipes.PROFILES["tests"] = {study.profile!r}
print({line})
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=os.environ | {"PNEUMO_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    *printed, modules = done.stdout.splitlines()
    return printed, set(modules.split())


def test_loading_imports_no_torch(study, home):
    printed, imported = in_a_process(
        study, home, f"len(load('tests', home=Path({str(home)!r})).runs)"
    )
    assert printed == [str(len(study.runs))]
    assert not TRAINING & imported


@pytest.mark.slow
def test_a_study_that_is_up_to_date_is_known_by_its_status_without_what_computes(
    study, store, saved
):
    # Not the phantom, which needs SciPy to be drawn.
    command = ["study", "--profile", "tests", "--data", saved()]

    def pneumo(*options):
        return in_a_process(study, store, f"cli.main({[*command, *options]})")

    printed, imported = pneumo("--check")
    assert printed == [
        "the record is missing or out of date: something must be trained or computed",
        "4",
    ]
    assert not (COMPUTING | {"scipy"}) & imported
    printed, _ = pneumo()
    assert printed[-1] == "0"
    assert any(line.startswith("resnet18-imagenet: not run: ") for line in printed)
    printed, imported = pneumo("--check")
    assert printed[-1] == "0"
    assert not (COMPUTING | {"scipy"}) & imported
    printed, imported = pneumo()  # nothing is left to do
    assert printed[-1] == "0"
    assert not COMPUTING & imported


def test_without_data_and_network_a_check_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path))
    assert main(["study", "--check"]) == 3
    assert "download" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_cleaning_lists_and_removes_what_no_record_names(store, study, record, capsys):
    shutil.copytree(record.path, store / "records" / study.profile.name)
    needed = {path for folder in ("runs", "probes") for path in (store / folder).glob("[!.]*")}
    labels = {run.label for run in study.runs}
    needed = {path for path in needed if any(path.name.startswith(label) for label in labels)}
    old = store / "runs" / "simple-cnn-s7-0123456789ab"
    old.mkdir()
    (old / "weights.safetensors").write_bytes(bytes(3_000_000))
    answer = store / "probes" / f"{old.name}-corruptions.npz"
    answer.touch()
    unfinished = store / "runs" / ".simple-cnn-s8-0123456789ab.partial"
    unfinished.mkdir()
    assert main(["study", "--profile", study.profile.name, "--data", "phantom"]) == 0
    assert (
        "belong to no record, or to an older version; `pneumo clean` lists them"
        in capsys.readouterr().out
    )
    assert main(["clean"]) == 0
    said = capsys.readouterr().out
    assert f"3.0 MB  {old}" in said
    assert str(answer) in said
    assert all(f"{path}\n" not in said for path in needed)
    assert old.is_dir()
    assert main(["clean", "--yes"]) == 0
    assert not old.exists()
    assert not answer.exists()
    assert unfinished.is_dir()
    assert all(path.exists() for path in needed)
    capsys.readouterr()
    assert main(["clean"]) == 0
    assert capsys.readouterr().out.startswith("nothing to delete")
    (store / "records" / study.profile.name / "results.json").write_text("{")
    assert main(["clean", "--yes"]) == 1
    assert "results.json is damaged" in capsys.readouterr().err
    assert all(path.exists() for path in needed)


def test_the_profile_and_the_data_may_come_from_the_environment(study, home, monkeypatch):
    monkeypatch.setenv("PNEUMO_PROFILE", study.profile.name)
    monkeypatch.setenv("PNEUMO_DATA", "phantom")
    monkeypatch.setenv("PNEUMO_HOME", str(home))
    assert_same(load(), study)


def test_a_study_that_was_never_run_says_how_to_run_it(tmp_path):
    with pytest.raises(StudyError, match="no finished study of profile smoke") as raised:
        load("smoke", home=tmp_path)
    assert "pneumo study --profile smoke" in str(raised.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"recipes": ("simple-cnn", "resnet18-scratch")}, "asks for other models"),
        ({"seeds": (0, 5)}, r"simple-cnn-s5-.* is missing"),
    ],
)
def test_a_profile_that_has_grown_since_asks_for_the_study_again(
    change, told, small, tmp_path, monkeypatch
):
    monkeypatch.setitem(recipes.PROFILES, ALONE.name, replace(ALONE, **change))
    with pytest.raises(StudyError, match=told):
        load(ALONE.name, home=tmp_path)


def test_other_data_are_not_reported_as_the_studys(small, tmp_path, saved, arrays):
    path = saved(test_images=255 - arrays["test_images"])
    with pytest.raises(StudyError, match=f"is of other data than .*{path}"):
        load(ALONE.name, path, home=tmp_path)


def test_the_same_images_in_another_order_are_not_reported_as_the_studys(
    small, tmp_path, saved, arrays
):
    # Of one label, so that only the images tell the orders apart.
    same = np.flatnonzero(arrays["test_labels"][:, 0] == 1)
    order = np.arange(len(arrays["test_labels"]))
    order[same] = same[::-1]
    path = saved(test_images=arrays["test_images"][order])
    with pytest.raises(StudyError, match=r"is of the images of .* in another order; "):
        load(ALONE.name, path, home=tmp_path)
    again = run(ALONE.name, path, home=tmp_path)
    assert again.data.fingerprint == small.data.fingerprint
    assert again.runs[0].key != small.runs[0].key
    before, after = (one.runs[0].predictions["test"].logits for one in (small, again))
    np.testing.assert_allclose(after, before[order], atol=1e-4)


def test_the_same_data_from_a_file_are_the_same_study(small, tmp_path, saved):
    loaded = load(ALONE.name, saved(), home=tmp_path)
    assert loaded.data.source == small.data.source, "it is named by the way it was made"
    assert loaded.runs[0].key == small.runs[0].key


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


def test_a_model_is_found_by_name_and_an_unknown_one_is_not(study):
    assert study.model("simple-cnn").title == "SimpleCNN"
    with pytest.raises(StudyError, match="'nonsense'; it has: simple-cnn"):
        study.model("nonsense")


def test_a_study_of_another_set_and_size_is_kept_beside_the_default_and_never_taken_for_it(
    tmp_path, monkeypatch
):
    tiny = replace(ALONE, name="tests")
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
