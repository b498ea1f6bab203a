"""State that an older or a newer version left: said to be so, with the way forward, and never misread."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pneumo.analysis import cache as keeping
from pneumo.analysis import reference
from pneumo.analysis.reference import ReferenceStudyError
from pneumo.base import checksums, paths
from pneumo.commands.main import main
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
    runs.write_json(path, content | {"schema": 1})


def next_schema(path: Path, about: str) -> None:
    """Make of sealed JSON what a later version might write."""
    content = json.loads(path.read_text())
    del content["digest"]
    path.unlink()
    path.write_text(checksums.text(content | {"schema": 3, "more": "than is known"}, about))


@pytest.fixture
def old_store(store):
    """What the first version left: runs by other keys, and a record of the first schema."""
    for path in [*(store / "runs").iterdir()]:
        if path.is_dir():
            first_schema(path / runs.MANIFEST)
            path.rename(path.with_name(path.name[:-12] + path.name[:-13:-1]))
    first_schema(store / "studies" / "tests.json")
    return store


def refused(capsys, *command: str, status: int = 1) -> str:
    """The one line with which a command is refused."""
    capsys.readouterr()
    assert main(command) == status
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    return line


@pytest.mark.promise("old", "found")
def test_a_run_of_another_version_is_refused_with_the_way_forward(study, tmp_path, faults):
    faults(2)
    run = study.model("simple-cnn").run
    folder = Path(shutil.copytree(run.path, tmp_path / run.label))
    next_schema(folder / runs.MANIFEST, run.label)
    with pytest.raises(RunError, match=NEWER):
        runs.load(folder)
    first_schema(folder / runs.MANIFEST)
    with pytest.raises(RunError, match=f"{OLDER}; delete it and run `pneumo study`"):
        runs.load(folder)


@pytest.mark.promise("old", "found")
def test_who_has_an_old_store_is_told_to_run_the_study(old_store, tmp_path, capsys, faults):
    faults(2)
    with pytest.raises(
        StudyError, match=rf"tests\.json {OLDER}; run `pneumo study --profile tests`"
    ):
        studies.load()
    (tmp_path / "picture.png").touch()
    line = refused(capsys, "predict", str(tmp_path / "picture.png"))
    assert re.search(rf"tests\.json {OLDER}; run `pneumo study --profile tests`", line)


@pytest.mark.promise("old", "found")
def test_a_record_of_a_newer_version_asks_for_an_update(store, tmp_path, capsys, faults):
    faults(2)
    next_schema(store / "studies" / "tests.json", "tests.json")
    with pytest.raises(StudyError, match=rf"tests\.json {NEWER}"):
        studies.load()
    (tmp_path / "picture.png").touch()
    line = refused(capsys, "predict", str(tmp_path / "picture.png"))
    assert re.search(rf"tests\.json {NEWER}", line)


@pytest.mark.promise("old", "found")
def test_a_run_that_is_there_from_another_version_alone_is_named(study, store, faults):
    faults(2)
    path = store / "runs" / study.model("simple-cnn").runs[1].label
    old = path.with_name(path.name[:-12] + "0123456789ab")
    path.rename(old)
    next_schema(old / runs.MANIFEST, old.name)
    with pytest.raises(StudyError, match=f"run {path.name} is missing, and {old.name} {NEWER}"):
        studies.load()
    first_schema(old / runs.MANIFEST)
    with pytest.raises(
        StudyError, match=f"run {path.name} is missing, and {old.name} {OLDER}; run"
    ):
        studies.load()
    shutil.rmtree(old)
    with pytest.raises(
        StudyError, match=r"is missing \(another recipe, seed, order of images or version\?\); run"
    ):
        studies.load()


@pytest.mark.promise("old", "survived")
def test_a_study_beside_old_runs_leaves_them_and_says_how_to_delete_them(study, store, capsys):
    old = []
    for run in study.model("simple-cnn").runs:
        copy = store / "runs" / f"{run.label[:-12]}0123456789ab"
        shutil.copytree(store / "runs" / run.label, copy, copy_function=os.link)
        first_schema(copy / runs.MANIFEST)
        old.append(copy)
    assert main(["study", "--profile", "tests", "--data", "phantom"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(r"2 runs of an older version of pneumo, \d+ MB, can be read no more; to", line)
    assert all(path.is_dir() for path in old)
    subprocess.run(line.split(": ", 1)[1], shell=True, check=True)
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


@pytest.mark.promise("old", "survived")
@pytest.mark.parametrize("schema", [2, 99])
def test_what_another_version_has_kept_is_computed_anew(schema, study, store, monkeypatch):
    monkeypatch.setattr(keeping, "_in_memory", {})

    def numbers(study):
        return {"auc": 0.25}

    numbers.__module__ = "pneumo.analysis.claims"
    keeping.kept()(numbers)(study)
    (file,) = (paths.home() / "kept").glob("claims-numbers-*.json")
    content = {"schema": schema, "runs": [], "result": {"auc": 0.75}}
    file.write_text(checksums.text(content, file.name))
    monkeypatch.setattr(keeping, "_in_memory", {})
    assert keeping.kept()(numbers)(study) == {"auc": 0.25}


@pytest.mark.promise("old", "found")
def test_a_reference_without_digests_is_refused_until_it_has_them(tmp_path, capsys, faults):
    faults(2)
    folder = Path(shutil.copytree(paths.reference(), tmp_path / "kept numbers"))
    (folder / reference.DIGESTS).unlink()
    with pytest.raises(
        ReferenceStudyError, match="by an older version of pneumo, without SHA256SUMS"
    ):
        reference.load(folder)
    line = refused(capsys, "verify", "--reference", str(folder), status=2)
    assert line.endswith(f"run `pneumo reference --digests '{folder}'`")
    assert main(["reference", "--digests", str(folder)]) == 0
    reference.check(folder)
    assert (folder / reference.DIGESTS).read_bytes() == (
        paths.reference() / reference.DIGESTS
    ).read_bytes()


def test_a_folder_that_is_no_reference_gets_no_digests(tmp_path, capsys):
    (tmp_path / "thesis.txt").touch()
    line = refused(capsys, "reference", "--digests", str(tmp_path))
    assert "holds something else than a reference study" in line
    line = refused(capsys, "reference", "--digests", str(tmp_path / "nowhere"))
    assert "holds something else than a reference study" in line
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.promise("old", "found")
@pytest.mark.parametrize(
    ("schema", "told"),
    [(0, "an older version .*; write it again with `pneumo reference`"), (2, "a newer .*; update")],
)
def test_a_reference_of_another_schema_is_refused(schema, told, tmp_path, capsys):
    folder = Path(shutil.copytree(paths.reference(), tmp_path / "reference"))
    content = json.loads((folder / "results.json").read_text())
    runs.write_json(folder / "results.json", content | {"schema": schema})
    reference.write_digests(folder)
    line = refused(capsys, "verify", "--reference", str(folder), status=2)
    assert re.search(f"{folder / 'results.json'} was written by {told}", line)


@pytest.mark.promise("old", "survived")
def test_a_reference_of_runs_of_the_first_schema_is_shown(faults):
    folders = [path.parent for path in paths.reference().parent.glob("reference*/results.json")]
    faults(len(folders))
    for folder in folders:
        assert reference.load(folder).at_half


@pytest.mark.promise("old", "survived")
def test_speeds_that_were_kept_without_a_schema_are_read(tmp_path):
    file = tmp_path / reference.BENCH
    content = reference.read_bench(paths.reference() / reference.BENCH)
    runs.write_json(file, content)
    assert reference.read_bench(file) == content
    reference.write_bench(file, content["rows"], content["machine"])
    assert reference.read_bench(file) == content
    assert json.loads(file.read_text())["schema"] == reference.BENCH_SCHEMA


@pytest.mark.promise("old", "found")
def test_speeds_of_a_newer_version_ask_for_an_update(tmp_path):
    file = tmp_path / reference.BENCH
    file.write_text(checksums.text({"schema": 9, "speeds": []}, reference.BENCH))
    with pytest.raises(ReferenceStudyError, match=r"a newer version of pneumo .*; update pneumo"):
        reference.read_bench(file)
