"""How the report is cited: all formats agree with each other and with the project's files."""

import html
import json
import re
import tomllib
from pathlib import Path

import pypandoc
import pytest
import yaml
from bs4 import BeautifulSoup
from pypdf import PdfReader

import pneumo
from pneumo.base import paths
from report.engine import citation, site
from report.engine.citation import CitationError
from report.engine.errors import RenderError

ROOT = paths.root()
TITLE = "Tides: what the gauge & the moon say_of it"
DOI = "10.5555/12345678"
ORCID = "0000-0002-1825-0097"
SITE = "https://example.org/tides/"
QUARTO = f"""\
project:
  type: book
  resources: [citation/pneumo.bib]
book:
  title: "Tides"
  subtitle: "what the gauge & the moon say_of it"
  author:
    - name: {{given: Ada, family: de Boer}}
      orcid: {ORCID}
      affiliations: [Harbour School, {{name: "Institute of <Waves>"}}]
    - name: {{literal: The Tide Group}}
  date: "2024-02-09"
  description: "A study of tides </script> & waves."
  doi: https://doi.org/{DOI}
  site-url: https://example.org/tides
  repo-url: https://example.org/code
  output-file: tides
  open-graph: true
  twitter-card: true
  chapters: [index.qmd, moon.qmd]
bibliography: library.bib
lang: en
format:
  html:
    include-in-header:
      - file: citation/header.html
  typst: default
"""
PYPROJECT = """\
[project]
name = "tides"
version = "1.2.3"
license = "MIT"
authors = [{ name = "Ada de Boer" }, { name = "The Tide Group" }]
keywords = ["sea", "shore"]
"""
LIBRARY = """\
@article{yang2023, title={{SeaSet}: tides}, author={Yang, Jian and others}, journal={Sea}, year=2023,
  doi={10.5555/1}}
@book{other, title={Other}, author={Other, A.}, year=2020}
"""


@pytest.fixture
def project(tmp_path):
    """The folder of another report's checkout, by a person with an ORCID and an organisation."""
    folder = tmp_path / "checkout"
    (folder / "report").mkdir(parents=True)
    files = {
        "pyproject.toml": PYPROJECT,
        "report/_quarto.yml": QUARTO,
        "report/library.bib": LIBRARY,
        "report/index.qmd": "# Front {.unnumbered}\n",
        "report/moon.qmd": "# Moon {#sec-moon}\n\nUp.\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def change(project, name, old, new):
    path = project / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def tags_of(soup):
    """A page's tags by name, each with its values in their order."""
    found = {}
    for tag in soup.find_all("meta"):
        found.setdefault(tag.get("name") or tag.get("property"), []).append(tag.get("content"))
    return found


def leaves(value):
    """All values in nested lists and mappings, as texts."""
    parts = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        return [leaf for part in parts for leaf in leaves(part)]
    return [str(value)]


def said_by(path):
    """All facts in a format, read by its own rules; a page's head has two formats."""
    text = path.read_text(encoding="utf-8")
    if path.name == "header.html":
        soup = BeautifulSoup(text, "lxml")
        contents = [[tag["content"] for tag in soup("meta")], json.loads(soup.script.string)]
    elif path.suffix == ".bib":
        contents = [json.loads(pypandoc.convert_text(text, "csljson", format="bibtex"))]
    else:
        contents = [yaml.safe_load(text)]  # JSON is YAML, too
    return [html.unescape(" | ".join(leaves(content))) for content in contents]


# Facts that a format can't express, and a page's tags for Google Scholar.
UNSAID = {
    "pneumo.bib": {"description", "keywords", "licence", "orcids", "date"},
    "header.html": {"version", "licence"},
}


def facts_of(project):
    """The facts in the project's own two files, each a list of texts."""
    book = yaml.safe_load((project / "report/_quarto.yml").read_text(encoding="utf-8"))["book"]
    package = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "title": [f"{book['title']}: {book['subtitle']}"],
        "authors": [word for author in package["authors"] for word in author["name"].split()],
        "orcids": [author["orcid"] for author in book["author"] if "orcid" in author],
        "date": [str(book["date"])],
        "year": [str(book["date"])[:4]],
        "version": [package["version"]],
        "licence": [package["license"]],
        "description": [book["description"]],
        "keywords": package["keywords"],
        "doi": [book["doi"].removeprefix("https://doi.org/")] if "doi" in book else [],
        "url": [f"{book['site-url'].rstrip('/')}/"] if "site-url" in book else [],
    }


def agree(project):
    for name in citation.FORMS:
        for place, said in enumerate(said_by(project / name)):
            unsaid = UNSAID.get(Path(name).name, set()) if not place else set()
            for fact, texts in facts_of(project).items():
                for text in texts if fact not in unsaid else ():
                    assert text.replace("/", "-") in said.replace("/", "-"), (name, fact)


