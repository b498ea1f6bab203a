"""Images that stand in the data more than once, how sharp the search is, and what they do to results."""

from pneumo.analysis import duplicates
from pneumo.pages.tables._table import Table, number, percent, sourced, table
from pneumo.study.study import YOUDEN, Study, evaluate


@sourced
def near_duplicates(study: Study) -> Table:
    """Pairs of images, within a split and across splits, by how alike they are."""
    rows = []
    for found in duplicates.search(study).counts:
        first, second = found.splits
        where = f"within {first}" if first == second else f"{first} and {second}"
        counts = (found.pairs, found.identical, found.alike_by_hash, found.near)
        rows.append([where, *(f"{count:,}" for count in counts)])
    return table("where | pairs > | identical > | alike by hash > | near duplicates >", rows)


@sourced
def planted_copies(study: Study) -> Table:
    """Changes that were made to test images, and how many of the changed copies the search would find."""
    rows = [
        [row.change, number(row.bits, 0), number(row.correlation), percent(row.found)]
        for row in duplicates.search(study).planted
    ]
    return table("what was done to the copy | bits moved > | correlation > | found >", rows)


@sourced
def without_copies(study: Study) -> Table:
    """Each model with all images and without those that copy an earlier one, first seeds.

    A split without copies has no columns.
    """
    splits = {"val": "validation", "test": "test"}
    names = {"auc": "AUC", "recall": "sensitivity", "specificity": "specificity"}
    wanted = [split for split in splits if duplicates.repeated(study, split).any()]
    heading, rows = "model", []
    for split in wanted:
        for name in duplicates.COMPARED[split]:
            heading += f" | {names[name]}, {splits[split]} > | without >"
    for model in study.ran:
        cells = [model.title]
        for split in wanted:
            all_ = evaluate(model.run, YOUDEN, split)
            distinct = duplicates.without(study, model.run, split)
            cells += [
                number(found[name])
                for name in duplicates.COMPARED[split]
                for found in (all_, distinct)
            ]
        rows.append(cells)
    return table(heading, rows)
