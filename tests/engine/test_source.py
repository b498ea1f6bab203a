"""How `.qmd` files are split and numbered, and that a book's pages equal those of real Quarto."""

import json
from pathlib import Path

import facts
import pytest
from bs4 import BeautifulSoup
from conftest import read as read_book
from conftest import shown
from pypdf import PdfReader

from report.engine import site, tree
from report.engine.source import Cell, Inline, read_page


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Reads a page with the given text."""
    monkeypatch.chdir(tmp_path)

    def read(text, newline="\n", **others):
        for name, content in {"page": text, **others}.items():
            (tmp_path / f"{name}.qmd").write_text(content, encoding="utf-8", newline=newline)
        return read_page(tmp_path / "page.qmd", {"book": {"title": "The book"}})

    return read


def pieces(page, kind):
    return [piece for piece in page.pieces if isinstance(piece, kind)]


def prose(page):
    return "".join(pieces(page, str))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_page_falls_into_front_matter_prose_cells_and_expressions(page, newline):
    text = (
        "---\ntitle: T\n---\nIt is `{python} x + 1`.\n\n"
        "```{python}\n#| echo: true\n#| label: a\nx = 1\n```\nEnd\n"
    )
    read = page(text, newline)
    assert read.front_matter == {"title": "T"}
    (cell,) = pieces(read, Cell)
    assert (cell.code, cell.options["label"], cell.line) == ("x = 1", "a", 9)
    (inline,) = pieces(read, Inline)
    assert (inline.code, inline.line) == ("x + 1", 4)
    assert prose(read).startswith("It is .")
    assert prose(read).rstrip().endswith("End")


def test_listings_and_code_spans_are_left_alone(page):
    text = "`{ {< meta >}}` and ``a ` b``\n\n```python\n::: {x}\n`{python} 1`\n```\n"
    text += "<!-- {{< none >}}\n:::\n-->\n"
    assert prose(page(text)).strip() == text.strip()


def test_shortcodes_are_filled_in_or_shown_and_inclusions_keep_their_lines(page):
    text = "Of {{< meta book.title >}}. {{{< none >}}}\n\n{{< include _more.qmd >}}\n\n{{< pagebreak >}}\n"
    read = page(text, _more="More.\n\n```{python}\n1\n```\n")
    for words in ("Of The book. {{< none >}}", "More.", "#pagebreak()"):
        assert words in prose(read)
    (cell,) = pieces(read, Cell)
    assert (cell.path.name, cell.line) == ("_more.qmd", 4)


@pytest.mark.parametrize(
    ("text", "words", "code"),
    [
        ("{{{< a `{python} 1` b", "{{< a  b", ["1"]),
        ("{{{< a `{python} 1` >}}} `{python} 2`", "{{< a  >}} ", ["1", "2"]),
        ("{{{< a {{< meta book.title >}} b", "{{< a The book b", []),
        ("{{< a >}}} {{{< b >}} {{< >}} {{{x>}}}", "{{< a >}} {{< b >}} {{< >}} {{{x>}}}", []),
    ],
)
def test_what_is_in_a_shown_shortcode_is_read_as_usual(page, text, words, code):
    read = page(text + "\n")
    assert prose(read).rstrip("\n") == words
    assert [piece.code for piece in pieces(read, Inline)] == code


BARE = "---\ntitle: Bare\nnumber-sections: false\n---\n\n## A\n\n![C](p.png){#fig-a}\n"
ONE = """\
# One

## B

@fig-a

