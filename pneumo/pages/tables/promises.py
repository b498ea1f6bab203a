"""What became of the faults by which tests try to break what the software promises."""

from collections.abc import Sequence

from pneumo.pages.tables._table import Table, table
from pneumo.record.promises import Kept


def promises(kept: Sequence[Kept]) -> Table:
    """A row a promise: faults tried, survived, and found and told; the words last, for narrow screens."""
    return table(
        "promise | tried > | survived > | found > | what it says",
        [
            [
                one.promise.title,
                f"{one.tried:,}",
                f"{one.survived:,}",
                f"{one.found:,}",
                one.promise.text,
            ]
            for one in kept
        ],
    )
