"""How the report is cited: one description of it, in each of the forms in which it is asked for.

What is said comes from `report/_quarto.yml` (title, authors, date, description, addresses, DOI), from
`pyproject.toml` (version, licence, keywords) and, for the data, from the bibliography.
`python -m report.engine.citation` writes the files of :data:`FORMS`; `--check` says which are behind.
"""

import argparse
import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

import pypandoc
import yaml

from pneumo.base import paths, storage, streams
from pneumo.base.errors import PneumoError
from report.engine.config import Author, read_book
from report.engine.plain import read_text

# Keys of the bibliography: what the report stands on, and asks to be cited with it.
SOURCES = ("yang2023", "kermany2018")
# BibTeX counts braces, also those behind a backslash, and ends at a quotation mark that stands in none.
_TEX = str.maketrans({sign: f"\\{sign}" for sign in "&%$#_"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", '"': '{"}',
    "{": r"\textbraceleft{}", "}": r"\textbraceright{}",
})  # fmt: skip


class CitationError(PneumoError):
    """A project that can't be cited: something is not said, or said in two ways."""


@dataclass(frozen=True)
class Citation:
    """What one needs to know to cite the report."""

    name: str  # the package's, and the key in BibTeX
    title: str  # with the subtitle
    description: str
    authors: tuple[Author, ...]
    date: date
    version: str
    license: str  # as SPDX names it
    keywords: tuple[str, ...]
    lang: str
    doi: str
    site_url: str  # ends with a slash, or is empty
    repo_url: str
    pdf: str | None  # the file's name
    sources: tuple[Mapping[str, Any], ...]  # works of the bibliography, as CSL JSON


def read(project: Path) -> Citation:
    """How the report of a checkout is cited.

    Args:
        project: the folder of `pyproject.toml` and `report/`.

    Raises:
        CitationError: there is no date or description, or the two files name other authors.
        RenderError: `_quarto.yml` is not as it should be.
    """
    book = read_book(project / "report")
    package = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [author["name"] for author in package["authors"]]
    if named != [author.name for author in book.authors]:
        raise CitationError(
            f"pyproject.toml names {', '.join(named)} as authors, "
            f"_quarto.yml {', '.join(author.name for author in book.authors) or 'nobody'}"
        )
    if not book.description:
        raise CitationError("_quarto.yml has no description")
    try:
        published = date.fromisoformat(book.date)
    except ValueError:
        problem = f"_quarto.yml must give the date as in 2026-01-31; found {book.date!r}"
        raise CitationError(problem) from None
    return Citation(
        name=package["name"],
        title=": ".join(filter(None, (book.title, book.subtitle))),
        description=book.description,
        authors=book.authors,
        date=published,
        version=package["version"],
        license=package["license"],
        keywords=tuple(package.get("keywords", ())),
        lang=book.lang,
        doi=book.doi,
        site_url=f"{book.site_url.rstrip('/')}/" if book.site_url else "",
        repo_url=book.repo_url,
        pdf=book.pdf,
        sources=_sources(book.bibliography),
    )


def cff(citation: Citation) -> str:
    """`CITATION.cff` in version 1.2.0 of the Citation File Format."""
    content = _kept(**{
        "cff-version": "1.2.0",
        "message": "Please cite the report together with the data that it stands on.",
        "type": "software",
        "title": citation.title,
        "abstract": citation.description,
        "authors": [_cff_author(author) for author in citation.authors],
        "version": citation.version,
        "date-released": citation.date,
        "license": citation.license,
        "keywords": list(citation.keywords),
        "doi": citation.doi,
        "url": citation.site_url,
        "repository-code": citation.repo_url,
        "references": [_cff_reference(source) for source in citation.sources],
    })  # fmt: skip
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    return f"# Written by `python -m report.engine.citation`.\n{text}"


def zenodo(citation: Citation) -> str:
    """`.zenodo.json`, from which Zenodo describes a release that it archives."""
    related = [(source.get("DOI"), "references", "doi") for source in citation.sources]
    related += [(citation.site_url, "isDocumentedBy", "url")]
    related += [(citation.repo_url, "isSupplementTo", "url")]
    content = {
        "upload_type": "software",
        "title": citation.title,
        "description": f"<p>{escape(citation.description, quote=False)}</p>",
        "creators": [
            _kept(
                name=_inverted(author),
                affiliation="; ".join(author.affiliations),
                orcid=author.orcid,
            )
            for author in citation.authors
        ],
        "version": citation.version,
        "publication_date": citation.date.isoformat(),
        "license": citation.license,
        "access_right": "open",
        "keywords": list(citation.keywords),
        "doi": citation.doi,
        "related_identifiers": [
            {"identifier": identifier, "relation": relation, "scheme": scheme}
            for identifier, relation, scheme in related
            if identifier
        ],
    }
    return json.dumps(_kept(**content), ensure_ascii=False, indent=2) + "\n"


def bibtex(citation: Citation) -> str:
    """An entry for BibTeX."""
    fields = {
        "title": f"{{{citation.title.translate(_TEX)}}}",  # as it stands, whatever the style
        "author": " and ".join(
            f"{{{author.name.translate(_TEX)}}}"
            if not author.family
            else _inverted(author).translate(_TEX)
            for author in citation.authors
        ),
        "year": str(citation.date.year),
        "month": str(citation.date.month),
        "note": f"Reproducible report, software version {citation.version}".translate(_TEX),
        "doi": citation.doi,
        "url": citation.site_url or citation.repo_url,
    }
    # Quotation marks, as two braces in a row are what a page with an unfilled template shows.
    lines = [
        f'  {name:<6} = "{" ".join(value.split())}"' for name, value in fields.items() if value
    ]
    return f"@misc{{{citation.name},\n" + ",\n".join(lines) + "\n}\n"


def header(citation: Citation) -> str:
    """What stands in the head of every page: Highwire's tags, and schema.org's description."""
    tags: list[tuple[str, str]] = [("citation_title", citation.title)]
    for author in citation.authors:
        tags.append(("citation_author", author.name))
        tags += [("citation_author_institution", place) for place in author.affiliations]
        tags += [("citation_author_orcid", _orcid_url(author))] if author.orcid else []
    tags += [
        ("citation_publication_date", f"{citation.date:%Y/%m/%d}"),
        ("citation_language", citation.lang),
        ("citation_abstract", citation.description),
        *(("citation_keywords", keyword) for keyword in citation.keywords),
        ("citation_doi", citation.doi),
    ]
    if citation.site_url:  # these must be whole addresses
        tags.append(("citation_fulltext_html_url", citation.site_url))
        if citation.pdf:
            tags.append(("citation_pdf_url", citation.site_url + citation.pdf))
    lines = [f'<meta name="{name}" content="{escape(value)}">' for name, value in tags if value]
    described = json.dumps(_schema_org(citation), ensure_ascii=False, indent=1)
    # A script ends at the first `</`, whatever stands around it.
    script = described.replace("<", r"\u003c")
    return "\n".join([*lines, f'<script type="application/ld+json">\n{script}\n</script>', ""])


FORMS: Mapping[str, Callable[[Citation], str]] = {
    "CITATION.cff": cff,
    ".zenodo.json": zenodo,
    "report/citation/header.html": header,
    "report/citation/pneumo.bib": bibtex,
}


def write(project: Path) -> None:
    """Write the files of :data:`FORMS` in a checkout.

    Raises:
        CitationError, RenderError: as :func:`read`.
    """
    for name in FORMS:  # the project's file names some of them, so they must be there to read it
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    citation = read(project)
    for name, form in FORMS.items():
        (project / name).write_text(form(citation), encoding="utf-8")


def behind(project: Path) -> list[str]:
    """Which of the files are not there, or not what :func:`write` would write.

    Raises:
        CitationError, RenderError: as :func:`read`.
    """
    citation = read(project)
    forms = {project / name: (name, form(citation)) for name, form in FORMS.items()}
    return [
        name
        for path, (name, text) in forms.items()
        if not path.is_file() or read_text(path) != text
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or check them; the exit status is 1 where one is behind or can't be written."""
    streams.forgive()
    os.environ.pop("QUARTO_PROFILE", None)  # the report that is cited is the one of no profile
    parser = argparse.ArgumentParser(prog="python -m report.engine.citation", description=__doc__)
    parser.add_argument("--project", type=Path, default=paths.root(), help="the checkout")
    parser.add_argument("--check", action="store_true", help="only say which files are behind")
    chosen = parser.parse_args(arguments)
    try:
        with storage.told():
            if not chosen.check:
                write(chosen.project)
                return 0
            found = behind(chosen.project)
    except PneumoError as error:
        print(f"citation: {error}", file=sys.stderr)
        return 1
    for name in found:
        told = "is behind: run `python -m report.engine.citation`"
        print(f"citation: {name} {told}", file=sys.stderr)
    return 1 if found else 0


def _sources(bibliography: Sequence[Path]) -> tuple[Mapping[str, Any], ...]:
    entries = {
        entry["id"]: entry
        for path in bibliography
        for entry in json.loads(pypandoc.convert_file(str(path), "csljson", format="bibtex"))
    }
    # CSL marks in a title what keeps its capitals.
    return tuple(
        entries[key] | {"title": re.sub(r"</?span[^>]*>", "", entries[key]["title"])}
        for key in SOURCES
        if key in entries
    )


def _schema_org(citation: Citation) -> dict[str, Any]:
    doi = f"https://doi.org/{citation.doi}" if citation.doi else ""
    pdf = citation.site_url + citation.pdf if citation.site_url and citation.pdf else ""
    return _kept(
        **{"@context": "https://schema.org", "@type": "Report", "@id": doi},
        name=citation.title,
        abstract=citation.description,
        author=[_schema_org_author(author) for author in citation.authors],
        datePublished=citation.date.isoformat(),
        version=citation.version,
        license=f"https://spdx.org/licenses/{citation.license}",
        keywords=list(citation.keywords),
        inLanguage=citation.lang,
        isAccessibleForFree=True,
        url=citation.site_url,
        encoding=pdf
        and {"@type": "MediaObject", "contentUrl": pdf, "encodingFormat": "application/pdf"},
        isBasedOn=[
            _kept(
                **{"@type": "ScholarlyArticle"},
                name=source["title"],
                **{"@id": f"https://doi.org/{source['DOI']}" if "DOI" in source else ""},
            )
            for source in citation.sources
        ],
    )


def _schema_org_author(author: Author) -> dict[str, Any]:
    places = [{"@type": "Organization", "name": place} for place in author.affiliations]
    return _kept(
        **{"@type": "Person" if author.family else "Organization", "@id": _orcid_url(author)},
        name=author.name,
        givenName=author.given,
        familyName=author.family,
        affiliation=places,
        url=author.url,
    )


def _cff_author(author: Author) -> dict[str, Any]:
    names = {"family-names": author.family, "given-names": author.given}
    return _kept(
        **(names if author.family else {"name": author.name}),
        affiliation="; ".join(author.affiliations) if author.family else "",
        orcid=_orcid_url(author),
        email=author.email,
        website=author.url,
    )


def _cff_reference(source: Mapping[str, Any]) -> dict[str, Any]:
    authors = [
        _kept(**{"family-names": person.get("family"), "given-names": person.get("given"),
                 "name": person.get("literal")})
        for person in source["author"]
    ]  # fmt: skip
    # A list of authors that ends with "others" names not all of them; the format has no word for that.
    return _kept(
        type="article",
        title=source["title"],
        authors=[one for one in authors if one != {"name": "others"}],
        journal=source.get("container-title"),
        volume=source.get("volume"),
        year=source["issued"]["date-parts"][0][0],
        doi=source.get("DOI"),
    )


def _kept(**fields: Any) -> dict[str, Any]:
    """What has a value: what is not known is left out, never made up."""
    return {name: value for name, value in fields.items() if value}


def _inverted(author: Author) -> str:
    """Family name first; an organisation's name as it is."""
    return f"{author.family}, {author.given}" if author.given else author.family or author.name


def _orcid_url(author: Author) -> str:
    return f"https://orcid.org/{author.orcid}" if author.orcid else ""


if __name__ == "__main__":
    sys.exit(main())
