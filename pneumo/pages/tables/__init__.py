"""One function a table: each takes a study and returns a :class:`Table`; a template makes it Markdown."""

from collections.abc import Callable

from pneumo.pages import markdown_table
from pneumo.pages.tables import robustness, saliency, shift
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
from pneumo.pages.tables.speed import speed
from pneumo.pages.tables.training import pretrained, provenance, recipes, versions
from pneumo.pages.tables.usefulness import calibrations, prevalences
from pneumo.record import Record

# By anchor, as in a cross-reference.
TABLES: dict[str, Callable[[Record], markdown_table.Table]] = {
    **robustness.TABLES,
    **saliency.TABLES,
    **shift.TABLES,
}

__all__ = [
    "DASH",
    "SOURCE_WRITE_UP",
    "TABLES",
    "Table",
    "TableError",
    "ablations",
    "all_pairs",
    "audit",
    "augmentations",
    "beside_source",
    "calibrations",
    "code",
    "comparison",
    "data_counts",
    "different_from_best",
    "duration",
    "flips",
    "guideline",
    "near_duplicates",
    "number",
    "operating_points",
    "percent",
    "plain",
    "planted_copies",
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
    "shared_mistakes",
    "signed",
    "speed",
    "summary",
    "table",
    "validation_and_test",
    "versions",
    "without_copies",
]
