"""One function a table: each takes a study and returns a :class:`Table`; a template makes it Markdown."""

from pneumo.tables._table import DASH, Table, TableError, duration, number, percent, signed, table
from pneumo.tables.dataset import audit, augmentations, data_counts
from pneumo.tables.evaluation import (
    SOURCE_WRITE_UP,
    beside_source,
    comparison,
    operating_points,
    ranked,
    validation_and_test,
)
from pneumo.tables.guidelines import guideline
from pneumo.tables.mistakes import flips, shared_mistakes
from pneumo.tables.reference import (
    reference_difference,
    reference_origin,
    reference_points,
    reference_scores,
)
from pneumo.tables.training import pretrained, provenance, recipes, versions

__all__ = [
    "DASH",
    "SOURCE_WRITE_UP",
    "Table",
    "TableError",
    "audit",
    "augmentations",
    "beside_source",
    "comparison",
    "data_counts",
    "duration",
    "flips",
    "guideline",
    "number",
    "operating_points",
    "percent",
    "pretrained",
    "provenance",
    "ranked",
    "recipes",
    "reference_difference",
    "reference_origin",
    "reference_points",
    "reference_scores",
    "shared_mistakes",
    "signed",
    "table",
    "validation_and_test",
    "versions",
]
