"""Progress of a training: bars on a terminal, a line per epoch elsewhere."""

import io
import re
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from pneumo.commands.progress import Display
from pneumo.training.recipes import RECIPES
from pneumo.training.runs import Run

RECIPE = replace(RECIPES["resnet18-tiny-imagenet"], frozen_epochs=1, epochs=3)


def row(epoch):
    return {"epoch": epoch, "val_loss": 1 / epoch, "val_auc": 0.9, "seconds": 2.0}


def run_of(seed):
    return Run(Path(), RECIPE, seed, "key", {})


def shown(terminal, drive, width=160):
    """What a display writes while `drive` uses it."""
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=width)
    with Display(console) as display:
        drive(display)
    return output.getvalue()


def two_epochs(display):
    listener = display.listener(RECIPE, 3, images=100)
    for epoch in (1, 2):
        for _ in range(4):
            listener.step(25)
        listener.epoch(row(epoch))


def test_without_a_terminal_each_epoch_is_one_line_with_rate_and_time_left():
    lines = shown(False, two_epochs, width=20).splitlines()
    for line, epoch, loss in zip(lines, (1, 2), ("1.000", "0.500"), strict=True):
        start = f"resnet18-tiny-imagenet s3: epoch {epoch}/4, validation loss {loss}, AUC 0.900, "
        assert re.fullmatch(re.escape(start) + r"50 images/s, at most \d+ s left", line)


def test_a_terminal_shows_a_bar_with_the_newest_epoch_and_none_for_all_runs():
    written = shown(True, two_epochs)
    assert "resnet18-tiny-imagenet s3" in written
    assert "epoch 2/4, validation loss 0.500" in written
    assert "images/s" in written
    assert "at most" not in written
    assert "all runs" not in written


def test_a_resumed_run_counts_the_epochs_of_before_but_not_their_time():
    def resume(display):
        listener = display.listener(RECIPE, 0, images=100)
        listener.step(0)
        listener.started -= 10  # as if this process had resumed the run ten seconds ago
        listener.epoch(row(3))
        assert display.progress.tasks[0].completed == 300

    assert "at most 10 s left" in shown(False, resume)


def two_runs_of_three(display):
    ears = [display.listener(RECIPE, seed, images=100) for seed in range(3)]
    display.finished(run_of(0))  # it existed already
    ears[1].step(100)
    for epoch in range(1, 5):
        ears[1].epoch(row(epoch))
    display.finished(run_of(1))
    ears[2].step(50)
    if display.console.is_terminal:
        overall = next(task for task in display.progress.tasks if task.id == display.overall)
        assert (overall.completed, overall.total) == (850, 1200)
        assert overall.fields["news"] == "2 of 3 runs"


def test_several_runs_have_a_bar_each_and_one_for_all_that_counts_finished_runs():
    written = shown(True, two_runs_of_three)
    assert all(name in written for name in ("imagenet s1", "imagenet s2", "all runs"))
    lines = shown(False, two_runs_of_three).splitlines()
    assert [line for line in lines if "epoch" not in line] == [
        "2 of 3 runs finished, about 1 min of training left"
    ]
