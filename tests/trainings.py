"""Shared by tests of training: profiles shortened to seconds, listeners, comparisons, links, and waiting."""

import os
import shutil
import signal
import time
from collections import Counter
from dataclasses import replace

import numpy as np

from pneumo.training.recipes import RECIPES, Profile

# Torchvision's weights are not available.
PROFILE = Profile(
    "tests",
    ("simple-cnn", "resnet18-scratch", "resnet18-imagenet", "resnet18-tiny-imagenet"),
    seeds=(0, 1),
    controls=("simple-cnn-shuffled-labels",),
    ablations=("simple-cnn-held-out", "simple-cnn-held-out-flips"),
    epochs_share=0.01,
    train_images=64,
    probed_images=12,
    purpose="the tests' own",
)
SMALL = replace(
    PROFILE, name="small", recipes=("simple-cnn",), controls=(), ablations=(), probed_images=8
)
# Long enough to kill in the middle.
LONGER = replace(RECIPES["simple-cnn"], epochs=6, train_images=512)


class Listener:
    """Listens to a training, and can stop it in a given epoch."""

    def __init__(self, stop_in_epoch=None):
        self.stop_in_epoch, self.rows = stop_in_epoch, []

    @property
    def epochs(self):
        """The numbers of the epochs seen."""
        return [row["epoch"] for row in self.rows]

    def step(self, images):
        """Stop in the epoch."""
        if len(self.rows) + 1 == self.stop_in_epoch:
            raise KeyboardInterrupt

    def epoch(self, row):
        """Keep the row."""
        self.rows.append(row)


class Killer(Counter):
    """Counts epochs by their number, and kills processes, once, after the second one."""

    def __init__(self, find):
        super().__init__()
        self.find, self.killed = find, ()

    def step(self, images):
        """Nothing to count."""

    def epoch(self, row):
        """Count it."""
        self[row["epoch"]] += 1
        if row["epoch"] == 2 and not self.killed:
            self.killed = self.find()
            for process in self.killed:
                os.kill(process, signal.SIGKILL)


def assert_same_bits(run, other):
    """Assert that both trainings gave the same predictions, to the bit."""
    assert run.predictions.keys() == other.predictions.keys()
    for split, predictions in run.predictions.items():
        np.testing.assert_array_equal(predictions.logits, other.predictions[split].logits)


def wait_until(condition, seconds=120):
    """Wait until a condition holds, and fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def link_store(home, to, *left_out, names=("runs", "outputs", "studies")):
    """Copy a run store by hard links: replace its files, never write into them."""
    hidden = shutil.ignore_patterns(".*", *left_out)  # another worker may be writing them
    for name in names:
        shutil.copytree(home / name, to / name, ignore=hidden, copy_function=os.link)
