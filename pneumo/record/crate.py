"""Who made a record from what, as RO-Crate metadata with the Process Run Crate profile."""

import json
import mimetypes
from collections.abc import Mapping
from typing import Any

FILE = "ro-crate-metadata.json"
_CONTEXT = "https://w3id.org/ro/crate/1.1/context"
_CONFORMS = "https://w3id.org/ro/crate/1.1"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_REPOSITORY = "https://medmnist.com/"


def describe(results: Mapping[str, Any], contents: Mapping[str, bytes]) -> bytes:
    """The metadata of a record: its files, the software, the data, and the action that joins them.

    Args:
        results: the content of `results.json`.
        contents: every other file's bytes, by name.
    """
    provenance, data = results["provenance"], results["data"]
    names = sorted(contents)
    graph: list[dict[str, Any]] = [
        {
            "@id": FILE, "@type": "CreativeWork", "about": {"@id": "./"},
            "conformsTo": {"@id": _CONFORMS},
        },
        {
            "@id": "./", "@type": "Dataset",
            "name": f"Record of a study of {data['dataset']}, {data['size']}×{data['size']} pixels",
            "description": f"Profile {results['profile']}: predictions, histories and results, as numbers.",
            "datePublished": results["written"],
            "license": {"@id": "https://spdx.org/licenses/MIT"},
            "conformsTo": {"@id": _PROFILE},
            "hasPart": [{"@id": name} for name in names],
            "mentions": {"@id": "#study"},
        },
        {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {
            "@id": "#pneumo", "@type": "SoftwareApplication", "name": "pneumo",
            "softwareVersion": provenance["pneumo"],
        },
        {
            "@id": "#data", "@type": "Dataset", "name": data["dataset"], "url": _REPOSITORY,
            "identifier": f"sha256:{data['fingerprint']}",
        },
        {
            "@id": "#study", "@type": "CreateAction", "name": "pneumo study",
            "endTime": results["written"],
            "instrument": {"@id": "#pneumo"}, "object": {"@id": "#data"},
            "result": [{"@id": name} for name in names],
            "description": f"{len(provenance['runs'])} training runs.",
        },
        *(
            {
                "@id": name, "@type": "File", "contentSize": len(contents[name]),
                "encodingFormat": mimetypes.guess_type(name)[0] or "application/octet-stream",
            }
            for name in names
        ),
    ]  # fmt: skip
    crate = {"@context": _CONTEXT, "@graph": graph}
    return (json.dumps(crate, indent=1, ensure_ascii=False) + "\n").encode()
