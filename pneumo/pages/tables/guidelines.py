"""A reporting guideline as a table: each item, and where the report answers it."""

from pneumo.pages.guidelines import Guideline, Item
from pneumo.pages.tables._table import Table, sourced, table


@sourced
def guideline(found: Guideline) -> Table:
    """The items with what they ask for; one that is not reported or does not apply says why."""
    return table(
        "item | asks for | here",
        [[f"{item.number} {item.topic}", item.asks, _here(item)] for item in found.items],
    )


def _here(item: Item) -> str:
    if item.status == "reported":
        return item.words
    return f"**{item.status.capitalize()}:** {item.words}."
