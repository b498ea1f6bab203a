"""Benchmarks of executors: overhead of a Dask cluster, and the speed-up of two processes."""

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import speed
from benchmarks.speed import Measurement
from pneumo.data import Dataset
from pneumo.data.datasets import phantom
from pneumo.study import executors, jobs
from pneumo.study.jobs import Terms, Training
from pneumo.study.pools import Call, Missing, Pool, answers
from pneumo.training.recipes import RECIPES

RUNS, WORKERS = 20, 2
FEW = 8
RECIPE = replace(RECIPES[speed.CNN], epochs=8, train_images=speed.IMAGES)


# The process of a run in a worker, and its start and end by the machine's clock.
Span = tuple[int, float, float]


def scheduling(dataset: Dataset) -> float:
    """The waiting time of a Dask cluster's workers in a study of short runs, in percent of their work.

    From the study's start to its last run, a worker either works or waits. The time until the caller has the
    last run counts as waiting, too.
    """
    from distributed import LocalCluster

    with (
        LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0"
        ) as cluster,
        tempfile.TemporaryDirectory() as home,
        executors.make(executors.parse(f"dask:{cluster.scheduler_address}")) as pool,
        jobs.terms(pool, dataset, Path(home), "cpu") as common,
    ):
        wanted = [jobs.want(RECIPE, seed, dataset, None) for seed in range(RUNS + 2 * WORKERS)]
        _spans(pool, common, dataset, wanted[RUNS:])  # warm-up: each worker imports its modules
        started = time.time()
        spans = _spans(pool, common, dataset, wanted[:RUNS])
        ended = time.time()
    last = {process: end for process, _, end in sorted(spans, key=lambda span: span[2])}.values()
    there = sum(end - started for end in last) + ended - max(last)
    return 100 * (there / sum(end - start for _, start, end in spans) - 1)


def side_by_side(dataset: Dataset) -> float:
    """The speed-up of a study of short runs in two processes over runs in sequence."""

    def study(executor: str) -> None:
        with tempfile.TemporaryDirectory() as home:
            wanted = [jobs.want(RECIPE, seed, dataset, None) for seed in range(FEW)]
            jobs.complete(executors.parse(executor), dataset, wanted, None, Path(home), "cpu")

    return speed.ratio(partial(study, "serial"), partial(study, f"process:{WORKERS}"), turns=1)


def measurements() -> Iterator[Measurement]:
    """The benchmarks of executors, in the table's order."""
    dataset = phantom()
    if find_spec("distributed"):
        yield Measurement(
            "cluster-overhead",
            f"Dask, {WORKERS} workers: what a study of {RUNS} short runs waits for it",
            "%",
            "≤ 3",
            partial(scheduling, dataset),
        )
    yield Measurement(
        "process-2",
        f"a study of {FEW} short runs with process:{WORKERS}, against serial",
        "×",
        None,
        partial(side_by_side, dataset),
    )


def _spans(pool: Pool, common: Terms, dataset: Dataset, wanted: list[Training]) -> list[Span]:
    data = {"data": (dataset.order, lambda: dataset)}
    calls = [Call(one.label, timed, (common, one), None, data) for one in wanted]
    return [span for _, span in answers(pool, calls)]


def timed(common: Terms, wanted: Training, **given: Any) -> Span | Missing:
    """Train a run in a worker and record its start and end."""
    started = time.time()
    made = jobs.train(common, wanted, **given)
    return made if isinstance(made, Missing) else (os.getpid(), started, time.time())
