"""No word is lost or doubled from our writers to the PDF, and hostile words stay words in every format."""

import json
from dataclasses import replace

import pypandoc
import pytest
import typst
import yaml
from bs4 import BeautifulSoup
from conftest import read, shown
from PIL import Image
from pypdf import PdfReader

from pneumo.base import paths
from report.engine import citation, citation_forms, losses, pdf, printed, site
from report.engine.cache import Cache
from report.engine.config import Author
from report.engine.errors import RenderError

PAGE = """\
# One

Plain *words* and `code`, `<p id="none">` and ` id="none"`, x^2^ and "quotes"[^n].

[^n]: A note.

::: {#boat .callout-note}
## Harbour {#quay}
Ropes.
:::

::: {#tides .panel-tabset}
## Ebb {#low}
Mud.

### Deeper
Flats.

## Flood
Water.
:::

::: {#pair layout-ncol=2}
Left.

Right.
:::

::: {#tbl-a}

| wind | $x^2$ |
|---|---|
| 7 | west |

Gusts.
:::

[![Buoy](p.png)](https://example.org)

A ![lamp](p.png){width=20 height=10} shines in @tbl-a.

Term
:   Meaning

<table><tr><td>cell</td></tr></table>
"""


@pytest.fixture
def document(write, monkeypatch):
    """The book with the page of all kinds, numbered, and its project."""
    folder = write("  typst: default\n", one=PAGE)
    Image.new("L", (2, 2)).save(folder / "p.png")
    monkeypatch.chdir(folder)
    return read(folder)


def test_chapters_with_typst_of_their_own_and_letters_under_marks_are_whole(write, monkeypatch):
    """A heading in that Typst starts no chapter; a title may cite; a last heading stays numbered."""
    pages = {
        "one": "# One\n\nThe mean x\u0304 of p\u0302.\n\n```{=typst}\n= Own\n```\n\nBehind.\n",
        "two": "# After @a\n\nWords [@a].\n\n## References\n",
    }
    bibliography = "@book{a, title={Title}, author={Doe, Jane}, year={2020}}\n"
    folder = write("  typst: default\nbibliography: references.bib\n", **pages)
    (folder / "paper").mkdir()
    (folder / "references.bib").write_text(bibliography, encoding="utf-8")
    monkeypatch.chdir(folder)
    document, book = read(folder)
    found = on_paper(document, book)
    assert "Doe" in printed.parts(found)[-1]


def on_paper(document, book):
    """Make the PDF, and compare."""
    return pdf.write_pdf(
        document, book, {}, book.folder / "paper", Cache(book.folder.parent / "home")
    )


def test_a_page_of_all_kinds_keeps_its_words_and_ids(document):
    page = shown(*document)
    losses.check_page(document[0].chapters[1], document[0], page)
    assert '<code>id="none"</code>' in page  # which is no id
    for name in ("boat", "quay", "tides", "low", "pair", "tbl-a"):
        assert f'id="{name}"' in page
    assert page.count('role="tab"') == 2
    assert 'alt="lamp"' in page
    *_, page = printed.parts(on_paper(*document))
    assert "Ropes." in page
    assert page.count(printed.PICTURE) == 2
    assert "Small" not in page  # the header


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("<p>Water.</p>", "", "one.qmd:20: 'Water' is lost on the web"),
        ("Harbour", "Harbour Harbour", "one.qmd:8: 'Harbour' is doubled on the web"),
        ("<em>words</em>", "", "one.qmd:3: 'words' is lost on the web"),
        ("A note.", "", "one.qmd:5: 'note' is lost on the web"),
        ("<td>west</td>", "", "one.qmd:33: 'west' is lost on the web"),
        ('id="pair"', "", "one.qmd:23: the id 'pair' is lost on the web"),
        ("<img", "<hr", "a picture is lost on the web"),
    ],
)
def test_what_a_page_loses_or_doubles_ends_the_build_by_its_line(document, before, after, message):
    page = shown(*document)
    assert before in page
    with pytest.raises(RenderError, match=message):
        losses.check_page(document[0].chapters[1], document[0], page.replace(before, after, 1))


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("#emph[words]", "", ":3: 'words' is lost"),
        ("A note.", "", ":5: 'note' is lost"),
        ("west", "", ":33: 'west' is lost"),
        ("Right.", "", ":26: 'Right' is lost"),
        ("Right.", "Right. Right.", ":26: 'Right' is doubled"),
        ("#let sect", '#show "Flats": none\n#let sect', ":17: 'Flats' is lost"),
        (
            "#let sect",
            '#show "7": it => it + it\n#let sect',
            "'7' is doubled",
        ),  # a number of a table
        ("#let sect", "#show heading.where(level: 3): none\n#let sect", "'Deeper' is lost"),
        ("#let sect", "#show math.equation: none\n#let sect", "a formula is lost"),
        ("#let sect", "#show image: none\n#let sect", "a picture is lost"),
        ("#let sect", "#show figure.caption: none\n#let sect", "'Gusts' is lost"),
    ],
)
def test_what_pandoc_or_the_layout_loses_or_doubles_on_paper_ends_the_build(
    document, tmp_path, before, after, message
):
    pages, book = document
    expected = [losses.on_paper(chapter, pages, True) for chapter in pages.chapters]
    expected[-1] += f" {book.footer}"
    source = pdf.write_typst(pdf.write_chapters(pages, book, {}, tmp_path), book)
    assert before in source
    path = tmp_path / "report.typ"
    path.write_text(source.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(RenderError, match=rf"^one.qmd.*{message} on paper"):
        losses.check_paper(pages, expected, typst.compile(path, root=tmp_path))


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


@pytest.mark.promise("hostile", "survived")
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


@pytest.mark.promise("hostile", "survived")
def test_the_search_and_the_pdf_hold_it_as_words(built):
    json.loads((built / "search.json").read_text(encoding="utf-8"))
    text = "".join(page.extract_text() for page in PdfReader(built / "book.pdf").pages)
    for words in ("#panic(1)", "{{ 7*7 }}", "<< 7*7 >>", "</script>"):
        assert words.replace(" ", "") in text.replace(" ", "").replace("\n", "")
    assert "49" not in text


@pytest.mark.promise("hostile", "survived")
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


@pytest.mark.promise("hostile", "survived")
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