def test_every_form_of_this_reports_citation_says_the_same_and_none_is_behind():
    agree(ROOT)
    assert citation.outdated(ROOT) == []
    cited = citation.read(ROOT)
    assert pneumo.__version__ == cited.version
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").split()[0] == cited.license


def test_every_form_of_a_citation_with_all_that_there_can_be_says_the_same(project):
    citation.write(project)
    agree(project)
    assert facts_of(project)["title"] == [TITLE]
    assert facts_of(project)["orcids"] == [ORCID]
    assert citation.outdated(project) == []


def test_what_is_not_known_is_left_out(project):
    for line in (
        f"      orcid: {ORCID}\n",
        f"  doi: https://doi.org/{DOI}\n",
        "  site-url: https://example.org/tides\n",
        "  repo-url: https://example.org/code\n",
    ):
        change(project, "report/_quarto.yml", line, "")
    citation.write(project)
    agree(project)
    for name in citation.FORMS:
        text = (project / name).read_text(encoding="utf-8")
        assert not re.search(r"orcid|\bNone\b|null|example\.org", text), name
        assert DOI not in text


def test_orcid_doi_and_affiliations_reach_the_citation_file_the_site_and_the_pdf(project, tmp_path):
    citation.write(project)
    cff = yaml.safe_load((project / "CITATION.cff").read_text(encoding="utf-8"))
    author, group = cff["authors"]
    assert author["orcid"] == f"https://orcid.org/{ORCID}"
    assert author["affiliation"] == "Harbour School; Institute of <Waves>"
    assert group == {"name": "The Tide Group"}
    built = site.render(project / "report", tmp_path / "site")
    for page, title in (("index", "Tides"), ("moon", "1 Moon – Tides")):
        front = BeautifulSoup((built / f"{page}.html").read_text(encoding="utf-8"), "lxml")
        about = {"title": [title], "description": ["A study of tides </script> & waves."]}
        wanted = {
            f"{kind}:{name}": said for kind in ("og", "twitter") for name, said in about.items()
        }
        assert tags_of(front).items() >= (wanted | {
            "twitter:card": ["summary"], "og:site_name": ["Tides"], "og:url": [f"{SITE}{page}.html"],
            "author": ["Ada de Boer", "The Tide Group"], "citation_title": [TITLE],
            "citation_author_orcid": [f"https://orcid.org/{ORCID}"], "citation_doi": [DOI],
            "citation_author_institution": ["Harbour School", "Institute of <Waves>"],
            "citation_pdf_url": [f"{SITE}tides.pdf"],
        }).items()  # fmt: skip
        byline = front.find(class_="byline")
        assert (byline is None) == (page == "moon")
        if byline:
            assert byline.find("a", href=f"https://orcid.org/{ORCID}")
            assert "Institute of <Waves>" in byline.get_text()
    paper = PdfReader(built / "tides.pdf").pages[0]
    assert all(words in paper.extract_text() for words in (ORCID, "Institute of <Waves>"))
    targets = {note.get_object().get("/A", {}).get("/URI") for note in paper["/Annots"]}
    assert targets >= {f"https://orcid.org/{ORCID}", f"https://doi.org/{DOI}"}


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("pyproject.toml", "The Tide Group", "Tides Inc.", "names Ada de Boer, Tides Inc. as auth"),
        ("report/_quarto.yml", '"2024-02-09"', "spring", "takes a date like 2026-01-31"),
        ("report/_quarto.yml", '"2024-02-09"', '"2024-02-30"', "give the date as in 2026-01-31"),
        ("report/_quarto.yml", '"A study of tides </script> & waves."', '""', "has no description"),
        ("report/_quarto.yml", "{given: Ada, family: de Boer}", "Ada de Boer", "as {given: …, fam"),
    ],
)
def test_a_report_that_can_not_be_cited_is_refused_with_the_reason(project, name, old, new, said):
    change(project, name, old, new)
    with pytest.raises((CitationError, RenderError), match=re.escape(said)):
        citation.write(project)


def test_the_command_writes_the_files_and_says_which_are_behind(project, capsys):
    assert citation.main(["--project", str(project)]) == 0
    assert citation.main(["--project", str(project), "--check"]) == 0
    assert capsys.readouterr() == ("", "")
    change(project, "pyproject.toml", "1.2.3", "1.2.4")
    (project / ".zenodo.json").unlink()
    assert citation.main(["--project", str(project), "--check"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in told] == list(citation.FORMS)
    assert citation.main(["--project", str(project)]) == 0
    assert citation.outdated(project) == []
    change(project, "pyproject.toml", "Ada", "Eve")
    assert citation.main(["--project", str(project)]) == 1
    assert "names Eve de Boer" in capsys.readouterr().err
