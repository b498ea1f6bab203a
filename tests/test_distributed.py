"""One run over two processes: the gradients of one, numbers within the seeds' spread, resumed alike."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from ears import assert_same_bits

from pneumo.training import distributed, runs
from pneumo.training.train import TrainingError

pytestmark = pytest.mark.slow

# Each of two processes compares the gradients of a step with those of a single process.
SHARE = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
from pneumo.data.datasets import phantom
from pneumo.training import distributed
from pneumo.training.loop import Loop, Stage, TwoClasses
from pneumo.training.models import build
from pneumo.training.recipes import RECIPES

folder = Path(sys.argv[1])
# Without what shares see by themselves, batch statistics and dropout, all else must be the same.
recipe = replace(RECIPES["simple-cnn"], dropout=0.0, mixup=0.4, half_precision=False)
dataset = phantom()


def gradients(loop, count):
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


def compare(group):
    # In a function: networks that are shared must go before their group does.
    for count in (16, 7, 3):
        found = []
        for shared in (False, True):
            torch.manual_seed(1)
            parts = recipe, 0, build(recipe), TwoClasses(), dataset.train, dataset.val, folder
            loop = distributed.SharedLoop(group, *parts) if shared else Loop(*parts)
            found.append(gradients(loop, count))
        for alone, together in zip(*found, strict=True):
            torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)


with distributed.group("cpu") as group:
    compare(group)
    (folder / f"compared-{group.rank}").touch()
"""


def _launch(*arguments: str, home: Path) -> subprocess.Popen[str]:
    """Start two processes by `torchrun`."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.Popen(
        [*command, *arguments],
        env=os.environ | {"PNEUMO_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _done(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


TRAIN = ("-m", "pneumo", "train", "simple-cnn", "--data=phantom", "--epochs=3", "--device=cpu")


def _trained(home: Path) -> runs.Run:
    """The one run of a store, which the command line has trained."""
    said = _done(_launch(*TRAIN, home=home))
    assert said.count("kept, validation loss") == 1
    (path,) = (home / "runs").glob("simple-cnn-s0-*")
    return runs.load(path)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    return _trained(tmp_path_factory.mktemp("together"))


def test_two_processes_have_the_gradients_of_one(tmp_path):
    (tmp_path / "share.py").write_text(SHARE)
    _done(_launch(str(tmp_path / "share.py"), str(tmp_path), home=tmp_path))
    assert {path.name for path in tmp_path.glob("compared-*")} == {"compared-0", "compared-1"}


@pytest.mark.promise("killed", "survived")
def test_a_shared_run_that_was_killed_ends_with_the_same_bits(together, tmp_path):
    process = _launch(*TRAIN, home=tmp_path)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("runs/.*.partial/checkpoint.pt")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    children = _children(process.pid)
    os.killpg(process.pid, signal.SIGKILL)
    for child in children:  # `torchrun` starts them in sessions of their own
        os.kill(child, signal.SIGKILL)
    process.wait()
    assert not list(tmp_path.glob("runs/simple-cnn-*"))
    assert_same_bits(_trained(tmp_path), together)
    assert together.manifest["hardware"]["processes"] == 2


def _children(process: int) -> list[int]:
    done = subprocess.run(
        ["pgrep", "-P", str(process)], capture_output=True, text=True, check=False
    )
    return [int(line) for line in done.stdout.split()]


def test_a_group_without_torchrun_is_refused_in_one_line(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert not distributed.is_wanted()
    with pytest.raises(TrainingError, match="start them with torchrun"), distributed.group("cpu"):
        pass
    assert not torch.distributed.is_initialized()
