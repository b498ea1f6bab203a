"""Pages as they are written: what the reader of `.qmd` files takes apart, and what it refuses."""

import pytest

from report.engine.errors import RenderError
from report.engine.source import Cell, Inline, read_page


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Reads a page with such a text."""
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
    assert (cell.code, dict(cell.options), cell.line) == ("x = 1", {"echo": True, "label": "a"}, 9)
    (inline,) = pieces(read, Inline)
    assert (inline.code, inline.line) == ("x + 1", 4)
    assert prose(read).startswith("It is .")
    assert prose(read).rstrip().endswith("End")


def test_listings_and_code_spans_are_left_alone(page):
    text = "`{ {< meta >}}` and ``a ` b``\n\n```python\n::: {x}\n`{python} 1`\n```\n"
    text += "<!-- {{< none >}}\n:::\n-->\n"
    assert prose(page(text)).strip() == text.strip()


def test_shortcodes_are_filled_in(page):
    read = page(
        "Of {{< meta book.title >}}.\n\n{{< include _more.qmd >}}\n\n{{< pagebreak >}}\n",
        _more="More.\n",
    )
    assert "Of The book." in prose(read)
    assert "More." in prose(read)
    assert "#pagebreak()" in prose(read)


def test_a_shortcode_in_three_braces_is_shown(page):
    assert prose(page("{{{< none >}}}\n")).strip() == "{{< none >}}"


def test_cells_of_an_inclusion_are_cells_of_the_page(page):
    read = page("{{< include _more.qmd >}}\n", _more="\n```{python}\n1\n```\n")
    (cell,) = pieces(read, Cell)
    assert (cell.path.name, cell.line) == ("_more.qmd", 3)


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("\n```{python}\nx\n", "page.qmd:2", "never closed"),
        ("```{r}\nx\n```\n", "page.qmd:1", "cells are {python} here; found {r}"),
        ("```{python echo=false}\nx\n```\n", "page.qmd:1", "cells are {python} here"),
        ("```{python}\n#| echo: true\n#| fig-captoin: X\nx\n```\n", "page.qmd:3",
         "unknown cell option 'fig-captoin'; known: code-fold"),
        ("```{python}\n#| echo: sometimes\n```\n", "page.qmd:2",
         "'echo' takes true or false; found sometimes"),
        ("```{python}\n#| output: verbatim\n```\n", "page.qmd:2",
         "takes true or false or asis; found verbatim"),
        ("```{python}\n#| just words\n```\n", "page.qmd:2", "cell options are `name: value`"),
        ("```{python}\n#| label: [a\n```\n", "page.qmd:2", "not YAML"),
        ("x `{{< meta book.title >}}`\n", "page.qmd:1", "a shortcode in code, which Quarto replaces"),
        ("```python\n\n{{< none >}}\n```\n", "page.qmd:3", "a shortcode in code"),
        ("```{python}\n{{< include a.py >}}\n```\n", "page.qmd:2", "a shortcode in code"),
        ("1. x\n\n   ```{python}\n   1\n   ```\n", "page.qmd:3", "a cell begins at the left margin"),
        ("- ```{python}\n  1\n  ```\n", "page.qmd:1", "a cell begins at the left margin"),
        ("a\n: ```{python}\n", "page.qmd:2", "a cell begins at the left margin"),
        ("```{ojs echo=false}\n```\n", "page.qmd:1", "cells are {python} here"),
        ("```{{python}}\n```\n", "page.qmd:1", "cells are {python} here"),
        ("x `` `{python} 1` ``\n", "page.qmd:1", "show one as `{{python}} …`"),
        ("x\n`{r} 1`\n", "page.qmd:2", "expressions are `{python} …` here"),
        ("x <!-- a\n", "page.qmd:1", "this comment is never closed with -->"),
        ("<!--\n```{python}\n1\n```\n-->\n", "page.qmd:2", "a cell in a comment, which Quarto runs"),
        ("<table>\n<tr><td>`{python} 1`</td></tr>\n</table>\n", "page.qmd:2", "an HTML table holds no"),
        ("<table>\n<tr>\n", "page.qmd:1", "this table is never closed with </table>"),
        ("```{python}\n#| label: tbl-a\n#| tbl-cap: >\n#|   A.\n1\n```\n", "page.qmd:3", "tbl-cap: >-"),
        ("::: {.x}\n:::: {.y}\n::::\n", "page.qmd:1", "never closed"),
        ("words\n:::\n", "page.qmd:2", "closes a div that was never opened"),
        ("{{< video a.mp4 >}}\n", "page.qmd:1", "unknown shortcode 'video'; known: include, meta, pagebreak"),
        ("{{< meta book.colour >}}\n", "page.qmd:1", "no 'book.colour'"),
        ("{{< include _none.qmd >}}\n", "page.qmd:1", "_none.qmd is not there"),
        ("{{< include page.qmd >}}\n", "page.qmd:1", "includes itself"),
        ("---\ntitle: T\n", "page.qmd:1", "never closed with ---"),
        ("---\ntitle: T\ncolour: red\n---\n", "page.qmd:3", "unknown option 'colour'"),
        ("---\nexecute:\n  ecko: false\n---\n", "page.qmd:3", "unknown option 'ecko'"),
        ("---\nformat:\n  html: default\n---\n", "page.qmd:2", "unknown option 'format'"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_by_its_line(page, text, place, words):
    with pytest.raises(RenderError) as raised:
        page(text)
    assert str(raised.value).startswith(f"{place}: ")
    assert words in str(raised.value)


@pytest.mark.promise("pages", "found")
def test_a_mistake_in_an_inclusion_is_reported_there(page):
    with pytest.raises(RenderError) as raised:
        page("{{< include _more.qmd >}}\n", _more="fine\n\n::: {.x}\n")
    assert str(raised.value).startswith("_more.qmd:3: ")
