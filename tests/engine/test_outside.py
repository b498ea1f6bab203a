"""Words from the project's file and from outside stay words in HTML, Typst, JSON, YAML and BibTeX."""

import json
from dataclasses import replace

import pypandoc
import pytest
import typst
import yaml
from bs4 import BeautifulSoup
from pypdf import PdfReader

from pneumo.base import paths
from report.engine import citation, citation_forms, pdf, site
from report.engine.config import Author

pytestmark = pytest.mark.promise("hostile", "survived")

HOSTILE = (
    'A "b" </script><img src=y onerror=z> {{ 7*7 }} {% x %} << 7*7 >> #panic(1) $x$ '
    "\\ 'c' & } { \u2028 d"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A site of which everything that one may say of a book is hostile."""
    folder = tmp_path_factory.mktemp("outside") / "book"
    folder.mkdir()
    said = dict.fromkeys(("title", "subtitle", "description"), HOSTILE)
    book = {
        **said,
        "author": [{"name": {"literal": HOSTILE}, "affiliations": [HOSTILE]}],
        "page-footer": {"center": HOSTILE},
        "chapters": ["index.qmd"],
        "open-graph": True,
    }
    content = {
        "project": {"type": "book", "output-dir": "../site"},
        "book": book,
        "format": {"html": {"toc": True}, "typst": "default"},
    }
    (folder / "_quarto.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (folder / "index.qmd").write_text("# Front {.unnumbered}\n\nWords.\n", encoding="utf-8")
    return site.render(folder)


def test_a_page_shows_what_the_project_says_and_nothing_of_it_is_markup(built):
    page = BeautifulSoup((built / "index.html").read_text(encoding="utf-8"), "lxml")
    assert page.find_all("img") == []
    assert {script.get("src") for script in page.find_all("script")} == {None, "site_libs/site.js"}
    assert page.title.string == HOSTILE
    assert page.find("h1").get_text() == HOSTILE
    assert page.find("meta", attrs={"name": "author"})["content"] == HOSTILE
    assert page.find("meta", attrs={"property": "og:description"})["content"] == HOSTILE
    assert HOSTILE in page.find(class_="byline").get_text()
    assert page.find("footer").get_text() == HOSTILE


def test_the_search_and_the_pdf_hold_it_as_words(built):
    json.loads((built / "search.json").read_text(encoding="utf-8"))
    text = "".join(page.extract_text() for page in PdfReader(built / "book.pdf").pages)
    for words in ("#panic(1)", "{{ 7*7 }}", "<< 7*7 >>", "</script>"):
        assert words.replace(" ", "") in text.replace(" ", "").replace("\n", "")
    assert "49" not in text


def test_every_sign_is_a_sign_in_a_typst_string():
    signs = ["\x01", "\b", "\f", "\n", "\t", "\x7f", '"', "\\", "\\u{41}", "\u2028", "#x", "\\n"]
    checks = [f"#assert.eq({pdf.string(sign)}.len(), {len(sign.encode())})\n" for sign in signs]
    assert typst.compile("".join(checks).encode(), format="pdf").startswith(b"%PDF")


@pytest.fixture(scope="module")
def cited():
    """How the report is cited, as if its authors had wanted to do harm."""
    author = Author(HOSTILE, (HOSTILE,), given='A } " and', family='B " } {')
    cited = citation.read(paths.root())
    title = f"{HOSTILE}\n```\n%x"
    said = {"title": title, "subtitle": "", "description": HOSTILE, "date": "2026-01-31"}
    book = replace(cited.book, **said, authors=(author, Author(HOSTILE)))
    return replace(cited, book=book, keywords=(HOSTILE,))


def test_every_form_of_the_citation_holds_it_as_words(cited):
    cff = yaml.safe_load(citation_forms.cff(cited))
    assert (cff["title"], cff["abstract"]) == (cited.title, HOSTILE)
    assert cff["authors"][1]["name"] == HOSTILE
    assert json.loads(citation_forms.zenodo(cited))["title"] == cited.title
    entry = citation_forms.bibtex(cited)
    assert "\n```" not in entry
    (read,) = json.loads(pypandoc.convert_text(entry, "csljson", format="bibtex"))
    assert len(read["author"]) == 2
    assert read["issued"]["date-parts"] == [[2026, 1]]
    assert "onerror" in read["title"]
    assert read["author"][0]["family"].startswith("B")
    head = BeautifulSoup(citation_forms.header(cited), "lxml")
    assert {tag.name for tag in head.find("head").find_all(True)} == {"meta", "script"}
    (script,) = head.find_all("script")
    assert json.loads(script.string)["abstract"] == HOSTILE
    assert head.find("meta", attrs={"name": "citation_abstract"})["content"] == HOSTILE
