"""Look at a built report as a reader and a program would; exits non-zero and says what is wrong."""

import argparse
import base64
import csv
import hashlib
import json
import re
import struct
import sys
from collections import Counter
from functools import cache
from pathlib import Path

from bs4 import BeautifulSoup
from pypdf import PdfReader

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a script's own folder is on the path, not the project's

from report.engine import check  # noqa: E402

ANCHORS = {
    "index": ["fig-summary", "tbl-summary"],
    "data": ["fig-examples", "fig-class-balance", "fig-augmentation", "tbl-data", "tbl-audit",
             "tbl-origins", "fig-recipe"],
    "simple-cnn": ["fig-cnn-architecture", "fig-cnn-curves"],
    "transfer": ["fig-transfer-curves", "tbl-comparison"],
    "evaluation": ["fig-confusion", "fig-roc-pr", "tbl-pairs", "tbl-operating-points", "tbl-promise",
                   "fig-kinds", "tbl-kinds",
                   "fig-errors", "fig-missed-by-all", "fig-mean-images"],
    "size": ["sec-size"],
    "published": ["tbl-published", "tbl-goals"],
    "shift": ["fig-shift-images", "tbl-shift", "tbl-near-duplicates"],
    "framing": ["sec-framing", "sec-framing-crop", "sec-framing-limits"],
    "external": ["sec-external", "sec-external-limits"],
    "usefulness": ["fig-reliability", "fig-decision-curve", "tbl-calibration", "threshold-explorer",
                   "threshold-data"],
    "robustness": ["tbl-robustness", "fig-robustness"],
    "ablation": ["fig-ablations", "sec-ablation-agreement"],
    "interpretability": ["fig-filters", "fig-gradcam", "fig-cascade", "fig-road", "tbl-evidence"],
    "cases": ["fig-divided", "case-explorer", "case-data", "case-sheets"],
    "reproducibility": ["tbl-claims", "tbl-promises"],
    "reference": ["fig-reference", "sec-reference-difference"],
    "guidelines": ["tbl-tripod", "tbl-tripod-abstract", "tbl-stard", "tbl-claim", "tbl-probast"],
    "model-card": ["sec-data-sheet"],
    "how": ["sec-how"],
    "runs": ["tbl-runs", "tbl-versions", "tbl-weights"],
    "references": ["refs"],
}  # fmt: skip
# What is made of images; a site that has none says how to get them.
OF_IMAGES = {"case-explorer", "case-data", "fig-augmentation"}
# What has no numbers in the record: guidelines, claims (they are in results.json), what tests and benchmarks
# measured, the reference record's own, a few images of another figure, one image under corruptions, and the
# captions' ids.
OF_NO_RECORD = re.compile(
    r"tbl-(front|tripod.*|stard|probast|claim|published|goals|claims|promises|speed.*|reference.*)|fig-(front|reference|corruptions)|.*-caption-text"
)
REFERENCE = ROOT / "report" / "reference" / "results.json"
MODELS = ("simple-cnn", "resnet18-scratch", "resnet18-imagenet", "resnet18-tiny-imagenet",
          "efficientnet-lite0-imagenet", "ensemble")  # fmt: skip
METRICS = {"accuracy", "auc", "precision", "recall", "specificity", "f1", "brier"}
PHANTOM = "synthetic phantom, not medical data"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("site", type=Path)
    parser.add_argument("--record", type=Path, required=True, help="that the site was drawn from")
    parser.add_argument("--source", choices=("file", "phantom"), help="without it: no images")
    parser.add_argument("--profile")
    parser.add_argument("--fingerprint")
    chosen = parser.parse_args()
    found = list(problems(chosen))
    for problem in found:
        print(f"{chosen.site}: {problem}", file=sys.stderr)
    print(f"{chosen.site}: {len(found)} problems")
    return bool(found)


def problems(chosen):
    """What is wrong with a site of the report, a line each."""
    site, phantom = chosen.site, chosen.source == "phantom"
    yield from check.problems(site)
    yield from check_record(site, chosen.record)
    yield from check_results(site, chosen.source, chosen.profile, chosen.fingerprint)
    yield from check_pages(site, phantom, bool(chosen.source))
    yield from check_explorers(site, bool(chosen.source))
    yield from check_weights(site)
    yield from check_reference(site, phantom)
    yield from check_pdf(site, phantom)


