"""A reporting guideline as a table: each item, and where the report answers it."""

from pneumo.pages import fragments, guidelines
from pneumo.pages.guidelines import Item
from pneumo.pages.markdown_table import Table, table
from pneumo.record import Record


def guideline(record: Record, name: str) -> Table:
    """The items with what they ask for, and the reason if one is not reported or does not apply."""
    found = guidelines.load(name)
    return table(
        "item | asks for | here",
        [[f"{item.number} {item.topic}", item.asks, _here(record, item)] for item in found.items],
        f"The items of {found.name}, shortened, and where they are answered.",
    )


def _here(record: Record, item: Item) -> str:
    words = fragments.fill(record, item.words)
    if item.status in guidelines.JUDGEMENTS.values():
        return f"**{item.status.capitalize()}.** {words}"
    return words if item.status == "reported" else f"**{item.status.capitalize()}:** {words}."
