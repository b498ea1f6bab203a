"""What became of the faults by which tests try to break what the software promises."""

from collections.abc import Sequence

from pneumo.promises import Kept
from pneumo.tables._table import Table, table


def promises(kept: Sequence[Kept]) -> Table:
    """A row a promise: faults tried, survived without harm, and found and told."""
    return table(
        "promise | what it says | tried > | survived > | found >",
        [
            [
                one.promise.title,
                one.promise.text,
                f"{one.tried:,}",
                f"{one.survived:,}",
                f"{one.found:,}",
            ]
            for one in kept
        ],
    )
