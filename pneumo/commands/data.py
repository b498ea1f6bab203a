"""`pneumo data`: shows which data are found, and audits them."""

import argparse
from typing import Any

from pneumo.base.errors import printable
from pneumo.commands import options, terminal


def add(commands: Any) -> None:
    parser = options.add_command(
        commands,
        run,
        "show which data are found, and audit them",
        "data",
        "data --data path/to/pneumoniamnist.npz",
    )
    options.add_options(parser, options.DATA)


def run(chosen: argparse.Namespace) -> int:
    from pneumo import data
    from pneumo.data import origins
    from pneumo.data.audit import audit

    dataset = data.load(chosen.size, chosen.data, chosen.dataset)
    found, about, out = audit(dataset), dataset.about, terminal.console()
    published = "as published" if dataset.published else "not MedMNIST's published images"
    print(f"data set     {about.title}")
    print(f"source       {dataset.source} ({printable(dataset.location)})")
    print(f"fingerprint  {dataset.fingerprint} ({published})")
    print(f"size         {dataset.size}×{dataset.size} pixels\n")
    heading = f"split | {' > | '.join(about.classes)} > | total > | distinct > | duplicates >"
    counts = dataset.counts().values()
    rows = (
        [split.name, *_numbers(*count.values(), split.images, split.distinct, split.duplicates)]
        for split, count in zip(found.splits, counts, strict=True)
    )
    out.print(terminal.grid(heading, rows))
    for (first, second), images in found.shared.items():
        print(f"{images:,} images are in both {first} and {second}")
    print(f"{found.label_conflicts:,} images have copies with different labels\n")
    if dataset.origins is None:
        print("the origins of these images are unknown: no table has their patients")
    else:
        known = origins.count(dataset.origins)
        heading = f"split | {' > | '.join(origins.KINDS)} > | patients >"
        rows = (
            [name, *_numbers(*kinds.values(), known.patients[name])]
            for name, kinds in known.kinds.items()
        )
        out.print(terminal.grid(heading, rows))
        total = sum(split.images for split in found.splits)
        unknown = total - known.known
        which = f"{unknown:,} images are not" if unknown else "all images are"
        print(f"{which} in the table of origins")
        print(
            f"{known.validation_images_sharing:,} validation images share a patient with training, "
            f"{known.validation_images_sharing_within_kind:,} counted within one kind"
        )
        print(
            f"{known.test_images_sharing:,} test images share a patient with training or validation"
        )
    if dataset.is_phantom:
        print("\nsynthetic phantom, not medical data")
    return 0


def _numbers(*values: int) -> list[str]:
    return [f"{value:,}" for value in values]
