"""How `.qmd` files are split, and what is numbered that `test_pages.py` has no facts of."""

import pytest
from conftest import read as read_book
from conftest import shown

from report.engine import tree
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
