"""How the networks are built and how they learned: layers, curves, recipes, weights and runs."""

from collections.abc import Iterator
from typing import Any

from pneumo.record import Frame, Part, frame
from pneumo.record.summaries import Training
from pneumo.study.study import Model, Study, run_labels

_KINDS = {
    "Conv2d": "Conv 3×3", "BatchNorm2d": "BatchNorm", "MaxPool2d": "MaxPool", "ReLU": "ReLU",
    "AdaptiveAvgPool2d": "AvgPool", "Dropout": "Dropout", "Linear": "Linear",
}  # fmt: skip
# Each of these begins a block, to which the layers behind it belong.
_FIRST = ("Conv2d", "AdaptiveAvgPool2d", "Linear")
_PRETRAINED_ON = {
    None: "none",
    "imagenet": "ImageNet",
    "tiny-imagenet": "Tiny ImageNet",
    "imagenet-lite0": "ImageNet",
}


def part(study: Study) -> Part:
    """The first seeds' trainings, every curve, and the tables of recipes, weights, versions and runs."""
    simple = [model for model in study.ran if model.name == "simple-cnn"]
    others = [model for model in study.ran if model.name != "simple-cnn"]
    return Part(
        {"trainings": {model.name: _training(model) for model in study.ran}},
        figures={
            "fig-cnn-architecture": _blocks(simple),
            "fig-cnn-curves": _curves(simple),
            "fig-transfer-curves": _curves(others),
        },
        tables={
            "tbl-recipes": _recipes(study),
            "tbl-weights": _weights(study),
            "tbl-versions": _versions(study),
            "tbl-runs": frame(_runs(study), {"training time": "s"}),
        },
    )


def _training(model: Model) -> Training:
    run = model.run
    kept = int(run.manifest["metrics"]["epoch"])
    return Training(
        epochs=len(run.history),
        kept_epoch=kept,
        validation_loss=float(run.history[kept - 1]["val_loss"]),
        seconds=float(run.manifest["seconds"]),
        threads=int(run.manifest["hardware"]["threads"]),
        frozen_epochs=sum(row["stage"] == "frozen" for row in run.history),
    )


def _blocks(models: list[Model]) -> Frame:
    """The network's layers from its manifest, each convolution with what follows it as one block."""
    rows: list[dict[str, Any]] = []
    for layer in models[0].run.manifest["layers"] if models else ():
        kind, shape = _KINDS[layer["kind"]], " × ".join(map(str, layer["output"]))
        block = {"layers": kind, "output": shape, "parameters": layer["parameters"]}
        if layer["kind"] not in _FIRST:
            last = rows.pop()
            block["layers"] = f"{last['layers']} + {kind}"
            block["parameters"] += last["parameters"]
        rows.append(block)
    units = {"output": "channels × height × width"}
    return frame(rows, units, [model.run.label for model in models])


def _curves(models: list[Model]) -> Frame:
    rows = [
        {
            "model": model.name,
            "seed": run.seed,
            "epoch": row["epoch"],
            "stage": row["stage"],
            "split": split,
            "loss": row[f"{short}_loss"],
            "accuracy": row[f"{short}_accuracy"],
        }
        for model in models
        for run in model.runs
        for row in run.history
        for short, split in (("train", "training"), ("val", "validation"))
    ]
    return frame(rows, runs=run_labels(models))


def _recipes(study: Study) -> Frame:
    everything = len(study.data.train.labels)
    rows = [
        {
            "model": recipe.name,
            "title": recipe.title,
            "pretrained on": _PRETRAINED_ON[recipe.pretraining],
            "input": recipe.input_size,
            "epochs frozen": recipe.frozen_epochs,
            "epochs open": recipe.epochs,
            "peak learning rate": recipe.learning_rate,
            "batch": recipe.batch_size,
            "dropout": recipe.dropout,
            "images": min(recipe.train_images or everything, everything),
        }
        for recipe in (model.recipe for model in study.models)
    ]
    return frame(rows, {"input": "pixels"})


def _weights(study: Study) -> Frame:
    rows = [
        {
            "title": model.title,
            "weights": model.pretrained["name"] if model.pretrained else "not run",
            "sha256": model.pretrained["sha256"] if model.pretrained else "",
        }
        for model in study.models
        if model.recipe.pretraining
    ]
    return frame(rows, runs=run_labels(model for model in study.ran if model.pretrained))


def _versions(study: Study) -> Frame:
    """Each library's versions; more than one where runs differ."""
    found: dict[str, set[str]] = {}
    for run in study.runs:
        for name, value in run.manifest["versions"].items():
            found.setdefault(name, set()).add(value)
    rows = [{"package": name, "version": ", ".join(sorted(v))} for name, v in found.items()]
    return frame(rows, runs=run_labels(study.all))


def _runs(study: Study) -> Iterator[dict[str, Any]]:
    for run in study.runs:
        hardware = run.manifest["hardware"]
        yield {
            "run": run.label,
            "title": run.recipe.title,
            "seed": run.seed,
            "key": run.key,
            "epochs": len(run.history),
            "kept epoch": run.manifest["metrics"]["epoch"],
            "training time": run.manifest["seconds"],
            "hardware": f"{hardware['device']} ({hardware['name']}, {hardware['threads']} threads)",
            "commit": (run.manifest["git_commit"] or "")[:12],
        }
