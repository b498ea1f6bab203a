"""The numbers of the heat maps' checks."""

import math

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, estimate, number, p_value, signed, stacked
from pneumo.record import Estimate, Record
from pneumo.record.interpretability import Evidence, SanityChecks


def agreements(record: Record) -> Table:
    """SimpleCNN's maps against those of its other seeds, its control and chance."""
    found = record.answer("sanity_checks", SanityChecks).agreements
    seeds = " and seeds" if len(record.profile.seeds) > 1 else ""
    return table(
        "SimpleCNN's maps against those of | rank correlation > | SSIM >",
        ([name, signed(one.rank, 2), signed(one.structure, 2)] for name, one in found.items()),
        "Similarity of SimpleCNN's signed Grad-CAM maps to other maps of the same test images, mean over "
        f"images{seeds}: rank correlation with its sign, and SSIM.",
        record.table("tbl-saliency-agreement").runs,
    )


def removal(record: Record) -> Table:
    """Each model's gap between the curves that remove least and most relevant pixels first, by map."""
    gaps = record.answer("sanity_checks", SanityChecks).gaps
    rows = [
        [record.models[name].title, *(stacked(gap, 3, 3, sign=True) for gap in by_map.values())]
        for name, by_map in gaps.items()
    ]
    return table(
        "model | Grad-CAM > | random map > | centre map >",
        rows,
        "Mean height between the curves of @fig-road, least relevant first minus most relevant first, with "
        f"95 % intervals (bootstrap over {record.units}). Above zero the map's order is worth something.",
        record.table("tbl-road").runs,
    )


def attention(record: Record) -> Table:
    """The share of each region in each model's evidence, beside the region's share of the image."""
    found = record.answer("evidence", Evidence)
    names, asked = found.regions, found.asked
    rows: list[list[str]] = []
    for name, shares in found.shares.items():
        if not rows:
            even = [number(100 * shares[region].uniform, 1) for region in names]
            rows.append(["even map", *even, DASH, "0"])
        cells = [
            stacked(Estimate(share.mean, share.low, share.high), 1, 1, scale=100)
            for share in (shares[region] for region in names)
        ]
        share = shares[asked]
        title = record.models[name].title
        rows.append([title, *cells, p_value(share.p_value), str(share.blank)])
    seeds = ", averaged over seeds" if len(record.profile.seeds) > 1 else ""
    return table(
        f"model | {' | '.join(f'{name} (%) >' for name in names.values())} | p, {names[asked]} > "
        "| blank maps >",
        rows,
        "Share of Grad-CAM's evidence for the call in each region, mean over test images with its 95 % "
        f"interval (bootstrap over {record.units}){seeds}; p of Wilcoxon's signed-rank test against the even "
        f"map, which compares the middle of the {record.units}' shares, not their mean. Blank maps, which "
        "show no evidence for the call, have no share.",
        record.table("tbl-attention").runs,
    )


def lungs(record: Record) -> Table:
    """The share of the thorax's evidence that lies in the lung fields, by model and call."""
    found = record.answer("evidence", Evidence)
    classes = record.about.classes
    rows = [
        [
            record.models[name].title,
            *(estimate(calls.get(call, Estimate(math.nan)), 1, 1, scale=100) for call in classes),
        ]
        for name, calls in found.in_lungs.items()
    ]
    return table(
        f"model | {' | '.join(f'calls of {call} (%) >' for call in classes)}",
        rows,
        "Of Grad-CAM's evidence in the thorax, the share that lies in the lung fields, by the network's "
        f"call: mean over test images and seeds, with 95 % intervals over {record.units} and seeds. An even "
        f"map has {number(100 * found.even_in_lungs, 1)} % there.",
        record.table("tbl-lungs").runs,
    )


TABLES = {
    "tbl-saliency-agreement": agreements,
    "tbl-road": removal,
    "tbl-attention": attention,
    "tbl-lungs": lungs,
}
