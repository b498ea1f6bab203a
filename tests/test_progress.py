"""What is seen of a training while it goes on: a bar on a terminal, a line an epoch elsewhere."""

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


def shown(terminal, drive, **console):
    """What a display writes while `drive` uses it."""
    paper = io.StringIO()
    console = Console(file=paper, force_terminal=terminal, width=160, **console)
    with Display(console) as display:
        drive(display)
    return paper.getvalue()


def two_epochs(display):
    listener = display.listener(RECIPE, 3, images=100)
    for epoch in (1, 2):
        for _ in range(4):
            listener.step(25)
        listener.epoch(row(epoch))


def test_without_a_terminal_each_epoch_is_a_line():
    lines = shown(False, two_epochs).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("resnet18-tiny-imagenet s3: epoch 1/4, validation loss 1.000")
    assert lines[1].startswith("resnet18-tiny-imagenet s3: epoch 2/4, validation loss 0.500")


def test_a_line_says_the_rate_and_the_time_left():
    lines = shown(False, two_epochs).splitlines()
    assert all(re.search(r"AUC 0\.900, 50 images/s, at most \d+ s left$", line) for line in lines)


def test_a_line_is_not_broken_however_narrow_the_log():
    paper = io.StringIO()
    with Display(Console(file=paper, force_terminal=False, width=20)) as display:
        display.listener(RECIPE, 0, 100).epoch(row(1))
    assert paper.getvalue().count("\n") == 1


def test_a_terminal_shows_a_bar_with_the_newest_epoch():
    written = shown(True, two_epochs)
    assert "resnet18-tiny-imagenet s3" in written
    assert "epoch 2/4, validation loss 0.500" in written
    assert "images/s" in written
    assert "at most" not in written


def test_a_run_that_is_there_already_shows_nothing():
    written = shown(True, lambda display: display.listener(RECIPE, 0, images=100))
    assert "resnet18" not in written


def test_a_resumed_run_counts_the_epochs_it_did_not_hear():
    paper = io.StringIO()
    with Display(Console(file=paper, force_terminal=False)) as display:
        listener = display.listener(RECIPE, 0, images=100)
        listener.started -= 10  # as if this process had taken the run up ten seconds ago
        listener.epoch(row(3))
        assert display.progress.tasks[0].completed == 300
    assert "at most 10 s left" in paper.getvalue()


def test_each_run_has_a_bar_of_its_own():
    def two_runs(display):
        for seed in (0, 1):
            display.listener(RECIPE, seed, images=100).step(50)

    written = shown(True, two_runs)
    assert "resnet18-tiny-imagenet s0" in written
    assert "resnet18-tiny-imagenet s1" in written


def test_progress_goes_to_standard_error(capsys):
    with Display() as display:
        display.listener(RECIPE, 0, images=100).epoch(row(1))
    captured = capsys.readouterr()
    assert "epoch 1/4" in captured.err
    assert captured.out == ""


def run_of(seed):
    return Run(Path(), RECIPE, seed, "key", {})


def two_runs_of_three(display):
    ears = [display.listener(RECIPE, seed, images=100) for seed in range(3)]
    display.finished(run_of(0))  # it was there already
    ears[1].step(100)
    for epoch in range(1, 5):
        ears[1].epoch(row(epoch))
    display.finished(run_of(1))
    ears[2].step(50)
    return display.progress.tasks


def test_several_runs_have_a_bar_for_all_of_them_that_counts_what_was_there():
    paper = io.StringIO()
    with Display(Console(file=paper, force_terminal=True, width=160)) as display:
        overall = next(task for task in two_runs_of_three(display) if task.id == display.overall)
        assert (overall.completed, overall.total) == (850, 1200)
        assert overall.fields["news"] == "2 of 3 runs"
    assert "all runs" in paper.getvalue()


def test_without_a_terminal_each_run_that_was_trained_is_counted_in_a_line():
    lines = shown(False, two_runs_of_three).splitlines()
    assert [line for line in lines if "epoch" not in line] == ["2 of 3 runs are there"]


def test_one_run_has_no_bar_for_all():
    assert "all runs" not in shown(True, two_epochs)


def test_bars_of_finished_runs_make_room_for_others():
    paper = io.StringIO()
    with Display(Console(file=paper, force_terminal=True, width=160, height=8)) as display:
        for seed in range(20):
            display.listener(RECIPE, seed, images=100).step(50)
            display.finished(run_of(seed))
        assert sum(task.visible for task in display.progress.tasks) <= 7


def test_the_time_left_counts_from_a_runs_first_word():
    paper = io.StringIO()
    with Display(Console(file=paper, force_terminal=False)) as display:
        listener = display.listener(RECIPE, 0, images=100)
        listener.started -= 1000  # it waited for its turn
        listener.step(50)
        listener.epoch(row(1))
    assert "at most 0 s left" in paper.getvalue()
