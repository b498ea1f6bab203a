"""The data set of a record, and the words that its report uses."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class About:
    """A data set, with the words of its report."""

    name: str  # as MedMNIST calls its file, and `--dataset`
    title: str  # as in prose
    classes: tuple[str, str]  # label 0 and label 1; the second is the positive class
    swapped: bool  # whether MedMNIST numbers them the other way round
    finding: str  # what a probability is of
    condition: str  # what a patient has, or a case is with
    person: str
    people: str
    image: str  # what one picture is, in full
    picture: str  # and in short
    has_lungs: bool = False
    words: dict[str, str] = field(default_factory=dict)  # more words, by their use

    @property
    def negative(self) -> str:
        """The class of label 0."""
        return self.classes[0]

    @property
    def positive(self) -> str:
        """The class of label 1, the positive class."""
        return self.classes[1]
