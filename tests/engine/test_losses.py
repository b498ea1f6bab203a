"""No word and no id is lost or doubled: planted losses in the writers end the build."""

import pytest
from conftest import TEMPLATES, read, shown
from PIL import Image

from report.engine import html, losses, pdf, tree
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


def on_the_web(document, book):
    """Write the page as HTML, and compare."""
    body = shown(document, book)
    losses.check_page(document.chapters[1], document, body)
    return body


def on_paper(document, book):
    """Write the book for paper, and compare."""
    return pdf.write_typst(document, book, TEMPLATES, {}, book.folder / "paper")


def test_a_page_of_all_kinds_keeps_its_words_and_ids(document):
    page = on_the_web(*document)
    assert '<code>id="none"</code>' in page  # which is no id
    for name in ("boat", "quay", "tides", "low", "pair", "tbl-a"):
        assert f'id="{name}"' in page
    assert page.count('role="tab"') == 2
    assert 'alt="lamp"' in page
    assert "Right" in on_paper(*document)


# The place of a loss in the writers, and the expected error.
LOSSES = [
    (on_the_web, html._Writer, "_tabset", lambda nodes: nodes[:-3], ":20: 'Water' is lost on the web"),
    (on_the_web, html._Writer, "_callout", lambda nodes: [*nodes, *nodes], ":8: 'Harbour' is doubled on"),
    (on_the_web, html._Writer, "_callout", lambda nodes: nodes[1:], "is lost on the web"),
    (on_the_web, html._Writer, "_panel", lambda nodes: nodes[1:-1], "the id 'pair' is lost on the web"),
    (on_the_web, html._Writer, "_float", lambda nodes: nodes[:1], "is lost on the web"),
    (on_paper, pdf._Writer, "_panel", lambda nodes: nodes[:3], "'Right' is lost on paper"),
    (on_paper, pdf._Writer, "_table", lambda nodes: [*nodes, *nodes], "is doubled on paper"),
]  # fmt: skip


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(("where", "writer", "name", "change", "words"), LOSSES)
def test_what_a_writer_loses_or_doubles_ends_the_build_with_its_line(
    document, monkeypatch, where, writer, name, change, words
):
    written = getattr(writer, name)
    monkeypatch.setattr(writer, name, lambda *given, **more: change(written(*given, **more)))
    with pytest.raises(RenderError) as raised:
        where(*document)
    assert str(raised.value).startswith("one.qmd:")
    assert words in str(raised.value)


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("<em>words</em>", "'words'"),
        ("A note.", "'note'"),
        ("<td>west</td>", "'west'"),
        ("<img", "a picture"),
    ],
)
def test_what_pandoc_loses_ends_the_build_with_its_line(document, monkeypatch, lost, words):
    pandoc = tree.pandoc

    def losing(arguments, text):
        written = pandoc(arguments, text)
        return written.replace(lost, "<hr" * (lost == "<img")) if "html5" in arguments else written

    monkeypatch.setattr(tree, "pandoc", losing)
    with pytest.raises(RenderError, match=rf"^one.qmd.*: {words} is lost on the web"):
        on_the_web(*document)
