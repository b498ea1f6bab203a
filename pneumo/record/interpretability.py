"""What the networks look at, and what checks of their heat maps find, as a record says it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Explained:
    """The filters and Grad-CAM maps of a model's first seed."""

    images: int  # test images that have a map
    cells: tuple[int, int]  # height and width of a map
    blank: int  # maps in which no cell speaks for the call
    kernels: int  # of the first layer
    neighbours: float  # correlation of weights that lie side by side in a kernel
