"""Pages that nobody would write: the engine renders each or refuses it by its file, and never falls.

`nox -s fuzz` goes on with new ones for as long as it is told.
"""

import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from conftest import BOOK, TEMPLATES

from pneumo.base import paths
from report.engine import site, tree
from report.engine.errors import RenderError
from report.engine.memory import Memory
from report.engine.source import read_page

MINUTES = float(os.environ.get("FUZZ_MINUTES", "0"))
CONFIG = """\
project: {type: book, output-dir: ../site}
book:
  title: "Fuzz"
  chapters: [index.qmd, one.qmd]
bibliography: library.bib
format:
  html: {toc: true, code-fold: true}
  typst: {toc: true}
"""
FRONT = """\
# Front {#sec-front}

![Front](dot.png){#fig-front}

| a |
|---|
| 1 |

: Front {#tbl-front}

$$x$$ {#eq-front}
"""
NAMED = re.compile(r"^([\w.]+\.qmd|_quarto\.yml|library\.bib)(:\d+)?: \S", re.DOTALL)

# What Markdown, Quarto, YAML, HTML, Typst and Jinja read as more than text, and what has no business in it.
REFUSED = [
    "\x00",
    "```",
    "~~~",
    "::: ",
    ":::",
    "---",
    "{{<",
    ">}}",
    "`{python} ",
    "{{< include one.qmd >}}",
    "[^1]: note",
    "@nobody",
    "[a](gone.html)",
    "[a](../x)",
    "[a](/etc/passwd)",
    "![b](gone.png)",
    "{#fig-x}",
    "{#tbl-x}",
    "![b](https://example.org/x.png)",
    "{#eq-x}",
    "{#fig-}",
    "{=typst}",
    "#panic()",
]
SIGNS = [
    "`", "``", "*", "**", "_", "$", "$$", "\\", "\\\\", "|", "#", "[", "]", "(", ")", "{", "}",
    "<", ">", "&", "&lt;", "'", '"', "@", "^", "~", "!", "![", "](", "]{", "^[", "[^1]", "...", ":",
    "%", "\t", "  ", "\n", "\n\n", "\r", "\f", "\x1b[31m", "\x01", "\x7f", "\x85", "\u200b",
    "\u202e", "\ufeff", "\u2028", "\ud7ff", "\uffff", "e\u0301", "🫁", "\U0010ffff", "ﷺ", "²", "٣",
    "{{{<", "{{", "}}", "{%", "<<", ">>", "<%", "#let", "</script>", "<!--", "-->",
    "<div id='fig-\"x'>", "</div>", "<table>", "<tr><td>", "</table>", "<span class='verdict'>", "</span>",
    "`{python} 1`", "{#sec-x}", "{.python}", "{=html}", "{=latex}", "@fig-front", "@tbl-front",
    "[@sec-front]", "@eq-front", "[-@fig-front]",
    "@known", "[see @known, p. 3]", "{{< meta book.title >}}", "{{< pagebreak >}}",
    "[a](index.qmd)", "[a](index.qmd#sec-front)", "![b](dot.png)",
    "![b](dot.png){width=50%}", "![b](dot.png){width=²}", "\\begin{x}", "\\frac{", "$\\unknown{$",
]  # fmt: skip
WORDS = st.sampled_from(
    ["word", "Title", "fig", "x", "1.", "Ä", "of the", "100 %", "a-b", "", "0", "nan"]
)
TEXT = st.lists(
    st.integers(0, 99).flatmap(
        lambda n: (
            WORDS if n < 50
            else st.sampled_from(SIGNS) if n < 88
            else st.text(st.characters(exclude_characters="\0"), max_size=6) if n < 98
            else st.sampled_from(REFUSED)
        )
    ),
    min_size=1, max_size=6,
).map(" ".join)  # fmt: skip
LINE = TEXT.map(lambda text: " ".join(text.split("\n")))
CLASSES = st.sampled_from(
    [".a", ".b", ".callout-note", ".callout-tip", ".panel-tabset", ".aside", ".column-margin", "#fig-d",
     "#tbl-d", "#fig-",
     "#sec-d", "#refs", ".cell", ".cell-html", ".cell-fold", ".cell-code", ".light-content", ".dark-content",
     ".content-visible", 'when-format="html"', 'when-format="typst"', "layout-ncol=2", "layout-ncol=0",
     "layout-ncol=²", "layout-ncol=99", 'title="A *b*"', 'title="- c"', 'title="% d"', "collapse=true",
     'appearance="simple"', "appearance='\"'", 'fig-cap="- e"', 'tbl-cap="f"', ".headline", ".headline-value",
     ".smallcaps", ".verdict", ".verdict-refuted", ".callout", 'summary="g"', 'width="50%"', 'width="1]"',
     '.unnumbered', '.unlisted', 'number="x"', '.block-title']
)  # fmt: skip
ATTRIBUTES = st.lists(CLASSES, min_size=1, max_size=4).map(lambda some: f"{{{' '.join(some)}}}")
OPTIONS = st.sampled_from(
    ["#| label: fig-c", "#| label: tbl-c", "#| echo: true", "#| output: asis", "#| fig-cap: A",
     "#| eval: false",
     '#| fig-alt: "\\"', "#| code-summary: |\n#|   a\n#|   b", "#| label: a b", "#| &a [*a]", "#| echo: .nan",
     "#| fig-width: .inf", "#| tbl-cap: !!int x", "#| include: false", "#| layout-ncol: 2",
     "#| code-fold: show"]
)  # fmt: skip


