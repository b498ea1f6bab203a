"""Citation formats: CFF, Zenodo, BibTeX, and tags for a page's head."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

import yaml

from report.engine.config import Author, Book

# BibTeX counts braces, even after a backslash, and ends a value at a quotation mark outside braces.
_TEX = str.maketrans({sign: f"\\{sign}" for sign in "&%$#_"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", '"': '{"}',
    "{": r"\textbraceleft{}", "}": r"\textbraceright{}",
})  # fmt: skip


@dataclass(frozen=True)
class Citation:
    """The facts needed to cite the report."""

    book: Book
    name: str  # the package's, and the key in BibTeX
    version: str
    license: str  # an SPDX expression
    python: str  # the versions that it runs on
    requires: tuple[str, ...]  # the packages that it needs
    keywords: tuple[str, ...]
    sources: tuple[Mapping[str, Any], ...]  # works of the bibliography, as CSL JSON

    @property
    def title(self) -> str:
        """The title with the subtitle."""
        return ": ".join(filter(None, (self.book.title, self.book.subtitle)))

    @property
    def date(self) -> date:
        """When it was published."""
        return date.fromisoformat(self.book.date)

    @property
    def site_url(self) -> str:
        """The site's address with a slash at the end; "" if there is none."""
        return f"{self.book.site_url.rstrip('/')}/" if self.book.site_url else ""

    @property
    def licenses(self) -> list[str]:
        """The licences from which a user chooses one; empty for expressions with AND or WITH."""
        names = self.license.strip("()").split(" OR ")
        return [] if any(" " in name for name in names) else names


def cff(citation: Citation) -> str:
    """`CITATION.cff` in version 1.2.0 of the Citation File Format."""
    content = kept(**{
        "cff-version": "1.2.0",
        "message": "Please cite the report together with the data that it stands on.",
        "type": "software",
        "title": citation.title,
        "abstract": citation.book.description,
        "authors": [_cff_author(author) for author in citation.book.authors],
        "version": citation.version,
        "date-released": citation.date,
        "license": _one_or_more(citation.licenses),
        "keywords": list(citation.keywords),
        "doi": citation.book.doi,
        "url": citation.site_url,
        "repository-code": citation.book.repo_url,
        "references": [_cff_reference(source) for source in citation.sources],
    })  # fmt: skip
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    return f"# Written by `nox -s cite`.\n{text}"


def zenodo(citation: Citation) -> str:
    """`.zenodo.json`, which Zenodo reads when it archives a release."""
    related = [(source.get("DOI"), "references", "doi") for source in citation.sources]
    related += [(citation.site_url, "isDocumentedBy", "url")]
    related += [(citation.book.repo_url, "isSupplementTo", "url")]
    content = {
        "upload_type": "software",
        "title": citation.title,
        "description": f"<p>{escape(citation.book.description, quote=False)}</p>",
        "creators": [
            kept(
                name=_inverted(author),
                affiliation="; ".join(author.affiliations),
                orcid=author.orcid,
            )
            for author in citation.book.authors
        ],
        "version": citation.version,
        "publication_date": citation.book.date,
        "license": citation.licenses[0] if len(citation.licenses) == 1 else "",
        "access_right": "open",
        "keywords": list(citation.keywords),
        "doi": citation.book.doi,
        "related_identifiers": [
            {"identifier": identifier, "relation": relation, "scheme": scheme}
            for identifier, relation, scheme in related
            if identifier
        ],
    }
    return json.dumps(kept(**content), ensure_ascii=False, indent=2) + "\n"


def bibtex(citation: Citation) -> str:
    """An entry for BibTeX."""
    fields = {
        "title": f"{{{citation.title.translate(_TEX)}}}",  # unchanged in any style
        "author": " and ".join(
            f"{{{author.name.translate(_TEX)}}}"
            if not author.family
            else _inverted(author).translate(_TEX)
            for author in citation.book.authors
        ),
        "year": str(citation.date.year),
        "month": str(citation.date.month),
        "note": f"Reproducible report, software version {citation.version}".translate(_TEX),
        "doi": citation.book.doi,
        "url": citation.site_url or citation.book.repo_url,
    }
    # Quotation marks, since two braces in a row look like an unfilled template on a page.
    lines = [
        f'  {name:<6} = "{" ".join(value.split())}"' for name, value in fields.items() if value
    ]
    return f"@misc{{{citation.name},\n" + ",\n".join(lines) + "\n}\n"


