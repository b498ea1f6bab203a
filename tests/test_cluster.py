"""A study on a Dask cluster: real workers, with and without a shared run store, that join late or die."""

import os
import signal
import threading
from dataclasses import replace
from functools import partial

import distributed
import numpy as np
import pytest
from dask import config
from distributed.utils import get_mp_context
from trainings import LONGER, SMALL, Killer, Listener, assert_same_bits, wait_until

from pneumo.study import cluster, executors, jobs, outputs
from pneumo.study import study as study_module
from pneumo.study.pools import Call, ExecutorError, answers
from pneumo.training import recipes
from pneumo.training.train import train

pytestmark = pytest.mark.slow


def started():
    # An empty PNEUMO_HOME gives a worker no run store of its own.
    home, place = {"PNEUMO_HOME": ""}, {"host": "127.0.0.1", "dashboard_address": ":0"}
    return distributed.LocalCluster(n_workers=0, threads_per_worker=1, env=home, **place)


@pytest.fixture(autouse=True)
def _limit(monkeypatch):
    """A study without a worker fails instead of waiting for an hour."""
    monkeypatch.setenv("PNEUMO_WORKER_TIMEOUT", "300")


def chosen(dask):
    return executors.parse(f"dask:{dask.scheduler_address}")


@pytest.fixture(scope="module")
def dask():
    """A scheduler without workers at first; tests that need none run first."""
    # LocalCluster closes for good a worker that its nanny has not restarted within 15 s, and on a busy
    # machine the imports alone take longer.
    chosen = {"deploy.lost-worker-timeout": "1h", "worker.multiprocessing-method": "forkserver"}
    with config.set({f"distributed.{name}": value for name, value in chosen.items()}):
        # Workers fork from a process that has imported what they need.
        get_mp_context().set_forkserver_preload(["distributed", "pneumo.study.preload"])
        with started() as dask:
            yield dask


def scaled_to(dask, count):
    dask.scale(count)
    wait_until(lambda: len(dask.scheduler_info["workers"]) == count, 300)
    return dask


@pytest.fixture
def two(dask):
    """The same with two workers."""
    return scaled_to(dask, 2)


@pytest.fixture
def client(two):
    with distributed.Client(two, set_as_default=False) as client:
        yield client


def double(number, listener=None):
    return 2 * number


DOUBLES = [Call(str(number), double, (number,)) for number in range(6)]


def test_without_a_worker_a_study_says_what_it_waits_for_and_gives_up_in_time(dask, monkeypatch):
    for name in ("NOTICE_INTERVAL", "POLL_INTERVAL"):
        monkeypatch.setattr(cluster, name, 0.2)
    monkeypatch.setenv("PNEUMO_WORKER_TIMEOUT", "1")
    said = []
    with (
        executors.make(chosen(dask)) as pool,
        pytest.raises(ExecutorError, match=r"no worker for 1 s .* PNEUMO_WORKER_TIMEOUT=SECONDS"),
    ):
        list(answers(pool, DOUBLES, said.append))
    assert len(said) >= 2
    assert set(said) == {
        f"no worker yet; waiting for a Dask worker to connect to the scheduler at {dask.scheduler_address}"
    }


def test_a_study_begins_when_workers_join_late(dask):
    with executors.make(chosen(dask)) as pool:
        assert not pool.has_room()
        timer = threading.Timer(0.5, dask.scale, (2,))
        timer.start()
        assert sorted(answers(pool, DOUBLES)) == [(n, 2 * n) for n in range(6)]
    timer.join()