def heading(level: int, text: str, attributes: str) -> str:
    return f"{'#' * level} {text} {attributes}"


def table(cells: list[str], caption: str) -> str:
    row = " | ".join(cells)
    return f"| {row} |\n|{'---|' * len(cells)}\n| {row} |\n\n: {caption} {{#tbl-t}}"


LEAVES = st.one_of(
    TEXT,
    st.builds(heading, st.integers(1, 7), LINE, st.one_of(st.just(""), ATTRIBUTES)),
    st.builds(table, st.lists(LINE, min_size=1, max_size=4), LINE),
    st.builds("$$\n{}\n$$ {{#eq-m}}".format, TEXT),
    st.builds(
        "```{}\n{}\n```".format, st.sampled_from(["", "python", "{=html}", "{=typst}"]), TEXT
    ),
    st.builds("```{{python}}\n{}\n{}\n```".format, OPTIONS, LINE),
    st.builds("![{}](dot.png){}".format, LINE, ATTRIBUTES),
    st.builds("[{}]{}".format, LINE, ATTRIBUTES),
    st.builds("[^1]: {}\n\nSee[^1].".format, LINE),
    st.builds("<table>{}<tr><td>{}</td></tr></table>".format, LINE, LINE),
    st.builds("{}\n:   {}".format, LINE, LINE),
)


def indented(text: str, sign: str) -> str:
    return "\n".join(f"{sign}{line}" for line in text.split("\n"))


def around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, min_size=1, max_size=3).map("\n\n".join)
    return st.one_of(
        st.builds("::: {}\n{}\n:::".format, ATTRIBUTES, several),
        st.builds(":::: {}\n{}\n::::".format, ATTRIBUTES, several),
        st.builds(indented, several, st.sampled_from(["> ", "* ", "1. ", "    ", "| "])),
    )


BLOCKS = st.recursive(LEAVES, around, max_leaves=8)
FRONT_MATTER = st.one_of(
    *[st.just("")] * 7,
    st.lists(
        st.sampled_from(
            ["title: T", 'title: "- a"', "title: [a", "subtitle: |\n  a\n\n  b", "abstract: '% x'",
             "toc: false",
             "toc-depth: 1", "toc-depth: .inf", "number-sections: false", "execute: {echo: true}",
             "a: &a [*a]",
             "description: '\"><script>'", "title: 2020-13-45", "title: !!float x", "? [a]\n: b",
             "colour: red"]
        ),
        min_size=1, max_size=3,
    ).map(lambda lines: "---\n" + "\n".join(lines) + "\n---\n"),
)  # fmt: skip


