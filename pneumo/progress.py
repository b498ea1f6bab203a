"""How a study's training is shown: a bar with rate and time left on a terminal, a line an epoch elsewhere."""

import sys
import time
from types import TracebackType
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

from pneumo.errors import printable
from pneumo.recipes import Recipe


class Display:
    """A context in which :meth:`listener` makes what hears of a run's progress."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(file=sys.stderr)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[news]}"),
        )
        live = self.console.is_terminal
        self.progress = Progress(*columns, console=self.console, disable=not live)

    def __enter__(self) -> "Display":
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()

    def say(self, text: str) -> None:
        """A line of its own, above the bars where there are any."""
        self.console.print(Text(printable(text)), highlight=False, soft_wrap=True)

    def listener(self, recipe: Recipe, seed: int, images: int) -> "RunProgress":
        """What hears of one run, which sees `images` training images an epoch."""
        return RunProgress(self, recipe, seed, images)


class RunProgress:
    """One run's bar, or its lines."""

    def __init__(self, display: Display, recipe: Recipe, seed: int, images: int) -> None:
        self.display, self.name = display, f"{recipe.name} s{seed}"
        self.epochs, self.images = recipe.frozen_epochs + recipe.epochs, images
        self.started = time.monotonic()
        self.heard = 0  # epochs since this process took the run up
        self.task = display.progress.add_task(
            self.name, total=self.epochs * images, news="", visible=False
        )

    def step(self, images: int) -> None:
        """So many more training images are learned from."""
        self.display.progress.update(self.task, advance=images, visible=True)

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch is over."""
        self.heard += 1
        news = f"epoch {row['epoch']}/{self.epochs}, validation loss {row['val_loss']:.3f}"
        done = row["epoch"] * self.images
        self.display.progress.update(self.task, completed=done, news=news)
        if not self.display.console.is_terminal:
            score = (
                f"AUC {row['val_auc']:.3f}"
                if "val_auc" in row
                else f"top-1 {row['val_accuracy']:.1%}"
            )
            left = (time.monotonic() - self.started) / self.heard * (self.epochs - row["epoch"])
            self.display.console.print(
                f"{self.name}: {news}, {score}, "
                f"{self.images / row['seconds']:,.0f} images/s, at most {left:.0f} s left",
                highlight=False,
                soft_wrap=True,
            )


class _Rate(ProgressColumn):
    """Training images a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} images/s" if task.speed else "")
