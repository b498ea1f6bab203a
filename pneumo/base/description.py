"""A data set, with the words of its report, as the data have it and a record stores it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Description:
    """A data set, with the words of its report."""

    name: str  # as MedMNIST calls its file, and `--dataset`
    title: str  # as in prose
    classes: tuple[str, str]  # label 0 and label 1; the second is the positive class
    swapped: bool  # whether MedMNIST numbers the classes the other way round
    finding: str  # what a probability is of
    condition: str  # what a patient has, or a case is with
    shows: str  # predicate of images of the positive class
    person: str
    people: str
    image: str  # one image, in full
    picture: str  # and in short
    kind: str  # and for an image from outside
    modalities: tuple[str, ...]  # DICOM's terms for it, and for unspecified images
    phantom: str  # the drawing of the phantom, from `pneumo.data.phantom`
    images: int  # in all three splits
    md5: Mapping[int, str] = field(hash=False)  # of MedMNIST's file, by the side of its images
    has_lungs: bool = False  # whether a mean image shows lung fields
    words: Mapping[str, str] = field(default_factory=dict, hash=False)  # more words, by their use

    @property
    def negative(self) -> str:
        """The class of label 0."""
        return self.classes[0]

    @property
    def positive(self) -> str:
        """The class of label 1, the positive class."""
        return self.classes[1]
