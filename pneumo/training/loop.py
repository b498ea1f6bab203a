"""The one training loop: stages, epochs and steps of any network, with checkpoints.

If its numbers change, raise :data:`pneumo.training.runs.TRAINING_VERSION`.
"""

import io
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pneumo.base import checksums, paths, storage, streams
from pneumo.base.errors import PneumoError
from pneumo.data import Part, Rows, Split
from pneumo.statistics import metrics
from pneumo.training import runs
from pneumo.training.augmentation import augment, reframing, to_unit, views
from pneumo.training.models import Classifier
from pneumo.training.recipes import Recipe
from pneumo.training.runs import Listener

Tensors = tuple[Tensor, ...] | list[Tensor]

EVALUATION_BATCH = 64  # more images do not fit a processor's cache, and take longer
# SWA averages the last share of the open stage.
SWA_SHARE = 0.25


class Task(Protocol):
    """Interpretation of a network's outputs, with their loss."""

    def loss(self, outputs: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
        """The mean loss of outputs (B, …) for labels (B,)."""

    def scores(
        self, split: str, labels: NDArray[Any], outputs: NDArray[np.float64]
    ) -> dict[str, float]:
        """Scores of a split for the history."""


@dataclass(frozen=True)
class TwoClasses:
    """One logit per image with binary cross-entropy, weighted by class."""

    weights: tuple[float, float] = (1.0, 1.0)

    def loss(self, outputs: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
        """The mean loss of logits (B,) for labels (B,) in {0, 1}."""
        negative, positive = self.weights
        weight = None if negative == positive else labels * positive + (1 - labels) * negative
        targets = labels * (1 - smoothing) + smoothing / 2
        return F.binary_cross_entropy_with_logits(outputs, targets, weight)

    def scores(
        self, split: str, labels: NDArray[Any], outputs: NDArray[np.float64]
    ) -> dict[str, float]:
        """Accuracy at a threshold of 0.5, and AUC."""
        probabilities = metrics.probabilities(outputs)
        return {
            f"{split}_accuracy": metrics.confusion(labels, probabilities, metrics.HALF).accuracy,
            f"{split}_auc": metrics.auc(labels, probabilities),
        }


@dataclass(frozen=True)
class ManyClasses:
    """One logit per class with cross-entropy."""

    def loss(self, outputs: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
        """The mean loss of logits (B, C) for labels (B,) in 0 … C - 1."""
        return F.cross_entropy(outputs, labels.long(), label_smoothing=smoothing)

    def scores(
        self, split: str, labels: NDArray[Any], outputs: NDArray[np.float64]
    ) -> dict[str, float]:
        """Top-1 accuracy."""
        return {f"{split}_accuracy": float((outputs.argmax(axis=1) == labels).mean())}


@dataclass(frozen=True)
class Stage:
    """Several epochs with one set of trained parameters and one learning-rate cycle."""

    name: str  # "frozen": only the head learns; "open": everything does
    epochs: int
    learning_rate: float


def stages(recipe: Recipe) -> list[Stage]:
    """The recipe's stages, without empty ones."""
    both = [
        Stage("frozen", recipe.frozen_epochs, recipe.frozen_learning_rate),
        Stage("open", recipe.epochs, recipe.learning_rate),
    ]
    return [stage for stage in both if stage.epochs]


def batches(count: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield indices of `count` images in random order, `size` at a time.

    A last batch of one image is left out, since batch normalisation needs a variance.
    """
    order = torch.randperm(count, generator=generator)
    for batch in torch.split(order, size):
        if len(batch) > 1:
            yield batch


def predict(
    model: Classifier, recipe: Recipe, images: NDArray[np.uint8] | Rows
) -> NDArray[np.float64]:
    """Outputs of a network for images uint8 (N, H, W), in evaluation mode.

    Returns:
        (N,) logits, or (N, C) of a network with C outputs; the mean over the recipe's views.
    """
    model.eval()
    device = next(model.parameters()).device
    outputs = []
    with torch.inference_mode():
        for start in range(0, len(images), EVALUATION_BATCH):
            batch = to_unit(images[start : start + EVALUATION_BATCH]).to(device)
            seen = [model(view).double() for view in views(batch, recipe)]
            outputs.append(torch.stack(seen).mean(dim=0).cpu())
    return torch.cat(outputs).numpy()


def seed_everything(seed: int) -> None:
    """Seed all random generators."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


class Loop:
    """State of a training, which a checkpoint stores, and the training loop.

    Args:
        seed: of the order of images, augmentation and dropout.
        model: the network, on its device, with its initial weights.
        task: interprets its outputs.
        training: the training images.
        validation: the images that each epoch is evaluated on.
        folder: of checkpoint and history; an interrupted training resumes from it.
    """

    processes = 1  # that share the training

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        model: Classifier,
        task: Task,
        training: Split | Part,
        validation: Split,
        folder: Path,
    ) -> None:
        self.recipe, self.seed, self.model, self.task = recipe, seed, model, task
        self.training, self.validation, self.folder = training, validation, folder
        self.device = next(model.parameters()).device
        self.precision = precision(recipe, self.device)
        self.history: list[dict[str, Any]] = []
        self.weights: dict[str, Tensor] = model.state_dict()  # of the last epoch
        self.averaged: AveragedModel | None = None
        # Width to height of each training film, (N,), where the recipe draws their framing anew.
        self.ratios: Tensor | None = None
        # The commit at the start of the training; it may differ at the end.
        self.git_commit = paths.git_commit()

    def run(self, listener: Listener | None = None) -> None:
        """Run all stages from the last finished epoch; the network ends with the last epoch's weights."""
        labels = torch.tensor(self.training.labels).float()
        steps = sum(1 for _ in batches(len(labels), self.recipe.batch_size, torch.Generator()))
        saved = self._restore()
        for stage in stages(self.recipe):
            done = [row for row in self.history if row["stage"] == stage.name]
            if len(done) == stage.epochs:
                continue
            if not done and self.history:
                # The open stage begins with the head trained in the frozen stage.
                self.model.load_state_dict(self.weights)
            optimizer, schedule = self._optimizer(stage, steps)
            self.averaged = self._average(stage, steps)
            if done and saved:
                optimizer.load_state_dict(saved["optimizer"])
                schedule.load_state_dict(saved["schedule"])
                if self.averaged is not None:
                    self.averaged.load_state_dict(saved["averaged"])
            for _ in range(len(done), stage.epochs):
                self._epoch(stage, labels, optimizer, schedule, listener)
                self._save(optimizer, schedule)
        self.model.load_state_dict(self.weights)

    def _epoch(
        self,
        stage: Stage,
        labels: Tensor,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.OneCycleLR,
        listener: Listener | None,
    ) -> None:
        epoch, started = len(self.history) + 1, time.perf_counter()
        # Each epoch sets its own seed, so a resumed epoch repeats the same draws.
        seed_everything(self.seed * 1_000_003 + epoch)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        self.model.train()
        if stage.name == "frozen":
            # The backbone's batch norms keep the statistics that they were pretrained with.
            self.model.eval()
            self.model.head.train()
        losses, outputs, seen = [], [], []
        learning_rate = stage.learning_rate
        for batch in batches(len(labels), self.recipe.batch_size, generator):
            # uint8 and in place until here, since all images may exceed memory.
            images = torch.from_numpy(self.training.images[batch.numpy()])
            inputs = augment(
                to_unit(images.to(self.device)),
                self.recipe.input_size,
                self.recipe.augmentation,
                generator,
                None if self.ratios is None else reframing(self.ratios, batch, generator),
            )  # (B, 1, S, S)
            optimizer.zero_grad(set_to_none=True)
            output, loss = self._forward(inputs, labels[batch].to(self.device), generator)
            torch.autograd.backward(loss)
            learning_rate = optimizer.param_groups[-1]["lr"]  # of this step, at the head
            optimizer.step()
            schedule.step()
            if self.averaged is not None:
                self.averaged.update_parameters(self.model)
            losses.append(loss.detach() * len(batch))
            outputs.append(output.detach())
            seen.append(batch)
            if listener:
                listener.step(len(batch))
        order = torch.cat(seen)
        train_loss = self._finite("training", float(torch.stack(losses).sum()) / len(order))
        predicted = torch.cat(outputs).double().cpu().numpy()
        row = {
            "epoch": epoch,
            "stage": stage.name,
            "learning_rate": learning_rate,
            "train_loss": train_loss,
            **self.task.scores("train", labels[order].numpy(), predicted),
        }
        judged = self.model if self.averaged is None else cast(Classifier, self.averaged.module)
        row |= self._validate(judged)
        row["seconds"] = round(time.perf_counter() - started, 3)
        self.history.append(row)
        self.weights = judged.state_dict()
        if listener:
            listener.epoch(row)

    def _forward(
        self, inputs: Tensor, targets: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Outputs and loss of a batch; with mixup both are of mixed images."""
        recipe = self.recipe
        half = self.precision != torch.float32
        autocast = torch.autocast(self.device.type, self.precision, enabled=half)
        if not recipe.mixup:
            with autocast:
                output = self.model(inputs).float()
            return output, self.task.loss(output, targets, recipe.label_smoothing)
        # Zhang et al. 2018: convex mixtures of two images, and the same mixture of their losses.
        share = float(torch.distributions.Beta(recipe.mixup, recipe.mixup).sample())
        partner = torch.randperm(len(targets), generator=generator).to(self.device)
        with autocast:
            output = self.model(share * inputs + (1 - share) * inputs[partner]).float()
        own = self.task.loss(output, targets, recipe.label_smoothing)
        other = self.task.loss(output, targets[partner], recipe.label_smoothing)
        return output, share * own + (1 - share) * other

    def _validate(self, model: Classifier) -> dict[str, float]:
        """Plain loss and scores of the validation split."""
        outputs = predict(model, self.recipe, self.validation.images)
        labels = torch.tensor(self.validation.labels).double()
        plain = TwoClasses() if outputs.ndim == 1 else ManyClasses()
        loss = float(plain.loss(torch.from_numpy(outputs), labels))
        return {
            "val_loss": self._finite("validation", loss),
            **self.task.scores("val", self.validation.labels, outputs),
        }

    def _finite(self, split: str, loss: float) -> float:
        """Return the loss; fail if it is not a number."""
        if not math.isfinite(loss):
            raise PneumoError(
                f"the {split} loss of {self.recipe.name}, seed {self.seed}, is {loss} in epoch "
                f"{len(self.history) + 1}: the training has diverged; try a lower learning rate"
            )
        return loss

    def _optimizer(
        self, stage: Stage, steps: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.OneCycleLR]:
        """Make AdamW and one learning-rate cycle; rates fall with the distance from the head."""
        depths = [[self.model.head]] if stage.name == "frozen" else self.model.depths()
        self.model.requires_grad_(False)
        groups: list[dict[str, Any]] = []
        for depth, modules in enumerate(depths):
            parameters = [p for module in modules for p in module.parameters()]
            rate = stage.learning_rate * self.recipe.layer_decay ** (len(depths) - 1 - depth)
            # Weight decay only for kernels, not for biases and norms.
            kernels = [p.requires_grad_() for p in parameters if p.ndim > 1]
            rest = [p.requires_grad_() for p in parameters if p.ndim <= 1]
            for some, decay in ((rest, 0.0), (kernels, self.recipe.weight_decay)):
                if some:
                    groups.append({"params": some, "lr": rate, "weight_decay": decay})
        optimizer = torch.optim.AdamW(groups)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=[group["lr"] for group in groups], total_steps=steps * stage.epochs
        )
        return optimizer, schedule

    def _average(self, stage: Stage, steps: int) -> AveragedModel | None:
        """Make the running mean of the weights, if the recipe has one.

        Exponential, or plain over the last part of the stage (Izmailov et al. 2018).
        """
        if self.recipe.averaging == "none":
            return None
        first = round(steps * stage.epochs * (1 - SWA_SHARE))

        def update(mean: Tensors, current: Tensors, count: Tensor | int) -> None:
            done = int(count)
            if self.recipe.averaging == "ema":
                # It adapts faster at first, so that the initial weights are soon forgotten.
                decay = min(self.recipe.ema_decay, (1 + done) / (10 + done))
            else:
                decay = 0.0 if done < first else (done - first) / (done - first + 1)
            get_ema_multi_avg_fn(decay)(mean, current, count)  # type: ignore[no-untyped-call]

        return AveragedModel(self.model, multi_avg_fn=update, use_buffers=True)

    def _save(
        self,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.OneCycleLR,
    ) -> None:
        checkpoint = {
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict() if self.averaged is not None else None,
            "weights": self.weights,
            "history": self.history,
            "git_commit": self.git_commit,
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
        }
        torch.save(checkpoint, content := io.BytesIO())
        # The history first: a training killed in between repeats the epoch, and writes both.
        runs.write_history(self.folder, self.history)
        body = content.getbuffer()  # without a copy
        seal = checksums.seal(body, self.folder.name)
        storage.write(self.folder / "checkpoint.pt", body, seal)

    def _restore(self) -> dict[str, Any] | None:
        path = self.folder / "checkpoint.pt"
        if not path.is_file():
            return None
        try:
            with storage.refusals(path):
                content = io.BytesIO(checksums.verify(path.read_bytes(), self.folder.name))
        except (OSError, ValueError) as error:
            streams.tell(f"{path} is damaged ({error}); the training starts again")
            return None
        saved: dict[str, Any] = torch.load(content, map_location=self.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.weights, self.history = saved["weights"], saved["history"]
        self.git_commit = saved["git_commit"]
        return saved


def precision(recipe: Recipe, device: torch.device) -> torch.dtype:
    """Precision of training: bfloat16 if the recipe allows it and the processor supports it."""
    native = device.type == "cuda"
    if device.type == "cpu":
        # Other processors emulate it, which is slow.
        found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        native = bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    return torch.bfloat16 if native and recipe.half_precision else torch.float32
