"""`pneumo reference`: keeps a finished study's record as the reference."""

import argparse
from pathlib import Path
from typing import Any

from pneumo.base.errors import printable
from pneumo.commands import options

PROFILES = ("paper",)  # whose records may become the reference


def add(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "reference", help="keep the record of a finished study as the reference"
    )
    parser.set_defaults(command=run)
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="where to; without it: report/reference, and the set's own where it is another",
    )
    parser.add_argument("--profile", default="paper", help="of the study, paper (default)")
    options.add_set(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run it; the exit status."""
    from pneumo import record
    from pneumo.base import paths
    from pneumo.data import descriptions
    from pneumo.record import RecordError

    about, size = descriptions.choose(chosen.dataset, chosen.size)
    label = descriptions.label(about, size)
    source = paths.record(chosen.profile, label)
    if not source.is_dir():
        raise RecordError(
            f"no finished study in {source}; run `pneumo study --profile {chosen.profile}"
            f"{descriptions.options(about, size)}`"
        )
    found = record.read(source)
    if found.data.is_phantom:
        raise RecordError("a reference record is of real data; this one is of the phantom")
    if found.profile.name not in PROFILES:
        raise RecordError(
            f"a reference record is of the profile {' or '.join(PROFILES)}, not {found.profile.name}"
        )
    written = record.copy(found, chosen.folder or paths.reference(label))
    files = [path for path in written.path.rglob("*") if path.is_file()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    count = len(written.provenance.runs)
    print(f"{printable(written.path)}: {count} runs, {len(files)} files, {megabytes:.1f} MB")
    return 0
