"""Data sets of a study: binary sets of 2-D images in MedMNIST's format, with their words and files."""

import os

from pneumo.base import paths
from pneumo.base.description import Description as Description
from pneumo.base.errors import PneumoError, find


class DataError(PneumoError):
    """Data are missing, damaged or not those that were requested."""


PNEUMONIA = Description(
    name=paths.DATASET,
    title="PneumoniaMNIST",
    classes=("normal", "pneumonia"),
    swapped=False,
    finding="pneumonia",
    condition="radiographic pneumonia",
    shows="show pneumonia",
    person="child",
    people="children",
    image="chest X-ray",
    picture="X-ray",
    kind="radiograph",
    modalities=("CR", "DX", "RG", "OT"),
    phantom="chest",
    images=5856,
    md5={
        28: "28209eda62fecd6e6a2d98b1501bb15f",
        64: "8f4eceb4ccffa70c672198ea285246c6",
        128: "05b46931834c231683c68f40c47b2971",
        224: "d6a3c71de1b945ea11211b03746c1fe1",
    },
    has_lungs=True,
    words={
        "cases": "pneumonias",
        "film": "film",
        "films": "Chest films",
        "reader": "radiologist",
        "body": "chest",
        "radiograph": "chest radiograph",
        "factors": "Age, sex, device, exposure, severity and kind of pneumonia",
        "test_set": "the source's own evaluation set, checked by one more reader",
        "cell": "a lobe, not a lesion",
        "coarse": "the brightness of the lung fields",
        "middle": "the chest",
        "flipped": "to a child whose heart lies on the right they might, and this data set cannot say",
        "source": "kermany2018",
        "whom": "children of an age range with a frontal radiograph",
        "known_from": "as read from the image itself",
        "readers": "Physicians, with another checking the evaluation images",
        "told": "age range and hospital",
        "acquired": "MedMNIST carries neither device nor exposure; all that is known is that "
        "radiographs are frontal",
        "labelled": "By physicians' reading of the image",
        "checked": "With a further reader",
        "flip": "Doubtful, so left out: lungs are roughly symmetric, but a flip hides situs inversus and "
        "dextrocardia, and moves the heart to the side where no reader expects it.",
        "rotation": "Safe: a child is seldom straight on the cassette, and readers correct for this much.",
        "translation": "Safe as long as the lung fields stay in view: it mimics collimation and centring.",
        "brightness": "Safe: exposure and display window vary; an opacity is seen against its surroundings.",
        "contrast": "Safe within this range: tube voltage and processing vary; more could hide a faint "
        "opacity.",
    },
)
BREAST = Description(
    name="breastmnist",
    title="BreastMNIST",
    classes=("normal or benign", "malignant"),
    swapped=True,  # MedMNIST has 0 for malignant
    finding="malignancy",
    condition="a malignant lesion",
    shows="show a malignant lesion",
    person="woman",
    people="women",
    image="breast ultrasound image",
    picture="ultrasound image",
    kind="sonogram",
    modalities=("US", "OT"),
    phantom="breast",
    images=780,
    md5={
        28: "750601b1f35ba3300ea97c75c52ff8f6",
        64: "742edef2a1fd1524b2efff4bd7ba9364",
        128: "363e4b3f8d712e9b5de15470a2aaadf1",
        224: "b56378a6eefa9fed602bb16d192d4c8b",
    },
    words={
        "cases": "malignant cases",
        "film": "scan",
        "films": "Ultrasound images of breasts",
        "reader": "radiologist",
        "body": "breast",
        "radiograph": "breast ultrasound image",
        "factors": "Age, device, gain, depth, operator, size and kind of the lesion",
        "test_set": "a fifth of the source's images, drawn by MedMNIST",
        "cell": "a region, not the margin of a lesion",
        "coarse": "the brightness of the tissue",
        "middle": "the lesion",
        "flipped": "a breast is scanned from any side, so little else could be expected",
        "source": "aldhabyani2020",
        "whom": "women with an ultrasound image of a breast",
        "known_from": "as the source labels the image",
        "readers": "Those who made the source",
        "told": "sex and hospital",
        "acquired": "MedMNIST carries neither device nor settings nor plane",
        "labelled": "By the label of the source, which tells normal, benign and malignant",
        "checked": "Not described by MedMNIST",
        "flip": "Would be safe: the probe comes from any side. Left out all the same, so that recipes are "
        "those of the other sets.",
        "rotation": "Safe: the probe is held at an angle. But a shadow always falls away from it, so no more "
        "than this.",
        "translation": "Safe as long as the lesion stays in view: its place depends on the probe.",
        "brightness": "Safe: gain is set by hand, and a lesion is seen against the tissue around it.",
        "contrast": "Safe within this range: dynamic range is a setting; more could hide a faint margin.",
    },
)
DESCRIPTIONS = {about.name: about for about in (PNEUMONIA, BREAST)}


def choose(name: str | None = None, size: int | None = None) -> tuple[Description, int]:
    """Return the chosen data set and size.

    Args:
        name: as in MedMNIST's file name or as in prose; None for ``PNEUMO_DATASET``, or PneumoniaMNIST.
        size: side of the images, in pixels; None for ``PNEUMO_SIZE``, or 28.

    Raises:
        PneumoError: there is no such set, or MedMNIST does not publish it at this size.
    """
    name = name or os.environ.get("PNEUMO_DATASET") or paths.DATASET
    about = find("data set", DESCRIPTIONS, name.lower())
    given = os.environ.get("PNEUMO_SIZE") or str(paths.SIZE) if size is None else str(size)
    if not given.isdecimal():
        raise DataError(f"a size is a number of pixels; found {given!r}; try --size 28")
    if int(given) not in about.md5:
        known = ", ".join(map(str, about.md5))
        raise DataError(
            f"MedMNIST publishes {about.title} at {known} pixels, not at {given}; choose one of these"
        )
    return about, int(given)


def file_name(about: Description, size: int) -> str:
    """Name of MedMNIST's file of a set and size."""
    return f"{about.name}.npz" if size == paths.SIZE else f"{about.name}_{size}.npz"
