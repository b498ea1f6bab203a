"""What the checks of the heat maps find, in numbers."""

from pneumo.analysis import evidence as attended
from pneumo.analysis import sanity_checks
from pneumo.pages.tables._table import DASH, Table, number, p_value, percent, signed, sourced, table
from pneumo.study.study import Study


@sourced
def agreements(study: Study) -> Table:
    """SimpleCNN's maps against those of its other seeds, its control and chance."""
    return table(
        "SimpleCNN's maps against those of | rank correlation > | SSIM >",
        (
            [name, signed(found["rank"], 2), signed(found["structure"], 2)]
            for name, found in sanity_checks.agreements(study).items()
        ),
    )


@sourced
def removal(study: Study) -> Table:
    """Each model's gap between the curves of least and of most relevant pixels first, by map."""
    rows = []
    for model in study.ran:
        gaps = sanity_checks.removal(study, model).gaps
        rows.append([model.title, *(_interval(*each) for each in gaps)])
    return table("model | Grad-CAM > | random map > | centre map >", rows)


@sourced
def attention(study: Study) -> Table:
    """The share of each region in each model's evidence, beside the region's share of the image."""
    rows = []
    names, asked = attended.names(study), attended.asked(study)
    uniform = {name: float(mask.mean()) for name, mask in attended.regions(study).items()}
    rows.append(["even map", *(percent(uniform[name]) for name in names), DASH, "0"])
    for model in study.ran:
        found = attended.attention(study, model)
        cells = [
            DASH if share.mean != share.mean
            else f"{percent(share.mean)} ({number(100 * share.low, 1)}–{number(100 * share.high, 1)})"
            for share in (found[name] for name in names)
        ]  # fmt: skip
        share = found[asked]
        p = DASH if share.p_value != share.p_value else p_value(share.p_value)
        rows.append([model.title, *cells, p, str(share.blank)])
    columns = " | ".join(f"{name} >" for name in names.values())
    return table(f"model | {columns} | p, {names[asked]} > | blank maps >", rows)


def _interval(mean: float, low: float, high: float) -> str:
    return f"{signed(mean)} ({signed(low)} to {signed(high)})"