First $$a$$ {#eq-a}, then $$b$$ {#eq-b}.

::: {#fig-x}
![](p.png)

![](p.png)
:::

::: {#fig-y fig-cap="A *cap*"}
![](p.png)
:::

::: {.callout-note}
## Title

Words
:::

::: {.panel-tabset}
### T

#### Inner

### U

u
:::

::: {#tbl-x}
```{=html}
<div><style>x</style><table><tr><th>a</th></tr><tr><td>1</td></tr></table></div>
```

Cap.
:::

## After
"""


def test_what_counts_is_numbered_and_what_is_a_title_caption_or_table_is_one(write):
    document, book = read_book(write(bare=BARE, aside="# Aside {.unnumbered}\n", one=ONE))
    _, bare, aside, one = document.chapters
    assert [chapter.number for chapter in (bare, aside, one)] == [None, None, "2"]
    assert [(tree.text_of(entry["title"]).strip(), entry["number"]) for entry in one.toc] == [
        ("B", "2.1"), ("Inner", "2.1.0.1"), ("After", "2.2")
    ]  # fmt: skip
    assert [entry["number"] for entry in bare.toc] == [None]
    assert document.targets["fig-a"].text(None, one) == "Figure\xa01.1"
    assert len(list(tree.every(one.blocks, "Table"))) == 1
    page = shown(document, book)
    places = [page.index(words) for words in ("First", "(2.1)", "then", 'id="eq-b"', "(2.2)")]
    assert places == sorted(places)
    assert page.count("<img") == 3
    assert 'quarto-float-fig">Figure\xa02.1</figcaption>' in page
    assert "Figure\xa02.2: A <em>cap</em></figcaption>" in page


# What Quarto 1.9.38 made of book/, read with facts.py. Three deliberate differences, which the reader
# removes: maths is MathML here and TeX for a script there, Quarto wraps pictures in paragraphs, and it
# moves asides out of their sentence.
QUARTO = json.loads((Path(__file__).parent / "quarto.json").read_text(encoding="utf-8"))
KINDS = sorted(next(iter(QUARTO.values())))


@pytest.fixture(scope="module")
def pages(built):
    return facts.read_site(built)


def soup(built, page):
    return BeautifulSoup((built / f"{page}.html").read_text(encoding="utf-8"), "lxml")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", sorted(QUARTO))
def test_a_page_holds_what_quarto_puts_there(pages, page, kind):
    assert set(pages) == set(QUARTO)
    assert pages[page][kind] == QUARTO[page][kind]


def test_pictures_lie_where_quarto_puts_them_and_have_their_size_in_css_pixels(built):
    image = soup(built, "figures").find(id="fig-curve").find("img")
    assert image["src"].startswith("figures_files/figure-html/fig-curve-output-")
    assert (built / image["src"]).read_bytes().startswith(b"\x89PNG")
    width = int.from_bytes((built / image["src"]).read_bytes()[16:20], "big")
    assert int(image["width"]) == width // 2  # drawn for a dense screen


def test_outputs_are_shown_as_they_were_made_and_once(built):
    page = soup(built, "cells")
    warnings = page.find_all(class_="cell-output-stderr")
    assert [tag.get_text().strip() for tag in warnings] == ["a word on stderr"]
    printed = [tag.get_text() for tag in page.find_all(class_="cell-output-stdout")]
    assert any("   indented *stars*" in text for text in printed)
    assert "IPython.core.display" not in page.get_text()
    assert not soup(built, "tables").find("main").find("pre")


def test_tabs_and_a_folded_callout_are_named_for_a_screen_reader_and_raw_html_stays(built):
    page = soup(built, "blocks")
    tabset, callout = page.find(class_="panel-tabset"), page.find(class_="callout-tip")
    tabs, panes = tabset.find_all(role="tab"), tabset.find_all(role="tabpanel")
    assert [tab["aria-controls"] for tab in tabs] == [pane["id"] for pane in panes]
    assert [tab["aria-selected"] for tab in tabs] == ["true", "false"]
    assert [tab["id"] for tab in tabs] == [pane["aria-labelledby"] for pane in panes]
    header = callout.find(class_="callout-header")
    assert header["aria-expanded"] == "false"
    assert callout.find(id=header["aria-controls"])
    assert page.find(id="raw")["data-x"] == "1"
    assert page.find(class_="boat")["data-colour"] == "red"
    assert page.find(class_="column-margin").get_text().strip() == "In the margin, set small."


def test_citations_lead_to_the_list_of_references_and_maths_needs_no_script(built):
    page = soup(built, "prose")
    name, anchor = page.find(class_="citation").find("a")["href"].split("#")
    assert soup(built, Path(name or "prose.html").stem).find(id=anchor)
    assert page.find(id="eq-height").find("math")["display"] == "block"
    assert "mathjax" not in str(page).lower()


def table(name, rows):
    """A captioned pipe table whose rows take two lines each."""
    words = " ".join(["word"] * 30)
    lines = [f"| {name} {number} | {words} |" for number in range(rows)]
    head = [f"| {name} left | right |", "|:---|:-----------|"]
    return "\n".join([*head, *lines, "", f": {name} caption. {{#tbl-{name}}}\n"])


def test_a_long_table_goes_on_over_the_next_pages_with_its_head_and_a_short_one_is_kept_together(
    write, tmp_path
):
    above = 25 * "A paragraph.\n\n"
    pages = {
        "one": f"# Long\n\n{table('long', 150)}",
        "two": f"# Short\n\n{above}{table('short', 8)}",
    }
    site.render(write("  typst: default", **pages), tmp_path / "site")
    texts = [page.extract_text() for page in PdfReader(tmp_path / "site" / "book.pdf").pages]

    def holders(words):
        return [number for number, text in enumerate(texts) if words in text]

    assert all(len(holders(f"long {number} ")) == 1 for number in range(150))
    assert len(holders("long left")) > 2
    assert holders("long left") == list(range(holders("long 0 ")[0], holders("long 149 ")[0] + 1))
    (found,) = holders("short left")
    assert holders("short 0 ") == holders("short 7 ") == holders("short caption.") == [found]
    assert holders("A paragraph.") == [found - 1]
