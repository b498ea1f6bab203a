"""What corruptions leave of the models' skill."""

from pneumo.analysis.robustness import robustness
from pneumo.pages.tables._table import Table, number, percent, sourced, table
from pneumo.study.corruptions import CORRUPTIONS
from pneumo.study.study import Study


@sourced
def robustness_means(study: Study) -> Table:
    """Each model: AUC and accuracy as images are and on average over all corruptions and severities."""
    rows = []
    for name, found in robustness(study).items():
        fall = found.degradation
        rows.append(
            [
                study.model(name).title,
                number(found.clean_auc),
                number(float(found.auc.mean())),
                f"{percent(fall.mean)} ({number(100 * fall.low, 1)}–{number(100 * fall.high, 1)})",
                number(found.clean_accuracy),
                number(float(found.accuracy.mean())),
                found.worst,
            ]
        )
    return table(
        "model | AUC, clean > | AUC, corrupted > | relative fall > | accuracy, clean > "
        "| accuracy, corrupted > | worst corruption",
        rows,
    )


@sourced
def robustness_by_corruption(study: Study) -> Table:
    """Mean AUC and accuracy over the severities of each corruption, model by model."""
    found = robustness(study)
    rows = []
    for place, name in enumerate(CORRUPTIONS):
        cells = [
            f"{number(float(one.auc[place].mean()))} / {number(float(one.accuracy[place].mean()), 2)}"
            for one in found.values()
        ]
        rows.append([name, *cells])
    titles = " | ".join(f"{study.model(name).title} >" for name in found)
    return table(f"corruption | {titles}", rows)
