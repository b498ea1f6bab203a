"""Concurrent processes train each run once, one of them or several together; dead ones hold no lock."""

import json
import os
import socket
import time
from collections import Counter
from dataclasses import replace

import pytest
import tiny
import torch
from faults import Job
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from trainings import assert_same_bits

from pneumo.base import storage
from pneumo.base.errors import PneumoError
from pneumo.data.datasets import phantom
from pneumo.training import distributed, runs
from pneumo.training.loop import Loop, Stage, TwoClasses
from pneumo.training.models import build
from pneumo.training.recipes import RECIPES

MANY = 3


def unexpected(err):
    """The printed lines, except those about waiting for another process."""
    return [line for line in err.splitlines() if "waiting for another process" not in line]


@pytest.mark.slow
@pytest.mark.promise("together", "survived")
def test_several_that_ask_for_one_study_train_each_run_once(fork, tmp_path):
    home, heard = tmp_path / "home", tmp_path / "heard"
    ends = fork(*[Job(tiny.make, (home, tiny.TWO, heard)) for _ in range(MANY)])
    assert [(end.status, unexpected(end.err)) for end in ends] == [(0, [])] * MANY
    epochs = Counter((name, epoch) for name, epoch, _ in map(json.loads, heard.open()))
    assert set(epochs.values()) == {1}
    assert {name for name, _ in epochs} == {"simple-cnn-s0", "simple-cnn-s1"}


@pytest.mark.slow
@pytest.mark.promise("together", "survived")
def test_of_several_the_one_that_trains_is_killed_and_another_goes_on(fork, tmp_path):
    home, heard = tmp_path / "home", tmp_path / "heard"
    arguments = (home, tiny.PROFILE, heard)
    ends = fork(
        Job(tiny.make, arguments, renaming=3), Job(tiny.make, arguments), Job(tiny.make, arguments)
    )
    assert [(end.status, unexpected(end.err)) for end in ends[1:]] == [(0, [])] * 2
    epochs = [(name, epoch) for name, epoch, _ in map(json.loads, heard.open())]
    assert set(epochs) == {("simple-cnn-s0", 1), ("simple-cnn-s0", 2)}
    assert len(epochs) <= 3  # the epoch in which it was killed is repeated


@pytest.mark.promise("together", "survived")
def test_a_file_that_many_write_is_always_one_of_theirs(tmp_path):
    path, contents = tmp_path / "file", [bytes([place]) * 100_000 for place in range(MANY)]
    numbers = []
    for content in contents:
        number = os.fork()
        if number == 0:
            for _ in range(20):
                storage.write(path, content)
            os._exit(0)
        numbers.append(number)
    while numbers:
        if path.is_file():
            assert path.read_bytes() in contents
        found, status = os.waitpid(-1, os.WNOHANG)
        if found in numbers:
            numbers.remove(found)
            assert status == 0
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.promise("together", "survived")
def test_a_folder_that_two_renew_is_one_of_theirs(tmp_path):
    number = os.fork()
    if number == 0:
        with storage.renewed(tmp_path / "folder") as new:
            time.sleep(0.5)
            (new / "child").touch()
        os._exit(0)
    while not (tmp_path / "folder.being-made").is_dir():
        time.sleep(0.01)
    with storage.renewed(tmp_path / "folder") as new:
        # It has waited: the other's is finished.
        assert [path.name for path in (tmp_path / "folder").iterdir()] == ["child"]
        (new / "parent").touch()
    assert os.waitpid(number, 0)[1] == 0
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "parent"]


TRAIN = ("train", "simple-cnn", "--data=phantom", "--epochs=2", "--device=cpu")
# Without what shares see by themselves, batch statistics and dropout, all else must be the same.
PLAIN = replace(RECIPES["simple-cnn"], dropout=0.0, mixup=0.4, half_precision=False)


def gradients(loop, dataset, count):
    loop._optimizer(Stage("open", 1, 1e-3), 1)
    loop.model.eval()
    generator = torch.Generator().manual_seed(3)
    torch.manual_seed(5)
    inputs = torch.from_numpy(dataset.train.images[:count, None] / 255.0).float()
    targets = torch.from_numpy(dataset.train.labels[:count]).float()
    loop.model.zero_grad()
    output, loss = loop._forward(inputs, targets, generator)
    loss.backward()
    return [output.detach(), loss.detach(), *(p.grad.clone() for p in loop.model.parameters())]


def compare(folder):
    """Compare the gradients of a step with those of a single process, in each of two."""
    with distributed.group("cpu") as group:
        _compare(group, folder, phantom())


def _compare(group, folder, dataset):
    # In a function: networks that are shared must go before their group does.
    for count in (16, 7, 3):
        found = []
        for shared in (False, True):
            torch.manual_seed(1)
            parts = PLAIN, 0, build(PLAIN), TwoClasses(), dataset.train, dataset.val, folder
            loop = distributed.SharedLoop(group, *parts) if shared else Loop(*parts)
            found.append(gradients(loop, dataset, count))
        for alone, together in zip(*found, strict=True):
            torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)


def member(rank, port, call, arguments):
    """Make a call as one of two processes, as `torchrun` would start it."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return call(*arguments)


def launched(home):
    """Train in two processes that torchrun's own launcher starts."""
    place = {"rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0"}
    config = LaunchConfig(1, 1, 2, start_method="fork", **place)
    return max(elastic_launch(config, tiny.command)(home, *TRAIN).values())


@pytest.fixture
def in_two(fork):
    """Makes a call in two processes; `first` says how the first one dies."""

    def run(call, *arguments, **first):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        ways = first, {}
        return fork(
            *[Job(member, (rank, port, call, arguments), **way) for rank, way in enumerate(ways)]
        )

    return run


def trained(home):
    """The one run of a store."""
    (path,) = (home / "runs").glob("simple-cnn-s0-*")
    return runs.load(path)


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one(in_two, tmp_path):
    ends = in_two(compare, tmp_path)
    assert [end.status for end in ends] == [0, 0], ends


@pytest.mark.slow
@pytest.mark.promise("killed", "survived")
def test_a_shared_run_that_was_killed_ends_with_the_bits_of_torchruns(in_two, fork, tmp_path):
    home, other = tmp_path / "home", tmp_path / "other"
    killed, lonely = in_two(tiny.command, home, *TRAIN, renaming=3)
    assert killed.killed
    assert lonely.status
    assert list(home.glob("runs/.*.partial/checkpoint.pt"))
    assert not list(home.glob("runs/simple-cnn-*"))
    ends = in_two(tiny.command, home, *TRAIN)
    assert [end.status for end in ends] == [0, 0], ends

    (end,) = fork(Job(launched, (other,)))
    assert (end.status, end.out.count("kept, validation loss")) == (0, 1), end
    assert_same_bits(trained(home), trained(other))
    assert trained(home).manifest["hardware"]["processes"] == 2


@pytest.mark.slow
def test_a_group_without_torchrun_is_refused_in_one_line(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert not distributed.is_wanted()
    with pytest.raises(PneumoError, match="start them with torchrun"), distributed.group("cpu"):
        pass
    assert not torch.distributed.is_initialized()
