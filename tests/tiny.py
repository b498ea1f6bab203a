"""The smallest complete study, and builds of a small book, for processes that tests kill."""

import json
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from records import changed

from pneumo.base.errors import PneumoError
from pneumo.commands import main as cli
from pneumo.data import datasets
from pneumo.record import Record
from pneumo.study import study
from pneumo.training import recipes
from pneumo.training.recipes import Profile
from report.engine import preview
from report.engine.__main__ import main as engine

PROFILE = Profile(
    "tiny",
    ("simple-cnn",),
    seeds=(0,),
    controls=(),
    ablations=(),
    epochs_share=0.015,
    train_images=32,
    probed_images=4,
    purpose="the tests' own",
)
TWO = Profile(**(vars(PROFILE) | {"name": "two", "seeds": (0, 1), "probed_images": 2}))
# Imported before the fork: late imports, and those for drawing the phantom.
for name in (
    "analysis.writing",
    "study.corruptions",
    "study.framing",
    "study.predict",
    "training.grad_cam",
    "training.pretrain",
    "commands.progress",
    "training.saliency",
    "training.train",
):
    import_module(f"pneumo.{name}")
import_module("skimage.metrics")
datasets.phantom()


class Listener:
    """Appends a line per epoch to a file, from any training process."""

    def __init__(self, file: Path, name: str) -> None:
        self.file, self.name = file, name

    def step(self, images: int) -> None:
        """Nothing to say."""

    def epoch(self, row: dict[str, object]) -> None:
        """One line, in one piece."""
        line = json.dumps([self.name, row["epoch"], os.getpid()]) + "\n"
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, line.encode())
        os.close(descriptor)


def make(home: Path, profile: Profile = PROFILE, heard: Path | None = None) -> None:
    """Run the study in its own run store."""
    recipes.PROFILES[profile.name] = profile
    listener = heard and (lambda recipe, seed, _: Listener(heard, f"{recipe.name}-s{seed}"))
    study.run(profile.name, "phantom", home=home, listener=listener)


def command(home: Path, *arguments: str) -> int:
    """The command line, with the tiny profile added."""
    os.environ["PNEUMO_HOME"] = str(home)
    recipes.PROFILES[PROFILE.name] = PROFILE
    return cli.main(arguments)


def keep(record: Record, folder: Path) -> int:
    """Write a copy of a record to a folder; an error is printed as the command line does."""
    try:
        changed(record, folder)
    except PneumoError as error:
        print(f"pneumo: {error}", file=sys.stderr)
        return 1
    return 0


def build(project: Path, output: Path, home: Path, temporary: Path | None = None) -> int:
    """Build the site with the given run store and temporary folder."""
    os.environ["PNEUMO_HOME"] = str(home)
    if temporary:
        os.environ["TMPDIR"] = str(temporary)
        tempfile.tempdir = None
    return engine([str(project), "--engine", "portable", "--no-study", "--output", str(output)])


def watch(project: Path, output: Path, home: Path) -> int:
    """Start the preview of a book that can't be built."""
    os.environ["PNEUMO_HOME"] = str(home)
    options = [str(project), "--engine", "portable", "--no-study", "--output", str(output)]
    return preview.main(["--port", "0", *options])
