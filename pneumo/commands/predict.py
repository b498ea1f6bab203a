"""`pneumo predict`: applies a model of a finished study to image files."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pneumo.base import streams
from pneumo.base.errors import printable
from pneumo.commands import options, terminal

if TYPE_CHECKING:
    from rich.console import Console

_RATES = {"sensitivity": "sensitivity", "specificity": "specificity", "ppv": "PPV", "npv": "NPV"}


def add(commands: Any) -> None:
    parser = options.add_command(
        commands,
        run,
        "apply a model of a finished study to image files",
        "predict radiograph.png other.dcm",
        "predict radiograph.png --model simple-cnn --json",
        more="Not a medical device. It neither trains nor downloads: `pneumo study` must have finished.",
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="PNG, JPEG, TIFF, …, or DICOM")
    parser.add_argument(
        "--model",
        metavar="RECIPE",
        help="simple-cnn, …; default: the smallest that is not significantly worse on validation",
    )
    parser.add_argument(
        "--rule",
        default="youden",
        help="how the threshold is chosen: youden (default), half, sensitivity-95 or sensitivity-99",
    )
    options.add_options(parser, options.ASKING)


def run(chosen: argparse.Namespace) -> int:
    from pneumo.study import operating_points, predict, study

    rule = operating_points.find_rule(chosen.rule)
    done = study.load(chosen.profile, chosen.data, dataset=chosen.dataset, size=chosen.size)
    found = predict.report(done, chosen.images, chosen.model, rule, chosen.device)
    if chosen.json:
        print(predict.to_json(found))
    else:
        show(found)
    for line in predict.complaints(found):
        streams.tell(line)
    return 1 if found["unreadable"] else 0


def show(found: dict[str, Any], console: "Console | None" = None) -> None:
    """Print predictions as a table, followed by the test-set performance; nothing if no file was read."""
    from rich.text import Text

    if not found["images"]:
        return
    out = terminal.console(console)
    seeds = len(found["model"]["seeds"])
    heading = "image | probability > | threshold > | call"
    if seeds > 1:
        heading += f" | over {seeds} seeds | same call"
    out.print(terminal.grid(heading, (_cells(image, seeds) for image in found["images"])))
    for line in _lines(found):
        out.print(Text(printable(line)), soft_wrap=True)


def _cells(image: dict[str, Any], seeds: int) -> Iterator[str]:
    side = "at or above" if image["probability"] >= image["threshold"] else "below"
    yield image["file"]
    yield f"{image['probability']:.3f}"
    yield f"{image['threshold']:.3f}"
    yield f"{image['call']} ({side} threshold)"
    if seeds > 1:
        over = image["over_seeds"]
        yield f"{over['low']:.3f}–{over['high']:.3f}"
        yield f"{over['agreeing']} of {seeds}"


def _lines(found: dict[str, Any]) -> Iterator[str]:
    """What is printed below the table."""
    model, point = found["model"], found["operating_point"]
    yield (
        f"Model: {model['title']}, seed {model['seed']} of profile {model['profile']}; data: "
        f"{model['data']['location']}."
    )
    yield (
        f"Threshold: {point['threshold']:.3f}, {point['title']}. On the {point['images']:,} test images, "
        f"{100 * point['prevalence']:.1f} % with {model['data']['condition']}, it gives (95 % intervals):"
    )
    for name, title in _RATES.items():
        rate = point[name]
        worth = "undefined: no test image has this call"
        if rate["value"] is not None:
            worth = f"{rate['value']:.3f} ({rate['low']:.3f}–{rate['high']:.3f})"
        yield f"  {title:<12} {worth}"
    yield f"PPV and NPV hold at this prevalence of {model['data']['finding']} only."
    yield found["caveat"]
