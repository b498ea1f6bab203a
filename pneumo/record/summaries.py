"""Answers of a few numbers each, as stored in a record: about the data, and about all models together."""

from dataclasses import dataclass

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