def check_record(site, record):
    """It is in the site byte for byte, as its checksums say, with the numbers of all that pages show."""
    own = site / "record"
    here, there = (
        {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        for folder in (own, record)
    )
    for name in sorted(here ^ there):
        yield f"record/{name} is {'not in ' + str(record) if name in here else 'missing'}"
    for name in sorted(here & there):
        if (own / name).read_bytes() != (record / name).read_bytes():
            yield f"record/{name} differs from {record / name}"
    sums = dict(
        line.split("  ", 1)[::-1]
        for line in (own / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    )
    for name, expected in sums.items():
        content = (own / name).read_bytes() if name in here else b""
        if hashlib.sha256(content).hexdigest() != expected:
            yield f"record/{name} has another checksum than SHA256SUMS says"
    for name in (
        "results.json",
        *(name for name in sorted(here) if name.startswith("predictions/")),
    ):
        if not (site / name).is_file() or (site / name).read_bytes() != (own / name).read_bytes():
            yield f"{name} is not the record's"
    for page in check.read_pages(site).values():
        for anchor in sorted(one for one in page.ids if re.match(r"(fig|tbl)-[a-z0-9-]+$", one)):
            folder = "figures" if anchor.startswith("fig-") else "tables"
            if not OF_NO_RECORD.fullmatch(anchor) and f"{folder}/{anchor}.csv" not in sums:
                yield f"{page.name} shows {anchor}, and the record has no {folder}/{anchor}.csv"


def check_results(site, source, profile, fingerprint):
    results = json.loads((site / "results.json").read_text(encoding="utf-8"))
    if results["schema"] != 2:
        yield f"schema {results['schema']}, expected 2"
    if results["data"]["source"] == "phantom" or source:
        expected = source or "real data"
        if results["data"]["source"] != expected:
            yield f"data source {results['data']['source']}, expected {expected}"
    if profile and results["profile"] != profile:
        yield f"profile {results['profile']}, expected {profile}"
    if fingerprint and results["data"]["fingerprint"] != fingerprint:
        yield f"fingerprint {results['data']['fingerprint']}"
    if tuple(results["models"]) != MODELS:
        yield f"models {list(results['models'])}"
    for name, model in results["models"].items():
        if model["status"] == "not run":
            if not model["reason"]:
                yield f"{name} was not run, and no reason is given"
            continue
        for block in ("test", "test_at_half"):
            if set(model[block]) != METRICS:
                yield f"{name}: {block} holds {sorted(model[block])}"
            for metric, value in model[block].items():
                undefined = (
                    value["mean"] is None and results["profile"] == "smoke"
                )  # one class is never called
                if not undefined and not 0 <= (-1 if value["mean"] is None else value["mean"]) <= 1:
                    yield f"{name}: {block} {metric} is {value['mean']}"
        for seed in model["seeds"]:
            path = site / "predictions" / f"{name}-s{seed}.csv"
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.reader(file))
            if len(rows) != sum(results["data"]["counts"]["test"].values()):
                yield f"{path.name} has {len(rows)} lines"
    ran = [name for name, model in results["models"].items() if model["status"] == "ok"]
    if len(results["ablations"]) < 3:
        yield f"only {len(results['ablations'])} ablations"
    if len(ran) < 5:
        yield f"only {ran} were run"
    if results["models"]["simple-cnn"]["parameters"] != 93_249:
        yield "SimpleCNN does not have 93,249 parameters"
    if not results["claims"]:
        yield "no claims"
    if not (site / ".nojekyll").is_file():
        yield ".nojekyll is missing"


def check_pages(site, phantom, images):
    pages = check.read_pages(site)
    for page in pages.values():
        says = PHANTOM in page.text.lower()
        if phantom and page.name.removesuffix(".html") in ANCHORS and not says:
            yield f"{page.name} does not say {PHANTOM!r}"
        if not phantom and says:
            yield f"{page.name} says {PHANTOM!r}"
    for name, anchors in ANCHORS.items():
        page = pages.get(f"{name}.html")
        missing = set(anchors) - (page.ids if page else set()) - (set() if images else OF_IMAGES)
        if missing:
            yield f"{name}.html lacks {sorted(missing)}"


def check_explorers(site, images):
    """They count as results.json does, and nothing of them shows before their script has started."""
    results = json.loads((site / "results.json").read_text(encoding="utf-8"))
    for page, name in (("usefulness", "threshold"), ("cases", "case")):
        soup = BeautifulSoup((site / f"{page}.html").read_text(encoding="utf-8"), "lxml")
        if f"{name}-explorer" in OF_IMAGES and not images:
            continue
        if not soup.find(id=f"{name}-explorer").has_attr("hidden"):
            yield f"{page}.html shows its explorer before the script has started"
        script = soup.find("script", src="explorer.js")
        if not script or not (site / "explorer.js").is_file():
            yield f"{page}.html has no explorer.js"
        data = json.loads(soup.find(id=f"{name}-data").string)
        for model in data["models"]:
            packed = base64.b64decode(model["probabilities"])
            scores = struct.unpack(f"<{len(packed) // 8}d", packed)
            for point in results["models"][model["name"]]["operating_points"]:
                threshold = model["thresholds"][point["id"]]
                counts = Counter(
                    f"{'true' if (score >= threshold) == label else 'false'}_"
                    f"{'positive' if score >= threshold else 'negative'}"
                    for label, score in zip(data["labels"], scores, strict=True)
                )
                if any(counts[cell] != count for cell, count in point["counts"].items()):
                    yield f"{page}.html counts {model['name']} at {point['id']} otherwise"


def check_weights(site):
    """No page is heavy with all that it loads, the portable engine's frame included."""
    frame = sum(path.stat().st_size for path in (site / "site_libs").glob("*.*"))
    for page in check.read_pages(site).values():
        weight = check.weight(page, site) + frame
        if weight > check.HEAVIEST:
            yield f"{page.name} weighs {weight // 1000} KB with its frame"


def check_reference(site, phantom):
    """The one page that is of real data on every site says so, and holds the reference's numbers."""
    soup = BeautifulSoup((site / "reference.html").read_text(encoding="utf-8"), "lxml")
    text = " ".join(soup.find("main").get_text(" ").split())
    if phantom and "This page alone is about the real data" not in text:
        yield "reference.html does not say that it alone is of real data"
    if not REFERENCE.is_file():
        if "No reference study" not in text:
            yield "reference.html does not say that there is no reference study"
        return
    results = json.loads(REFERENCE.read_text(encoding="utf-8"))
    if results["data"]["fingerprint"] not in text:
        yield "reference.html lacks the reference's fingerprint"
    for name, model in results["models"].items():
        for block in ("test", "test_at_half") if model["status"] == "ok" else ():
            for metric, value in model[block].items():
                if value["mean"] is not None and f"{value['mean']:.3f}" not in text:
                    yield f"reference.html lacks {name}'s {block} {metric}, {value['mean']:.3f}"
    if soup.find(id="tbl-reference-difference") and phantom:
        yield "reference.html sets the phantom's numbers beside the reference's"


@cache
def read_pdf(path):
    """The text of each page of a PDF."""
    return [page.extract_text() for page in PdfReader(path).pages]


def check_pdf(site, phantom):
    path = site / "report.pdf"
    if not path.is_file():
        yield "report.pdf is missing"
        return
    pages = read_pdf(path)
    flat = " ".join(" ".join(pages).split())
    if len(pages) < 8:
        yield f"report.pdf has {len(pages)} pages"
    if (PHANTOM in flat.lower()) != phantom:
        yield f"report.pdf {'lacks' if phantom else 'says'} {PHANTOM!r}"
    for sign in ("{{", "{%", "?@", "CC BY 4.0"):
        if (sign in flat) != (sign == "CC BY 4.0"):
            yield f"report.pdf: {sign!r} is wrong"


if __name__ == "__main__":
    sys.exit(main())
