"""Files of older and newer versions give an error that says what to do, and are never misread."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from pneumo.base import checksums
from pneumo.commands.main import main
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
def test_a_study_beside_old_runs_leaves_them_until_somebody_cleans(study, record, store, capsys):
    folder = store / "records" / study.profile.name
    shutil.copytree(record.path, folder)
    needed = [store / "runs" / run.label for run in study.runs]
    for run in study.runs:
        needed += (store / "probes").glob(f"{run.label}*")
    old = store / "runs" / f"{needed[0].name[:-12]}0123456789ab"
    shutil.copytree(needed[0], old, copy_function=os.link)
    first_schema(old / runs.MANIFEST)
    answer = store / "probes" / f"{old.name}-corruptions.npz"
    unfinished = store / "runs" / ".simple-cnn-s8-0123456789ab.partial"
    answer.touch(), unfinished.mkdir()

    def pneumo(*words, status=0):
        assert main(words) == status
        assert all(path.exists() for path in (*needed, unfinished))
        return "".join(capsys.readouterr())

    said = pneumo("study", "--profile", "tests", "--data", "phantom")
    assert "belong to no record, or to an older version; `pneumo clean` lists them" in said
    said = pneumo("clean")
    assert f" MB  {old}" in said
    assert str(answer) in said
    assert not any(f"{path}\n" in said for path in needed)
    assert old.is_dir()
    pneumo("clean", "--yes")
    assert not old.exists()
    assert not answer.exists()
    assert pneumo("clean").startswith("nothing to delete")
    (folder / "results.json").unlink()
    (folder / "results.json").write_text("{")
    assert "results.json is damaged" in pneumo("clean", "--yes", status=1)
