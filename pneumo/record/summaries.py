"""Answers as stored in a record: about the data, about all models together, and about their heat maps."""

import math
from dataclasses import dataclass, field
from typing import Literal

from pneumo.base.estimate import Estimate

# Of test cases by label and call, in the order of the figures.
GROUPS = ("true positive", "true negative", "false positive", "false negative")
PNEUMONIAS = ("bacteria", "virus")


@dataclass(frozen=True)
class DataAudit:
    """Counts of images; an image that is in several splits is counted once."""

    across: int  # distinct images that are in more than one split
    across_with_test: int  # those of them that are in the test set
    label_conflicts: int  # distinct images that have either label somewhere
    shares: dict[str, float]  # of positive cases, by split
    majority: str  # the class of most training images
    majority_accuracy: float  # on the test set, of a model that always names that class
    specificity_step: (
        float  # percentage points by which one test case more or less moves specificity
    )
    sensitivity_step: float  # and sensitivity
    auc: float  # on the test set, of a logistic regression on pixels
    auc_mirrored: float  # and on the mirrored test images


@dataclass(frozen=True)
class Origins:
    """Counts of images, except `patients`; images of unknown origin are not counted."""

    known: int
    patients: dict[str, int]  # distinct ones, by split
    kinds: dict[str, dict[str, int]]  # by split, then normal, bacteria, virus
    validation_images_sharing: int  # their patient is in training, too
    validation_images_sharing_within_kind: int  # and there with an image of the same kind
    test_images_sharing: int  # their patient is in training or validation, too


@dataclass(frozen=True)
class Duplicates:
    """Search for near duplicates, its sensitivity, and the effect of duplicates on results."""

    bits: int  # in which the hashes of near duplicates differ at most
    hash_length: int
    correlation: float  # of the grey values of near duplicates, at least
    alike_by_hash: float  # share of all pairs whose hashes nearly agree and whose bytes do not
    across_classes: float  # the highest correlation of two images of different classes
    planted: int  # test images of which changed copies were made
    in_validation: int  # images of validation that repeat an earlier one
    in_test: int  # and of the test set
    largest_effect: float  # on a metric, of leaving them out; first seeds


@dataclass(frozen=True)
class Training:
    """The first seed's training of one model."""

    epochs: int
    kept_epoch: int
    validation_loss: float  # of the epoch that was kept
    seconds: float
    threads: int
    frozen_epochs: int  # in which the new head alone learned


@dataclass(frozen=True)
class Mistakes:
    """At each model's Youden threshold; first seeds, except for `contested`."""

    models: int
    missed_by_all: int  # test cases that every model calls wrongly
    expected: (
        float  # how many these would be if the models' mistakes were independent within a class
    )
    contested: int  # test cases that some runs call positive and others negative
    runs: int  # over all models and seeds


@dataclass(frozen=True)
class Cases:
    """First seeds, at each model's Youden threshold."""

    models: int
    wrong_on_first: int  # models that call the case wrongly on which they disagree most


@dataclass(frozen=True)
class Kinds:
    """How many test images there are of each kind, and how sensitivity differs between the two."""

    images: dict[str, int]  # by kind, as in PNEUMONIAS
    patients: dict[str, int]
    differences: dict[str, dict[str, Estimate]]  # bacterial less viral, by model and rule


@dataclass(frozen=True)
class Robustness:
    """Means over the seeds, over all corruptions and severities."""

    images: int  # test images that were corrupted
    corruptions: list[str]
    falls: dict[str, Estimate]  # by model: mean share of its clean AUC that is lost
    worst: dict[str, str]  # by model: the corruption with the lowest mean AUC
    same_order: bool  # whether the models rank by AUC as they do on clean images
    first_clean: str  # title of the model with the highest AUC on clean images
    first_corrupted: str  # and on corrupted ones


@dataclass(frozen=True)
class Sizes:
    """A study at a larger size, and how many models have a significantly different AUC."""

    size: int  # side of the larger images, in pixels
    record: str  # the SHA-256 of the larger study's results.json
    films: int  # test films, the same in both
    best: str | None  # of the larger study: the model with the highest AUC on validation
    models: int  # compared, the ensemble with them
    higher: int  # of these, whose AUC is higher at the larger size: the interval excludes zero
    lower: int


