"""One function a table: each takes a study and returns a :class:`Table`; a template makes it Markdown."""

from collections.abc import Callable

from pneumo.pages import markdown_table
from pneumo.pages.tables import dataset, duplicates, robustness
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
from pneumo.pages.tables.evaluation import (
    SOURCE_WRITE_UP,
    all_pairs,
    beside_source,
    comparison,
    different_from_best,
    operating_points,
    predictive_values,
    ranked,
    summary,
    validation_and_test,
)
from pneumo.pages.tables.guidelines import guideline
from pneumo.pages.tables.mistakes import flips, shared_mistakes
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
    **dataset.TABLES,
    **duplicates.TABLES,
    **robustness.TABLES,
}

__all__ = [
    "DASH",
    "SOURCE_WRITE_UP",
    "TABLES",
    "Table",
    "TableError",
    "ablations",
    "agreements",
    "all_pairs",
    "attention",
    "beside_source",
    "calibrations",
    "code",
    "comparison",
    "different_from_best",
    "duration",
    "flips",
    "guideline",
    "number",
    "operating_points",
    "percent",
    "plain",
    "predictive_values",
    "pretrained",
    "prevalences",
    "promises",
    "provenance",
    "ranked",
    "recipes",
    "reference_difference",
    "reference_origin",
    "reference_points",
    "reference_scores",
    "removal",
    "shared_mistakes",
    "shift_changes",
    "shift_losses",
    "shift_scores",
    "shift_tests",
    "signed",
    "speed",
    "summary",
    "table",
    "validation_and_test",
    "versions",
]
