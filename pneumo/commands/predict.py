"""`pneumo predict`: asks a finished study's model about images from outside."""

import argparse
import sys
from typing import Any

from pneumo.commands import options


def add(commands: Any) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "predict", help="say what a finished study's model makes of images from outside"
    )
    parser.set_defaults(command=run)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="PNG, JPEG, TIFF, …, or DICOM")
    parser.add_argument("--model", help="simple-cnn, …; without it: the best on validation")
    parser.add_argument(
        "--rule",
        default="youden",
        help="of the threshold: youden (default), half, sensitivity-95 or sensitivity-99",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="what the study must be of; without it: PNEUMO_DATA, or whatever it was made from",
    )
    options.add_set(parser)
    options.add_profile(parser)
    options.add_device(parser)


def run(chosen: argparse.Namespace) -> int:
    """Run it; the exit status."""
    from pneumo.study import operating_points, predict, study

    rule = operating_points.find_rule(chosen.rule)
    done = study.load(chosen.profile, chosen.data, dataset=chosen.dataset, size=chosen.size)
    found = predict.report(done, chosen.images, chosen.model, rule, chosen.device)
    if chosen.json:
        print(predict.to_json(found))
    else:
        predict.show(found)
    for line in predict.complaints(found):
        print(f"pneumo: {line}", file=sys.stderr)
    return 1 if found["unreadable"] else 0
