"""The command line: `pneumo data`, `train`, `study`, `predict`, `pretrain`, `reference`, `diff`, `verify`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pneumo import __version__
from pneumo.base import streams
from pneumo.base.errors import PneumoError, printable
from pneumo.base.storage import told


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status is 0, 1 for an error the user can mend, 2 for wrong usage.

    A command that compares says 1 where there is a difference, as `diff` does, and so 2 for any error.
    """
    streams.forgive()
    chosen = _parser().parse_args(arguments)
    try:
        with told():
            status: int = chosen.command(chosen)
    except PneumoError as error:
        print(f"pneumo: {error}", file=sys.stderr)
        return 2 if chosen.compares else 1
    except KeyboardInterrupt:
        print("pneumo: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return status


def _data(chosen: argparse.Namespace) -> int:
    from pneumo import data
    from pneumo.data import audit

    print("\n".join(audit.report_lines(data.load(chosen.size, chosen.data, chosen.dataset))))
    return 0


def _train(chosen: argparse.Namespace) -> int:
    from dataclasses import replace

    from pneumo import data
    from pneumo.commands.progress import Display
    from pneumo.data import descriptions
    from pneumo.training import distributed
    from pneumo.training.recipes import find_profile, images_an_epoch
    from pneumo.training.train import train
    from pneumo.training.weights import find_weights

    about, size = descriptions.choose(chosen.dataset, chosen.size)
    recipe = find_profile(chosen.profile).at(size).recipe(chosen.recipe)
    if chosen.epochs is not None:
        recipe = replace(recipe, epochs=chosen.epochs)
    dataset = data.load(size, chosen.data, about.name)
    weights = find_weights(recipe, chosen.weights)
    images = images_an_epoch(recipe, dataset)
    if distributed.is_wanted():
        with distributed.group(chosen.device) as group:
            if not group.is_first:
                distributed.train(recipe, chosen.seed, dataset, group, weights)
                return 0
            with Display() as display:
                ear = display.listener(recipe, chosen.seed, images)
                run = distributed.train(recipe, chosen.seed, dataset, group, weights, None, ear)
    else:
        with Display() as display:
            ear = display.listener(recipe, chosen.seed, images)
            run = train(recipe, chosen.seed, dataset, weights, None, ear, chosen.device)
    best = run.manifest["metrics"]
    print(
        f"{run.label}: epoch {best['epoch']} kept, validation loss {best['val_loss']:.3f}, "
        f"AUC {best['val_auc']:.3f}"
    )
    return 0


def _study(chosen: argparse.Namespace) -> int:
    from pneumo.analysis import writing
    from pneumo.commands.progress import Display
    from pneumo.study import study

    with Display() as display:
        done = study.run(
            chosen.profile,
            chosen.data,
            chosen.weights,
            device=chosen.device,
            only=chosen.only,
            listener=display.listener,
            notice=display.say,
            dataset=chosen.dataset,
            size=chosen.size,
            executor=chosen.executor,
            finished=display.finished,
        )
        if not chosen.only:
            display.say(f"writing the record to {printable(writing.folder(done))}")
            writing.write(done)
    for model in done.models:
        seeds = ", ".join(str(run.seed) for run in model.runs)
        outcome = f"seeds {seeds}" if model.ran else printable(f"not run: {model.reason}")
        print(f"{model.name}: {outcome}")
    return 0


def _pretrain(chosen: argparse.Namespace) -> int:
    from dataclasses import replace

    from pneumo.commands.progress import Display
    from pneumo.training import pretrain

    recipe = replace(pretrain.RECIPE, epochs=chosen.epochs or pretrain.RECIPE.epochs)
    folder = pretrain.read(chosen.folder, recipe.input_size)
    with Display() as display:
        display.say(
            f"{chosen.folder}: {len(folder.classes)} classes, {len(folder.train.labels):,} training and "
            f"{len(folder.val.labels):,} validation images"
        )
        listener = display.listener(recipe, chosen.seed, len(folder.train.labels))
        path = pretrain.pretrain(
            folder, chosen.output, recipe, chosen.seed, None, listener, chosen.device
        )
    print(f"{printable(path)}: top-1 {pretrain.manifest(path)['metrics']['val_accuracy']:.1%}")
    print(f"fine-tune from it: pneumo study --weights {printable(path)}")
    return 0


def _predict(chosen: argparse.Namespace) -> int:
    from pneumo.study import operating_points, predict, study

    rule = operating_points.find_rule(chosen.rule)
    done = study.load(chosen.profile, chosen.data, dataset=chosen.dataset, size=chosen.size)
    found = predict.report(done, chosen.images, chosen.model, rule, chosen.device)
    if chosen.json:
        print(predict.to_json(found))
    else:
        predict.show(found)
    for failure in found["unreadable"]:
        print(f"pneumo: {failure['error']}", file=sys.stderr)
    return 1 if found["unreadable"] else 0


def _reference(chosen: argparse.Namespace) -> int:
    from pneumo.analysis import reference
    from pneumo.base import paths
    from pneumo.data import descriptions
    from pneumo.study import study

    if chosen.digests:
        about, side = descriptions.choose(chosen.dataset, chosen.size)
        folder = chosen.folder or paths.reference(descriptions.label(about, side))
        print(reference.write_digests(folder))
        return 0
    source = None if chosen.data == "auto" else chosen.data
    done = study.load(chosen.profile, source, dataset=chosen.dataset, size=chosen.size)
    label = descriptions.label(done.about, done.data.size)
    written = reference.write(done, chosen.folder or paths.reference(label))
    files = [path for path in written.path.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{printable(written.path)}: {len(done.runs)} runs, {len(files)} files, {size:.1f} MB")
    return 0


def _diff(chosen: argparse.Namespace) -> int:
    from pneumo.record import difference

    before, after = difference.load(chosen.before), difference.load(chosen.after)
    allowed = difference.ROUNDING if chosen.tolerance is None else chosen.tolerance
    found = difference.compare(before, after, allowed)
    if chosen.json:
        print(difference.to_json(found))
    else:
        difference.show(found)
    return 0 if found.is_empty else 1


def _verify(chosen: argparse.Namespace) -> int:
    from pneumo.analysis import verification
    from pneumo.base import paths
    from pneumo.commands.progress import Display
    from pneumo.data import descriptions

    label = descriptions.label(*descriptions.choose(chosen.dataset, chosen.size))
    with Display() as display:
        found = verification.verify(
            chosen.reference or paths.reference(label),
            only=chosen.only,
            seeds=chosen.seeds,
            source=chosen.data,
            weights=chosen.weights,
            device=chosen.device,
            fresh=chosen.fresh,
            listener=display.listener,
        )
    if chosen.json:
        print(verification.to_json(found))
    else:
        verification.show(found)
    return 0 if found.holds else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pneumo", description="From PneumoniaMNIST to a publishable, reproducible report."
    )
    parser.set_defaults(compares=False)
    parser.add_argument("--version", action="version", version=f"pneumo {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    data = commands.add_parser("data", help="say what data there are, and audit them")
    data.set_defaults(command=_data)
    _add_data(data)

    train = commands.add_parser("train", help="train one recipe from one seed")
    train.set_defaults(command=_train)
    train.add_argument("recipe", help="simple-cnn, resnet18-scratch, …")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--epochs", type=int, help="of the open stage, instead of the recipe's")
    _add_training(train)

    study = commands.add_parser("study", help="train whatever a profile's study still lacks")
    study.set_defaults(command=_study)
    study.add_argument(
        "--only", nargs="+", default=(), metavar="RECIPE", help="these recipes alone"
    )
    study.add_argument(
        "--executor",
        default="serial",
        metavar="WHERE",
        help="serial (default), process:N for N runs side by side, or dask:ADDRESS for a cluster",
    )
    _add_training(study)

    pretrain = commands.add_parser(
        "pretrain", help="train ResNet18 on any folder of images by class, and write its weights"
    )
    pretrain.set_defaults(command=_pretrain)
    pretrain.add_argument("folder", type=Path, metavar="FOLDER", help="a folder a class in it")
    pretrain.add_argument("--seed", type=int, default=0)
    pretrain.add_argument("--epochs", type=int, help="instead of the recipe's")
    pretrain.add_argument(
        "--output", type=Path, default=Path(), metavar="FOLDER", help="where the weights go"
    )
    pretrain.add_argument("--device", default="auto", help="auto (default), cpu, cuda, …")

    predict = commands.add_parser(
        "predict", help="say what a finished study's model makes of images from outside"
    )
    predict.set_defaults(command=_predict)
    predict.add_argument("images", nargs="+", metavar="IMAGE", help="PNG, JPEG, TIFF, …, or DICOM")
    predict.add_argument("--model", help="simple-cnn, …; without it: the best on validation")
    predict.add_argument(
        "--rule",
        default="youden",
        help="of the threshold: youden (default), half, sensitivity-95 or sensitivity-99",
    )
    predict.add_argument("--json", action="store_true", help="print JSON instead of a table")
    predict.add_argument(
        "--data",
        metavar="PATH",
        help="what the study must be of; without it: PNEUMO_DATA, or whatever it was made from",
    )
    _add_set(predict)
    _add_profile(predict)
    _add_device(predict)

    reference = commands.add_parser(
        "reference", help="keep a finished study's numbers as the reference"
    )
    reference.set_defaults(command=_reference)
    reference.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="where to; without it: report/reference, and the set's own where it is another",
    )
    reference.add_argument("--profile", default="paper", help="of the study, paper (default)")
    reference.add_argument(
        "--digests",
        action="store_true",
        help="write the digests alone, of a reference that is there as it should be",
    )
    _add_data(reference)

    diff = commands.add_parser(
        "diff",
        help="say what changed between two results.json; exits with 1 where something did",
    )
    diff.set_defaults(command=_diff, compares=True)
    diff.add_argument(
        "before", type=Path, metavar="BEFORE", help="a results.json, or the folder that holds it"
    )
    diff.add_argument("after", type=Path, metavar="AFTER", help="likewise")
    diff.add_argument(
        "--tolerance",
        type=_at_least_nothing,
        metavar="X",
        help="how far a metric may go without having moved; without it: a rounding error",
    )
    diff.add_argument("--json", action="store_true", help="print JSON instead of tables")

    verify = commands.add_parser(
        "verify",
        help="train the reference study anew, or a part, and hold it against the numbers that were kept; "
        "exits with 1 where one lies outside its tolerance",
    )
    verify.set_defaults(command=_verify, compares=True)
    verify.add_argument(
        "--only", nargs="+", default=(), metavar="RECIPE", help="these recipes alone"
    )
    verify.add_argument(
        "--seeds", nargs="+", type=int, default=(), metavar="SEED", help="these seeds alone"
    )
    verify.add_argument(
        "--fresh",
        action="store_true",
        help="train even what the run store has, in a store that is gone afterwards",
    )
    verify.add_argument(
        "--reference",
        type=Path,
        metavar="FOLDER",
        help="where the reference study lies; without it: report/reference",
    )
    verify.add_argument("--json", action="store_true", help="print JSON instead of tables")
    _add_data(verify)
    _add_weights(verify)
    _add_device(verify)
    return parser


def _at_least_nothing(text: str) -> float:
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, found {text}")
    return value


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        default="auto",
        metavar="PATH",
        help="a .npz file, the folder that holds it, or 'phantom'; without it: PNEUMO_DATA, "
        "MedMNIST's cache, a download",
    )
    _add_set(parser)


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        help="pneumoniamnist or breastmnist; without it: PNEUMO_DATASET, or pneumoniamnist",
    )
    parser.add_argument(
        "--size",
        type=int,
        metavar="N",
        help="side of the images, in pixels: 28, 64, 128 or 224; without it: PNEUMO_SIZE, or 28",
    )


def _add_training(parser: argparse.ArgumentParser) -> None:
    _add_data(parser)
    _add_profile(parser)
    _add_weights(parser)
    _add_device(parser)


def _add_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights", type=Path, help="ImageNet weights of ResNet18, as torchvision publishes them"
    )


def _add_profile(parser: argparse.ArgumentParser) -> None:
    profile = os.environ.get("PNEUMO_PROFILE", "standard")
    parser.add_argument("--profile", default=profile, help="smoke, standard (default) or paper")


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, …")
