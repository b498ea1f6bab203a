"""`pneumo reference`: stores the record of a finished study as the reference record."""

from argparse import Namespace
from pathlib import Path

from pneumo.base.errors import printable
from pneumo.commands import options
from pneumo.commands.options import option

PROFILES = ("paper",)  # only these records can become the reference

COMMAND = options.Command(
    "store the record of a finished study as the reference record",
    ("study --profile paper && pneumo reference",),
    {
        "folder": option(
            "where to; default: report/reference, or report/reference-SET for another set or size",
            "FOLDER", nargs="?", type=Path,
        ),
        "--profile": option("of the study; default: paper", "NAME", default="paper"),
        **options.DATASET,
    },
)  # fmt: skip


def run(chosen: Namespace) -> int:
    from pneumo import record
    from pneumo.base import paths
    from pneumo.data import descriptions
    from pneumo.record import RecordError

    about, size = descriptions.choose(chosen.dataset, chosen.size)
    label = paths.label(about.name, size)
    source = paths.record(chosen.profile, label)
    if not source.is_dir():
        raise RecordError(
            f"no finished study in {source}; run `pneumo study --profile {chosen.profile}"
            f"{paths.options(about.name, size)}`"
        )
    found = record.read(source)
    if found.data.is_phantom:
        raise RecordError("a reference record must be of real data; this one is of the phantom")
    if found.profile.name not in PROFILES:
        raise RecordError(
            f"a reference record must have the profile {' or '.join(PROFILES)}, not {found.profile.name}"
        )
    written = record.copy(found, chosen.folder or paths.reference(label))
    files = [path for path in written.path.rglob("*") if path.is_file()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    count = len(written.provenance.runs)
    print(f"{printable(written.path)}: {count} runs, {len(files)} files, {megabytes:.1f} MB")
    return 0
