"""Citation formats: CFF, Zenodo, BibTeX, and tags for a page's head."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

import yaml

from report.engine.config import Author, Book
from report.engine.plain import templates

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
    def doi_url(self) -> str:
        """The address of its DOI; "" without one."""
        return f"https://doi.org/{self.book.doi}" if self.book.doi else ""

    @property
    def pdf_url(self) -> str:
        """The address of its PDF; "" if the site has no address, or no PDF."""
        site, pdf = self.book.site_url, self.book.pdf
        return f"{site}{pdf}" if site and pdf else ""

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
        "url": citation.book.site_url,
        "repository-code": citation.book.repo_url,
        "references": [_cff_reference(source) for source in citation.sources],
    })  # fmt: skip
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
    return f"# Written by `nox -s cite`.\n{text}"


def zenodo(citation: Citation) -> str:
    """`.zenodo.json`, which Zenodo reads when it archives a release."""
    related = [(source.get("DOI"), "references", "doi") for source in citation.sources]
    related += [(citation.book.site_url, "isDocumentedBy", "url")]
    related += [(citation.book.repo_url, "isSupplementTo", "url")]
    content = {
        "upload_type": "software",
        "title": citation.title,
        "description": f"<p>{escape(citation.book.description, quote=False)}</p>",
        "creators": [
            kept(
                name=author.inverted, affiliation="; ".join(author.affiliations), orcid=author.orcid
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
    authors = [
        one.inverted.translate(_TEX) if one.family else f"{{{one.name.translate(_TEX)}}}"
        for one in citation.book.authors
    ]
    fields = {
        "title": f"{{{citation.title.translate(_TEX)}}}",  # unchanged in any style
        "author": " and ".join(authors),
        "year": str(citation.date.year),
        "month": str(citation.date.month),
        "note": f"Reproducible report, software version {citation.version}".translate(_TEX),
        "doi": citation.book.doi,
        "url": citation.book.site_url or citation.book.repo_url,
    }
    # Quotation marks, since two braces in a row look like an unfilled template on a page.
    lines = [
        f'  {name:<6} = "{" ".join(value.split())}"' for name, value in fields.items() if value
    ]
    return f"@misc{{{citation.name},\n" + ",\n".join(lines) + "\n}\n"


def header(citation: Citation) -> str:
    """Highwire tags and a schema.org description for the head of every page."""
    pdf = {
        "@type": "MediaObject",
        "contentUrl": citation.pdf_url,
        "encodingFormat": "application/pdf",
    }
    described = kept(
        **{"@context": "https://schema.org", "@id": citation.doi_url},
        **schema_org(citation, "Report"),
        abstract=citation.book.description,
        inLanguage=citation.book.lang,
        isAccessibleForFree=True,
        encoding=pdf if citation.pdf_url else "",
        isBasedOn=schema_org_sources(citation),
    )
    template = templates(autoescape=True).get_template("citation.html.j2")
    return template.render(citation=citation, described=described) + "\n"


def schema_org(citation: Citation, kind: str) -> dict[str, Any]:
    """What both a report and a software are described by, for schema.org and CodeMeta."""
    return {
        "@type": kind,
        "name": citation.title,
        "author": [_schema_org_author(author) for author in citation.book.authors],
        "datePublished": citation.book.date,
        "version": citation.version,
        "license": license_urls(citation),
        "keywords": list(citation.keywords),
        "url": citation.book.site_url,
    }


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


def _schema_org_author(author: Author) -> dict[str, Any]:
    places = [{"@type": "Organization", "name": place} for place in author.affiliations]
    return kept(
        **{"@type": "Person" if author.family else "Organization", "@id": author.orcid_url},
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
        orcid=author.orcid_url,
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
