"""`pneumo study`: trains whatever a profile's study still lacks, and writes its record."""

import argparse
from typing import Any

from pneumo.base.errors import printable
from pneumo.commands import options


def add(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser("study", help="train whatever a profile's study still lacks")
    parser.set_defaults(command=run)
    parser.add_argument(
        "--only", nargs="+", default=(), metavar="RECIPE", help="these recipes alone"
    )
    parser.add_argument(
        "--executor",
        default="auto",
        metavar="WHERE",
        help="auto (default): a run per core, one thread each; serial; process:N; dask:ADDRESS",
    )
    options.add_training(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run it; the exit status."""
    from pneumo.analysis import writing
    from pneumo.commands.progress import Display
    from pneumo.study import study

    with Display() as display:
        done = study.run(
            chosen.profile,
            chosen.data,
            chosen.weights,
            device=chosen.device,
            only=chosen.only,
            listener=display.listener,
            notice=display.say,
            dataset=chosen.dataset,
            size=chosen.size,
            executor=chosen.executor,
            finished=display.finished,
        )
        if not chosen.only:
            display.say(f"writing the record to {printable(writing.folder(done))}")
            writing.write(done)
    for model in done.models:
        seeds = ", ".join(str(run.seed) for run in model.runs)
        outcome = f"seeds {seeds}" if model.ran else printable(f"not run: {model.reason}")
        print(f"{model.name}: {outcome}")
    return 0
