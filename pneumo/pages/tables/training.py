"""How the models were trained, from what, and where: recipes, runs, weights, versions."""

from pneumo.pages.tables._table import DASH, Table, code, duration, plain, sourced, table
from pneumo.study.study import Study
from pneumo.training.recipes import Recipe


@sourced
def recipes(study: Study) -> Table:
    """What differs between the models' trainings."""
    return table(
        "model | pretrained on | input > | epochs, frozen > | epochs, open > | peak learning rate > "
        "| batch > | dropout > | images >",
        [_recipe(model.recipe, study) for model in study.models],
    )


@sourced
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
                f"[`{run.key}`]{{#{run.anchor}}}",
                f"{len(run.history)}",
                str(manifest["metrics"]["epoch"]),
                duration(manifest["seconds"]),
                plain(f"{hardware['device']} ({hardware['name']}, {hardware['threads']} threads)"),
                code(manifest["git_commit"][:12]) if manifest["git_commit"] else DASH,
            ]
        )
    return table(
        "model | seed > | key | epochs > | best > | training time > | hardware | commit", rows
    )


@sourced
def versions(study: Study) -> Table:
    """The versions of the libraries that numbers depend on; more than one where runs differ."""
    found: dict[str, set[str]] = {}
    for run in study.runs:
        for name, value in run.manifest["versions"].items():
            found.setdefault(name, set()).add(value)
    return table(
        "package | version", [[plain(n), plain(", ".join(sorted(v)))] for n, v in found.items()]
    )


@sourced
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
                *(
                    (plain(found["name"]), code(f"{found['sha256'][:16]}…"))
                    if found
                    else ("not run", DASH)
                ),
            ]
        )
    return table("model | weights | SHA-256", rows)


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
