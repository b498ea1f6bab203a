"""Pages as they are written: how `.qmd` files are split, and what is refused."""

import pytest

from report.engine.config import read_book
from report.engine.errors import RenderError
from report.engine.source import MOST_INCLUSIONS, Cell, Inline, read_page

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{later}: &{later} [{', '.join([f'*{sooner}'] * 9)}]\n"
    for sooner, later in zip("abcdefgh", "bcdefghi", strict=True)
)


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
        ("It is `{python} 1 + 1\n", "page.qmd:1", "this expression is never closed with `"),
        ("It is ``x`` and `{python} 1\n+ 1`\n", "page.qmd:1", "this expression is never closed with `"),
        ("x {{< meta book.title\n>}}\n", "page.qmd:1", "this shortcode is never closed with >}}"),
        ("x\n\n---\ntitle: T\n---\n", "page.qmd:3", "front matter stands at the top of a page"),
        ("> x\n> ```{python}\n> 1\n> ```\n", "page.qmd:2", "stands in no list, quotation or definition"),
        ("```{python}\n#| label: fig-a b\n```\n", "page.qmd:2", "'label' takes letters, digits, - and _"),
        ("```{python}\n#| fig-width: 3\n```\n", "page.qmd:2", "unknown cell option 'fig-width'"),
        ("---\nabstract: A\n---\n", "page.qmd:2", "unknown option 'abstract'; known: description"),
        ("---\ntitle: T\nlang: en\ntitle: U\n---\n", "page.qmd:4", "'title' occurs twice"),
        ("---\ntitle: 2020-13-45\n---\n", "page.qmd:2", "not YAML: month must be in 1..12"),
        ("---\ntoc-depth: !!float x\n---\n", "page.qmd:2", "not YAML: could not convert string to float"),
        ("---\n? [a]\n: b\n---\n", "page.qmd:2", "not YAML: found unhashable key"),
        ("---\ntitle: !!python/object/apply:os.system [ls]\n---\n", "page.qmd:2", "could not determine a"),
        ("---\ntitle: a\x01b\n---\n", "page.qmd:2", "not YAML: unacceptable character"),
        (f"---\ntitle: {'[' * 3000}{']' * 3000}\n---\n", "page.qmd", "nested too deeply"),
        (f"---\n{BOMB}---\n", "page.qmd:3", "aliases are not supported; write out what *a stands for"),
        ("```{python}\n" + "".join(f"#| {line}\n" for line in BOMB.splitlines()) + "```\n", "page.qmd:3",
         "aliases are not supported"),
    ],
)  # fmt: skip
def test_what_is_not_known_or_never_closed_or_a_bomb_is_refused_by_its_line(
    page, text, place, words
):
    with pytest.raises(RenderError) as raised:
        page(text)
    assert str(raised.value).startswith(f"{place}: ")
    assert words in str(raised.value)


@pytest.mark.promise("pages", "found")
def test_inclusions_are_refused_where_they_are_wrong_or_without_end(page):
    for words, more in (
        (r"^_more.qmd:3: this div", {"_more": "fine\n\n::: {.x}\n"}),
        (r"^_more.qmd:1: page.qmd includes itself", {"_more": "{{< include page.qmd >}}\n"}),
    ):
        with pytest.raises(RenderError, match=words):
            page("{{< include _more.qmd >}}\n", **more)
    many = {f"_{n}": f"{{{{< include _{n + 1}.qmd >}}}}\n" * 2 for n in range(30)}
    with pytest.raises(RenderError, match=f"includes no more than {MOST_INCLUSIONS:,} files"):
        page("{{< include _0.qmd >}}\n", _30="x\n", **many)


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"# One\n\nna\xefve\n", 3, "not UTF-8: found the byte 0xef; save the file as UTF-8"),
        ("# One\n\nx\n".encode("utf-16"), 1, "not UTF-8: found the byte 0xff"),
        (b"# One\n\n\0\n", 3, "holds a NUL"),
    ],
)
@pytest.mark.parametrize("name", ["page.qmd", "_more.qmd", "_quarto.yml"])
def test_a_file_that_is_no_text_is_named_with_its_line(page, tmp_path, name, content, line, words):
    page("{{< include _more.qmd >}}\n", _more="More.\n")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RenderError) as raised:
        read_book(tmp_path) if name == "_quarto.yml" else read_page(tmp_path / "page.qmd", {})
    assert str(raised.value).startswith(f"{name}:{line}: {words}")
