"""One function a table: each takes a study and returns a :class:`Table`; a template makes it Markdown."""

from collections.abc import Iterable
from dataclasses import dataclass

from pneumo import data, metrics
from pneumo.errors import PneumoError
from pneumo.metrics import Confusion
from pneumo.recipes import Recipe
from pneumo.study import HALF, RULES, YOUDEN, Model, Study

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
DASH = "–"
LONGEST = 60  # signs that a column asks room for at the most


class TableError(PneumoError):
    """A table whose rows do not fit its columns."""


@dataclass(frozen=True)
class Table:
    """Cells as text, ready to be set; `numeric` says which columns are aligned to the right."""

    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Each column's share of the line, as a count of signs: where cells are long, Markdown's dashes
        say how wide columns are.
        """
        return tuple(
            min(LONGEST, max(max(map(len, name.split()), default=1), *map(len, cells), 3))
            for name, *cells in zip(self.columns, *self.rows, strict=True)
        )

    def __post_init__(self) -> None:
        widths = {len(self.columns), len(self.numeric), *(len(row) for row in self.rows)}
        if len(widths) != 1:
            raise TableError(f"a table of {len(self.columns)} columns has rows of {sorted(widths)}")


def table(columns: str, rows: Iterable[Iterable[str]]) -> Table:
    """A table from its heading, ``"left | right >"``: a ``>`` behind a name aligns to the right."""
    names = [name.strip() for name in columns.split("|")]
    return Table(
        columns=tuple(name.removesuffix(">").strip() for name in names),
        numeric=tuple(name.endswith(">") for name in names),
        rows=tuple(tuple(row) for row in rows),
    )


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed digits; a dash where there is none."""
    return DASH if value is None or value != value else f"{value:.{digits}f}"


def percent(share: float, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage."""
    return f"{number(100 * share, digits)} %"


def duration(seconds: float) -> str:
    """Seconds as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def data_counts(study: Study) -> Table:
    """Cases by split and class."""
    counts = study.data.counts()
    rows = []
    for split, count in counts.items():
        total = sum(count.values())
        share = percent(count["pneumonia"] / total)
        rows.append([split, *(f"{count[name]:,}" for name in data.CLASSES), f"{total:,}", share])
    return table("split | normal > | pneumonia > | total > | share of pneumonia >", rows)


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


def audit(study: Study) -> Table:
    """What the audit counts: duplicates within a split, and copies that stand in two."""
    found = study.audit
    rows = [
        [f"{split.name}: images that repeat an earlier one", f"{split.duplicates:,}"]
        for split in found.splits
    ]
    rows += [
        [f"distinct images that stand in both {first} and {second}", f"{count:,}"]
        for (first, second), count in found.shared.items()
    ]
    rows.append(["copies of an image with different labels", f"{found.label_conflicts:,}"])
    return table("finding | images >", rows)


def augmentations(study: Study) -> Table:
    """Each augmentation, its range from the recipes, and why it is safe or where that is doubtful."""
    ranges = study.models[0].recipe.augmentation
    rows = [
        [
            "horizontal flip",
            f"probability {ranges.flip:g}",
            "Doubtful: lungs are roughly symmetric, but a flip hides situs inversus and dextrocardia, "
            "and moves the heart to the side where no reader expects it.",
        ],
        [
            "rotation",
            f"±{ranges.rotation:g}°",
            "Safe: a child is seldom straight on the cassette, and readers correct for this much.",
        ],
        [
            "translation",
            f"±{100 * ranges.translation:g} % of the side",
            "Safe as long as the lung fields stay in view: it mimics collimation and centring.",
        ],
        [
            "brightness",
            f"±{ranges.brightness:g} of the grey scale",
            "Safe: exposure and display window vary; an opacity is seen against its surroundings.",
        ],
        [
            "contrast",
            f"±{100 * ranges.contrast:g} %",
            "Safe within this range: tube voltage and processing vary; more could hide a faint opacity.",
        ],
    ]
    return table("change | range | clinical reading", rows)


def recipes(study: Study) -> Table:
    """What differs between the models' trainings."""
    return table(
        "model | pretrained on | input > | epochs, frozen > | epochs, open > | peak learning rate > "
        "| batch > | dropout > | images >",
        [_recipe(model.recipe, study) for model in study.models],
    )


def provenance(study: Study) -> Table:
    """Every run: its key, seed, how long it took, on what, from which commit."""
    rows = []
    for run in study.runs:
        manifest = run.manifest
        hardware = manifest["hardware"]
        rows.append(
            [
                run.recipe.title,
                str(run.seed),
                f"`{run.key}`",
                f"{len(run.history)}",
                str(manifest["metrics"]["epoch"]),
                duration(manifest["seconds"]),
                f"{hardware['device']} ({hardware['name']}, {hardware['threads']} threads)",
                f"`{manifest['git_commit'][:12]}`" if manifest["git_commit"] else DASH,
            ]
        )
    return table(
        "model | seed > | key | epochs > | best > | training time > | hardware | commit", rows
    )


def versions(study: Study) -> Table:
    """The versions of the libraries that numbers depend on; more than one where runs differ."""
    found: dict[str, set[str]] = {}
    for run in study.runs:
        for name, value in run.manifest["versions"].items():
            found.setdefault(name, set()).add(value)
    return table("package | version", [[n, ", ".join(sorted(v))] for n, v in found.items()])


def pretrained(study: Study) -> Table:
    """Where pretrained weights came from, with their digests."""
    rows = []
    for model in study.models:
        if model.recipe.pretraining is None:
            continue
        found = model.pretrained
        rows.append(
            [
                model.title,
                *((found["name"], f"`{found['sha256'][:16]}…`") if found else ("not run", DASH)),
            ]
        )
    return table("model | weights | SHA-256", rows)


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


def _recipe(recipe: Recipe, study: Study) -> list[str]:
    everything = len(study.data.train.labels)
    names = {"imagenet": "ImageNet", "tiny-imagenet": "Tiny ImageNet", "imagenet-lite0": "ImageNet"}
    return [
        recipe.title,
        names[recipe.pretraining] if recipe.pretraining else "none",
        f"{recipe.input_size}×{recipe.input_size}",
        str(recipe.frozen_epochs or DASH),
        str(recipe.epochs),
        f"{recipe.learning_rate:g}",
        str(recipe.batch_size),
        f"{recipe.dropout:g}",
        f"{min(recipe.train_images or everything, everything):,}",
    ]
