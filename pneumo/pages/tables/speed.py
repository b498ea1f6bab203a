"""What `nox -s bench` measured, as the reference keeps it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pneumo.pages.tables._table import DASH, Table, number, sourced, table


@sourced
def speed(rows: Sequence[Mapping[str, Any]], with_goal: bool) -> Table:
    """Measurements that have a goal, with what became of it; or those that have none.

    Args:
        rows: those of `bench.json`.
        with_goal: which of the two.
    """
    chosen = [row for row in rows if (row["goal"] is not None) == with_goal]
    if not with_goal:
        return table("what | measured >", [[row["what"], _measured(row)] for row in chosen])
    met = {True: "yes", False: "**no**", None: DASH}
    return table(
        "what | measured > | goal > | met",
        [
            [row["what"], _measured(row), f"{row['goal']} {row['unit']}", met[row["ok"]]]
            for row in chosen
        ],
    )


def _measured(row: Mapping[str, Any]) -> str:
    # From a hundred on, what is behind the point says nothing.
    value = f"{row['value']:,.0f}" if row["value"] >= 100 else number(row["value"], 2)
    return f"{value} {row['unit']}"
