"""`pneumo data`: shows which data are found, and audits them."""

from argparse import Namespace
from collections.abc import Iterator

from pneumo.base.errors import printable
from pneumo.commands import options, terminal

COMMAND = options.Command(
    "show which data are found, and audit them",
    ("data", "data --data path/to/pneumoniamnist.npz"),
    options.DATA,
)


def run(chosen: Namespace) -> int:
    from pneumo import data
    from pneumo.data import origins
    from pneumo.data.audit import audit

    dataset = data.load(chosen.size, chosen.data, chosen.dataset)
    found, about = audit(dataset), dataset.about
    published = "as published" if dataset.published else "not MedMNIST's published images"
    print(f"data set     {about.title}")
    print(f"source       {dataset.source} ({printable(dataset.location)})")
    print(f"fingerprint  {dataset.fingerprint} ({published})")
    print(f"size         {dataset.size}×{dataset.size} pixels\n")
    counts = dataset.counts().values()
    terminal.table(
        f"split | {' > | '.join(about.classes)} > | total > | distinct > | duplicates >",
        (
            _row(split.name, *count.values(), split.images, split.distinct, split.duplicates)
            for split, count in zip(found.splits, counts, strict=True)
        ),
    )
    for (first, second), images in found.shared.items():
        print(f"{images:,} images are in both {first} and {second}")
    print(f"{found.label_conflicts:,} images have copies with different labels\n")
    if dataset.origins is None:
        print("the origins of these images are unknown: no table has their patients")
    else:
        known = origins.count(dataset.origins)
        terminal.table(
            f"split | {' > | '.join(origins.KINDS)} > | patients >",
            (_row(name, *kinds.values(), known.patients[name]) for name, kinds in known.kinds.items()),
        )  # fmt: skip
        unknown = sum(split.images for split in found.splits) - known.known
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


def _row(name: str, *numbers: int) -> Iterator[str]:
    yield name
    yield from (f"{number:,}" for number in numbers)
