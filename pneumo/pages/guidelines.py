"""Reporting guidelines: what each item asks for, and where the report answers it or why it does not.

``report/guidelines/`` has one file per guideline, with the items in our own words.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pneumo.base import paths
from pneumo.base.errors import PneumoError

NAMES = ("tripod-ai", "tripod-ai-abstracts", "stard-ai", "claim-2024", "probast-ai")
# The keys that an item of a reporting checklist may have, and how each is counted.
REPORTING = {"answer": "reported", "missing": "not reported", "not_applicable": "not applicable"}
# The answers to a question of a quality assessment.
JUDGEMENTS = {
    key: key.replace("_", " ")
    for key in ("yes", "probably_yes", "probably_no", "no", "no_information")
}
STATUSES = REPORTING | JUDGEMENTS


class GuidelineError(PneumoError):
    """A guideline's file is missing, damaged or incomplete."""


@dataclass(frozen=True)
class Item:
    """One item of a guideline."""

    number: str  # as in the guideline, "3a"
    topic: str
    asks: str  # what it asks for
    status: str  # one of STATUSES' values
    words: str  # where the report answers it, or why it does not: Markdown


@dataclass(frozen=True)
class Guideline:
    """A guideline's items, in its order."""

    name: str
    items: tuple[Item, ...]

    def count(self, *statuses: str) -> int:
        """The number of items with one of these statuses."""
        return sum(item.status in statuses for item in self.items)


def load(name: str, folder: Path | None = None) -> Guideline:
    """Read one of the guidelines in :data:`NAMES`.

    Args:
        name: the file's name without its suffix.
        folder: the file's folder; None for the project's.

    Raises:
        GuidelineError: the file is missing or damaged, an item is missing, duplicate or out of order, or an
            item does not have exactly one of :data:`STATUSES`.
    """
    path = (folder or paths.guidelines()) / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        items = tuple(_item(path, entry) for entry in content["item"])
        expected, title = content["items"].split(), content["name"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GuidelineError(f"{path} is damaged ({type(error).__name__}: {error})") from None
    numbers = [item.number for item in items]
    if numbers != expected:
        wrong = sorted(set(numbers) ^ set(expected)) or "their order or number"
        raise GuidelineError(f"{path} does not hold the items that it names: {wrong}")
    return Guideline(title, items)


def _item(path: Path, entry: dict[str, Any]) -> Item:
    given = [key for key in STATUSES if str(entry.get(key, "")).strip()]
    if len(given) != 1:
        raise GuidelineError(
            f"{path}: item {entry['number']} needs exactly one of {', '.join(STATUSES)}; "
            f"it has {', '.join(given) or 'none'}"
        )
    (key,) = given
    return Item(entry["number"], entry["topic"], entry["asks"], STATUSES[key], entry[key])
