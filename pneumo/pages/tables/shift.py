"""Changes between validation and test, and whether they exceed chance."""

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import estimate, number, p_value, points, stacked
from pneumo.record import Estimate, Record
from pneumo.record.shift import Shift


def changes(record: Record) -> Table:
    """Each model's AUC, sensitivity and specificity on test minus validation, first seeds."""
    numbers = record.table("tbl-shift-changes")
    rows = [
        [
            record.models[name].title,
            *(
                stacked(Estimate(row["value"], row["low"], row["high"]), 3, 3, sign=True)
                for row in numbers.where(model=name).rows()
            ),
        ]
        for name in numbers.distinct("model")
    ]
    return table(
        "model | change in AUC > | in sensitivity > | in specificity >",
        rows,
        f"Test minus validation, at the threshold that Youden's J chose on validation{_seed(record)}: change "
        "in AUC, sensitivity and specificity, each with its 95 % interval.",
        numbers.runs,
    )


def tests(record: Record) -> Table:
    """Whether a classifier can tell the splits' images apart, by class."""
    rows = [
        [
            row["comparison"].replace(" and ", " from "),
            row["class"],
            f"{row['first']:,.0f} and {row['second']:,.0f}",
            estimate(Estimate(row["auc"], row["low"], row["high"]), 3, 3),
            p_value(row["p_value"]),
        ]
        for row in record.table("tbl-shift").rows()
    ]
    resamples = record.answer("shift", Shift).resamples
    return table(
        "told apart | class | images > | AUC (95 % interval) > | p >",
        rows,
        "How well a classifier on the pixels tells two sets of images apart, class by class: AUC over five "
        f"turns, its interval [@ledell2015], and the p-value of a permutation test with {resamples} "
        f"permutations of whole {record.units}. Development is training and validation together.",
    )


def scores(record: Record) -> Table:
    """Each model's scores by class: validation against test, first seeds."""
    numbers = record.table("tbl-shift-scores")
    rows = [
        [
            "" if place else record.models[name].title,
            row["label"],
            number(row["val"], 2),
            number(row["test"], 2),
            number(row["distance"], 2),
            p_value(row["p_value"]),
        ]
        for name in numbers.distinct("model")
        for place, row in enumerate(numbers.where(model=name).rows())
    ]
    return table(
        "model | class | median logit, validation > | median logit, test > | distance > | p, adjusted >",
        rows,
        f"Scores on validation and on test{_seed(record)}: medians, the distance of Kolmogorov and Smirnov, "
        f"and its p-value by exchange of {record.units}, after Holm's adjustment.",
        numbers.runs,
    )


def losses(record: Record) -> Table:
    """The loss of specificity from validation to test, and the threshold's part in it, first seeds."""
    rows = [
        [
            record.models[name].title,
            number(found.promised.sensitivity),
            number(found.promised.specificity),
            number(found.kept.specificity),
            number(found.rechosen.specificity),
            *(points(share) for share in (found.total, found.of_threshold, found.of_ranking)),
        ]
        for name, found in record.answer("shift", Shift).losses.items()
    ]
    return table(
        "model | sensitivity, validation > | specificity, validation > | test > | test, re-chosen > "
        "| points lost > | to the threshold > | to the ranking >",
        rows,
        "Specificity promised on validation, kept on test at the same threshold, and at the threshold "
        "re-chosen on the test set for the sensitivity of validation (for reading only), with the loss in "
        f"percentage points and its two parts{_seed(record)}. A negative part means that this would cost "
        "specificity instead of giving it back.",
        record.table("tbl-shift-threshold").runs,
    )


TABLES = {
    "tbl-shift-changes": changes,
    "tbl-shift": tests,
    "tbl-shift-scores": scores,
    "tbl-shift-threshold": losses,
}


def _seed(record: Record) -> str:
    return ", first seed" if len(record.profile.seeds) > 1 else ""