@dataclass(frozen=True)
class Hindsight:
    """The highest test accuracy that choosing on the test set finds, and where."""

    model: str  # of all models the one that it is found with
    seeds: int  # trained of each model
    accuracy: float  # at the best seed's best threshold
    reported: float  # the same model's mean over the seeds at the threshold that validation chose


@dataclass(frozen=True)
class MetricFall:
    """A metric at Youden's threshold on validation, by whether training has the patient, too, and on test."""

    shared: Estimate  # on validation images of patients who have images in training, too
    unshared: Estimate  # on the others
    validation: Estimate  # on all of them
    test: Estimate

    @property
    def whole(self) -> float:
        """Loss from validation to test."""
        return self.validation.value - self.test.value

    @property
    def left(self) -> float:
        """Loss from the validation images of other patients to test."""
        return self.unshared.value - self.test.value


@dataclass(frozen=True)
class Control:
    """SimpleCNN beside the same trained without validation's patients; means over the seeds."""

    images: int  # that SimpleCNN learned from
    fewer: int  # images that the control did without
    # SimpleCNN's, then the control's:
    thresholds: list[float]  # that Youden's J chose
    promised: list[Estimate]  # specificity there, on validation
    kept: list[Estimate]  # and on test


@dataclass(frozen=True)
class Patients:
    """Patients, and what clustering costs; means over the seeds."""

    counts: dict[str, int]  # patients by split
    images: dict[str, int]  # images by split
    sharing: int  # validation images whose patient is in training, too
    testing: int  # test images whose patient is in training or validation
    wider: (
        float  # the median, over models and metrics, of the interval by patient over that by image
    )
    falls: dict[str, dict[str, MetricFall]]  # by model, and by auc, recall and specificity
    control: Control | None  # None if it was not run


@dataclass(frozen=True)
class Explained:
    """The filters and Grad-CAM maps of a model's first seed."""

    images: int  # test images that have a map
    cells: tuple[int, int]  # height and width of a map
    blank: int  # maps in which no cell speaks for the call
    kernels: int  # of the first layer
    neighbours: float  # correlation of weights that lie side by side in a kernel


@dataclass(frozen=True)
class Agreement:
    """Mean similarity of two sets of maps of the same images."""

    rank: float  # Spearman's rank correlation over a map's cells
    structure: float  # SSIM


@dataclass(frozen=True)
class SanityChecks:
    """The cascade of random weights, shuffled labels, and the removal of pixels, by model."""

    window: int  # side of SSIM's windows, in cells
    alike: float  # a rank correlation above which two maps would be read the same way
    cascade_images: int
    draws: int  # of random weights
    left: dict[str, Estimate]  # size of the rank correlation with all weights drawn anew
    chance: dict[str, float]  # that of random maps
    agreements: dict[str, Agreement]  # of SimpleCNN's maps with those of others
    removal_images: int
    gaps: dict[str, dict[str, Estimate]]  # and by map: least minus most relevant pixels first
    # Of Grad-CAM less that of another map, image by image.
    beyond: dict[str, dict[str, Estimate]] = field(default_factory=dict)


@dataclass(frozen=True)
class Share:
    """Share of a model's evidence in a region, compared with that of a uniform map."""

    region: str
    mean: float  # over images, in [0, 1]; NaN where every map is blank
    low: float  # 95 % interval, bootstrap over images
    high: float
    uniform: float  # the region's share of the image
    p_value: float  # Wilcoxon's signed-rank test of the images' shares against `uniform`; NaN without any
    blank: int  # maps without evidence for the call, which have no share

    @property
    def beside_even(self) -> Literal["more", "less", "even"]:
        """Whether the interval lies above the share of a uniform map, below it, or includes it."""
        if self.low > self.uniform:
            return "more"
        return "less" if self.high < self.uniform else "even"


@dataclass(frozen=True)
class Evidence:
    """Regions of the image that hold the evidence for the calls."""

    regions: dict[str, str]  # titles by name; the first is a disc
    asked: str  # the region in which evidence is looked for
    radius: float  # of the disc, in shares of the image's side
    border: int  # pixels at each side
    shares: dict[str, dict[str, Share]]  # by model and region
    # Of the evidence in the thorax, the part in the lung fields: an even map's, and by model and call.
    even_in_lungs: float = math.nan
    in_lungs: dict[str, dict[str, Estimate]] = field(default_factory=dict)
