"""`pneumo external`: tests the models of a finished study on labelled images from elsewhere."""

import json
import shlex
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from pneumo.base import streams
from pneumo.commands import options, terminal
from pneumo.commands.options import option

if TYPE_CHECKING:
    from pneumo.base.estimate import Estimate

COMMAND = options.Command(
    "test the models of a finished study on labelled images from another hospital",
    (
        "external hospital/                               # a folder for each class",
        "external hospital/labels.csv --profile paper     # columns file and label",
    ),
    {
        "path": option(
            "a folder with a folder for each class, or a CSV with the columns file and label; patient, "
            "age, sex and view are optional", "FOLDER_OR_CSV", type=Path,
        ),
        "--name": option("of the set; default: the name of its folder"),
        "--title": option("of the set in the report; default: the one given before, or its name"),
        **options.ASKING,
    },
    more="The result is written into the record of the study. docs/external.md describes the CSV.",
)  # fmt: skip


def run(chosen: Namespace) -> int:
    from pneumo.data import labelled
    from pneumo.record import plain
    from pneumo.record.shift import External
    from pneumo.study import external, study

    done = study.load(chosen.profile, chosen.data, dataset=chosen.dataset, size=chosen.size)
    name = external.name_of(chosen.path) if chosen.name is None else chosen.name
    found = labelled.read(chosen.path, done.data.size, done.about)
    for line in (*found.warnings, *found.faults):
        streams.tell(line)
    external.ask(done, name, found, chosen.device, chosen.title)
    from pneumo.analysis import writing  # whose libraries take seconds

    streams.tell(f"writing the record to {study.record_folder(done)}")
    record = writing.write(done)
    if chosen.json:
        print(json.dumps({name: record.results["external"][name]}, indent=1))
    else:
        asked = plain.from_plain(External, record.results["external"][name])
        print(f"{name}: {asked.images:,} images, {asked.unreadable:,} left out")
        terminal.table(
            "model | AUC here > | AUC there > | sensitivity > | specificity >",
            (
                (
                    record.title(model),
                    *map(_cell, (one.here, one.auc, one.sensitivity, one.specificity)),
                )
                for model, one in asked.models.items()
            ),
        )
        print("Sensitivity and specificity at the threshold that Youden's J chose on validation.")
        where = f" --data {shlex.quote(done.data.location)}" if done.data.source == "file" else ""
        where = " --data phantom" if done.data.is_phantom else where
        again = f"python -m nox -s report -- --profile {done.profile.name}{record.options}{where}"
        print(f"To see them in the report: {again}")
    return 1 if found.faults else 0


def _cell(found: "Estimate") -> str:
    value, low, high = (terminal.number(one, 3) for one in (found.value, found.low, found.high))
    return f"{value} ({low}–{high})"
