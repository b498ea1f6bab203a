"""A study is run once, can be loaded any number of times, and is never mixed with another."""

import math
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from trainings import Listener

from pneumo.base import checksums
from pneumo.base.errors import PneumoError
from pneumo.commands.main import main
from pneumo.data import descriptions
from pneumo.pages import fragments
from pneumo.pages.topics import TABLES
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
    """A study of one model and one seed in a separate run store, to be damaged."""
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
    told = [(model.recipe, model.reason, model.parameters) for model in one.models]
    assert told == [(model.recipe, model.reason, model.parameters) for model in other.models]
    assert [a.manifest for a in one.runs] == [b.manifest for b in other.runs]


def test_a_study_is_loaded_as_it_was_run_also_by_the_environment(study, home, monkeypatch):
    assert_same(load(study.profile.name, home=home), study)
    monkeypatch.setenv("PNEUMO_PROFILE", study.profile.name)
    monkeypatch.setenv("PNEUMO_DATA", "phantom")
    monkeypatch.setenv("PNEUMO_HOME", str(home))
    assert_same(load(), study)


def test_a_second_call_trains_nothing(study, home):
    stop = Listener(stop_in_epoch=1)
    again = run(study.profile.name, "phantom", home=home, listener=lambda *_: stop)
    assert_same(again, study)


COMPUTING = {
    "torch", "torchvision", "captum", "distributed", "sklearn", "statsmodels", "pandas", "matplotlib"
}  # fmt: skip


@pytest.mark.slow
def test_a_study_that_is_up_to_date_is_known_by_its_status_without_what_computes(
    small, tmp_path, saved, monkeypatch, capsys
):
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path))
    # Not the phantom, since drawing it needs SciPy.
    command = ["study", "--profile", small.profile.name, "--data", saved()]
    assert main([*command, "--check"]) == 4
    told = "the record is missing or out of date: something must be trained or computed\n"
    assert capsys.readouterr().out == told
    assert main(command) == 0
    assert capsys.readouterr().out == "simple-cnn: seeds 0\n"
    for options, needless in (["--check"], {*COMPUTING, "scipy"}), ([], COMPUTING):
        script = f"""
import sys
from pneumo.commands import main as cli
from pneumo.training import recipes
from pneumo.training.recipes import Profile
recipes.PROFILES[{small.profile.name!r}] = {small.profile!r}
assert cli.main({[*command, *options]}) == 0
print({needless} & {{*sys.modules}})
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert done.stdout.endswith("set()\n"), done


def test_without_data_and_network_a_check_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path))
    assert main(["study", "--check"]) == 3
    assert "download" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"recipes": ("simple-cnn", "resnet18-scratch")}, "asks for other models"),
        ({"seeds": (0, 5)}, r"simple-cnn-s5-.* is missing"),
    ],
)
def test_a_profile_that_has_grown_asks_for_it_again(change, told, small, tmp_path, monkeypatch):
    monkeypatch.setitem(recipes.PROFILES, ALONE.name, replace(ALONE, **change))
    with pytest.raises(StudyError, match=told):
        load(ALONE.name, home=tmp_path)


def test_a_study_of_a_version_without_the_order_of_images_asks_for_itself_again(small, tmp_path):
    path = tmp_path / "studies" / f"{ALONE.name}.json"
    content = checksums.parse(path.read_bytes(), study_module.SCHEMA, path.name)
    del content["data"]["order"]
    path.write_text(checksums.text(content, path.name), encoding="utf-8")
    words = (
        rf"^{path} is .* of another version .* lacks 'order'\); run `pneumo study --profile alone`"
    )
    with pytest.raises(StudyError, match=words):
        load(ALONE.name, home=tmp_path)


def test_the_same_images_in_another_order_are_not_the_studys(small, tmp_path, saved, arrays):
    # With the same label, so that only the images show the order.
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


def test_of_some_models_alone_nothing_is_recorded(study, store):
    (store / "studies" / f"{study.profile.name}.json").unlink()
    partial = run(study.profile.name, "phantom", home=store, only=["simple-cnn"])
    assert [model.name for model in partial.models] == ["simple-cnn"]
    with pytest.raises(StudyError, match="no finished study"):
        load(study.profile.name, home=store)
    with pytest.raises(StudyError, match="has no recipe nonsense"):
        run(study.profile.name, "phantom", home=store, only=["nonsense"])
    with pytest.raises(PneumoError, match="'nonsense'; there are: simple-cnn"):
        study.model("nonsense")


def test_a_model_out_of_reach_is_not_run_and_says_why(study, record):
    model = study.model("resnet18-imagenet")
    assert not model.ran
    assert model.pretrained is None
    assert "host does not answer" in model.reason
    assert model.parameters == study.model("resnet18-tiny-imagenet").parameters
    assert study.not_run == (model,)

    told = record.models[model.name]
    assert (told.status, told.reason) == ("not run", model.reason)
    assert (told.seeds, told.pretrained) == ([], None)
    assert all(math.isnan(one.value) for one in told.test.values())
    row = next(row for row in TABLES["tbl-comparison"](record).rows if row[0] == model.title)
    assert row[2] == "not run"
    assert "host does not answer" in fragments.render(record, "models-not-run")


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
    with pytest.raises(StudyError, match=r"no finished study of profile tests in \S+; run"):
        study_module.load(tiny.name, home=tmp_path, dataset="pneumoniamnist", size=28)
    with pytest.raises(
        StudyError, match=r"no finished study of BreastMNIST at 28 pixels .*--dataset"
    ):
        study_module.load(tiny.name, home=tmp_path, dataset="breastmnist", size=28)
