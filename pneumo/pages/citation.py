"""How to cite the report, from the project's metadata files."""

import json
from typing import Any

from pneumo.base import paths


def citation() -> dict[str, Any]:
    """Zenodo's metadata as `citation` and the BibTeX entry as `bibtex`, for the fragment `cite`."""
    metadata = (paths.files() / ".zenodo.json").read_text(encoding="utf-8")
    entry = (paths.citation() / "pneumo.bib").read_text(encoding="utf-8")
    return {"citation": json.loads(metadata), "bibtex": entry.rstrip()}
