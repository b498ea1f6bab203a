"""Effects of several images per patient, as stored in a record."""

from dataclasses import dataclass

from pneumo.base.estimate import Estimate


@dataclass(frozen=True)
class Fall:
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
    falls: dict[str, dict[str, Fall]]  # by model, and by auc, recall and specificity
    control: Control | None  # None if it was not run
