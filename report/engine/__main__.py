"""`python -m report.engine`: render the book with the engine chosen, from a record or a finished study."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

from pneumo.base import paths, streams
from pneumo.base.errors import PneumoError, printable
from pneumo.base.storage import reported
from pneumo.record import finding, read
from report.engine import quarto
from report.engine.cache import RECORD, ROOT, Cache, inputs, key_of, stamps
from report.engine.config import read_book
from report.engine.errors import RenderError

Engine = Literal["quarto", "portable"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site; the exit status is 0, 1 for an error that the user can fix, 2 for wrong usage."""
    streams.forgive()
    chosen = build_parser().parse_args(arguments)
    try:
        with reported():
            built, engine = build(chosen)
    except PneumoError as error:
        print(f"report.engine: {error}", file=sys.stderr)
        return 1
    print(printable(f"{built / 'index.html'}: open it in a browser ({engine} engine){_not_run()}"))
    return 0


def _not_run() -> str:
    """Which models of the record were not run, and why; empty if all were."""
    models = read(Path(os.environ[RECORD])).not_run if os.environ.get(RECORD) else []
    return "".join(
        f"; when its record was made, {model.title or model.name} was not run: {model.reason}"
        for model in models
    )


def build(chosen: argparse.Namespace) -> tuple[Path, Engine]:
    """Render the project, unless its site is up to date.

    Returns:
        The site's folder, and the engine that built it.

    Raises:
        PneumoError: the study is not finished, or the project can't be rendered.
    """
    engine = choose(chosen.engine)
    _set_environment(chosen)
    book = read_book(chosen.project)
    output = (chosen.output or book.output).resolve()
    cache = Cache(fresh=chosen.fresh)
    program = quarto.find() if engine == "quarto" else ""
    built_at = paths.git_commit(chosen.project) or ""
    made_from = inputs(chosen.project, output, ())
    key = key_of(made_from, built_at, engine, program, book.date)
    if _is_up_to_date(output, key, cache):
        return output, engine
    # Only now, since to import all of the engine takes longer than the above.
    from report.engine import finish, site

    def add(folder: Path) -> None:
        """Add the files that a site has beside its pages."""
        if (
            os.environ.get(RECORD) and not (folder / "record").is_dir()
        ):  # otherwise after.py has done it
            finish.add(Path(os.environ[RECORD]), chosen.project, folder, cache)
        finish.label(folder, built_at, engine)

    if engine == "quarto":
        quarto.render(chosen.project, output, add, fresh=chosen.fresh)
    else:
        site.render(chosen.project, output, cache, add)
    finish.remove_stale(chosen.project, output)
    # If a source changed during the build, the site may be out of date, so the next build renders again.
    if inputs(chosen.project, output, ()) == made_from:
        cache.put("sites", key_of(output), json.dumps([key, stamps(output)]).encode())
    cache.prune()
    return output, engine


def _is_up_to_date(site: Path, key: str, cache: Cache) -> bool:
    """Whether the site was built from these sources and has not changed since."""
    kept = cache.get("sites", key_of(site))
    return kept is not None and site.is_dir() and json.loads(kept) == [key, stamps(site)]


def _set_environment(chosen: argparse.Namespace) -> None:
    """Pass the options to the cells; cells run in the project's folder, so paths are absolute."""
    for name in ("profile", "dataset", "size", "data"):
        if getattr(chosen, name):
            os.environ[f"PNEUMO_{name.upper()}"] = getattr(chosen, name)
    source = os.environ.get("PNEUMO_DATA")
    if source and source not in ("auto", "phantom"):
        os.environ["PNEUMO_DATA"] = str(Path(source).expanduser().resolve())
    if chosen.record or not chosen.no_study:
        record = read((chosen.record or finding.folder()).expanduser().resolve())
        os.environ[RECORD] = str(record.path)
        finding.choose_title(record.data.dataset)


def choose(engine: str) -> Engine:
    """The engine to use; "auto" chooses Quarto if it runs and is new enough."""
    if engine in ("quarto", "portable"):
        return cast(Engine, engine)
    try:
        quarto.find()
    except RenderError:
        print("Quarto 1.9 or newer was not found: using the portable engine", file=sys.stderr)
        return "portable"
    return "quarto"


def build_parser() -> argparse.ArgumentParser:
    """The options common to all commands that build the site."""
    parser = argparse.ArgumentParser(prog="python -m report.engine", description=__doc__)
    parser.add_argument("project", nargs="?", type=Path, default=ROOT / "report")
    parser.add_argument("--engine", choices=("auto", "quarto", "portable"), default="auto")
    parser.add_argument("--profile", help="smoke, standard or paper; else PNEUMO_PROFILE")
    parser.add_argument("--dataset", help="pneumoniamnist or breastmnist; else PNEUMO_DATASET")
    parser.add_argument("--size", help="28, 64, 128 or 224 pixels; else PNEUMO_SIZE")
    parser.add_argument("--data", help="a .npz, its folder, or 'phantom'; else PNEUMO_DATA")
    parser.add_argument("--record", type=Path, help="the record's folder; else PNEUMO_RECORD")
    parser.add_argument("--output", type=Path, help="the site's folder; else the project's own")
    parser.add_argument("--fresh", action="store_true", help="empty the cache, and run every cell")
    parser.add_argument("--no-study", action="store_true", help="a book that reports no study")
    return parser


if __name__ == "__main__":
    sys.exit(main())
