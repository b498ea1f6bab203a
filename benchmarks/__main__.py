"""`python -m benchmarks`: runs all benchmarks and prints one table."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks import against, large, medmnist_script, pages, speed, studies
from pneumo.base import storage, streams
from pneumo.base.errors import PneumoError


def main(arguments: Sequence[str] | None = None) -> int:
    """Benchmark training, large data sets, executors and rebuilds, or one commit against another."""
    streams.forgive()
    chosen = speed.options().parse_args(arguments)
    try:
        with storage.reported(), ExitStack() as stack:
            if chosen.against:
                rows = [*against.measurements(stack.enter_context(against.commits(chosen.against)))]
            else:
                rows = [
                    *speed.measurements(speed._small(speed._data())),
                    *pages.measurements(),
                    *large.measurements(),
                    *studies.measurements(),
                ]
            if chosen.medmnist:
                rows += medmnist_script.measurements(chosen.medmnist)
            return speed.main(chosen, rows)
    except PneumoError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
