"""Machine-readable metadata of software, data and models: CodeMeta, Croissant, a Hugging Face card.

The words come from the report's fragments, the numbers from the record.
"""

import json
import re
from typing import Any

import yaml

from pneumo.pages import fragments
from pneumo.record import Record
from pneumo.record.answers import Model
from report.engine.citation_forms import (
    Citation,
    bibtex,
    kept,
    schema_org,
    schema_org_sources,
)
from report.engine.plain import templates

_CITED = re.compile(r" ?\[@[^\]]*\]|[*`]")
_POINTS = re.compile(r"@(sec|tbl|fig)-")  # marks sentences that make no sense outside the report
# Hugging Face's names of the record's metrics.
_METRICS = {"auc": "roc_auc", "accuracy": "accuracy", "recall": "recall", "specificity": "specificity",
            "precision": "precision", "f1": "f1", "brier": "brier_score"}  # fmt: skip


def codemeta(citation: Citation) -> str:
    """`codemeta.json`, version 3, about the software."""
    content = kept(
        **{"@context": "https://w3id.org/codemeta/3.0"},
        **schema_org(citation, "SoftwareSourceCode"),
        identifier=citation.doi_url or citation.name,
        alternateName=citation.name,
        description=citation.book.description,
        programmingLanguage="Python",
        runtimePlatform=f"Python {citation.python}" if citation.python else "",
        softwareRequirements=list(citation.requires),
        codeRepository=citation.book.repo_url,
        referencePublication=schema_org_sources(citation),
    )
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def croissant(citation: Citation, record: Record) -> str:
    """Croissant 1.1, with its responsible-AI part: the file of images and the list of cases."""
    about, data = record.about, record.data
    sheet = _sheet(record)
    source = citation.sources[0]
    limits = fragments.render(record, "data-limits", audit=record.data_audit)
    md5 = record.results["about"]["md5"][str(data.size)]
    template = templates().get_template("croissant.json.j2")
    fixed = template.render(about=about, md5=md5, sha256=record.sums["labels.csv"])
    content = json.loads(fixed) | kept(
        name=about.title,
        description=f"{sheet['Motivation']} {data.total()} images of {data.size}×{data.size} pixels.",
        citeAs=f"https://doi.org/{source['DOI']}" if "DOI" in source else source["title"],
        creator=[
            {"@type": "sc:Person", "name": f"{person.get('given', '')} {person['family']}".strip()}
            for person in source["author"]
            if "family" in person
        ],
        datePublished=str(source["issued"]["date-parts"][0][0]),
        keywords=list(citation.keywords),
        **{
            "rai:dataCollection": sheet["Collection"],
            "rai:dataPreprocessingProtocol": sheet["Preprocessing and labels"],
            "rai:dataAnnotationProtocol": _plain(fragments.render(record, "labels")),
            "rai:dataUseCases": sheet["Uses"],
            "rai:dataLimitations": list(filter(None, map(_plain, re.split(r"\n+\* ", limits)))),
            "rai:dataBiases": _plain(fragments.render(record, "framing", framing=record.framing)),
            "rai:personalSensitiveInformation": _plain(fragments.render(record, "ethics")),
            "rai:dataReleaseMaintenancePlan": sheet["Maintenance"],
        },
    )
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def model_card(citation: Citation, record: Record) -> str:
    """A model card for Hugging Face, with every model's results on the test set."""
    about = record.about
    models = [model for model in record.models.values() if model.ran]
    head = kept(
        license=(citation.licenses or ["other"])[0].lower(),
        library_name=citation.name,
        pipeline_tag="image-classification",
        tags=[*citation.keywords, "not-for-clinical-use"],
        datasets=[about.name],
        metrics=sorted(_METRICS.values()),
        **{"model-index": [_results(record, model) for model in models]},
    )
    words = {
        name.replace("-", "_"): _plain(fragments.render(record, name))
        for name in ("conclusion", "out-of-scope", "ethics")
    }
    body = fragments.render(
        record, "hub-card", citation=citation, ran=models, bibtex=bibtex(citation),
        collection=_sheet(record)["Collection"], **words,
    )  # fmt: skip
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=110)
    return f"---\n{text}---\n\n{body}"


def _results(record: Record, model: Model) -> dict[str, Any]:
    """A model's entry in Hugging Face's model index."""
    data = record.data
    title = f"{record.about.title}, {data.size}×{data.size}"
    metrics = [
        {"type": _METRICS[name], "value": round(found.value, 4), "name": f"{name} at 0.5"}
        for name, found in model.test_at_half.items()
    ]
    result = {
        "task": {"type": "image-classification"},
        "dataset": {"name": title, "type": data.dataset, "split": "test"},
        "metrics": metrics,
    }
    return {"name": model.title, "results": [result]}


def _sheet(record: Record) -> dict[str, str]:
    """The data sheet's paragraphs by topic."""
    text = fragments.render(record, "data-sheet")
    found = re.findall(r"^\*\*(.+?)\.\*\* (.+)$", text, flags=re.MULTILINE)
    return {name: _plain(words) for name, words in found}


def _plain(text: str) -> str:
    """Markdown as plain text, without citations and without sentences that refer to the report."""
    sentences = re.split(r"(?<=[.:]) +", " ".join(text.split()))
    alone = " ".join(one for one in sentences if not _POINTS.search(one))
    return _CITED.sub("", alone).strip(" *")