def header(citation: Citation) -> str:
    """Highwire tags and a schema.org description for the head of every page."""
    tags: list[tuple[str, str]] = [("citation_title", citation.title)]
    for author in citation.book.authors:
        tags.append(("citation_author", author.name))
        tags += [("citation_author_institution", place) for place in author.affiliations]
        tags += [("citation_author_orcid", orcid_url(author))] if author.orcid else []
    tags += [
        ("citation_publication_date", f"{citation.date:%Y/%m/%d}"),
        ("citation_language", citation.book.lang),
        ("citation_abstract", citation.book.description),
        *(("citation_keywords", keyword) for keyword in citation.keywords),
        ("citation_doi", citation.book.doi),
    ]
    if citation.site_url:  # these must be absolute addresses
        tags.append(("citation_fulltext_html_url", citation.site_url))
        if citation.book.pdf:
            tags.append(("citation_pdf_url", citation.site_url + citation.book.pdf))
    lines = [f'<meta name="{name}" content="{escape(value)}">' for name, value in tags if value]
    described = json.dumps(_schema_org(citation), ensure_ascii=False, indent=1)
    # A script ends at the first `</`, even within a string.
    script = described.replace("<", r"\u003c")
    return "\n".join([*lines, f'<script type="application/ld+json">\n{script}\n</script>', ""])


def _schema_org(citation: Citation) -> dict[str, Any]:
    doi = f"https://doi.org/{citation.book.doi}" if citation.book.doi else ""
    pdf = citation.site_url + citation.book.pdf if citation.site_url and citation.book.pdf else ""
    return kept(
        **{"@context": "https://schema.org", "@type": "Report", "@id": doi},
        name=citation.title,
        abstract=citation.book.description,
        author=[schema_org_author(author) for author in citation.book.authors],
        datePublished=citation.book.date,
        version=citation.version,
        license=license_urls(citation),
        keywords=list(citation.keywords),
        inLanguage=citation.book.lang,
        isAccessibleForFree=True,
        url=citation.site_url,
        encoding=pdf
        and {"@type": "MediaObject", "contentUrl": pdf, "encodingFormat": "application/pdf"},
        isBasedOn=schema_org_sources(citation),
    )


def schema_org_sources(citation: Citation) -> list[dict[str, Any]]:
    """The works that a report is based on, for schema.org."""
    return [
        kept(
            **{"@type": "ScholarlyArticle"},
            name=source["title"],
            **{"@id": f"https://doi.org/{source['DOI']}" if "DOI" in source else ""},
        )
        for source in citation.sources
    ]


def schema_org_author(author: Author) -> dict[str, Any]:
    """A person or an organisation, for schema.org."""
    places = [{"@type": "Organization", "name": place} for place in author.affiliations]
    return kept(
        **{"@type": "Person" if author.family else "Organization", "@id": orcid_url(author)},
        name=author.name,
        givenName=author.given,
        familyName=author.family,
        affiliation=places,
        url=author.url,
    )


def _cff_author(author: Author) -> dict[str, Any]:
    names = {"family-names": author.family, "given-names": author.given}
    return kept(
        **(names if author.family else {"name": author.name}),
        affiliation="; ".join(author.affiliations) if author.family else "",
        orcid=orcid_url(author),
        email=author.email,
        website=author.url,
    )


def _cff_reference(source: Mapping[str, Any]) -> dict[str, Any]:
    authors = [
        kept(**{"family-names": person.get("family"), "given-names": person.get("given"),
                 "name": person.get("literal")})
        for person in source["author"]
    ]  # fmt: skip
    # "others" at the end of a list of authors means "et al.", which the format can't express.
    return kept(
        type="article",
        title=source["title"],
        authors=[one for one in authors if one != {"name": "others"}],
        journal=source.get("container-title"),
        volume=source.get("volume"),
        year=source["issued"]["date-parts"][0][0],
        doi=source.get("DOI"),
    )


def license_urls(citation: Citation) -> str | list[str]:
    """SPDX's address of each licence; the expression itself if it is not a choice of licences."""
    urls = [f"https://spdx.org/licenses/{name}" for name in citation.licenses]
    return _one_or_more(urls) or citation.license


def _one_or_more(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def kept(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value}


def _inverted(author: Author) -> str:
    """A name with the family name first; an organisation's name unchanged."""
    return f"{author.family}, {author.given}" if author.given else author.family or author.name


def orcid_url(author: Author) -> str:
    """The address of an author's ORCID; "" without one."""
    return f"https://orcid.org/{author.orcid}" if author.orcid else ""
