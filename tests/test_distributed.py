"""One run over two processes: the gradients of one, and after a kill the same bits."""

import os
import socket
import subprocess
import sys
from dataclasses import replace

import pytest
import tiny
import torch
from ears import assert_same_bits
from forks import Job

from pneumo.base.errors import PneumoError
from pneumo.data.datasets import phantom
from pneumo.training import distributed, runs
from pneumo.training.loop import Loop, Stage, TwoClasses
from pneumo.training.models import build
from pneumo.training.recipes import RECIPES

pytestmark = pytest.mark.slow

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


@pytest.fixture
def in_two(apart):
    """Makes a call in two processes; `first` says how the first one dies."""

    def run(call, *arguments, **first):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        ways = first, {}
        return apart(
            *[Job(member, (rank, port, call, arguments), **way) for rank, way in enumerate(ways)]
        )

    return run


def trained(home):
    """The one run of a store."""
    (path,) = (home / "runs").glob("simple-cnn-s0-*")
    return runs.load(path)


def test_two_processes_have_the_gradients_of_one(in_two, tmp_path):
    ends = in_two(compare, tmp_path)
    assert [end.status for end in ends] == [0, 0], ends


@pytest.mark.promise("killed", "survived")
def test_a_shared_run_that_was_killed_ends_with_the_bits_of_torchruns(in_two, tmp_path):
    home, other = tmp_path / "home", tmp_path / "other"
    killed, lonely = in_two(tiny.command, home, *TRAIN, renaming=3)
    assert killed.killed
    assert lonely.status
    assert list(home.glob("runs/.*.partial/checkpoint.pt"))
    assert not list(home.glob("runs/simple-cnn-*"))
    ends = in_two(tiny.command, home, *TRAIN)
    assert [end.status for end in ends] == [0, 0], ends

    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    said = subprocess.run(
        [*command, "-m", "pneumo", *TRAIN], check=True, capture_output=True, text=True,
        env=os.environ | {"PNEUMO_HOME": str(other)},
    ).stdout  # fmt: skip
    assert said.count("kept, validation loss") == 1
    assert_same_bits(trained(home), trained(other))
    assert trained(home).manifest["hardware"]["processes"] == 2


def test_a_group_without_torchrun_is_refused_in_one_line(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert not distributed.is_wanted()
    with pytest.raises(PneumoError, match="start them with torchrun"), distributed.group("cpu"):
        pass
    assert not torch.distributed.is_initialized()
