"""Heat maps of the networks, and results of their sanity checks, as stored in a record."""

import math
from dataclasses import dataclass, field
from typing import Literal

from pneumo.base.estimate import Estimate


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
