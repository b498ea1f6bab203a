"""How a study's training is shown: bars with rate and time left on a terminal, a line an epoch elsewhere.

There is a bar for each run that has begun, and where there are several one for all of them.
"""

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
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pneumo.base.errors import printable
from pneumo.training.recipes import Recipe
from pneumo.training.runs import Run


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
        self.runs: dict[str, RunProgress] = {}
        self.done = 0  # runs that are there
        self.overall: TaskID | None = None

    def __enter__(self) -> "Display":
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.progress.disable:  # else older versions of rich print an empty line
            self.progress.stop()

    def say(self, text: str) -> None:
        """A line of its own, above the bars where there are any."""
        self.console.print(Text(printable(text)), highlight=False, soft_wrap=True)

    def listener(self, recipe: Recipe, seed: int, images: int) -> "RunProgress":
        """What hears of one run, which sees `images` training images an epoch."""
        heard = RunProgress(self, recipe, seed, images)
        self.runs[heard.name] = heard
        if len(self.runs) == 2:
            self.overall = self.progress.add_task("all runs", news="", visible=False)
        return heard

    def finished(self, run: Run) -> None:
        """A run is there, trained now or before."""
        self.done += 1
        heard = self.runs.get(f"{run.recipe.name} s{run.seed}")
        if heard is None:
            return
        heard.close()
        if sum(task.visible for task in self.progress.tasks) > self.console.height - 2:
            heard.hide()
        self.advanced()
        if heard.begun and self.overall is not None and not self.console.is_terminal:
            self.say(f"{self.done} of {len(self.runs)} runs are there")

    def advanced(self) -> None:
        """Something was learned: the bar of all runs follows, which counts images."""
        if self.overall is None or not self.console.is_terminal:
            return
        mine = [task for task in self.progress.tasks if task.id != self.overall]
        self.progress.update(
            self.overall,
            total=sum(task.total or 0 for task in mine),
            completed=sum(task.completed for task in mine),
            news=f"{self.done} of {len(self.runs)} runs",
            visible=True,
        )


class RunProgress:
    """One run's bar, or its lines."""

    def __init__(self, display: Display, recipe: Recipe, seed: int, images: int) -> None:
        self.display, self.name = display, f"{recipe.name} s{seed}"
        self.epochs, self.images = recipe.frozen_epochs + recipe.epochs, images
        self.begun, self.started = False, time.monotonic()
        self.heard = 0  # epochs since the run was taken up
        self.task = display.progress.add_task(
            self.name, start=False, total=self.epochs * images, news="", visible=False
        )

    def step(self, images: int) -> None:
        """So many more training images are learned from."""
        self._begin()
        self.display.progress.update(self.task, advance=images, visible=True)
        self.display.advanced()

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch is over."""
        self.begun = True
        self.heard += 1
        news = f"epoch {row['epoch']}/{self.epochs}, validation loss {row['val_loss']:.3f}"
        done = row["epoch"] * self.images
        self.display.progress.update(self.task, completed=done, news=news)
        self.display.advanced()
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

    def close(self) -> None:
        """The run is there, with or without a word before."""
        self.display.progress.update(self.task, completed=self.epochs * self.images)
        self.display.progress.stop_task(self.task)

    def hide(self) -> None:
        """Leave the place to others."""
        self.display.progress.update(self.task, visible=False)

    def _begin(self) -> None:
        # It may have waited long for its turn since it was spoken of.
        if not self.begun:
            self.begun, self.started = True, time.monotonic()
            self.display.progress.start_task(self.task)


class _Rate(ProgressColumn):
    """Training images a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} images/s" if task.speed else "")
