"""The one training loop: a recipe, a seed and a data set become a finished run on disk."""

import os
import platform
import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from pneumo import metrics, paths, runs
from pneumo.augment import augment, resize, to_unit
from pneumo.data import Dataset, Split
from pneumo.errors import PneumoError
from pneumo.models import Classifier, Weights, build, count_parameters, layers
from pneumo.recipes import Recipe
from pneumo.runs import Run

EVALUATION_BATCH = 256
_LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "captum")


class TrainingError(PneumoError):
    """A training that can't be started or gone on with."""


class Listener(Protocol):
    """Hears how a training goes; a progress display is one."""

    def step(self, images: int) -> None:
        """So many more training images are learned from."""

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch is over; `row` is its row of the history."""


@dataclass(frozen=True)
class Stage:
    """A stretch of epochs with one set of learning parameters and one learning-rate cycle."""

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


def train(
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    weights: Weights | None = None,
    home: Path | None = None,
    listener: Listener | None = None,
    device: str = "auto",
) -> Run:
    """The finished run, trained now unless it is there already.

    Two processes that ask for one run do the work once: the second waits and reads it. A training that
    was killed goes on from its last finished epoch and ends with the numbers of one that never was.

    Args:
        recipe: how to train.
        seed: decides the initial weights, the order of images and every augmentation.
        dataset: early stopping reads its validation split only; test is predicted once, at the end.
        weights: the pretrained weights that the recipe asks for.
        home: the run store's folder; None for the project's.
        listener: hears of every step and epoch.
        device: "auto" takes a GPU where there is one.

    Raises:
        TrainingError: the device is not there, or the weights that the recipe asks for are not given.
    """
    if recipe.pretraining and weights is None:
        raise TrainingError(
            f"{recipe.name} asks for weights pretrained on {recipe.pretraining}; none are given"
        )
    key = runs.run_key(recipe, seed, dataset.fingerprint, weights.sha256 if weights else None)
    destination = runs.folder(recipe, seed, key, home)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(destination.with_name(f".{destination.name}.lock")):
        if destination.is_dir():
            return runs.load(destination)
        partial = destination.with_name(f".{destination.name}.partial")
        partial.mkdir(exist_ok=True)
        training = _Training(recipe, seed, dataset, weights, partial, find_device(device))
        training.run(listener)
        training.finish(key)
        runs.publish(partial, destination)
    return runs.load(destination)


def find_device(name: str) -> torch.device:
    """The device called `name`; "auto" is the GPU where there is one, else the CPU.

    Raises:
        TrainingError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(f"no device {name!r} here ({reason}); try auto or cpu") from None


