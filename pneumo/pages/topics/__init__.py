"""Figures and tables, one module per topic.

A function ``fig_…`` takes a record and returns a drawing, a caption and an alternative text; a function
``tbl_…`` returns cells of text with a caption. Its name is the anchor of a cross-reference, with underscores;
its caption says what it shows.
"""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table
from pneumo.record import Record

_TOPICS = [import_module(f"{__name__}.{topic.name}") for topic in iter_modules(__path__)]


def _by_anchor(prefix: str) -> dict[str, Any]:
    return {
        name.replace("_", "-"): function
        for topic in _TOPICS
        for name, function in vars(topic).items()
        if name.startswith(prefix)
    }


FIGURES: dict[str, Callable[[Record], Shown]] = _by_anchor("fig_")
TABLES: dict[str, Callable[[Record], Table]] = _by_anchor("tbl_")