@st.composite
def deep(draw: st.DrawFn) -> str:
    """One thing within itself, many times."""
    opening, closing = draw(
        st.sampled_from(
            [("> ", ""), ("* ", ""), ("[", "]"), ("*", "*"), ("(", ")"), ("{", "}"), ("`", "`"), ("^[", "]"),
             ("::: {.a}\n", "\n:::"), ("<div>\n\n", "\n\n</div>"), ("![", "](dot.png)"), ("{{<", ">}}"),
             ("$", "$"), ("\\{", "}"), ("<", ">"), ("``` ", ""), ("|", "|"), ("@", ""), ("**a _", "_**")]
        )
    )  # fmt: skip
    times = draw(st.sampled_from([2, 3, 10, 30, 100]))
    return f"{opening * times}x{closing * times}"


REAL = [
    path.read_text(encoding="utf-8")
    for folder in (paths.root() / "report", BOOK)
    for path in sorted(folder.glob("*.qmd"))
]
FOREIGN = re.compile(r"@(fig|tbl|sec|eq)-[\w-]+|@[a-z]+\d{4}\w*|\{\{< include .*|\]\([\w#./-]+\)")


def balanced(lines: list[str]) -> list[str]:
    """Lines in which what is opened is closed, and nothing else."""
    kept, closing = [], []
    for line in lines:
        code = bool(closing) and closing[-1] == "```"
        if line.startswith("```") and line.rstrip() != "```" and not code:
            closing.append("```")
        elif line.startswith(":::") and line.strip(": ") and not code:
            closing.append(":::")
        elif line.startswith(("```", ":::")):
            if not closing or not line.startswith(closing[-1]):
                continue
            closing.pop()
        kept.append(line)
    return kept + closing[::-1]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Some lines of a real page with some changes; what they refer to elsewhere is taken out."""
    lines = draw(st.sampled_from(REAL)).split("\n")
    start = draw(st.integers(0, max(0, len(lines) - 10)))
    taken = "\n".join(balanced(lines[start : start + draw(st.integers(1, 40))]))
    lines = FOREIGN.sub("", re.sub(r"^(---|# .*)$", "", taken, flags=re.MULTILINE)).split("\n")
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["take", "double", "insert", "cut", "line"]))
        if kind == "take" and len(lines) > 1:
            del lines[place]
        elif kind == "double":
            lines.insert(place, lines[draw(st.integers(0, len(lines) - 1))])
        elif kind == "line":
            lines.insert(place, draw(LINE))
        elif lines[place]:
            column = draw(st.integers(0, len(lines[place])))
            sign = draw(st.sampled_from(SIGNS)) if kind == "insert" else ""
            lines[place] = lines[place][:column] + sign + lines[place][column + (kind == "cut") :]
    return "\n".join(lines)


@st.composite
def pages(draw: st.DrawFn) -> str:
    """A page, most often one with a heading."""
    blocks = st.one_of(*[BLOCKS] * 10, *[mutated()] * 4, deep())
    title = draw(st.sampled_from([*["# One\n\n"] * 8, "---\ntitle: One\n---\n\n", ""]))
    parts = draw(st.lists(blocks, min_size=1, max_size=5))
    return (draw(FRONT_MATTER) or title) + "\n\n".join(parts)


# What a cell may give back, as a kernel would.
OUTPUTS = st.lists(
    st.one_of(
        TEXT.map(lambda text: {"output_type": "stream", "name": "stdout", "text": text}),
        TEXT.map(lambda text: {"output_type": "error", "traceback": [text]}),
        st.builds(
            lambda kind, text: {"output_type": "display_data", "data": {kind: text, "text/plain": text}},
            st.sampled_from(["text/markdown", "text/html", "text/latex", "image/svg+xml", "image/png",
            "x/y"]),
            TEXT,
        ),
    ),
    max_size=2,
)  # fmt: skip


NO_DRAWING = {"output_type": "display_data", "data": {"image/svg+xml": "a", "text/plain": "a"}}
DISPLAYED = {"output_type": "display_data", "data": {"text/html": "<b>", "text/plain": "b"}}


class Told(Memory):
    """A store in which every page's outputs are kept already: whatever was drawn for them."""

    outputs: list[dict[str, object]]

    def recall(self, kind, about, codes):
        return [[], [], *([self.outputs] * (len(codes) - 2))]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A book whose second page is to be written, and its store."""
    folder = tmp_path_factory.mktemp("fuzz") / "book"
    folder.mkdir()
    for name, text in (
        ("_quarto.yml", CONFIG),
        ("index.qmd", FRONT),
        ("library.bib", "@book{known, title={K}}\n"),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    Image.new("L", (2, 2)).save(folder / "dot.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(tree, "TIME_LIMIT", 5)  # for some brackets pandoc knows no end
        yield folder, Told(folder.parent / "store")


def renders_or_refuses(book, page, outputs):
    """Render the page, or see it refused by file; what is refused leaves nothing behind."""
    folder, memory = book
    memory.outputs = outputs
    (folder / "one.qmd").write_bytes(page.encode("utf-8", "surrogatepass"))
    with TemporaryDirectory() as scratch:
        output = Path(scratch) / "site"
        refusal = ""
        try:
            site.render(folder, TEMPLATES, output, memory)
        except RenderError as error:
            refusal = str(error)
        if not refusal:
            assert (output / "one.html").is_file()
            assert (output / "book.pdf").read_bytes().startswith(b"%PDF")
            return ""
        assert NAMED.match(refusal), refusal
        assert refusal.isprintable()
        assert list(Path(scratch).iterdir()) == []
    return refusal


UNSAFE = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)  # fmt: skip


@pytest.mark.promise("pages", "found")
@settings(UNSAFE, max_examples=25)
@given(page=pages(), outputs=OUTPUTS)
# What has brought the engine down.
@example(page="# One\n\nIt is `{python} Markdown(1)`.\n", outputs=[DISPLAYED])
@example(page='---\ntitle: "- a"\nsubtitle: "% b"\nabstract: "# c"\n---\n', outputs=[])
@example(
    page="# One\n\n<span class='verdict'>a</span> <span class='verdict-\"'>b</span>\n", outputs=[]
)
@example(page="# One\n\n::: {.cell-html}\n:::\n\n::: {.cell-fold}\na\n:::\n", outputs=[])
@example(page="# One\n\n![b](https://example.org/x.png)\n", outputs=[])
@example(page="# One\n\n```{python}\na\n```\n", outputs=[NO_DRAWING])
@example(page="# One\n\n![b](dot.png){width=²}\n\n![b](dot.png){width='1%]'}\n", outputs=[])
@example(page="# One\n\n[a](../one.qmd) [b](/etc/passwd)\n", outputs=[])
@example(
    page="# One\n\n## Fig trees\n\n<table><caption><ul><li>a</li></ul></caption></table>\n",
    outputs=[],
)
def test_a_page_is_rendered_or_refused_by_its_file(book, page, outputs, faults):
    renders_or_refuses(book, page, outputs)


@pytest.mark.promise("pages", "found")
@settings(UNSAFE, max_examples=300)
@given(page=pages())
def test_any_text_is_read_or_refused_by_its_line(tmp_path_factory, page):
    path = tmp_path_factory.getbasetemp() / "one.qmd"
    path.write_bytes(page.encode("utf-8", "surrogatepass"))
    with suppress(RenderError):
        read_page(path, {"book": {"title": "T"}})


@pytest.mark.skipif(not MINUTES, reason="nox -s fuzz")
def test_for_as_long_as_it_is_told(book, capsys):
    counts = {"rendered": 0, "refused": 0}
    slowest = 0.0
    refusals: dict[str, int] = {}
    end = time.monotonic() + 60 * MINUTES

    @settings(
        UNSAFE,
        max_examples=20,
        derandomize=False,
        phases=[Phase.reuse, Phase.generate, Phase.shrink],
    )
    @given(page=pages(), outputs=OUTPUTS)
    def another(page, outputs):
        nonlocal slowest
        started = time.monotonic()
        refusal = renders_or_refuses(book, page, outputs)
        slowest = max(slowest, time.monotonic() - started)
        counts["refused" if refusal else "rendered"] += 1
        words = re.sub(r"'.*?'|\S*[\d@]\S*", "…", refusal)[:60]
        refusals[words] = refusals.get(words, 0) + 1

    try:
        while time.monotonic() < end:
            another()
    finally:
        with capsys.disabled():
            print(
                "\n" + ", ".join(f"{count:,} pages {name}" for name, count in counts.items()),
                end="",
            )
            print(f"; the slowest in {slowest:.1f} s")
            for words, count in sorted(refusals.items(), key=lambda pair: -pair[1])[:40]:
                print(f"{count:6} {words}")
