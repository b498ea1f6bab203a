"""No word and no id is lost or doubled: planted losses end the build, from our writers to the PDF."""

import pytest
from conftest import read, shown
from PIL import Image

from report.engine import losses, pdf, printed
from report.engine.cache import Cache
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
def test_what_a_page_loses_or_doubles_ends_the_build_with_its_line(
    document, before, after, message
):
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
    document, monkeypatch, before, after, message
):
    write_typst = pdf.write_typst

    def losing(*given):
        source = write_typst(*given)
        assert before in source
        return source.replace(before, after, 1)

    monkeypatch.setattr(pdf, "write_typst", losing)
    with pytest.raises(RenderError, match=rf"^one.qmd.*{message} on paper"):
        on_paper(*document)
