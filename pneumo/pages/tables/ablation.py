"""What each choice in a recipe is worth."""

from collections.abc import Sequence

from pneumo.analysis import ablation
from pneumo.analysis.ablation import SPLITS, Row
from pneumo.analysis.intervals import Interval
from pneumo.pages.tables._table import DASH, Table, number, signed, sourced, table
from pneumo.study.study import Study

_HEADS = {"val": "validation", "held": "held out", "test": "test"}


@sourced
def ablations(study: Study, rows: Sequence[Row] | None = None) -> Table:
    """Each change with its differences in AUC, intervals below; in bold where they leave out zero.

    A baseline's line has its AUCs instead. Without rows they are :func:`pneumo.analysis.ablation.shown`'s.
    """
    rows = ablation.shown(study)[0] if rows is None else rows
    cells = []
    for row in rows:
        if row.is_baseline:
            aucs = [f"AUC {number(row.auc[split])}" for split in SPLITS]
            length = "1 epoch" if row.epochs == 1 else f"{row.epochs} epochs"
            cells.append([f"**{row.model}**, {length}", *aucs])
            continue
        found = [row.difference[split] for split in SPLITS]
        cells.append([row.change, *map(_difference, found)])
        if row.seeds > 1:
            cells.append(["", *(f"{signed(one.low)} to {signed(one.high)}" for one in found)])
    heads = " | ".join(f"{_HEADS[split]} >" for split in SPLITS)
    return table(f"change | {heads}", cells)


def _difference(found: Interval) -> str:
    text = signed(found.mean)
    if text == DASH:
        return text
    return f"**{text}**" if found.low > 0 or found.high < 0 else text
