"""One function per table: each takes a record and returns cells of text with a caption."""

from collections.abc import Callable

from pneumo.pages.markdown_table import Table
from pneumo.pages.tables import (
    ablation,
    dataset,
    duplicates,
    evaluation,
    external,
    framing,
    guidelines,
    paired,
    patients,
    published,
    reference,
    reproducibility,
    robustness,
    saliency,
    shift,
    training,
    usefulness,
)
from pneumo.record import Record

# By anchor, as in a cross-reference.
TABLES: dict[str, Callable[[Record], Table]] = {
    **dataset.TABLES,
    **duplicates.TABLES,
    **training.TABLES,
    **evaluation.TABLES,
    **paired.TABLES,
    **published.TABLES,
    **usefulness.TABLES,
    **shift.TABLES,
    **framing.TABLES,
    **patients.TABLES,
    **external.TABLES,
    **robustness.TABLES,
    **ablation.TABLES,
    **saliency.TABLES,
    **reference.TABLES,
    **guidelines.TABLES,
    **reproducibility.TABLES,
}