def batches(count: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Indices of `count` images in a new order, `size` at a time.

    A last batch of one image is left out: batch normalisation has no variance to go by.
    """
    order = torch.randperm(count, generator=generator)
    for batch in torch.split(order, size):
        if len(batch) > 1:
            yield batch


def predict(model: Classifier, recipe: Recipe, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Logits (N,) of images uint8 (N, H, W), in evaluation mode."""
    model.eval()
    device = next(model.parameters()).device
    logits = []
    with torch.inference_mode():
        for start in range(0, len(images), EVALUATION_BATCH):
            batch = to_unit(images[start : start + EVALUATION_BATCH]).to(device)
            logits.append(model(resize(batch, recipe.input_size)).double().cpu())
    return torch.cat(logits).numpy()


def stratified(labels: NDArray[np.uint8], count: int, seed: int) -> NDArray[np.int64]:
    """Sorted indices of `count` images with the classes in their ratio, at least two of each."""
    generator = np.random.default_rng(seed)
    chosen = []
    for label in (0, 1):
        members = np.flatnonzero(labels == label)
        share = max(2, round(count * len(members) / len(labels)))
        chosen.append(generator.permutation(members)[:share])
    return np.sort(np.concatenate(chosen))


def shuffled(split: Split, seed: int) -> Split:
    """The same images with the same labels dealt out anew: there is nothing left to learn."""
    return Split(split.images, np.random.default_rng(seed).permutation(split.labels))


class _Training:
    """One training's state: all that a checkpoint holds, and the loop over it."""

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        dataset: Dataset,
        weights: Weights | None,
        folder: Path,
        device: torch.device,
    ) -> None:
        self.recipe, self.seed, self.dataset, self.weights = recipe, seed, dataset, weights
        self.folder, self.device = folder, device
        self.split = dataset.train
        if recipe.train_images is not None and recipe.train_images < len(self.split.labels):
            kept = stratified(self.split.labels, recipe.train_images, seed)
            self.split = Split(self.split.images[kept], self.split.labels[kept])
        self.validation = dataset.val
        if recipe.shuffled_labels:
            self.split, self.validation = shuffled(self.split, seed), shuffled(dataset.val, seed)
        _seed(seed)
        self.model = build(recipe, weights).to(device)
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Tensor] = _copy(self.model)

    def run(self, listener: Listener | None) -> None:
        """Every stage, from the last finished epoch on."""
        images, labels = to_unit(self.split.images), torch.tensor(self.split.labels).float()
        saved = self._restore()
        for stage in stages(self.recipe):
            done = [row for row in self.history if row["stage"] == stage.name]
            if len(done) == stage.epochs or _stopped(done, self.recipe.patience):
                continue
            steps = sum(1 for _ in batches(len(labels), self.recipe.batch_size, torch.Generator()))
            optimizer, schedule = self._optimizer(stage, steps)
            if done and saved:
                optimizer.load_state_dict(saved["optimizer"])
                schedule.load_state_dict(saved["schedule"])
            elif stage.name == "open" and self.history:
                # The new head has settled: what it reached frozen is where the open stage begins.
                self.model.load_state_dict(self.best)
            for _ in range(len(done), stage.epochs):
                self._epoch(stage, images, labels, optimizer, schedule, listener)
                done.append(self.history[-1])
                self._save(optimizer, schedule)
                if _stopped(done, self.recipe.patience):
                    break
        self.model.load_state_dict(self.best)

    def finish(self, key: str) -> None:
        """Predict validation and test, explain, and write all that a finished run holds."""
        from pneumo.explain import explain

        arrays: dict[str, NDArray[Any]] = {}
        for name in ("val", "test"):
            split = self.dataset.splits[name]
            arrays[f"{name}_logits"] = predict(self.model, self.recipe, split.images)
            arrays[f"{name}_labels"] = split.labels
        runs.write_arrays(self.folder / "predictions.npz", **arrays)
        examples = _first_of_each(self.dataset.train)
        explanation = explain(self.model, self.recipe, self.dataset.test.images, examples)
        runs.write_arrays(self.folder / "explain.npz", **vars(explanation))
        state = {name: value.contiguous() for name, value in self.model.state_dict().items()}
        save_file(state, self.folder / "weights.safetensors")
        runs.write_json(self.folder / "manifest.json", self._manifest(key))

    def _epoch(
        self,
        stage: Stage,
        images: Tensor,
        labels: Tensor,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.OneCycleLR,
        listener: Listener | None,
    ) -> None:
        epoch, started = len(self.history) + 1, time.perf_counter()
        # Each epoch seeds itself, so a resumed one draws what it would have drawn.
        _seed(self.seed * 1_000_003 + epoch)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        self.model.train()
        if stage.name == "frozen":
            # The backbone's batch norms keep the statistics that they were pretrained with.
            self.model.eval()
            self.model.head.train()
        losses, logits, seen = [], [], []
        learning_rate = stage.learning_rate
        for batch in batches(len(labels), self.recipe.batch_size, generator):
            inputs = augment(
                images[batch].to(self.device),
                self.recipe.input_size,
                self.recipe.augmentation,
                generator,
            )  # (B, 1, S, S)
            targets = labels[batch].to(self.device)  # (B,)
            optimizer.zero_grad(set_to_none=True)
            output = self.model(inputs)  # (B,)
            loss = F.binary_cross_entropy_with_logits(output, targets)
            torch.autograd.backward(loss)
            learning_rate = optimizer.param_groups[0]["lr"]  # of this step
            optimizer.step()
            schedule.step()
            losses.append(loss.detach() * len(batch))
            logits.append(output.detach())
            seen.append(batch)
            if listener:
                listener.step(len(batch))
        order = torch.cat(seen)
        row = {
            "epoch": epoch,
            "stage": stage.name,
            "learning_rate": learning_rate,
            "train_loss": float(torch.stack(losses).sum()) / len(order),
            **_scores("train", labels[order].numpy(), torch.cat(logits).double().cpu().numpy()),
        }
        row |= self._validate()
        row["seconds"] = round(time.perf_counter() - started, 3)
        before = [earlier["val_loss"] for earlier in self.history]
        self.history.append(row)
        if not before or row["val_loss"] < min(before):
            self.best = _copy(self.model)
        if listener:
            listener.epoch(row)

    def _validate(self) -> dict[str, float]:
        split = self.validation
        logits = predict(self.model, self.recipe, split.images)
        loss = F.binary_cross_entropy_with_logits(
            torch.from_numpy(logits), torch.tensor(split.labels).double()
        )
        return {"val_loss": float(loss), **_scores("val", split.labels, logits)}

    def _optimizer(
        self, stage: Stage, steps: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.OneCycleLR]:
        learning = self.model.head if stage.name == "frozen" else self.model
        self.model.requires_grad_(False)
        learning.requires_grad_(True)
        # Decay pulls kernels to zero; on biases and norms it would only bend the scale.
        kernels = [p for p in learning.parameters() if p.ndim > 1]
        rest = [p for p in learning.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [
                {"params": kernels, "weight_decay": self.recipe.weight_decay},
                {"params": rest, "weight_decay": 0.0},
            ],
            lr=stage.learning_rate,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=stage.learning_rate, total_steps=steps * stage.epochs
        )
        return optimizer, schedule

    def _save(
        self,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.OneCycleLR,
    ) -> None:
        checkpoint = {
            "model": self.model.state_dict(),
            "best": self.best,
            "history": self.history,
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
        }
        temporary = self.folder / "checkpoint.pt.new"
        torch.save(checkpoint, temporary)
        temporary.replace(self.folder / "checkpoint.pt")
        runs.write_history(self.folder, self.history)

    def _restore(self) -> dict[str, Any] | None:
        path = self.folder / "checkpoint.pt"
        if not path.is_file():
            return None
        saved: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.best, self.history = saved["best"], saved["history"]
        return saved

    def _manifest(self, key: str) -> dict[str, Any]:
        weights = self.weights
        best = min(self.history, key=lambda row: row["val_loss"])
        return {
            "schema": runs.SCHEMA,
            "key": key,
            "recipe": self.recipe.to_dict(),
            "seed": self.seed,
            "parameters": count_parameters(self.model),
            "layers": layers(self.model, self.recipe.input_size),
            "pretrained": {"name": weights.name, "sha256": weights.sha256} if weights else None,
            "data": {
                "source": self.dataset.source,
                "fingerprint": self.dataset.fingerprint,
                "size": self.dataset.size,
            },
            "versions": versions(),
            "hardware": hardware(self.device),
            "git_commit": git_commit(),
            "seconds": round(sum(row["seconds"] for row in self.history), 3),
            "metrics": {
                name: best[name] for name in ("epoch", "val_loss", "val_accuracy", "val_auc")
            },
        }


