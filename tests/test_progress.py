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


def shown(terminal, drive, width=160):
    """What a display writes while `drive` uses it."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width)
    with Display(console) as display:
        drive(display)
    return console.file.getvalue()


def two_epochs(display):
    listener = display.listener(RECIPE, 3, images=100)
    for epoch in (1, 2):
        for _ in range(4):
            listener.step(25)
        listener.epoch(row(epoch))


def test_each_epoch_is_one_line_with_rate_and_time_left_or_the_news_of_a_bar():
    lines = shown(False, two_epochs, width=20).splitlines()
    for line, epoch, loss in zip(lines, (1, 2), ("1.000", "0.500"), strict=True):
        start = f"resnet18-tiny-imagenet s3: epoch {epoch}/4, validation loss {loss}, AUC 0.900, "
        assert re.fullmatch(re.escape(start) + r"50 images/s, at most \d+ s left", line)
    written = shown(True, two_epochs)
    assert "epoch 2/4, validation loss 0.500" in written
    assert "all runs" not in written


def test_a_resumed_run_counts_the_epochs_of_before_but_not_their_time():
    def resume(display):
        listener = display.listener(RECIPE, 0, images=100)
        listener.step(0)
        listener.started -= 10  # as if this process had resumed the run ten seconds ago
        listener.epoch(row(3))
        assert display.tasks[0].remaining == 100

    assert "at most 10 s left" in shown(False, resume)


def test_several_runs_are_counted_as_they_finish():
    def two_of_three(display):
        ears = [display.listener(RECIPE, seed, images=100) for seed in range(3)]
        display.finish(Run(Path(), RECIPE, 0, "key", {}))  # it existed already
        ears[1].step(100)
        for epoch in range(1, 5):
            ears[1].epoch(row(epoch))
        display.finish(Run(Path(), RECIPE, 1, "key", {}))
        ears[2].step(50)

    assert "all runs" in shown(True, two_of_three)
    lines = shown(False, two_of_three).splitlines()
    told = "2 of 3 runs finished, about 1 min of training left"
    assert [line for line in lines if "epoch" not in line] == [told]
