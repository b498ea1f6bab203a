"""No word and no id is lost or doubled: losses that are planted where pages are written end the build."""

import pytest

from report.engine import html, pdf, tree

PAGE = """\
# One

Plain *words* and `code`, x^2^ and "quotes"[^n].

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
def project(write):
    from PIL import Image

    folder = write("  typst: default\n", one=PAGE)
    Image.new("L", (2, 2)).save(folder / "p.png")
    return folder


def test_a_page_of_all_kinds_keeps_its_words_and_ids(project):
    from conftest import TEMPLATES

    from report.engine import site

    page = (site.render(project, TEMPLATES, project.parent / "site") / "one.html").read_text()
    for name in ("boat", "quay", "tides", "low", "pair", "tbl-a"):
        assert f'id="{name}"' in page
    assert page.count('role="tab"') == 2
    assert 'alt="lamp"' in page


# Where in the writers something gets lost, and what the build then ends with.
LOSSES = [
    (html._Writer, "_tabset", lambda nodes: nodes[:-3], ":20: 'Water' is lost on the web"),
    (
        html._Writer,
        "_callout",
        lambda nodes: [*nodes, *nodes],
        ":8: 'Harbour' is doubled on the web",
    ),
    (html._Writer, "_panel", lambda nodes: nodes[1:-1], ":23: the id 'pair' is lost on the web"),
    (html._Writer, "_float", lambda nodes: nodes[:1], "is lost on the web"),
    (pdf._Writer, "_panel", lambda nodes: nodes[:3], "'Right' is lost on paper"),
    (pdf._Writer, "_table", lambda nodes: [*nodes, *nodes], "is doubled on paper"),
]


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(("writer", "name", "change", "words"), LOSSES)
def test_what_a_writer_loses_or_doubles_ends_the_build_with_its_line(
    project, refusal, monkeypatch, writer, name, change, words
):
    written = getattr(writer, name)
    monkeypatch.setattr(writer, name, lambda *given, **more: change(written(*given, **more)))
    message = refusal("  typst: default\n", one=PAGE)
    assert message.startswith("one.qmd:")
    assert words in message


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
def test_what_pandoc_loses_ends_the_build_with_its_line(project, refusal, monkeypatch, lost, words):
    pandoc = tree.pandoc

    def losing(arguments, text):
        written = pandoc(arguments, text)
        return written.replace(lost, "<hr" * (lost == "<img")) if "html5" in arguments else written

    monkeypatch.setattr(tree, "pandoc", losing)
    assert f"{words} is lost on the web" in refusal(one=PAGE)
