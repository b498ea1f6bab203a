"""The effect of each choice in a recipe."""

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, interval, number, plural, signed
from pneumo.pages.references import with_ablations
from pneumo.record import Estimate, Record
from pneumo.record.ablation import SPLITS

_HEADS = {"val": "validation", "held": "held out", "test": "test"}


def ablations(record: Record) -> Table:
    """Each change with its differences in AUC, intervals below; in bold if they exclude zero.

    A baseline's row has its AUCs instead.
    """
    source = with_ablations(record)
    rows = source.ablations
    cells = []
    for row in rows:
        if row.is_baseline:
            aucs = [f"AUC {number(row.auc[split])}" for split in SPLITS]
            cells.append([f"**{row.model}**, {plural(row.epochs, 'epoch')}", *aucs])
            continue
        found = [row.difference[split] for split in SPLITS]
        cells.append([row.change, *map(_difference, found)])
        if row.seeds > 1:
            cells.append(["", *(interval(one, 3, sign=True) for one in found)])
    seeds = rows[0].seeds if rows else 0
    more = (
        f", below them 95 % intervals over {record.units} and seeds (DeLong's variance and the seeds' "
        "[@delong1988; @obuchowski1997; @gallas2006]), not corrected for multiple "
        "comparisons; bold where they exclude zero"
        if seeds > 1
        else ""
    )
    return table(
        f"change | {' | '.join(f'{_HEADS[split]} >' for split in SPLITS)}",
        cells,
        "What one change does to AUC: on validation, on the held-out images, on test. Means over "
        f"{plural(seeds, 'seed')}{more}.",
        None if source is record else (),
    )


def _difference(found: Estimate) -> str:
    text = signed(found.value)
    return f"**{text}**" if text != DASH and found.excludes_zero else text