def test_a_cluster_without_a_shared_store_gives_the_bits_of_a_single_process(
    two, client, phantom, home, arrays, tmp_path, monkeypatch
):
    monkeypatch.setitem(recipes.PROFILES, SMALL.name, SMALL)
    store, own, file = tmp_path / "home", tmp_path / "own", tmp_path / "pneumoniamnist.npz"
    np.savez(file, **arrays)
    client.run(lambda: jobs._loaded.clear())
    client.run(lambda: os.environ.update(PNEUMO_HOME=str(own)))

    def listener(*_):
        file.unlink(missing_ok=True)  # the client has read it, and workers do not find it

    try:
        done = study_module.run(
            SMALL.name, str(file), home=store, listener=listener, executor=f"dask:{two.scheduler_address}"
        )  # fmt: skip
    finally:
        client.run(lambda: os.environ.update(PNEUMO_HOME=""))
    for run in done.runs:
        other = train(SMALL.recipe("simple-cnn"), run.seed, phantom, home=home)
        assert run.key == other.key
        assert_same_bits(run, other)
        assert run.path.parent == store / "runs"
        assert run.manifest["data"]["source"] == "file"
    assert len(list(own.glob("runs/simple-*"))) == len(done.runs)
    assert outputs.read(done.runs[0], "corruptions", SMALL)["indices"].shape == (8,)
    assert not list(store.glob(".study-*"))


@pytest.mark.promise("killed", "survived")
def test_a_worker_killed_in_the_middle_of_a_run_loses_its_current_epoch_alone(
    two, client, phantom, home, tmp_path
):
    undisturbed = train(LONGER, 0, phantom, home=home)
    pids, said = client.run(os.getpid), []
    killer = Killer(lambda: [pids[one] for one, keys in client.processing().items() if keys])
    wanted = [jobs.want(LONGER, 0, phantom, None)]
    (run,) = jobs.complete(
        chosen(two), phantom, wanted, None, tmp_path, "cpu", [killer], say=said.append
    )
    assert len(killer.killed) == 1
    assert said == ["simple-cnn s0: its worker died or left; it resumes from its last epoch"]
    assert killer[1] == 1
    assert killer.total() <= LONGER.epochs + 1
    assert_same_bits(run, undisturbed)


class Interrupter(Listener):
    """As Ctrl-C, after an epoch."""

    def epoch(self, row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt


@pytest.mark.promise("killed", "survived")
def test_an_interrupted_study_ends_its_runs_in_workers_and_leaves_their_checkpoints(
    two, client, phantom, tmp_path
):
    wanted = [jobs.want(replace(LONGER, epochs=500), 0, phantom, None)]
    with pytest.raises(KeyboardInterrupt):
        jobs.complete(chosen(two), phantom, wanted, None, tmp_path, "cpu", [Interrupter()])
    busy = partial(client.run, lambda dask_worker: dask_worker.state.executing_count)
    wait_until(lambda: not any(busy().values()), 300)
    assert len(list(tmp_path.glob("runs/.*.partial/checkpoint.pt"))) == 1


def test_a_run_that_fails_in_a_worker_is_an_error_of_one_line(two, phantom, tmp_path):
    wanted = [jobs.want(LONGER, 0, phantom, None)]
    with pytest.raises(ExecutorError, match=r"^simple-cnn s0 failed in a worker: no device 'x'.*$"):
        jobs.complete(chosen(two), phantom, wanted, None, tmp_path, "x")


def die_once(marker, listener=None):
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


@pytest.mark.promise("killed", "survived")
def test_a_study_goes_on_when_its_only_worker_is_killed_and_its_nanny_restarts_it(dask, tmp_path):
    said = []
    scaled_to(dask, 1)
    with executors.make(chosen(dask)) as pool:
        ((_, pid),) = answers(pool, [Call("x", die_once, (tmp_path / "marker",))], said.append)
    assert pid != os.getpid()
    assert said == ["x: its worker died or left; it resumes from its last epoch"]


def test_a_scheduler_that_goes_is_an_error_of_one_line():
    with started() as lonely:
        pool = executors.make(chosen(lonely))
    with pool, pytest.raises(ExecutorError, match=r"the Dask scheduler at tcp://.* is gone"):
        list(answers(pool, DOUBLES))


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", 1)
    for address, said in (
        ("tcp://127.0.0.1:9", r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        ("/nowhere.json", r"no file of a Dask scheduler at /nowhere\.json"),
    ):
        with pytest.raises(ExecutorError, match=said):
            executors.make(executors.parse(f"dask:{address}"))
