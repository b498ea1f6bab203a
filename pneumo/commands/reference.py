"""`pneumo reference`: keeps a finished study's record as the reference."""

import argparse
from pathlib import Path
from typing import Any

from pneumo.base.errors import printable
from pneumo.commands import options


def add(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "reference", help="keep a finished study's numbers as the reference"
    )
    parser.set_defaults(command=run)
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="where to; without it: report/parser, and the set's own where it is another",
    )
    parser.add_argument("--profile", default="paper", help="of the study, paper (default)")
    parser.add_argument(
        "--digests",
        action="store_true",
        help="write the digests alone, of a reference that is there as it should be",
    )
    options.add_data(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run it; the exit status."""
    from pneumo.analysis import reference
    from pneumo.base import paths
    from pneumo.data import descriptions
    from pneumo.study import study

    if chosen.digests:
        about, side = descriptions.choose(chosen.dataset, chosen.size)
        folder = chosen.folder or paths.reference(descriptions.label(about, side))
        print(reference.write_digests(folder))
        return 0
    source = None if chosen.data == "auto" else chosen.data
    done = study.load(chosen.profile, source, dataset=chosen.dataset, size=chosen.size)
    label = descriptions.label(done.about, done.data.size)
    written = reference.write(done, chosen.folder or paths.reference(label))
    files = [path for path in written.path.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{printable(written.path)}: {len(done.runs)} runs, {len(files)} files, {size:.1f} MB")
    return 0
