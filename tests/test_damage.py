"""Damaged files: each is found and named, and no number from it is shown."""

import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from trainings import Listener, assert_same_bits

from pneumo.analysis import writing
from pneumo.base import checksums, paths
from pneumo.base.errors import PneumoError
from pneumo.record import RecordError, bench, check, promises, read
from pneumo.study import outputs
from pneumo.study import study as studies
from pneumo.study.study import StudyError
from pneumo.training import models, runs, weights
from pneumo.training.recipes import RECIPES
from pneumo.training.runs import RunError
from pneumo.training.train import load_network, train
from pneumo.training.weights import WeightsError
from report.engine.cache import Cache

CNN = replace(RECIPES["simple-cnn"], epochs=3, train_images=64, batch_size=32)


def spoils(content: bytes, name: str, more: int = 30) -> Iterator[bytes]:
    """Damaged versions of a file: a flipped bit, a truncation, or other content."""
    draw = random.Random(name)
    length = len(content)
    for place in (0, length // 2, length - 1, *(draw.randrange(length) for _ in range(more))):
        changed = bytearray(content)
        changed[place] ^= 1 << draw.randrange(8)
        yield bytes(changed)
    yield content[: draw.randrange(length)]
    yield content + b"\0"
    yield b""


def put(path: Path, content: bytes) -> None:
    """Replace a file that others may share by a hard link."""
    path.unlink()
    path.write_bytes(content)


def assert_it_is_named(sample, file, others, look, told):
    """Every damaged version gives an error with its path and what to do; the intact file is read."""
    content = file.read_bytes()
    for case in sample([*spoils(content, file.name), *others]):
        put(file, case)
        with pytest.raises(PneumoError, match=f"^{re.escape(str(file))} is damaged .*{told}"):
            look()
    put(file, content)
    look()


def where(run, store: Path) -> Path:
    """A run's folder in another store."""
    return store / "runs" / run.label


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("name", runs.FILES)
def test_a_file_of_a_run_that_is_not_as_it_was_written_is_named(name, study, tmp_path, sample):
    run, other = study.model("simple-cnn").runs
    folder = Path(shutil.copytree(run.path, tmp_path / run.label))

    def look():
        found = runs.load(folder)
        _ = found.history, found.predictions, found.explanation
        load_network(found, "cpu")

    told = f"; delete {folder} and run `pneumo study`$"
    assert_it_is_named(sample, folder / name, [(other.path / name).read_bytes()], look, told)


@pytest.mark.promise("damage", "found")
def test_network_outputs_and_a_finished_study_that_are_damaged_are_named(study, store, sample):
    first, other = (study.model(name).run for name in ("simple-cnn", "resnet18-scratch"))
    run, asked = runs.load(where(first, store)), ("corruptions", study.profile)
    file, others = outputs.path(run, *asked), [outputs.path(other, *asked).read_bytes()]
    told = "delete it and run `pneumo study`"
    assert_it_is_named(sample, file, others, lambda: outputs.read(run, *asked), told)

    file = store / "studies" / f"{study.profile.name}.json"
    others = [checksums.text({"schema": studies.SCHEMA, "models": []}, "other.json").encode()]
    told = f"run `pneumo study --profile {study.profile.name}`"
    assert_it_is_named(sample, file, others, lambda: studies.load(home=store), told)


@pytest.mark.promise("damage", "found")
def test_a_study_trains_damaged_runs_anew_and_says_which(study, store, capfd):
    first, second = study.model("simple-cnn").runs
    spoilt = {where(first, store): runs.WEIGHTS, where(second, store): runs.MANIFEST}
    answer = store / "outputs" / outputs.path(first, "corruptions", study.profile).name
    record = store / "studies" / f"{study.profile.name}.json"
    for file in (*(folder / name for folder, name in spoilt.items()), answer, record):
        put(file, file.read_bytes()[::-1])

    first_made = {path: path.stat().st_ino for path in (store / "runs").iterdir()}
    capfd.readouterr()
    again = studies.run(study.profile.name, "phantom", home=store)
    said = [line for line in capfd.readouterr().err.splitlines() if "damaged" in line]
    assert len(said) == len(spoilt) + 1
    assert any(line.startswith(f"pneumo: {answer} is damaged (") for line in said)
    for folder, name in spoilt.items():
        (line,) = (
            line for line in said if line.startswith(f"pneumo: {folder / name} is damaged (")
        )
        aside = folder.with_name(f"{folder.name}.damaged-1")
        assert line.endswith(f"; it is made again, and the damaged one is kept as {aside.name}")
        assert {path.name for path in aside.iterdir()} == set(runs.FILES)

    for run, before in zip(again.runs, study.runs, strict=True):
        assert_same_bits(run, before)
        assert runs.find_fault(run.path) is None
        assert (run.path.stat().st_ino != first_made[run.path]) == (run.path in spoilt)
    loaded = studies.load(home=store)
    assert outputs.read(loaded.model("simple-cnn").run, "corruptions", study.profile)


@pytest.mark.promise("damage", "found")
def test_a_record_holds_no_number_of_a_damaged_run(study, store, tmp_path):
    spoilt = where(study.model("resnet18-scratch").runs[1], store) / "predictions.npz"
    put(spoilt, spoilt.read_bytes()[::-1])
    loaded = studies.load(home=store)
    with pytest.raises(RunError, match=f"{spoilt} is damaged"):
        writing.write(loaded, tmp_path / "record")
    assert list(tmp_path.iterdir()) == [tmp_path / "home"]


@pytest.mark.promise("damage", "found")
def test_a_changed_pixel_in_a_studys_data_is_found(study, store, tmp_path):
    file, record = tmp_path / "pneumoniamnist.npz", store / "studies" / f"{study.profile.name}.json"
    content = checksums.parse(record.read_bytes(), studies.SCHEMA, record.name)
    content["data"]["location"] = str(file)
    record.unlink()
    runs.write_sealed(record, content)
    for spoilt in (None, *study.data.splits):
        arrays = {}
        for name, split in study.data.splits.items():
            images = split.images.copy()
            images[len(images) // 2, 14, 14] ^= name == spoilt
            arrays |= {f"{name}_images": images, f"{name}_labels": split.labels[:, None]}
        np.savez(file, **arrays)
        if spoilt is None:
            assert studies.load(home=store).data.fingerprint == study.data.fingerprint
            continue
        with pytest.raises(StudyError, match=f"is of other data than {file}; put back what was"):
            studies.load(home=store)


@pytest.fixture
def numbers(record, tmp_path):
    """A copy of the tests' record, with optional files beside it."""
    folder = Path(shutil.copytree(record.path, tmp_path / "reference"))
    (folder / promises.FILE).write_text(promises.to_json({}))
    shutil.copy(paths.reference() / bench.FILE, folder)
    return folder


@pytest.mark.promise("damage", "found")
def test_a_damaged_file_of_a_record_is_named(numbers, sample):
    for name in sample([*read(numbers).sums, "SHA256SUMS"], 4):
        content = (numbers / name).read_bytes()
        for case in sample(spoils(content, name, 3), 2):
            (numbers / name).write_bytes(case)
            told = numbers if name == "SHA256SUMS" else f"{numbers / name} is damaged"
            with pytest.raises(RecordError, match=re.escape(str(told))):
                check(numbers)
        (numbers / name).write_bytes(content)
    check(numbers)


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("kind", [bench, promises], ids=["bench", "promises"])
def test_speeds_and_promises_beside_a_record_that_are_damaged_are_named(kind, numbers, sample):
    file = numbers / kind.FILE
    assert_it_is_named(sample, file, [], lambda: kind.read(file), f"nox -s {file.stem}")


@pytest.mark.promise("damage", "found")
def test_a_training_with_a_damaged_checkpoint_starts_again_aloud(phantom, tmp_path, capfd, sample):
    undisturbed = train(CNN, 0, phantom, home=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(CNN, 0, phantom, home=tmp_path, listener=Listener(stop_in_epoch=2))
    (partial,) = (tmp_path / "runs").glob(".*.partial")
    stopped = {path.name: path.read_bytes() for path in partial.iterdir()}
    cases = sample(spoils(stopped["checkpoint.pt"], "checkpoint", 0), 2)
    for case in (*cases, stopped["checkpoint.pt"]):
        partial.mkdir(exist_ok=True)
        for name, content in (stopped | {"checkpoint.pt": case}).items():
            (partial / name).write_bytes(content)
        listener = Listener()
        capfd.readouterr()
        run = train(CNN, 0, phantom, home=tmp_path, listener=listener)
        said = capfd.readouterr().err
        assert_same_bits(run, undisturbed)
        shutil.rmtree(run.path)
        if case is stopped["checkpoint.pt"]:
            assert (listener.epochs, said) == ([2, 3], "")
            continue
        assert listener.epochs == [1, 2, 3]
        (line,) = said.splitlines()
        assert line.startswith(f"pneumo: {partial / 'checkpoint.pt'} is damaged (")
        assert line.endswith("; the training starts again")


@pytest.mark.promise("damage", "found")
def test_a_changed_byte_in_pretrained_weights_is_found(tmp_path, sample):
    file = Path(shutil.copy(weights.TINY_IMAGENET, tmp_path))
    wanted = "Tiny ImageNet", file, weights.TINY_IMAGENET_SHA256
    whole = weights._checked(*wanted)
    for case in sample(spoils(file.read_bytes(), file.name, 1), 2):
        file.write_bytes(case)
        with pytest.raises(WeightsError) as raised:
            weights._checked(*wanted)
        assert str(file) in str(raised.value)
        # Also if they were intact when they were found.
        with pytest.raises(WeightsError, match="changed while it was read"):
            models.build(RECIPES["resnet18-tiny-imagenet"], whole)


@pytest.mark.promise("damage", "survived")
def test_a_damaged_entry_of_the_builds_cache_counts_as_none(tmp_path, sample):
    cache = Cache(tmp_path)
    for kind, key, content in (
        ("pandoc", "key", b"<p>0.913</p>"),
        ("pandoc", "other", b"<p>0.219</p>"),
        ("typst", "key", b"<p>0.555</p>"),
    ):
        cache.put(kind, key, content)
    file = tmp_path / "pandoc" / "key.gz"
    others = [(tmp_path / name).read_bytes() for name in ("pandoc/other.gz", "typst/key.gz")]
    for case in sample([*others, *spoils(file.read_bytes(), "entry", 300)], 40):
        file.write_bytes(case)
        assert cache.get("pandoc", "key") in (None, b"<p>0.913</p>")
        assert (case in others) <= (cache.get("pandoc", "key") is None)
