"""`python -m report.engine`: load the study, render the book with the engine chosen, add the results."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pneumo.base import streams
from pneumo.base.errors import PneumoError, printable
from pneumo.base.storage import told
from report.engine import edition, quarto, site, standing
from report.engine.config import read_book
from report.engine.memory import Memory

Engine = Literal["quarto", "portable"]
ROOT = Path(__file__).resolve().parents[2]
# What a build leaves for programs; Quarto runs `report/after.py` instead.
_BESIDE = """\
from pneumo.analysis import results
from pneumo.study import study
results.write(study.load(), folder, "portable")
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site; the exit status is 0, 1 for an error the user can mend, 2 for wrong usage."""
    streams.forgive()
    chosen = build_parser().parse_args(arguments)
    try:
        with told():
            built, engine = build(chosen)
    except PneumoError as error:
        print(f"report.engine: {error}", file=sys.stderr)
        return 1
    print(f"{printable(built)} ({engine} engine)")
    return 0


def build(chosen: argparse.Namespace) -> tuple[Path, Engine]:
    """Render the project that the options name.

    Returns:
        The site's folder, and the engine that built it.

    Raises:
        PneumoError: the study is not finished, or the project can't be rendered.
    """
    engine = choose(chosen.engine)
    # What the cells load is what the options say.
    if chosen.profile:
        os.environ["PNEUMO_PROFILE"] = chosen.profile
    if chosen.dataset:
        os.environ["PNEUMO_DATASET"] = chosen.dataset
    if chosen.size:
        os.environ["PNEUMO_SIZE"] = chosen.size
    if chosen.data:
        os.environ["PNEUMO_DATA"] = chosen.data
    # The cells run in the project's folder, so a relative path would lead them elsewhere.
    source = os.environ.get("PNEUMO_DATA")
    if source and source not in ("auto", "phantom"):
        os.environ["PNEUMO_DATA"] = str(Path(source).expanduser().resolve())
    output = (chosen.output or read_book(chosen.project).output).resolve()
    memory = Memory(fresh=chosen.fresh)
    name = f"quarto {quarto.version(quarto.require())}" if engine == "quarto" else engine
    key = standing.sources(chosen, output, name, memory)
    if not chosen.fresh and standing.stands(output, key, memory):
        return output, engine
    try:
        with edition.of(chosen.project, chosen.no_study) as project:
            if engine == "quarto":
                if not chosen.no_study:
                    _load()
                quarto.render(project, output, memory)
            else:
                beside, before = ("", None) if chosen.no_study else (_BESIDE, _load)
                site.render(project, chosen.templates, output, memory, beside, before)
        # What was built belongs to the sources as they were before: what has changed since is not in it.
        standing.keep(output, key, memory)
    finally:
        memory.close()
    return output, engine


def choose(engine: str) -> Engine:
    """The engine to use; "auto" takes Quarto where it answers and is new enough."""
    if engine == "quarto":
        return "quarto"
    if engine == "portable":
        return "portable"
    program = quarto.find()
    if program and (quarto.version(program) or ()) >= quarto.OLDEST:
        return "quarto"
    print("Quarto 1.9 or newer is not here: the portable engine renders", file=sys.stderr)
    return "portable"


def _load() -> None:
    """Load the study, so that one that is missing is said here and not by a page."""
    from pneumo.study import study

    study.load()


def build_parser() -> argparse.ArgumentParser:
    """The options that every way of building the site takes."""
    parser = argparse.ArgumentParser(prog="python -m report.engine", description=__doc__)
    parser.add_argument("project", nargs="?", type=Path, default=ROOT / "report")
    parser.add_argument("--engine", choices=("auto", "quarto", "portable"), default="auto")
    parser.add_argument("--profile", help="smoke, standard or paper; else PNEUMO_PROFILE")
    parser.add_argument("--dataset", help="pneumoniamnist or breastmnist; else PNEUMO_DATASET")
    parser.add_argument("--size", help="28, 64, 128 or 224 pixels; else PNEUMO_SIZE")
    parser.add_argument("--data", help="a .npz, its folder, or 'phantom'; else PNEUMO_DATA")
    parser.add_argument(
        "--output", type=Path, help="the site's folder, instead of the project's own"
    )
    parser.add_argument("--templates", type=Path, default=ROOT / "templates" / "site")
    parser.add_argument(
        "--fresh", action="store_true", help="run every cell, whatever earlier builds have kept"
    )
    parser.add_argument(
        "--no-study", action="store_true", help="render a book that reports no study"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
