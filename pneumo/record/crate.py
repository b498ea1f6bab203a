"""How a record was made, as RO-Crate metadata with the Process Run Crate profile."""

import json
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

FILE = "ro-crate-metadata.json"
_CONTEXT = "https://w3id.org/ro/crate/1.2/context"
_CONFORMS = "https://w3id.org/ro/crate/1.2"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_LICENCE = "https://spdx.org/licenses/MIT"
_REPOSITORY = "https://medmnist.com/"
_PACKAGE = "https://pypi.org/project/pneumo/"  # the name under which it installs
_COMMIT = re.compile(r"[0-9a-f]{40}")  # of a working tree without changes
# What a file holds, by its folder or name.
_HOLDS = {
    "results.json": "All that the pages say in words.",
    "labels.csv": "Label and SHA-256 of every validation and test image.",
    "maps.npz": "Grad-CAM cells and filters of the first layer.",
    "predictions": "A run's probability for every test image.",
    "validation": "A run's probability for every validation image.",
    "histories": "A training epoch by epoch.",
    "figures": "The numbers that a figure shows.",
    "tables": "The numbers that a table shows.",
    "external": "Labels of images from elsewhere, or a run's probabilities for them.",
}
# Media types, the same on every machine.
_FORMATS = {".csv": "text/csv", ".json": "application/json", ".npz": "application/zip"}


def describe(results: Mapping[str, Any], contents: Mapping[str, bytes]) -> bytes:
    """Describe a record: its files, the software, the data, and the action that links them.

    The commits of the code are named by their SWHID (ISO/IEC 18670), which for a Git commit is its hash:
    whoever has the history, or Software Heritage, finds the code by it.

    Args:
        results: the content of `results.json`.
        contents: every other file's bytes, by name.
    """
    provenance, data = results["provenance"], results["data"]
    names = sorted(contents)
    commits = {run["git_commit"] for run in provenance["runs"] if run["git_commit"]}
    title = f"Record of a study of {data['dataset']}, {data['size']}×{data['size']} pixels"
    graph: list[dict[str, Any]] = [
        {
            "@id": FILE, "@type": "CreativeWork", "about": {"@id": "./"},
            "conformsTo": {"@id": _CONFORMS},
        },
        {
            "@id": "./", "@type": "Dataset", "name": title,
            "description": f"Profile {results['profile']}: predictions, histories and results, as numbers.",
            "datePublished": results["written"],
            "license": {"@id": _LICENCE},
            "conformsTo": {"@id": _PROFILE},
            "hasPart": [{"@id": name} for name in names],
            "mentions": {"@id": "#study"},
        },
        {
            "@id": _PROFILE, "@type": ["CreativeWork", "Profile"], "name": "Process Run Crate",
            "version": "0.5",
        },
        {
            "@id": _LICENCE, "@type": "CreativeWork", "name": "MIT License",
            "description": "A permissive licence: use, change and distribution with its text.",
        },
        {
            "@id": _PACKAGE, "@type": "SoftwareApplication", "name": "pneumo", "url": _PACKAGE,
            "version": provenance["pneumo"],
            "identifier": [f"swh:1:rev:{one}" for one in sorted(commits) if _COMMIT.fullmatch(one)],
        },
        {
            "@id": "#data", "@type": "Dataset", "name": data["dataset"], "url": _REPOSITORY,
            "description": "The images and labels, which are not in the record.",
            "identifier": f"sha256:{data['fingerprint']}",
        },
        {
            "@id": "#study", "@type": "CreateAction", "name": "pneumo study",
            "endTime": results["written"], "actionStatus": "http://schema.org/CompletedActionStatus",
            "instrument": {"@id": _PACKAGE}, "object": {"@id": "#data"},
            "result": [{"@id": name} for name in names],
            "description": f"{len(provenance['runs'])} training runs.",
        },
        *(
            {
                "@id": name, "@type": "File", "name": name, "contentSize": str(len(contents[name])),
                "encodingFormat": _FORMATS.get(PurePath(name).suffix, "application/octet-stream"),
                "description": _HOLDS.get(name.partition("/")[0], "A file of the record."),
            }
            for name in names
        ),
    ]  # fmt: skip
    crate = {"@context": _CONTEXT, "@graph": graph}
    return (json.dumps(crate, indent=1, ensure_ascii=False) + "\n").encode()
