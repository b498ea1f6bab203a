"""The data set that a record is of, and the words that a report of it uses."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class About:
    """A data set as a report names it."""

    name: str  # as MedMNIST calls its file, and `--dataset`
    title: str  # as in prose
    classes: tuple[str, str]  # label 0 and label 1; the second is what is looked for
    swapped: bool  # whether MedMNIST numbers them the other way round
    finding: str  # what a probability is of
    condition: str  # what somebody has, or a case is with
    person: str
    people: str
    image: str  # what one picture is, in full
    picture: str  # and in short
    has_lungs: bool = False
    words: dict[str, str] = field(default_factory=dict)  # more words, by what they stand for

    @property
    def negative(self) -> str:
        """The class of label 0."""
        return self.classes[0]

    @property
    def positive(self) -> str:
        """The class of label 1, the one that is looked for."""
        return self.classes[1]
