"""The numbers of the heat maps' checks."""

import math

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, estimate, number, p_value, signed, stacked
from pneumo.record import Estimate, Record


def agreements(record: Record) -> Table:
    """SimpleCNN's maps against those of its other seeds, its control and chance."""
    seeds = " and seeds" if len(record.profile.seeds) > 1 else ""
    return table(
        "SimpleCNN's maps against those of | rank correlation > | SSIM >",
        (
            [name, signed(one.rank, 2), signed(one.structure, 2)]
            for name, one in record.sanity_checks.agreements.items()
        ),
        "Similarity of SimpleCNN's signed Grad-CAM maps to other maps of the same test images, mean over "
        f"images{seeds}: rank correlation with its sign, and SSIM.",
    )


def removal(record: Record) -> Table:
    """Each model's gap between the curves that remove least and most relevant pixels first, by map."""
    rows = [
        [record.title(name), *(stacked(gap, 3, 3, sign=True) for gap in by_map.values())]
        for name, by_map in record.sanity_checks.gaps.items()
    ]
    return table(
        "model | Grad-CAM > | random map > | centre map >",
        rows,
        "Mean height between the curves of @fig-road, least relevant first minus most relevant first, with "
        f"95 % intervals (bootstrap over {record.units}). Above zero the map's order is worth something.",
    )


def attention(record: Record) -> Table:
    """The share of each region in each model's evidence, beside the region's share of the image."""
    found = record.evidence
    names, asked = found.regions, found.asked
    rows = [
        [
            record.title(name),
            *(stacked(Estimate.of(vars(shares[one]), "mean"), 1, 1, scale=100) for one in names),
            p_value(shares[asked].p_value),
            str(shares[asked].blank),
        ]
        for name, shares in found.shares.items()
    ]
    for shares in list(found.shares.values())[:1]:
        even = (number(100 * shares[region].uniform, 1) for region in names)
        rows.insert(0, ["even map", *even, DASH, "0"])
    seeds = ", averaged over seeds" if len(record.profile.seeds) > 1 else ""
    return table(
        f"model | {' | '.join(f'{name} (%) >' for name in names.values())} | p, {names[asked]} > "
        "| blank maps >",
        rows,
        "Share of Grad-CAM's evidence for the call in each region, mean over test images with its 95 % "
        f"interval (bootstrap over {record.units}){seeds}; p of Wilcoxon's signed-rank test against the even "
        f"map, which compares the middle of the {record.units}' shares, not their mean. Blank maps, which "
        "show no evidence for the call, have no share.",
    )


def lungs(record: Record) -> Table:
    """The share of the thorax's evidence that lies in the lung fields, by model and call."""
    found, classes = record.evidence, record.about.classes
    rows = [
        [
            record.title(name),
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
    )
