"""`python -m report.engine`: load the study, render the book with the engine chosen, add the results."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from pneumo.errors import PneumoError
from report.engine import edition, quarto, site
from report.engine.config import read_book

Engine = Literal["quarto", "portable"]
ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site; the exit status is 0, 1 for an error the user can mend, 2 for wrong usage."""
    chosen = build_parser().parse_args(arguments)
    try:
        built, engine = build(chosen)
    except PneumoError as error:
        print(f"report.engine: {error}", file=sys.stderr)
        return 1
    print(f"{built} ({engine} engine)")
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
    finish = _finish(engine, with_results=not chosen.no_study)
    with edition.of(chosen.project, chosen.no_study) as project:
        output = chosen.output or (
            read_book(chosen.project).output if project != chosen.project else None
        )
        if engine == "quarto":
            return quarto.render(project, output, finish), engine
        return site.render(project, chosen.templates, output, finish), engine


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


def _finish(engine: Engine, with_results: bool) -> Callable[[Path], None] | None:
    """What is done to a new site; the study is loaded now, so that one missing stops here."""
    if not with_results:
        return None
    from pneumo import results, study

    loaded = study.load()

    def finish(folder: Path) -> None:
        if engine == "portable":  # Quarto has run `report/after.py`
            results.write(loaded, folder, engine)

    return finish


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
        "--no-study", action="store_true", help="render a book that reports no study"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
