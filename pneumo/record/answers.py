"""Dataclasses behind `results.json`: the results that pages use in text and tables.

Each is filled by a module of :mod:`pneumo.analysis` and read by :mod:`pneumo.pages`. Results of a single
question are in the module of that question in this package.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

from numpy.typing import NDArray

from pneumo.base.confusion import Confusion
from pneumo.base.estimate import Estimate
from pneumo.record.frames import Frame

Verdict = Literal["supported", "refuted", "inconclusive"]


# In results.json the value of a metric is called its mean, as in schema 1.
Mean: TypeAlias = Annotated[Estimate, "mean"]
Metrics: TypeAlias = dict[str, Mean]  # by the names of pneumo.statistics.metrics.NAMES


@dataclass(frozen=True)
class OperatingPoint:
    """A model at the threshold of one rule; counts and rates are those of the first seed.

    Rates are sensitivity, specificity, ppv, npv, lr_positive and lr_negative.
    """

    id: str
    rule: str  # as in prose
    chosen_on: str | None  # the split that the threshold was chosen on; None: fixed beforehand
    thresholds: list[float]  # one a seed
    counts: Confusion  # on test
    test: dict[str, Estimate]
    promised: dict[str, Estimate]  # on validation
    short: str = ""  # as in tables
    promised_counts: Confusion | None = None


@dataclass(frozen=True)
class Threshold:
    """The threshold chosen on validation, as the mean over the seeds."""

    value: float
    chosen_on: str | None
    rule: str


@dataclass(frozen=True)
class Model:
    """One recipe, with the results of its runs on the test set, or the reason why it was not run."""

    status: Literal["ok", "not run"]
    reason: str | None
    parameters: int
    pretrained: dict[str, str] | None  # name and SHA-256 of the weights
    seeds: list[int]
    threshold: Threshold
    test: Metrics  # at the threshold chosen on validation
    test_at_half: Metrics
    operating_points: list[OperatingPoint]
    calibration: dict[str, Any] | None
    robustness: dict[str, Any] | None
    name: str = ""
    title: str = ""
    validation_at_half: dict[str, float] = field(default_factory=dict)  # means over the seeds
    recipe: dict[str, Any] = field(default_factory=dict)  # as in a run's manifest
    runs: list[str] = field(default_factory=list)  # labels
    members: int = 0  # of an ensemble: how many runs are in it
    member_seeds: list[int] = field(default_factory=list)  # their seeds

    @property
    def ran(self) -> bool:
        """Whether there are runs."""
        return self.status == "ok"

    def point(self, rule: str) -> OperatingPoint:
        """The operating point of the rule with this id; a KeyError if there is none."""
        return {point.id: point for point in self.operating_points}[rule]


@dataclass(frozen=True)
class Data:
    """The images and labels that a record was made from."""

    source: str  # "file", "cache", "download" or "phantom"
    fingerprint: str
    size: int  # side of the images, in pixels
    counts: dict[str, dict[str, int]]  # by split and class
    dataset: str = "pneumoniamnist"
    order: str = ""  # a digest of all images and labels in their order

    @property
    def is_phantom(self) -> bool:
        """Whether the images are drawn, and not medical data."""
        return self.source == "phantom"

    def total(self, split: str | None = None) -> int:
        """Number of images in a split, or in all splits."""
        names = [split] if split else list(self.counts)
        return sum(sum(self.counts[name].values()) for name in names)


@dataclass(frozen=True)
class Profile:
    """What was trained, and how much the profile shortens it."""

    name: str
    purpose: str
    seeds: list[int]
    epochs_share: float
    train_images: int | None
    probed_images: int | None
    best: str | None  # the smallest of those that validation cannot tell from the best
    second: str | None  # the model that is shown beside it
    # Whose AUC on validation cannot be told from the highest, that one first.
    tied: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Pair:
    """Two models on the same test cases; p-values are corrected over all pairs."""

    first: str
    second: str
    auc_difference: Mean  # first less second
    p_delong: float
    p_mcnemar_at_half: float
    p_mcnemar_at_youden: float
    correction: str = "Holm"


@dataclass(frozen=True)
class Baseline:
    """A classifier that ignores shapes."""

    title: str
    test_at_half: Metrics


@dataclass(frozen=True)
class Claim:
    """A sentence that the data test, with verdict and evidence."""

    id: str
    text: str
    verdict: Verdict
    evidence: str
    finding: str = ""
    seeds: int | None = None
    margin: float | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    runs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RunFacts:
    """Provenance of one run."""

    run: str  # its label: recipe, seed and key
    key: str
    seed: int
    git_commit: str | None
    versions: dict[str, str]
    hardware: dict[str, Any]
    seconds: float
    recipe: str = ""
    title: str = ""
    epochs: int | None = None
    kept_epoch: int | None = None
    # Keys of the same training in earlier versions.
    earlier_keys: list[str] = field(default_factory=list)

    def is_run(self, key: str, earlier_keys: Collection[str]) -> bool:
        """Whether a run with this key, or one of these, is the same training."""
        return key == self.key or key in self.earlier_keys or self.key in earlier_keys

    @property
    def anchor(self) -> str:
        """Anchor of its row in the table of runs."""
        return f"run-{self.run.rpartition('-')[0]}"


@dataclass(frozen=True)
class Provenance:
    """The version that made a record, and every run behind it."""

    pneumo: str
    runs: list[RunFacts]


@dataclass(frozen=True)
class Part:
    """The part of a record that answers one question.

    Args:
        answers: for `results.json`, by key: dataclasses, or plain values.
        figures: the numbers of each figure, by anchor.
        tables: the numbers of each table, by anchor.
        arrays: for `maps.npz`, by name.
    """

    answers: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Frame] = field(default_factory=dict)
    tables: Mapping[str, Frame] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
