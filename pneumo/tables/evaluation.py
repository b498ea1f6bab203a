"""What the models reach on the test set."""

from pneumo import metrics
from pneumo.metrics import Confusion
from pneumo.study import HALF, RULES, YOUDEN, Model, Study
from pneumo.tables._table import DASH, Table, number, table

# What the write-up that the study began with reported, at a threshold of 0.5 on the test set.
SOURCE_WRITE_UP: dict[str, dict[str, float]] = {
    "simple-cnn": {
        "accuracy": 0.851, "auc": 0.955, "precision": 0.815, "recall": 0.985, "f1": 0.892,
    },
    "resnet18-scratch": {
        "accuracy": 0.859, "auc": 0.969, "precision": 0.819, "recall": 0.995, "f1": 0.898,
    },
    "resnet18-imagenet": {
        "accuracy": 0.888, "auc": 0.970, "precision": 0.849, "recall": 0.997, "f1": 0.917,
    },
}  # fmt: skip


def comparison(study: Study) -> Table:
    """Every model at a threshold of 0.5, with its parameters; a model not run says so."""
    rows = []
    for model in study.models:
        cells = [model.title, f"{model.parameters:,}"]
        if model.ran:
            mean = model.mean(HALF)
            cells += [number(mean[name]) for name in metrics.NAMES]
        else:
            cells += ["not run"] + [DASH] * (len(metrics.NAMES) - 1)
        rows.append(cells)
    return table(
        "model | parameters > | accuracy > | AUC > | precision > | recall > | specificity > | F1 > "
        "| Brier >",
        rows,
    )


def beside_source(study: Study) -> Table:
    """The models of the source write-up: its numbers and ours, metric by metric, at 0.5."""
    rows = []
    for name, reported in SOURCE_WRITE_UP.items():
        model = study.model(name)
        rows.append([model.title, "reported", *(number(value) for value in reported.values())])
        ours = model.mean(HALF) if model.ran else {}
        measured = [number(ours.get(metric)) for metric in reported]
        rows.append(["", "measured here" if model.ran else "not run here", *measured])
    return table("model | numbers | accuracy > | AUC > | precision > | recall > | F1 >", rows)


def operating_points(study: Study) -> Table:
    """Each model's operating points on the test set, first seed, with its counts."""
    rows = []
    for model in study.ran:
        for rule in RULES:
            counts = model.confusion(rule)
            rows.append(
                [
                    model.title if rule is RULES[0] else "",
                    rule.title,
                    number(model.thresholds(rule)[0]),
                    *_counts(counts),
                    number(counts.sensitivity),
                    number(counts.specificity),
                    number(counts.precision),
                    number(counts.negative_predictive_value),
                ]
            )
    return table(
        "model | chosen by | threshold > | TP > | FN > | FP > | TN > | sensitivity > | specificity > "
        "| PPV > | NPV >",
        rows,
    )


def validation_and_test(study: Study) -> Table:
    """What validation promised at the chosen threshold, and what the test set kept; first seed."""
    rows = []
    for model in study.ran:
        promised, kept = model.confusion(YOUDEN, "val"), model.confusion(YOUDEN)
        rows.append(
            [
                model.title,
                number(model.mean(HALF, "val")["auc"]),
                number(model.mean(HALF)["auc"]),
                number(promised.sensitivity),
                number(kept.sensitivity),
                number(promised.specificity),
                number(kept.specificity),
            ]
        )
    return table(
        "model | AUC, validation > | AUC, test > | sensitivity, validation > | sensitivity, test > "
        "| specificity, validation > | specificity, test >",
        rows,
    )


def ranked(study: Study, metric: str) -> list[Model]:
    """The models that ran, by a test metric at 0.5, the highest first."""
    return sorted(study.ran, key=lambda model: -model.mean(HALF)[metric])


def _counts(counts: Confusion) -> list[str]:
    return [
        str(counts.true_positive),
        str(counts.false_negative),
        str(counts.false_positive),
        str(counts.true_negative),
    ]
