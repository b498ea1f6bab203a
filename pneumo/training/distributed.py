"""Train one run in several processes, with torch's DistributedDataParallel in the same loop, by `torchrun`.

Every process draws the whole batch, with the same order and augmentation, and passes its share through the
network. The outputs are gathered before the loss, so that loss, mixup, label smoothing and history are those
of the whole batch. Only batch normalisation sees shares; the first process's running statistics are kept.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from pneumo.base.errors import PneumoError
from pneumo.data import Dataset
from pneumo.training import runs
from pneumo.training.loop import Loop, Stage
from pneumo.training.models import Classifier
from pneumo.training.recipes import Recipe
from pneumo.training.runs import Listener, Run
from pneumo.training.train import check_weights, fill, find_device, finish
from pneumo.training.weights import Weights

TIMEOUT = timedelta(minutes=30)  # for a process that waits for another
SMALLEST_SHARE = 2  # images: batch normalisation needs a variance


@dataclass(frozen=True)
class Group:
    """The processes that share a run, numbered by `torchrun`."""

    rank: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and reports progress."""
        return self.rank == 0


def is_wanted() -> bool:
    """Whether `torchrun` started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def group(device: str = "auto") -> Iterator[Group]:
    """Connect the processes that `torchrun` started: by NCCL on GPUs, by Gloo elsewhere.

    Args:
        device: as for training; with GPUs, each process of a machine takes another one.

    Raises:
        PneumoError: there is no such device, or the processes cannot connect.
    """
    place = find_device(device)
    if place.type == "cuda":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise PneumoError(
                f"process {local} of this machine has no GPU: there are {torch.cuda.device_count()}; "
                "start fewer processes, or add --device cpu"
            )
        place = torch.device("cuda", local)
        torch.cuda.set_device(place)
    try:
        dist.init_process_group("nccl" if place.type == "cuda" else "gloo", timeout=TIMEOUT)
    except (RuntimeError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise PneumoError(
            f"the processes did not find each other ({reason}); start them with torchrun"
        ) from None
    try:
        yield Group(dist.get_rank(), dist.get_world_size(), place)
    finally:
        dist.destroy_process_group()


def train(
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    group: Group,
    weights: Weights | None = None,
    home: Path | None = None,
    listener: Listener | None = None,
) -> Run:
    """Train a run by all processes of a group, unless it exists.

    Its key differs from that of a run by one process, since batches normalised by shares give other numbers.
    Otherwise as :func:`pneumo.training.train.train`. All processes use the same run store.

    Args:
        dataset: the same in every process.
        weights: the pretrained weights that the recipe asks for.
        home: the run store's folder; None for the project's.
        listener: receives the first process's progress, in images of whole batches.

    Raises:
        PneumoError: the weights that the recipe asks for are not given.
    """
    check_weights(recipe, weights)
    key = runs.find_key(
        recipe, seed, dataset, weights.sha256 if weights else None, home, group.size
    )
    destination = runs.folder(recipe, seed, key, home)

    def together(folder: Path) -> Loop:
        def make(*arguments: Any) -> Loop:
            return SharedLoop(group, *arguments)

        own = listener if group.is_first else None
        return fill(recipe, seed, dataset, weights, folder, group.device, own, make)

    if group.is_first:
        with runs.once(destination) as partial:
            _broadcast(partial, group)
            if partial:
                finish(together(partial), dataset, weights, key)
    else:
        partial = _broadcast(None, group)
        if partial:
            together(partial)
    dist.barrier()  # until it is written
    return runs.load(destination)


class SharedLoop(Loop):
    """The loop of one of several processes that train one network."""

    def __init__(self, group: Group, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.group, self.processes = group, group.size

    def _optimizer(
        self, stage: Stage, steps: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.OneCycleLR]:
        found = super()._optimizer(stage, steps)
        # Only now, since frozen parameters are not synchronised.
        self.parallel = DistributedDataParallel(
            self.model, [self.device] if self.device.type == "cuda" else None
        )
        return found

    def _forward(
        self, inputs: Tensor, targets: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        whole = self.model
        self.model = cast(Classifier, self._outputs)
        try:
            return super()._forward(inputs, targets, generator)
        finally:
            self.model = whole

    def _outputs(self, inputs: Tensor) -> Tensor:
        """Outputs for a batch. This process computes its share, every `size`-th image."""
        rank, size = self.group.rank, self.group.size
        if len(inputs) < SMALLEST_SHARE * size:
            return cast(Tensor, self.parallel(inputs))  # all of it, by each
        # Dropout differs between shares. All other random draws are the same in all processes.
        drawn = int(torch.randint(2**31, ()))
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(drawn + rank)
            own: Tensor = self.parallel(inputs[rank::size]).float()  # (b,) or (b, C)
        most = -(-len(inputs) // size)
        sent = own.new_zeros(most, *own.shape[1:])
        sent[: len(own)] = own.detach()
        shares = [torch.empty_like(sent) for _ in range(size)]
        dist.all_gather(shares, sent)
        whole = own.new_empty(len(inputs), *own.shape[1:])
        for place, share in enumerate(shares):
            whole[place::size] = share[: len(range(place, len(inputs), size))]
        # DistributedDataParallel averages gradients, which must be summed: its own count `size` times.
        scaled = own * size - own.detach() * (size - 1)
        return whole.index_copy(
            0, torch.arange(rank, len(inputs), size, device=whole.device), scaled
        )

    def _validate(self, model: Classifier) -> dict[str, float]:
        """The first process's result; all take its running statistics."""
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)
        found = [super()._validate(model)]
        dist.broadcast_object_list(found, 0)
        return found[0]

    def _save(self, *state: Any) -> None:
        if self.group.is_first:
            super()._save(*state)
        dist.barrier()


def _broadcast(partial: Path | None, group: Group) -> Path | None:
    """Return the folder of the first process, in every process."""
    sent = [str(partial) if partial else None]
    dist.broadcast_object_list(sent, 0, device=group.device)
    return Path(sent[0]) if sent[0] else None
