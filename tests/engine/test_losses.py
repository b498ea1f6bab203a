"""No word and no id is lost or doubled: planted losses end the build."""

import pytest
from conftest import read, shown
from PIL import Image

from report.engine import losses, pdf, tree
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


def test_a_page_of_all_kinds_keeps_its_words_and_ids(document):
    page = shown(*document)
    losses.check_page(document[0].chapters[1], document[0], page)
    assert '<code>id="none"</code>' in page  # which is no id
    for name in ("boat", "quay", "tides", "low", "pair", "tbl-a"):
        assert f'id="{name}"' in page
    assert page.count('role="tab"') == 2
    assert 'alt="lamp"' in page
    assert "Right" in pdf.write_typst(*document, {}, document[1].folder / "paper")


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
@pytest.mark.parametrize(("times", "message"), [(0, "'Right' is lost"), (2, "'Right' is doubled")])
def test_what_paper_loses_or_doubles_ends_the_build_with_its_line(document, times, message):
    one = document[0].chapters[1]
    paper = tree.rewrite(
        one.blocks, lambda node: [node] * times if node.get("c") == "Right." else None
    )
    with pytest.raises(RenderError, match=f"^one.qmd:26: {message} on paper"):
        losses.check_paper(one, document[0], paper)
