"""Shared helpers for tests of training: listeners, and a comparison of runs."""

import os
import signal
from collections import Counter

import numpy as np


class Ear:
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
