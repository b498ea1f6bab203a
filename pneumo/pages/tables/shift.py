"""Changes between validation and test, and whether they exceed chance."""

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import estimate, number, p_value, points, stacked
from pneumo.pages.shared import first_seed, per_model, under_models
from pneumo.record import Estimate, Record


def changes(record: Record) -> Table:
    """Each model's AUC, sensitivity and specificity on test minus validation, first seeds."""
    return table(
        "model | change in AUC > | in sensitivity > | in specificity >",
        per_model(
            record,
            record.table("tbl-shift-changes"),
            lambda row: [stacked(Estimate.of(row), 3, 3, sign=True)],
        ),
        f"Test minus validation, at the threshold that Youden's J chose on validation{first_seed(record)}: "
        "change in AUC, sensitivity and specificity, each with its 95 % interval.",
    )


def tests(record: Record) -> Table:
    """Whether a classifier can tell the splits' images apart, by class."""
    rows = [
        [
            row["comparison"].replace(" and ", " from "),
            row["class"],
            f"{row['first']:,.0f} and {row['second']:,.0f}",
            estimate(Estimate.of(row, "auc"), 3, 3),
            p_value(row["p_value"]),
        ]
        for row in record.table("tbl-shift").rows()
    ]
    return table(
        "told apart | class | images > | AUC (95 % interval) > | p >",
        rows,
        "How well a classifier on the pixels tells two sets of images apart, class by class: AUC over five "
        f"turns, its interval [@ledell2015], and the p-value of a permutation test with "
        f"{record.shift.resamples} permutations of whole {record.units}. Development is training and "
        "validation together.",
    )


def scores(record: Record) -> Table:
    """Each model's scores by class: validation against test, first seeds."""
    names = ("val", "test", "distance")
    return table(
        "model | class | median logit, validation > | median logit, test > | distance > | p, adjusted >",
        under_models(
            record,
            record.table("tbl-shift-scores"),
            lambda row: [
                row["label"],
                *(number(row[name], 2) for name in names),
                p_value(row["p_value"]),
            ],
        ),
        f"Scores on validation and on test{first_seed(record)}: medians, the distance of Kolmogorov and "
        f"Smirnov, and its p-value by exchange of {record.units}, after Holm's adjustment.",
    )


def losses(record: Record) -> Table:
    """The loss of specificity from validation to test, and the threshold's part in it, first seeds."""
    rows = [
        [
            record.title(name),
            number(found.promised.sensitivity),
            *(number(one.specificity) for one in (found.promised, found.kept, found.rechosen)),
            *(points(share) for share in (found.total, found.of_threshold, found.of_ranking)),
        ]
        for name, found in record.shift.losses.items()
    ]
    return table(
        "model | sensitivity, validation > | specificity, validation > | test > | test, re-chosen > "
        "| points lost > | to the threshold > | to the ranking >",
        rows,
        "Specificity promised on validation, kept on test at the same threshold, and at the threshold "
        "re-chosen on the test set for the sensitivity of validation (for reading only), with the loss in "
        f"percentage points and its two parts{first_seed(record)}. A negative part means that this would "
        "cost specificity instead of giving it back.",
    )
