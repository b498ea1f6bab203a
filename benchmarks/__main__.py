"""`python -m benchmarks`: everything that is measured, in one table."""

import sys
from collections.abc import Sequence
from itertools import chain

from benchmarks import large, pages, speed, studies


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure training, many images, studies elsewhere and rebuilds, as :func:`speed.main` does."""
    with pages.Rebuilds() as rebuilds:
        measured = pages.measurements(rebuilds), large.measurements(), studies.measurements()
        return speed.main(arguments, [*chain(*measured)])


if __name__ == "__main__":
    sys.exit(main())
