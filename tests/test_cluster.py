"""A study on a Dask cluster: a real scheduler and two workers, with the run store in sight and without."""

import os
import re
import signal
import threading
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from profiles import PROFILE

from pneumo.study import executors, jobs, questions
from pneumo.study import study as study_module
from pneumo.study.executors import ExecutorError
from pneumo.training import recipes
from pneumo.training.recipes import RECIPES
from pneumo.training.train import train

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

LONGER = replace(RECIPES["simple-cnn"], epochs=6, train_images=512)
SMALL = replace(
    PROFILE, name="small", recipes=("simple-cnn",), controls=(), ablations=(), probed_images=8
)


@pytest.fixture(scope="module")
def cluster():
    # An empty PNEUMO_HOME gives a worker no run store of its own.
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=":0",
        env={"PNEUMO_HOME": ""},
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture(scope="module")
def expected(phantom, tmp_path_factory):
    """What this process makes of each seed."""
    home, recipe = tmp_path_factory.mktemp("expected"), SMALL.recipe("simple-cnn")
    return [train(recipe, seed, phantom, home=home) for seed in SMALL.seeds]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setitem(recipes.PROFILES, SMALL.name, SMALL)


def assert_same_bits(run, other):
    assert run.key == other.key
    for split, predictions in run.predictions.items():
        np.testing.assert_array_equal(predictions.logits, other.predictions[split].logits)


def test_a_cluster_with_a_shared_folder_gives_the_bits_of_a_single_process(
    cluster, expected, tmp_path
):
    heard = []
    done = study_module.run(
        SMALL.name, "phantom", home=tmp_path, executor=f"dask:{cluster.scheduler_address}",
        finished=lambda run: heard.append(run.seed),
    )  # fmt: skip
    for run, other in zip(done.runs, expected, strict=True):
        assert_same_bits(run, other)
        assert run.path.parent == tmp_path / "runs"
    assert sorted(heard) == [0, 1]
    assert not questions.missing(done.runs[0], SMALL)
    assert not list(tmp_path.glob(".study-*"))


def test_without_a_shared_folder_runs_and_data_go_through_the_scheduler(
    cluster, client, expected, phantom, tmp_path
):
    own, home, file = tmp_path / "own", tmp_path / "home", tmp_path / "pneumoniamnist.npz"
    arrays = {}
    for name, split in phantom.splits.items():
        arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels[:, None]}
    np.savez(file, **arrays)
    client.run(lambda: os.environ.update(PNEUMO_HOME=str(own)))

    def listener(*_):
        file.unlink(missing_ok=True)  # what the client has read the workers do not find

    client.run(lambda: jobs._known.clear())
    try:
        done = study_module.run(
            SMALL.name, str(file), home=home, listener=listener,
            executor=f"dask:{cluster.scheduler_address}",
        )  # fmt: skip
    finally:
        client.run(lambda: os.environ.update(PNEUMO_HOME=""))
    for run, other in zip(done.runs, expected, strict=True):
        assert_same_bits(run, other)
        assert run.path.parent == home / "runs"
        assert run.manifest["data"]["source"] == "file"
    assert {path.name for path in (own / "runs").glob("simple-*")} == {r.label for r in done.runs}
    assert sorted(questions.read(done.runs[0], "corruptions", SMALL)["indices"].shape) == [8]
    assert done.data.about.name == "pneumoniamnist"


class Killer:
    """Kills the worker that is busy, once, when it has told of an epoch."""

    def __init__(self, client):
        self.client, self.pids = client, client.run(os.getpid)
        self.heard, self.killed = Counter(), []

    def step(self, images):
        pass

    def epoch(self, row):
        self.heard[row["epoch"]] += 1
        if row["epoch"] == 2 and not self.killed:
            self.killed.append(True)
            self.client.loop.add_callback(self.kill)

    async def kill(self):
        for worker, keys in (await self.client.scheduler.processing()).items():
            if keys:
                os.kill(self.pids[worker], signal.SIGKILL)
                self.killed.append(worker)


@pytest.mark.promise("killed", "survived")
def test_a_worker_killed_in_the_middle_of_a_run_costs_its_current_epoch_alone(
    cluster, client, phantom, tmp_path
):
    undisturbed = train(LONGER, 0, phantom, home=tmp_path / "serial")
    killer = Killer(client)
    place = executors.parse(f"dask:{cluster.scheduler_address}")
    with (
        executors.make(place) as pool,
        jobs.terms(pool, phantom, tmp_path, "cpu") as common,
    ):
        wanted = [jobs.want(LONGER, 0, phantom, None)]
        (run,) = jobs.trained(pool, common, phantom, wanted, [killer])
    assert len(killer.killed) == 2
    assert killer.heard[1] == 1
    assert killer.heard.total() <= LONGER.epochs + 1
    assert [row["epoch"] for row in run.history] == list(range(1, LONGER.epochs + 1))
    assert_same_bits(run, undisturbed)


class Heard:
    def __init__(self):
        self.begun = threading.Event()

    def step(self, images):
        self.begun.set()

    def epoch(self, row):
        pass


@pytest.mark.promise("killed", "survived")
def test_who_stops_ends_the_runs_in_workers_and_leaves_their_checkpoints(
    cluster, client, phantom, tmp_path
):
    recipe, heard = replace(LONGER, epochs=500), Heard()

    def stopped():
        with (
            executors.make(executors.parse(f"dask:{cluster.scheduler_address}")) as pool,
            jobs.terms(pool, phantom, tmp_path, "cpu") as common,
        ):
            wanted = jobs.want(recipe, 0, phantom, None)
            pool.submit(jobs.train, common, wanted, listener=heard)
            assert heard.begun.wait(300)
            while not list(tmp_path.glob("runs/.*.partial/checkpoint.pt")):
                time.sleep(0.05)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    deadline = time.monotonic() + 300
    while any(client.run(lambda dask_worker: dask_worker.state.executing_count).values()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(list(tmp_path.glob("runs/.*.partial"))) == 1


def test_a_run_that_fails_in_a_worker_is_told_in_one_line(cluster, phantom, tmp_path):
    with (
        executors.make(executors.parse(f"dask:{cluster.scheduler_address}")) as pool,
        jobs.terms(pool, phantom, tmp_path, "nonsense") as common,
    ):
        wanted = [jobs.want(LONGER, seed, phantom, None) for seed in range(8)]
        with pytest.raises(ExecutorError) as raised:
            jobs.trained(pool, common, phantom, wanted, [None] * 8)
    assert re.match(r"simple-cnn s\d failed in a worker: no device 'nonsense'", str(raised.value))
    assert "\n" not in str(raised.value)


def test_a_scheduler_that_goes_is_told_in_one_line(phantom, tmp_path, monkeypatch):
    with distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=":0") as lonely:
        pool = executors.make(executors.parse(f"dask:{lonely.scheduler_address}"))
        future = pool.submit(str)
    with pytest.raises(ExecutorError, match=r"the Dask scheduler at tcp://.* is gone"):
        future.result(timeout=120)
    with pytest.raises(ExecutorError, match="is gone"):
        pool.submit(str)
    pool.stop()


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    from pneumo.study import cluster

    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with pytest.raises(ExecutorError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        executors.make(executors.parse("dask:tcp://127.0.0.1:9"))
    with pytest.raises(ExecutorError, match=r"no file of a Dask scheduler at /nowhere\.json"):
        executors.make(executors.parse("dask:/nowhere.json"))
