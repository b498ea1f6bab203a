"""What changes between validation and test, and whether more than chance is at work."""

from pneumo.analysis import shift
from pneumo.base.estimate import Estimate
from pneumo.pages.tables._table import Table, number, signed, sourced, table
from pneumo.study.study import Study


@sourced
def shift_changes(study: Study) -> Table:
    """Each model's AUC, sensitivity and specificity on test less on validation, first seeds."""
    measures = (shift.auc_change, shift.sensitivity_change, shift.specificity_change)
    rows = [
        [model.title, *(_change(measure(model.run)) for measure in measures)] for model in study.ran
    ]
    return table("model | change in AUC > | in sensitivity > | in specificity >", rows)


@sourced
def shift_tests(study: Study) -> Table:
    """Whether a classifier tells the splits' images apart, class by class."""
    rows = []
    for (comparison, name), found in shift.two_samples(study).items():
        first, second = comparison.split(" and ")
        interval = f"{number(found.low)} to {number(found.high)}"
        counts = f"{found.first:,} and {found.second:,}"
        told = f"{first} from {second}"
        rows.append([told, name, counts, number(found.auc), interval, number(found.p_value)])
    return table("told apart | class | images > | AUC > | 95 % interval > | p >", rows)


@sourced
def shift_scores(study: Study) -> Table:
    """Each model's scores of each class: validation against test, first seeds."""
    rows: list[list[str]] = []
    for found in shift.scores(study):
        new = not rows or all(row[0] != found.model for row in rows)
        rows.append(
            [
                found.model if new else "",
                found.label,
                number(found.val, 2),
                number(found.test, 2),
                number(found.distance, 2),
                "< 0.001" if found.p_value < 0.001 else number(found.p_value),
            ]
        )
    return table(
        "model | class | median logit, validation > | median logit, test > | distance > | p, adjusted >",
        rows,
    )


@sourced
def shift_losses(study: Study) -> Table:
    """The specificity that was promised and not kept, and how much of it is the threshold's, first seeds."""
    rows = []
    for model in study.ran:
        found = shift.loss(model.run)
        rows.append(
            [
                model.title,
                number(found.promised.sensitivity),
                number(found.promised.specificity),
                number(found.kept.specificity),
                number(found.rechosen.specificity),
                _points(found.total),
                _points(found.of_threshold),
                _points(found.of_ranking),
            ]
        )
    return table(
        "model | sensitivity, validation > | specificity, validation > | test > | test, re-chosen > "
        "| points lost > | to the threshold > | to the ranking >",
        rows,
    )


def _change(change: Estimate) -> str:
    return f"{signed(change.value)} ({signed(change.low)} to {signed(change.high)})"


def _points(share: float) -> str:
    """A share in percentage points; no sign where it rounds to nothing."""
    text = number(100 * share, 1)
    return text if text.strip("-0.") else number(0, 1)
