"""Executors: parsing, answers and progress from processes, retries after a kill, stopping."""

import errno
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from ears import Ear

from pneumo.study import executors
from pneumo.study.executors import (
    Call,
    Choice,
    ExecutorError,
    Missing,
    Processes,
    Serial,
    answers,
    parse,
)

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


def pid_in(marker, seconds=120):
    deadline = time.monotonic() + seconds
    while not (marker.exists() and marker.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(marker.read_text())


def assert_ends(pid, seconds=60):
    """Wait for its last thread: after the first one it is a zombie, but its pipes are still open."""
    deadline, process = time.monotonic() + seconds, Path(f"/proc/{pid}")
    with suppress(FileNotFoundError, ProcessLookupError):  # it is gone
        while (
            len([*(process / "task").iterdir()]) > 1 or " Z " not in (process / "stat").read_text()
        ):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_an_executor_is_chosen_by_its_name_and_another_text_refused():
    assert [parse(name) for name in ("auto", "serial")] == [Choice("auto"), Choice("serial")]
    assert parse("process:3") == Choice("process", count=3)
    assert parse("dask:/a/b.json") == Choice("dask", address="/a/b.json")
    known = r"there are: auto, serial, process:N \(N ≥ 1\), dask:"
    for text in ("", "serial:2", "Process:2", "process", "process:0", "process:x", "dask:"):
        with pytest.raises(ExecutorError, match=known):
            parse(text)


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(executors, "find_spec", lambda name: None)
    with pytest.raises(ExecutorError, match=r"pip install 'pneumo\[dask\]'"):
        executors.make(parse("dask:tcp://127.0.0.1:8786"))


def test_a_missing_input_is_sent_and_one_that_never_arrives_is_an_error():
    arrives, lost = (Call("x", use, (), None, {"part": ("id", lambda v=v: v)}) for v in ("v", None))
    assert everything(Serial(), [arrives] * 3) == ["v"] * 3
    with pytest.raises(ExecutorError, match="x failed in a worker: the worker never received"):
        everything(Serial(), [lost])


def test_calls_may_be_added_while_answers_are_read():
    calls = [Call("0", double, (0,), Ear())]
    for number, answer in answers(Serial(), calls):
        assert answer == 2 * number
        if number < 3:
            calls.append(Call("more", double, (number + 1,), Ear()))
    assert len(calls) == 4


def test_answers_and_progress_come_from_processes_which_divide_the_threads(pool):
    ears = [Ear() for _ in range(5)]
    calls = [Call(str(number), double, (number,), ear) for number, ear in enumerate(ears)]
    assert everything(pool, calls) == [0, 2, 4, 6, 8]
    assert [len(ear.rows) for ear in ears] == [1] * 5
    assert pool.threads == 1


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (fail, "RuntimeError: no memory"),
        (fill, "/disk/run can't be written: the disk is full"),
    ],
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
    heard, said = Ear(), []
    calls = [Call("s0", die, (tmp_path / "marker",), heard), Call("other", double, (4,))]
    pid, other = everything(pool, calls, said.append)
    assert other == 8
    assert pid != os.getpid()
    assert len(heard.rows) == 2
    assert "s0: a worker process died; it resumes from its last epoch" in said


@pytest.mark.promise("killed", "found")
def test_a_job_whose_processes_always_die_is_abandoned(pool, monkeypatch):
    monkeypatch.setattr(executors, "RETRIES", 1)
    with pytest.raises(ExecutorError, match="x failed in a worker: a worker process died"):
        everything(pool, [Call("x", die, (Path("/proc/nowhere"),))])


def test_an_idle_process_that_dies_costs_no_job_a_try(monkeypatch, tmp_path):
    monkeypatch.setattr(executors, "RETRIES", 0)
    (marker := tmp_path / "marker").touch()
    calls = [Call("x", die, (marker,), Ear())]
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


if __name__ == "__main__":
    import test_executors

    lonely = Processes(1)
    lonely.submit(0, Call("x", test_executors.wait, (Path(sys.argv[1]),)), ())
    time.sleep(600)