def versions() -> dict[str, str]:
    """Python's version, the project's, and those of the libraries that numbers depend on."""
    from pneumo import __version__

    libraries = {name: version(name) for name in _LIBRARIES}
    return {"pneumo": __version__, "python": platform.python_version(), **libraries}


def hardware(device: torch.device) -> dict[str, Any]:
    """What a training ran on, in words that name no machine."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "device": device.type,
        "name": name,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": platform.system(),
    }


def git_commit() -> str | None:
    """The checkout's commit, with ``-dirty`` behind it where files differ; None outside one."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        result = subprocess.run(
            command, cwd=paths.root(), capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def _scores(split: str, labels: NDArray[Any], logits: NDArray[np.float64]) -> dict[str, float]:
    """Accuracy at a threshold of 0.5, and AUC."""
    probabilities = metrics.probabilities(logits)
    return {
        f"{split}_accuracy": metrics.confusion(labels, probabilities, metrics.HALF).accuracy,
        f"{split}_auc": metrics.auc(labels, probabilities),
    }


def _stopped(done: list[dict[str, Any]], patience: int) -> bool:
    """Whether the last `patience` epochs of a stage brought no lower validation loss."""
    losses = [row["val_loss"] for row in done]
    return len(losses) > patience and min(losses[-patience:]) >= min(losses[:-patience])


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _first_of_each(split: Split) -> NDArray[np.uint8]:
    """The first training image of each class, (2, H, W)."""
    return np.stack([split.images[split.labels == label][0] for label in (0, 1)])


def _seed(seed: int) -> None:
    """Seed everything that a library might draw from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
