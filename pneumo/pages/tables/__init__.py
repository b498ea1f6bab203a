"""One function a table: each takes a study and returns a :class:`Table`; a template makes it Markdown."""

from collections.abc import Callable

from pneumo.pages import markdown_table
from pneumo.pages.tables import evaluation, robustness
from pneumo.pages.tables._table import (
    DASH,
    Table,
    TableError,
    code,
    duration,
    number,
    percent,
    plain,
    signed,
    table,
)
from pneumo.pages.tables.ablation import ablations
from pneumo.pages.tables.copies import near_duplicates, planted_copies, without_copies
from pneumo.pages.tables.dataset import audit, augmentations, data_counts
from pneumo.pages.tables.guidelines import guideline
from pneumo.pages.tables.promises import promises
from pneumo.pages.tables.reference import (
    reference_difference,
    reference_origin,
    reference_points,
    reference_scores,
)
from pneumo.pages.tables.saliency import agreements, attention, removal
from pneumo.pages.tables.shift import shift_changes, shift_losses, shift_scores, shift_tests
from pneumo.pages.tables.speed import speed
from pneumo.pages.tables.training import pretrained, provenance, recipes, versions
from pneumo.pages.tables.usefulness import calibrations, prevalences
from pneumo.record import Record

# By anchor, as in a cross-reference.
TABLES: dict[str, Callable[[Record], markdown_table.Table]] = {
    **evaluation.TABLES,
    **robustness.TABLES,
}

__all__ = [
    "DASH",
    "TABLES",
    "Table",
    "TableError",
    "ablations",
    "agreements",
    "attention",
    "audit",
    "augmentations",
    "calibrations",
    "code",
    "data_counts",
    "duration",
    "guideline",
    "near_duplicates",
    "number",
    "percent",
    "plain",
    "planted_copies",
    "pretrained",
    "prevalences",
    "promises",
    "provenance",
    "recipes",
    "reference_difference",
    "reference_origin",
    "reference_points",
    "reference_scores",
    "removal",
    "shift_changes",
    "shift_losses",
    "shift_scores",
    "shift_tests",
    "signed",
    "speed",
    "table",
    "versions",
    "without_copies",
]
