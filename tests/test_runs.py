"""A run on disk: its key, its completeness, errors if it is damaged, and files of other versions."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from trainings import SMALL, Listener, assert_same_bits

from pneumo.base import checksums, keys, paths, storage
from pneumo.commands.main import main
from pneumo.study import leftovers, outputs
from pneumo.study import study as studies
from pneumo.study.study import StudyError
from pneumo.training import recipes, runs
from pneumo.training.recipes import RECIPES, find_profile
from pneumo.training.runs import RunError, run_key
from pneumo.training.train import train
from pneumo.training.weights import find_weights

CNN = RECIPES["simple-cnn"]
DATA = SimpleNamespace(fingerprint="a" * 64, order="d" * 64)
KEY = {"recipe": CNN, "seed": 0, "data": DATA, "weights_sha256": None}


@pytest.fixture
def finished(study, tmp_path):
    """A copy of a finished run, to be spoilt."""
    original = study.model("simple-cnn").run
    return Path(shutil.copytree(original.path, tmp_path / original.label))


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": replace(CNN, learning_rate=1e-3)},
        {"recipe": replace(CNN, augmentation=replace(CNN.augmentation, rotation=11.0))},
        {"recipe": replace(CNN, train_images=100)},
        {"seed": 1},
        {"data": SimpleNamespace(fingerprint="b" * 64, order="d" * 64)},
        {"data": SimpleNamespace(fingerprint="a" * 64, order="b" * 64)},
        {"weights_sha256": "c" * 64},
        {"processes": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_key_changes_with_whatever_decides_a_run(change):
    assert run_key(**(KEY | change)) != run_key(**KEY)


def test_the_reference_studys_runs_keep_their_names():
    results = json.loads((paths.reference() / "results.json").read_text(encoding="utf-8"))
    profile, data = find_profile(results["profile"]), SimpleNamespace(**results["data"])
    for one in results["provenance"]["runs"]:
        name = one["run"].rpartition("-s")[0]
        weights = find_weights(profile.recipe(name))
        sha256 = weights.sha256 if weights else None
        made = profile.recipe(name), one["seed"]
        found = runs.earlier_keys(*made, data.fingerprint, sha256)
        assert one["key"] in found | {runs.run_key(*made, data, sha256)}, one["run"]


def as_written_before(run, home):
    """A copy of a run under the key that the last version without a version in it gave."""
    (key,) = runs.earlier_keys(run.recipe, run.seed, run.manifest["data"]["fingerprint"], None) & {
        keys.key(
            schema=2,
            recipe=run.recipe.to_dict(),
            seed=run.seed,
            data=run.manifest["data"]["fingerprint"],
            weights=None,
            source=runs._SOURCES[2],
        )
    }
    path = runs.folder(run.recipe, run.seed, key, home)
    shutil.copytree(run.path, path)
    told = {name: value for name, value in run.manifest.items() if name not in ("files", "digest")}
    runs.write_manifest(path, {**told, "key": key})
    return key


def test_a_run_of_the_version_before_is_found_under_its_old_name_for_images_in_the_same_order(
    study, tmp_path, monkeypatch
):
    run = study.model("simple-cnn").run
    key = as_written_before(run, tmp_path)
    found = train(replace(run.recipe, title="Another"), run.seed, study.data, home=tmp_path)
    assert found.key == key != run.key
    assert_same_bits(found, run)
    for name in ("val", "test"):
        split = study.data.splits[name]
        turned = replace(split, images=split.images[::-1], labels=split.labels[::-1])
        other = replace(study.data, **{name: turned})
        assert runs.find_key(run.recipe, run.seed, other, None, tmp_path) != key
    with monkeypatch.context() as patch:
        patch.setattr(runs, "TRAINING_VERSION", runs.TRAINING_VERSION + 1)
        assert runs.find_key(run.recipe, run.seed, study.data, None, tmp_path) != key
    (runs.folder(run.recipe, run.seed, key, tmp_path) / "history.csv").write_text("damaged")
    assert runs.find_key(run.recipe, run.seed, study.data, None, tmp_path) == run.key


def test_a_history_comes_back_to_the_last_bit(tmp_path):
    rows = [
        {"epoch": 1.0, "stage": "frozen", "learning_rate": 0.1 + 0.2, "val_loss": 1 / 3},
        {"epoch": 2.0, "stage": "open", "learning_rate": 1e-17, "val_loss": float("inf")},
    ]
    runs.write_history(tmp_path, rows)
    digest = checksums.digest((tmp_path / "history.csv").read_bytes())
    assert runs.Run(tmp_path, CNN, 0, "key", {"files": {"history.csv": digest}}).history == rows


def test_publishing_leaves_strays_behind_and_replaces_what_stood_there(finished, tmp_path):
    (finished / "checkpoint.pt").write_text("no part of a run")
    (finished / "folder").mkdir()
    destination = tmp_path / "published" / finished.name
    destination.mkdir(parents=True)
    (destination / "old").touch()
    runs.publish(finished, destination)
    assert {path.name for path in destination.iterdir()} == set(runs.FILES)
    assert not finished.exists()
    assert runs.load(destination).seed == 0


@pytest.mark.promise("damage", "found")
@pytest.mark.promise("killed", "found")
@pytest.mark.parametrize("name", runs.FILES)
def test_an_incomplete_run_is_neither_published_nor_read(name, finished, tmp_path):
    (finished / name).unlink()
    with pytest.raises(RunError, match=name):
        runs.publish(finished, tmp_path / "published")
    assert not (tmp_path / "published").exists()
    with pytest.raises(RunError, match=f"{name} missing") as raised:
        runs.load(finished)
    assert str(finished) in str(raised.value)


OLDER = r"was written by an older version of pneumo \(schema 1, this one reads 2\)"
NEWER = r"was written by a newer version of pneumo \(schema 3, this one reads 2\); update pneumo"


def first_schema(path: Path) -> None:
    """Make of sealed JSON what the first version would have written: without a seal, or digests."""
    content = json.loads(path.read_text())
    for name in ("digest", "files"):
        content.pop(name, None)
    path.unlink()
    path.write_text(json.dumps(content | {"schema": 1}))


def next_schema(path: Path) -> None:
    """Make of sealed JSON what a later version might write."""
    content = json.loads(path.read_text())
    del content["digest"]
    path.unlink()
    about = path.parent.name if path.name == runs.MANIFEST else path.name
    path.write_text(checksums.text(content | {"schema": 3, "more": "than is known"}, about))


WRITERS = {first_schema: f"{OLDER}; ", next_schema: NEWER}
another_version = pytest.mark.parametrize("write", WRITERS, ids=["older", "newer"])


@pytest.mark.promise("old", "found")
@another_version
def test_a_run_of_another_version_is_refused_with_the_way_forward(write, study, tmp_path):
    run = study.model("simple-cnn").run
    folder = Path(shutil.copytree(run.path, tmp_path / run.label))
    write(folder / runs.MANIFEST)
    with pytest.raises(RunError, match=WRITERS[write]):
        runs.load(folder)


@pytest.mark.promise("old", "found")
@another_version
def test_a_study_of_another_version_is_refused_whoever_asks(write, store, tmp_path, capsys):
    write(store / "studies" / "tests.json")
    with pytest.raises(StudyError, match=rf"tests\.json {WRITERS[write]}"):
        studies.load()
    (tmp_path / "picture.png").touch()
    assert main(["predict", str(tmp_path / "picture.png")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(rf"tests\.json {WRITERS[write]}", line)


@pytest.mark.promise("old", "found")
@another_version
def test_a_run_that_is_there_from_another_version_alone_is_named(write, study, store):
    path = store / "runs" / study.model("simple-cnn").runs[1].label
    old = path.with_name(path.name[:-12] + "0123456789ab")
    path.rename(old)
    write(old / runs.MANIFEST)
    told = f"run {path.name} is missing, and {old.name} {WRITERS[write]}"
    with pytest.raises(StudyError, match=told):
        studies.load()


@pytest.mark.promise("old", "survived")
def test_a_study_beside_old_runs_leaves_them_until_somebody_cleans(study, record, store, capsys):
    folder = store / "records" / study.profile.name
    shutil.copytree(record.path, folder)
    needed = [store / "runs" / run.label for run in study.runs]
    for run in study.runs:
        needed += (store / "outputs").glob(f"{run.label}*")
    old = store / "runs" / f"{needed[0].name[:-12]}0123456789ab"
    shutil.copytree(needed[0], old, copy_function=os.link)
    first_schema(old / runs.MANIFEST)
    answer = store / "outputs" / f"{old.name}-corruptions.npz"
    answer.touch()

    def pneumo(*words, status=0):
        assert main(words) == status
        assert all(path.exists() for path in needed)
        return "".join(capsys.readouterr())

    said = pneumo("study", "--profile", "tests", "--data", "phantom")
    assert "are needed by no study; `pneumo clean` lists them" in said
    said = pneumo("clean")
    assert f" MB  {old}" in said
    assert str(answer) in said
    assert not any(f"{path}\n" in said for path in needed)
    assert old.is_dir()
    pneumo("clean", "--yes")
    assert not old.exists()
    assert not answer.exists()
    assert pneumo("clean").startswith("nothing to delete")
    assert_only_what_nobody_needs_is_found(store, study)
    (folder / "results.json").unlink()
    (folder / "results.json").write_text("{")
    assert "results.json is damaged" in pneumo("clean", "--yes", status=1)


def assert_only_what_nobody_needs_is_found(store, study):
    run, here = study.model("simple-cnn").run, store / "runs"
    answer = outputs.path(run, "corruptions", study.profile).name
    superseded = answer.replace(answer[-16:-4], "0123456789ab")
    making = here / "simple-cnn-s8-0123456789ab"
    unfinished = making.with_name(f".{making.name}.partial")
    unneeded = {
        here / f"{run.label}.damaged-1",
        here / ".simple-cnn-s9-0123456789ab.partial",
        store / "outputs" / superseded,
        store / "outputs" / f".{superseded}.new",
        store / "probes",
    }
    needed = {here / f".{run.label}.partial", store / "outputs" / f".{answer}.new"}
    for path in unneeded | needed | {unfinished}:
        path.mkdir()
    with storage.locked(making):
        assert leftovers.find().keys() == unneeded
    assert leftovers.find().keys() == unneeded | {unfinished}
    leftovers.remove(leftovers.find())
    assert not leftovers.find()
    for path in needed:
        path.rmdir()


def test_an_interrupted_study_keeps_what_it_has_made(tmp_path, monkeypatch):
    profile = replace(SMALL, name="interrupted", seeds=(0, 1))
    monkeypatch.setitem(recipes.PROFILES, profile.name, profile)
    with pytest.raises(KeyboardInterrupt):
        studies.run(
            profile.name,
            "phantom",
            home=tmp_path,
            listener=lambda _recipe, seed, _images: (
                Listener(stop_in_epoch=1) if seed == 0 else None
            ),
        )
    assert not leftovers.find(tmp_path)
    (tmp_path / studies.WANTED / "interrupted.json").unlink()
    found = {path.name[:14] for path in leftovers.find(tmp_path)}
    assert found == {".simple-cnn-s0", "simple-cnn-s1-"}
