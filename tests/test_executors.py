"""Executors and their jobs: answers and progress from processes, retries after a kill, inputs and results."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from trainings import LONGER, PROFILE, SMALL, Killer, Listener, assert_same_bits, wait_until

from pneumo.base.errors import PneumoError
from pneumo.data import Split
from pneumo.study import executors, jobs, pools
from pneumo.study.executors import Choice, parse
from pneumo.study.pools import Call, ExecutorError, Missing, Processes, Serial, answers
from pneumo.training import runs, weights
from pneumo.training.train import train

# Jobs; worker processes import them from this module.


def double(number, listener=None):
    listener.step(number)
    listener.epoch({"epoch": 1})
    return 2 * number


def fail(listener=None):
    raise RuntimeError("no memory\nfor this")


def die(marker, listener=None):
    """Die as long as the marker is not there."""
    listener.epoch({"epoch": 1})
    if not marker.exists():
        with suppress(OSError):
            marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def fill(listener=None):
    raise OSError(errno.ENOSPC, "No space left", "/disk/run")


def wait(marker, listener=None):
    marker.write_text(str(os.getpid()))
    time.sleep(600)


def use(part=None, listener=None):
    return part or Missing("part")


@pytest.fixture(scope="module")
def pool():
    with Processes(2) as pool:
        yield pool


def everything(pool, calls, say=lambda _: None):
    return [answer for _, answer in sorted(answers(pool, calls, say))]


def pid_in(marker):
    wait_until(lambda: marker.exists() and marker.read_text())
    return int(marker.read_text())


def test_a_worker_reports_all_images_of_an_epoch_before_its_end():
    sent = []
    pools.run(double, [3], {}, lambda *event: sent.append(event))
    assert sent == [(pools.STEP, 0), (pools.STEP, 3), (pools.EPOCH, {"epoch": 1})]


def assert_ends(pid):
    """Wait for its last thread: after the first one it is a zombie, but its pipes are still open."""
    tasks, stat = Path(f"/proc/{pid}/task"), Path(f"/proc/{pid}/stat")
    with suppress(FileNotFoundError, ProcessLookupError):  # it is gone
        wait_until(lambda: len([*tasks.iterdir()]) == 1 and " Z " in stat.read_text())


def test_an_executor_is_chosen_by_its_name_and_another_text_refused():
    assert [parse(name) for name in ("auto", "serial")] == [Choice("auto"), Choice("serial")]
    assert parse("process:3") == Choice("process", count=3)
    assert parse("dask:/a/b.json") == Choice("dask", address="/a/b.json")
    known = r"there are: auto, serial, process:N \(N ≥ 1\), dask:"
    for text in ("", "serial:2", "Process:2", "process", "process:0", "process:x", "dask:"):
        with pytest.raises(ExecutorError, match=known):
            parse(text)


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ExecutorError, match=r"pip install 'pneumo\[dask\]'"):
        executors.make(parse("dask:tcp://127.0.0.1:8786"))


def test_a_missing_input_is_sent_and_one_that_never_arrives_is_an_error():
    arrives, lost = (Call("x", use, (), None, {"part": ("id", lambda v=v: v)}) for v in ("v", None))
    assert everything(Serial(), [arrives] * 3) == ["v"] * 3
    with pytest.raises(ExecutorError, match="x failed in a worker: the worker never received"):
        everything(Serial(), [lost])


def test_calls_may_be_added_while_answers_are_read():
    calls = [Call("0", double, (0,), Listener())]
    for number, answer in answers(Serial(), calls):
        assert answer == 2 * number
        if number < 3:
            calls.append(Call("more", double, (number + 1,), Listener()))
    assert len(calls) == 4


def test_answers_and_progress_come_from_processes_which_divide_the_threads(pool):
    listeners = [Listener() for _ in range(5)]
    calls = [Call(str(number), double, (number,), each) for number, each in enumerate(listeners)]
    assert everything(pool, calls) == [0, 2, 4, 6, 8]
    assert [len(listener.rows) for listener in listeners] == [1] * 5
    assert pool.threads == 1


@pytest.mark.parametrize(
    ("job", "said"),
    [(fail, "RuntimeError: no memory"), (fill, "/disk/run can't be written: the disk is full")],
)
def test_an_error_in_a_process_is_one_line_with_the_jobs_label_and_no_other_job_starts(job, said):
    calls = [Call("0", double, (0,)), Call("simple-cnn s1", job, ()), Call("2", double, (2,))]
    done = []
    with Processes(1) as pool, pytest.raises(ExecutorError) as raised:
        done.extend(answers(pool, calls))
    assert str(raised.value).startswith(f"simple-cnn s1 failed in a worker: {said}")
    assert "\n" not in str(raised.value)
    assert done == [(0, 0)]


@pytest.mark.promise("killed", "survived")
def test_jobs_of_a_killed_process_are_retried_in_another(pool, tmp_path):
    heard, said = Listener(), []
    calls = [Call("s0", die, (tmp_path / "marker",), heard), Call("other", double, (4,))]
    pid, other = everything(pool, calls, said.append)
    assert other == 8
    assert pid != os.getpid()
    assert len(heard.rows) == 2
    assert "s0: a worker process died; it resumes from its last epoch" in said


@pytest.mark.promise("killed", "found")
def test_a_job_whose_processes_always_die_is_abandoned(pool):
    with pytest.raises(ExecutorError, match="x failed in a worker: a worker process died"):
        everything(pool, [Call("x", die, (Path("/proc/nowhere"),))])


def test_an_idle_process_that_dies_costs_no_job_a_try(monkeypatch, tmp_path):
    monkeypatch.setattr(pools, "RETRIES", 0)
    (marker := tmp_path / "marker").touch()
    calls = [Call("x", die, (marker,), Listener())]
    with Processes(1) as pool:
        (first,) = everything(pool, calls)
        os.kill(first, signal.SIGKILL)
        assert_ends(first)
        assert everything(pool, calls) != [first]


@pytest.mark.promise("killed", "survived")
def test_an_interrupted_study_ends_its_processes(tmp_path):
    with suppress(KeyboardInterrupt), Processes(1) as pool:
        pool.submit(0, Call("x", wait, (tmp_path / "pid",)), ())
        pid_in(tmp_path / "pid")
        raise KeyboardInterrupt
    assert_ends(pid_in(tmp_path / "pid"))


@pytest.mark.promise("killed", "survived")
def test_no_process_outlives_a_killed_parent(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, __file__, str(tmp_path / "pid")]
    parent = subprocess.Popen(command, env=environment)
    pid = pid_in(tmp_path / "pid")
    parent.kill()
    parent.wait()
    assert_ends(pid)


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
        lambda other: jobs.compute(other, "simple-cnn-s0-x", "saliency", SMALL),
    ):
        with pytest.raises(
            PneumoError, match=r"\A.*another version .* install the same pneumo.*\Z"
        ):
            refuse(replace(common, code="other"))


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
        with pytest.raises(PneumoError, match=r"belongs to another run|are not those of the run"):
            jobs._published(asked, answer, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.promise("killed", "survived")
def test_a_process_killed_in_a_run_loses_its_current_epoch_alone(phantom, home, tmp_path):
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


if __name__ == "__main__":
    import test_executors

    lonely = Processes(1)
    lonely.submit(0, Call("x", test_executors.wait, (Path(sys.argv[1]),)), ())
    time.sleep(600)
