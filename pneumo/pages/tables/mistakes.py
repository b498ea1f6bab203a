"""How often the models err on the same cases."""

import numpy as np

from pneumo.analysis import mistakes
from pneumo.pages.tables._table import DASH, Table, number, sourced, table
from pneumo.study.study import Study


@sourced
def shared_mistakes(study: Study) -> Table:
    """How many test cases k of the models call wrongly, by class, beside what independence would give."""
    by = mistakes.wrong_by(study)
    columns, found = [], []
    for label in range(len(study.about.classes)):
        members = mistakes.truth(study) == label
        found.append(np.bincount(by[members], minlength=len(study.ran) + 1))
        columns.append(mistakes.expected_by_chance(study, members))
    rows = []
    for k in range(len(study.ran) + 1):
        cells = [str(k)]
        for counts, expected in zip(found, columns, strict=True):
            cells += [str(counts[k]), number(float(expected[k]), 1)]
        rows.append(cells)
    names = " | ".join(f"{name} > | {name}, if independent >" for name in study.about.classes)
    return table(f"models that err > | {names}", rows)


@sourced
def flips(study: Study) -> Table:
    """Each model's test cases on which its seeds disagree, by class."""
    rows = []
    for model in study.ran:
        labels = mistakes.truth(study)[mistakes.flipping(model)]
        counts = np.bincount(labels, minlength=len(study.about.classes))
        alone = len(model.runs) == 1
        share = DASH if alone else f"{100 * len(labels) / len(mistakes.truth(study)):.1f} %"
        rows.append([model.title, *(DASH if alone else str(n) for n in counts), share])
    names = " | ".join(f"{name} >" for name in study.about.classes)
    return table(f"model | {names} | of all test cases >", rows)
