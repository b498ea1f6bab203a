"""`pneumo predict`: applies a model of a finished study to image files."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from pneumo.base import streams
from pneumo.base.errors import printable
from pneumo.commands import options, terminal
from pneumo.commands.options import option

COMMAND = options.Command(
    "apply a model of a finished study to image files",
    ("predict radiograph.png other.dcm", "predict radiograph.png --model simple-cnn --json"),
    {
        "images": option("PNG, JPEG, TIFF, …, or DICOM", "IMAGE", nargs="+"),
        "--model": option(
            "simple-cnn, …; default: the smallest that is not significantly worse on validation", "RECIPE"
        ),
        "--rule": option(
            "how the threshold is chosen: youden (default), half, sensitivity-95 or sensitivity-99",
            default="youden",
        ),
        **options.ASKING,
    },
    more="Not a medical device. It neither trains nor downloads: `pneumo study` must have finished.",
)  # fmt: skip

_RATES = {"sensitivity": "sensitivity", "specificity": "specificity", "ppv": "PPV", "npv": "NPV"}


def run(chosen: Namespace) -> int:
    from pneumo.study import operating_points, predict, study

    rule = operating_points.find_rule(chosen.rule)
    done = study.load(chosen.profile, chosen.data, dataset=chosen.dataset, size=chosen.size)
    found = predict.report(done, chosen.images, chosen.model, rule, chosen.device)
    if chosen.json:
        print(predict.to_json(found))
    elif found["images"]:
        show(found)
    for line in predict.complaints(found):
        streams.tell(line)
    return 1 if found["unreadable"] else 0


def show(found: dict[str, Any]) -> None:
    """Print predictions as a table, followed by the test-set performance."""
    seeds = len(found["model"]["seeds"])
    heading = "image | probability > | threshold > | call"
    if seeds > 1:
        heading += f" | over {seeds} seeds | same call"
    terminal.table(heading, (_cells(image, seeds) for image in found["images"]))
    for line in _lines(found):
        print(printable(line))


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
