"""Where jobs are done: what is asked for is understood, what dies is begun again, what is stopped ends."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

from pneumo.base.errors import PneumoError
from pneumo.study import executors
from pneumo.study.executors import (
    Call,
    Choice,
    ExecutorError,
    Lacking,
    Processes,
    Serial,
    answers,
    make,
    parse,
)

# What processes are given to do; they import it from here.


def double(number, listener=None):
    listener.step(number)
    return 2 * number


def fail(listener=None):
    raise RuntimeError("no memory\nfor this")


def refuse(listener=None):
    raise PneumoError("not this")


def die_at_first(marker, listener=None):
    listener.epoch({"epoch": 1})
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def die(listener=None):
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_ever(marker, listener=None):
    marker.write_text(str(os.getpid()))
    time.sleep(600)


def use(part=None, listener=None):
    return part or Lacking("part")


class Heard(Counter):
    def step(self, images):
        self["images"] += images

    def epoch(self, row):
        self["epochs"] += 1


@pytest.fixture(scope="module")
def pool():
    with Processes(2) as pool:
        yield pool


def everything(pool, calls, say=None):
    return [answer for _, answer in sorted(answers(pool, calls, say))]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("serial", Choice("serial")),
        ("process:3", Choice("process", count=3)),
        ("dask:tcp://127.0.0.1:8786", Choice("dask", address="tcp://127.0.0.1:8786")),
        ("dask:/shared/scheduler.json", Choice("dask", address="/shared/scheduler.json")),
    ],
)
def test_an_executor_is_asked_for_by_a_word(text, choice):
    assert parse(text) == choice


@pytest.mark.parametrize("text", ["", "threads", "serial:2", "mpi:4", "Process:2"])
def test_an_unknown_executor_is_refused_with_those_that_are_known(text):
    with pytest.raises(ExecutorError, match="there are: serial, process:N, dask:ADDRESS"):
        parse(text)


@pytest.mark.parametrize("text", ["process", "process:", "process:0", "process:-1", "process:two"])
def test_processes_are_counted_from_one(text):
    with pytest.raises(ExecutorError, match="process:N takes a number of at least 1"):
        parse(text)


def test_a_cluster_has_an_address():
    with pytest.raises(ExecutorError, match="takes a scheduler's address, as dask:tcp://"):
        parse("dask:")


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(executors, "find_spec", lambda name: None)
    with pytest.raises(ExecutorError, match=r"pip install 'pneumo\[dask\]'"):
        make(parse("dask:tcp://127.0.0.1:8786"))


def test_every_executor_is_one_of_concurrent_futures(pool):
    assert isinstance(pool, Executor)
    for one in (pool, make(parse("serial"))):
        future = one.submit(double, 4, listener=Heard())
        assert isinstance(future, Future)
        assert future.result() == 8


def test_in_this_process_a_job_is_done_when_it_is_submitted_and_its_error_is_its_own():
    order = []

    def job(number, listener=None):
        order.append(number)
        return number

    calls = [Call(str(number), job, (number,)) for number in range(3)]
    for place, answer in answers(Serial(), calls):
        assert (place, order) == (answer, list(range(answer + 1)))
    with pytest.raises(RuntimeError, match="no memory"):
        everything(Serial(), [Call("x", fail, ())])


def test_what_is_lacking_is_read_and_sent_once_for_all_that_need_it():
    class Sending(Serial):
        def send(self, value):
            sent.append(value)
            return value

    sent, read = [], []
    parts = {"part": ("the data", lambda: read.append(1) or "data")}
    calls = [Call(str(number), use, (), None, parts) for number in range(3)]
    assert everything(Sending(), calls) == ["data"] * 3
    assert (sent, read) == (["data"], [1])


def test_what_is_not_to_be_had_is_an_error_and_no_endless_asking():
    parts = {"part": ("nothing", lambda: None)}
    with pytest.raises(ExecutorError, match="x failed in a worker: "):
        everything(Serial(), [Call("x", use, (), None, parts)])


def test_answers_and_words_of_progress_come_back_from_processes(pool):
    ears = [Heard() for _ in range(5)]
    calls = [Call(str(number), double, (number,), ear) for number, ear in enumerate(ears)]
    assert everything(pool, calls) == [0, 2, 4, 6, 8]
    assert [ear["images"] for ear in ears] == [0] * 5, (
        "what is done at once is not told of by steps"
    )
    assert pool.threads == 1


def test_an_error_in_a_process_is_one_line_with_the_job_and_what_has_begun_is_finished(
    pool, tmp_path
):
    for function, said in ((fail, "RuntimeError: no memory"), (refuse, "not this")):
        done, lines = [], []
        calls = [Call("simple-cnn s1", function, ())]
        calls += [Call(str(number), double, (number,)) for number in range(20)]
        with pytest.raises(ExecutorError) as raised:
            done.extend(answers(pool, calls, lines.append))
        assert str(raised.value) == f"simple-cnn s1 failed in a worker: {said}"
        assert len(lines) <= 1
    assert pool.submit(double, 1).result() == 2, "the processes are still there"


@pytest.mark.promise("killed", "survived")
def test_a_killed_process_costs_its_job_alone_and_another_takes_its_place(pool, tmp_path):
    heard, lines = Heard(), []
    calls = [
        Call("simple-cnn s0", die_at_first, (tmp_path / "marker",), heard),
        Call("other", double, (4,)),
    ]
    pid, other = everything(pool, calls, lines.append)
    assert other == 8
    assert pid != os.getpid()
    assert heard["epochs"] == 2
    assert lines == ["simple-cnn s0: its process died; it goes on from its last epoch"]


@pytest.mark.promise("killed", "found")
def test_a_job_whose_processes_die_again_and_again_is_given_up_by_name(pool, monkeypatch):
    monkeypatch.setattr(executors, "AGAIN", 1)
    with pytest.raises(ExecutorError, match="x failed in a worker: its process died"):
        everything(pool, [Call("x", die, ())])


@pytest.mark.promise("killed", "survived")
def test_who_stops_ends_the_processes(tmp_path):
    marker = tmp_path / "pid"

    def stopped():
        with Processes(1) as pool:
            pool.submit(wait_for_ever, marker)
            until(lambda: marker.exists() and marker.read_text())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert not is_alive(int(marker.read_text()))


@pytest.mark.promise("killed", "survived")
def test_no_process_outlives_the_one_that_started_it(tmp_path):
    marker = tmp_path / "pid"
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from pneumo.study.executors import Processes\n"
        "import test_executors\n"
        "if __name__ == '__main__':\n"
        "    Processes(1).submit(test_executors.wait_for_ever, Path(sys.argv[1]))\n"
        "    time.sleep(600)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    parent = subprocess.Popen([sys.executable, str(script), str(marker)], env=environment)
    until(lambda: marker.exists() and marker.read_text(), 120)
    parent.kill()
    parent.wait()
    until(lambda: not is_alive(int(marker.read_text())))
