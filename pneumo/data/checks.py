"""Checks of image files from outside: refuse a file, or warn of it."""

from collections.abc import Callable

from pneumo.base.errors import PneumoError

# More than twice the pixels of the finest detectors; larger images could fill the memory.
MOST_PIXELS = 2**26
# Pixels whose sides differ by less count as square.
SQUARE = 1.01

Warn = Callable[[str], None]


class RadiographError(PneumoError):
    """A file has no usable image, or a row of a CSV no usable label."""


def require(holds: bool, expected: str, found: str, advice: str = "") -> None:
    """Refuse a file unless a condition holds.

    Raises:
        RadiographError: what was expected and found, and what to do.
    """
    if not holds:
        raise RadiographError(f"expected {expected}, found {found}" + (advice and f": {advice}"))


def check_size(width: int, height: int) -> None:
    """Refuse an image with no or too many pixels before memory is allocated."""
    at_most = f"at most {MOST_PIXELS:,} pixels"
    require(0 < width * height <= MOST_PIXELS, at_most, f"{width:,}×{height:,}")


def check_depth(low: int, high: int, bits: int, warn: Warn) -> None:
    """Warn if integers from `low` to `high` fit into fewer bits than the file states."""
    needed = max(-low - 1, high).bit_length() + (low < 0)
    if needed < bits:
        warn(
            f"its brightest value is {high:,}: {needed} bits hold that, and the file states {bits}, so the "
            "image is too dark unless it was meant so"
        )
