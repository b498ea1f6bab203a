"""State that an older or a newer version left: said to be so, with the way forward, and never misread."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from pneumo.base import checksums
from pneumo.commands.main import main
from pneumo.record import bench
from pneumo.study import questions
from pneumo.study import study as studies
from pneumo.study.study import StudyError
from pneumo.training import runs
from pneumo.training.runs import RunError

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
def test_a_study_beside_old_runs_leaves_them_and_says_what_removes_them(study, store, capsys):
    old = []
    for run in study.model("simple-cnn").runs:
        copy = store / "runs" / f"{run.label[:-12]}0123456789ab"
        shutil.copytree(store / "runs" / run.label, copy, copy_function=os.link)
        first_schema(copy / runs.MANIFEST)
        old.append(copy)
    made_from_it = store / "records" / "another" / "results.json"
    made_from_it.parent.mkdir(parents=True)
    made_from_it.write_text(json.dumps({"provenance": {"runs": [{"run": old[0].name}]}}))
    assert all(path.is_dir() for path in old)
    assert main(["study", "--profile", "tests", "--data", "phantom"]) == 0
    assert "to an older version; `pneumo clean` lists them" in capsys.readouterr().out
    assert main(["clean", "--yes"]) == 0
    assert not any(path.exists() for path in old)
    assert studies.load().runs
    assert runs.of_other_versions() == {}


@pytest.mark.promise("old", "survived")
def test_an_old_answer_is_neither_read_nor_in_the_way(study, store, monkeypatch):
    run = runs.load(store / "runs" / study.model("simple-cnn").run.label)
    monkeypatch.setattr(questions, "SCHEMA", 1)
    old = questions.path(run, "corruptions", study.profile)
    old.write_bytes(b"as it was written then")
    monkeypatch.undo()
    assert questions.path(run, "corruptions", study.profile) != old
    assert questions.read(run, "corruptions", study.profile)


@pytest.mark.promise("old", "found")
def test_speeds_of_a_newer_version_ask_for_an_update(tmp_path):
    file = tmp_path / bench.FILE
    file.write_text(checksums.text({"schema": 9, "speeds": []}, bench.FILE))
    with pytest.raises(bench.BenchError, match=r"a newer version of pneumo .*; update pneumo"):
        bench.read(file)
