"""Jobs in a worker: they find their inputs or request them, and results arrive complete or not at all."""

import multiprocessing
from dataclasses import replace

import pytest
from ears import Killer, assert_same_bits
from profiles import LONGER, PROFILE, SMALL

from pneumo.base.errors import PneumoError
from pneumo.data import Split
from pneumo.study import executors, jobs, questions
from pneumo.study import study as study_module
from pneumo.study.executors import Serial
from pneumo.training import recipes, runs, weights
from pneumo.training.train import train

TINY = PROFILE.recipe("simple-cnn")


@pytest.fixture(scope="module")
def finished(phantom, home):
    """The first seed's run, made by this process."""
    return train(TINY, 0, phantom, home=home)


@pytest.fixture
def common(phantom, tmp_path):
    """A study's terms, in a process that has loaded no data yet."""
    with jobs.terms(Serial(), phantom, tmp_path / "home", "cpu") as common:
        jobs._loaded.clear()
        yield common
    jobs._loaded.clear()


@pytest.fixture
def made(finished, phantom):
    """A training, and its run as a worker sends it."""
    return jobs.want(TINY, 0, phantom, None), jobs._packed(finished)


@pytest.mark.promise("same", "found")
def test_a_worker_of_another_version_refuses_in_one_line(common, phantom):
    wanted = jobs.want(TINY, 0, phantom, None)
    for refuse in (
        lambda other: jobs.train(other, wanted),
        lambda other: jobs.probe(other, "simple-cnn-s0-x", "saliency", SMALL),
    ):
        with pytest.raises(
            PneumoError, match=r"another version .* install the same pneumo"
        ) as raised:
            refuse(replace(common, code="other"))
        assert "\n" not in str(raised.value)


@pytest.mark.promise("damage", "found")
def test_data_that_changed_on_their_way_are_refused(common, phantom):
    images = phantom.test.images.copy()
    images[0, 0, 0] ^= 1
    changed = replace(phantom, test=Split(images, phantom.test.labels))
    with pytest.raises(PneumoError, match="data that were sent are not those of the study"):
        jobs._found(common, changed)


def test_weights_that_are_elsewhere_are_asked_for_and_then_kept(common, phantom, tmp_path):
    recipe = PROFILE.recipe("resnet18-tiny-imagenet")
    here = weights.find_weights(recipe)
    wanted = jobs.want(recipe, 0, phantom, replace(here, path=tmp_path / here.path.name))
    assert jobs.train(common, wanted, data=phantom).name == "weights"
    with pytest.raises(PneumoError, match="weights that were sent are not those of the recipe"):
        jobs._found_weights(wanted, b"others", tmp_path)
    sent = jobs._found_weights(wanted, here.path.read_bytes(), tmp_path)
    assert sent.sha256 == here.sha256
    assert jobs._found_weights(wanted, None, tmp_path) == sent
    sent.path.write_bytes(b"damaged")
    assert jobs._found_weights(wanted, None, tmp_path) is None


def test_a_worker_recognises_the_shared_store_by_a_file_in_it(common, tmp_path, monkeypatch):
    token = replace(common, token=".study-x")
    common.home.mkdir()
    (common.home / ".study-x").touch()
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "own"))
    assert jobs._store(token) == (tmp_path / "own", False)
    monkeypatch.delenv("PNEUMO_HOME")
    assert jobs._store(token) == (common.home, True)
    assert jobs._store(replace(token, token=".study-y"))[1] is False


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("name", runs.FILES)
def test_a_byte_that_changed_on_its_way_is_found(made, name, tmp_path):
    wanted, sent = made
    content = bytearray(sent[name])
    content[len(content) // 2] ^= 1
    changed = {**sent, name: bytes(content)}
    with pytest.raises(PneumoError, match=f"{name} of the run .* was damaged on its way"):
        jobs._published(wanted, changed, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.promise("hostile", "found")
def test_another_run_than_the_wanted_one_is_not_published(made, phantom, tmp_path):
    wanted, sent = made
    other = jobs.want(TINY, 5, phantom, None)
    less = {n: c for n, c in sent.items() if n != "history.csv"}
    more = {**sent, "../../outside": b"x"}
    for asked, answer in ((other, sent), (wanted, less), (wanted, more)):
        with pytest.raises(
            PneumoError, match=r"or belongs to another run|are not those of the run"
        ):
            jobs._published(asked, answer, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_two_processes_give_the_bits_of_one(phantom, home, tmp_path, monkeypatch):
    monkeypatch.setitem(recipes.PROFILES, SMALL.name, SMALL)
    heard = []
    done = study_module.run(
        SMALL.name, "phantom", home=tmp_path, executor="process:2", finished=heard.append
    )
    for run in done.runs:
        assert_same_bits(run, train(TINY, run.seed, phantom, home=home))
        assert run.manifest["hardware"]["threads"] == 1
    assert sorted(run.seed for run in heard) == [0, 1]
    assert not questions.missing(done.runs[0], SMALL)


@pytest.mark.slow
@pytest.mark.promise("killed", "survived")
def test_a_process_killed_in_the_middle_of_a_run_loses_its_current_epoch_alone(
    phantom, home, tmp_path
):
    expected = train(LONGER, 0, phantom, home=home)
    killer = Killer(lambda: [one.pid for one in multiprocessing.active_children()])
    said = []
    wanted = [jobs.want(LONGER, 0, phantom, None)]
    (run,) = jobs.complete(
        executors.parse("process:1"), phantom, wanted, None, tmp_path, "cpu", [killer],
        say=said.append,
    )  # fmt: skip
    assert killer.killed
    assert said == ["simple-cnn s0: a worker process died; it resumes from its last epoch"]
    assert killer[1] == 1
    assert killer.total() <= LONGER.epochs + 1
    assert_same_bits(run, expected)
    assert not list((tmp_path / "runs").glob(".*.partial"))
