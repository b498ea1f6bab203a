"""Training progress: a line for each epoch and, on a terminal, a bar of all runs with the time left."""

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pneumo.base.errors import printable
from pneumo.training.recipes import Recipe
from pneumo.training.runs import Run


class _Rate(ProgressColumn):
    """Training images per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} images/s" if task.speed else "")


_COLUMNS = (
    TextColumn("{task.description}"), BarColumn(), _Rate(), TimeElapsedColumn(), TextColumn("left"),
    TimeRemainingColumn(),
)  # fmt: skip


class Display(Progress):
    """Show progress while the context is open; :meth:`listener` returns the listener of a run."""

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(file=sys.stderr)
        super().__init__(*_COLUMNS, console=console, disable=not console.is_terminal)
        self.runs: dict[str, RunProgress] = {}
        self.done = 0  # finished runs
        self.bar = self.add_task("", start=False, total=0, visible=False)  # of images of all runs

    def stop(self) -> None:
        """End the display; without a bar, older versions of rich would print an empty line."""
        if not self.disable:
            super().stop()

    def say(self, text: str) -> None:
        """Print a line, above the bar."""
        self.console.print(Text(printable(text)), highlight=False, soft_wrap=True)

    def listener(self, recipe: Recipe, seed: int, images: int) -> "RunProgress":
        """Return the listener of a run with `images` training images per epoch."""
        own = RunProgress(self, recipe, seed, images)
        self.runs[own.name] = own
        total = sum(one.epochs * one.images for one in self.runs.values())
        name = own.name if len(self.runs) == 1 else "all runs"
        self.update(self.bar, total=total, description=name)
        return own

    def finish(self, run: Run) -> None:
        """Count a finished run, whether it was trained now or earlier."""
        self.done += 1
        own = self.runs.get(f"{run.recipe.name} s{run.seed}")
        if own is None:
            return
        own.reach(own.epochs)
        if own.started and len(self.runs) > 1:
            self.say(f"{self.done} of {len(self.runs)} runs finished{self._left()}")

    def _left(self) -> str:
        """Time left for all runs, from the images per second so far; empty if no run is left."""
        left = (self.tasks[0].total or 0) - self.tasks[0].completed
        trained = sum(one.epochs_done * one.images for one in self.runs.values())
        if not left or not trained:
            return ""
        first = min(one.started for one in self.runs.values() if one.started)
        seconds = (time.monotonic() - first) * left / trained
        return f", about {max(1, round(seconds / 60))} min of training left"


class RunProgress:
    """Listener of one run."""

    def __init__(self, display: Display, recipe: Recipe, seed: int, images: int) -> None:
        self.display, self.name = display, f"{recipe.name} s{seed}"
        self.epochs, self.images = recipe.frozen_epochs + recipe.epochs, images
        self.seen = 0  # images
        self.started = 0.0  # the time, once its turn has come
        self.epochs_done = 0  # epochs since this process started or resumed the run

    def reach(self, epoch: int) -> None:
        """Be at the end of an epoch; images that were not seen now are left out of the bar and its rate."""
        left_out = epoch * self.images - self.seen
        self.seen += left_out
        self.display.update(self.display.bar, total=(self.display.tasks[0].total or 0) - left_out)

    def step(self, images: int) -> None:
        """Count `images` more training images; 0: the training begins."""
        if not self.started:
            self.started = time.monotonic()
            self.display.start_task(self.display.bar)
        self.seen += images
        self.display.update(self.display.bar, advance=images, visible=True)

    def epoch(self, row: dict[str, Any]) -> None:
        """Show an epoch that has ended."""
        self.step(0)
        self.epochs_done += 1
        done = row["epoch"]
        self.reach(done)
        auc, accuracy = row.get("val_auc"), row.get("val_accuracy", 0)
        score = f"top-1 {accuracy:.1%}" if auc is None else f"AUC {auc:.3f}"
        left = (time.monotonic() - self.started) / self.epochs_done * (self.epochs - done)
        self.display.say(
            f"{self.name}: epoch {done}/{self.epochs}, validation loss {row['val_loss']:.3f}, {score}, "
            f"{self.images / row['seconds']:,.0f} images/s, at most {left:.0f} s left"
        )
