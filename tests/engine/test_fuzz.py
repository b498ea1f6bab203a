"""Random pages: the engine renders each or refuses it with its file's name, and never crashes.

`nox -s fuzz` tries new ones for a given time.
"""

import json
import os
import re
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from conftest import write_book
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from report.engine import site, tree
from report.engine.cache import Cache
from report.engine.errors import RenderError
from report.engine.source import read_page

MINUTES = float(os.environ.get("FUZZ_MINUTES", "0"))
MORE = "  typst: {toc: true}\nbibliography: library.bib\n"
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

# Refused markup, and special syntax of Markdown, Quarto, YAML, HTML, Typst and Jinja.
VOCABULARY = json.loads(Path(__file__).with_name("fuzz.json").read_text(encoding="utf-8"))
WORDS, SIGNS, REFUSED, CLASSES, OPTIONS = (
    st.sampled_from(VOCABULARY[name])
    for name in ("words", "signs", "refused", "classes", "options")
)
TEXT = st.lists(
    st.integers(0, 99).flatmap(
        lambda n: (
            WORDS if n < 50
            else SIGNS if n < 88
            else st.text(st.characters(exclude_characters="\0"), max_size=6) if n < 98
            else REFUSED
        )
    ),
    min_size=1, max_size=6,
).map(" ".join)  # fmt: skip
LINE = TEXT.map(lambda text: " ".join(text.split("\n")))
PARTS = {
    "text": TEXT,
    "line": LINE,
    "attributes": st.lists(CLASSES, min_size=1, max_size=4).map(
        lambda some: f"{{{' '.join(some)}}}"
    ),
    "option": OPTIONS,
    "level": st.sampled_from(["#", "##", "###", "######", "#######"]),
}


def filled(name: str, **more: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """One of the vocabulary's forms, filled with random parts."""
    forms = st.sampled_from(VOCABULARY[name])
    return forms.flatmap(lambda form: st.builds(form.format, **PARTS, **more))


def around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Blocks in a div, a quotation or a list."""
    several = st.lists(inner, min_size=1, max_size=3).map("\n\n".join)
    signs = st.sampled_from(["> ", "* ", "1. ", "    ", "| "])
    indented = st.builds(
        lambda text, sign: sign + f"\n{sign}".join(text.split("\n")), several, signs
    )
    return filled("divs", blocks=several) | indented


DEEP = st.builds(
    lambda signs, times: f"{signs[0] * times}x{signs[1] * times}",
    st.sampled_from(VOCABULARY["nested"]), st.sampled_from([2, 10, 100]),
)  # fmt: skip
BLOCK = st.one_of(*[st.recursive(filled("blocks"), around, max_leaves=8)] * 10, DEEP)
# Most often with a heading.
PAGES = st.builds(
    lambda title, blocks: title + "\n\n".join(blocks),
    st.sampled_from([*["# One\n\n"] * 8, "---\ntitle: One\n---\n\n", ""]),
    st.lists(BLOCK, min_size=1, max_size=5),
)


# Outputs of cells, as from a kernel.
OUTPUTS = st.lists(
    st.one_of(
        TEXT.map(lambda text: {"output_type": "stream", "name": "stdout", "text": text}),
        st.builds(
            lambda kind, text: {"output_type": "display_data", "data": {kind: text, "text/plain": text}},
            st.sampled_from(["text/markdown", "text/html", "image/svg+xml", "image/png",
            "x/y"]),
            TEXT,
        ),
    ),
    max_size=2,
)  # fmt: skip


NO_DRAWING = {"output_type": "display_data", "data": {"image/svg+xml": "a", "text/plain": "a"}}
DISPLAYED = {"output_type": "display_data", "data": {"text/html": "<b>", "text/plain": "b"}}


class Made(Cache):
    """A cache that has outputs for every page: the random ones."""

    outputs: list[dict[str, object]]
    count = 0  # of the page's cells and expressions

    def get(self, kind, key):
        if kind != "cells":
            return super().get(kind, key)
        return json.dumps([self.outputs] * self.count).encode()


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A book without its second page, and its run store."""
    folder = write_book(tmp_path_factory.mktemp("fuzz") / "book", MORE, index=FRONT, one="")
    (folder / "library.bib").write_text("@book{known, title={K}}\n", encoding="utf-8")
    Image.new("L", (2, 2)).save(folder / "dot.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PNEUMO_HOME", str(folder.parent / "home"))
        patch.setattr(tree, "TIME_LIMIT", 5)  # pandoc never finishes on some brackets
        yield folder, Made(folder.parent / "store")


def renders_or_refuses(book, page, outputs):
    """Render the page, or see it refused by file; a refused page leaves no files behind."""
    folder, cache = book
    cache.outputs, cache.count = outputs, page.count("{python}")
    (folder / "one.qmd").write_bytes(page.encode("utf-8", "surrogatepass"))
    with TemporaryDirectory() as scratch:
        output = Path(scratch) / "site"
        refusal = ""
        try:
            site.render(folder, output, cache)
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


UNHEALTHY = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
UNSAFE = settings(deadline=None, suppress_health_check=UNHEALTHY)


def crashed(page, *outputs):
    """A page that once crashed the engine."""
    return example(page=page, outputs=list(outputs))


@pytest.mark.promise("pages", "found")
@settings(UNSAFE, max_examples=10)
@given(page=PAGES, outputs=OUTPUTS)
@crashed("# One\n\nIt is `{python} Markdown(1)`.\n", DISPLAYED)
@crashed('---\ntitle: "- a"\nsubtitle: "% b"\nabstract: "# c"\n---\n')
@crashed("# One\n\n<span class='verdict'>a</span> <span class='verdict-\"'>b</span>\n")
@crashed("# One\n\n::: {.cell-html}\n:::\n\n::: {.cell-fold}\na\n:::\n")
@crashed("# One\n\n![b](https://example.org/x.png)\n")
@crashed("# One\n\n```{python}\na\n```\n", NO_DRAWING)
@crashed("# One\n\n![b](dot.png){width=²}\n\n![b](dot.png){width='1%]'}\n")
@crashed("# One\n\n[a](../one.qmd) [b](/etc/passwd)\n")
@crashed("# One\n\n## Fig trees\n\n<table><caption><ul><li>a</li></ul></caption></table>\n")
def test_a_page_is_rendered_or_refused_by_its_file(book, page, outputs):
    renders_or_refuses(book, page, outputs)


@pytest.mark.promise("pages", "found")
@settings(UNSAFE, max_examples=100)
@given(page=PAGES)
def test_any_text_is_read_or_refused_by_its_line(tmp_path_factory, page):
    path = tmp_path_factory.getbasetemp() / "one.qmd"
    path.write_bytes(page.encode("utf-8", "surrogatepass"))
    with suppress(RenderError):
        read_page(path, {"book": {"title": "T"}})


@pytest.mark.skipif(not MINUTES, reason="nox -s fuzz")
def test_random_pages_for_the_given_time(book, capsys):
    counts = Counter()
    end = time.monotonic() + 60 * MINUTES

    @settings(UNSAFE, max_examples=20, derandomize=False)
    @given(page=PAGES, outputs=OUTPUTS)
    def another(page, outputs):
        refusal = renders_or_refuses(book, page, outputs)
        counts[re.sub(r"'.*?'|\S*[\d@]\S*", "…", refusal)[:60] or "rendered"] += 1

    try:
        while time.monotonic() < end:
            another()
    finally:
        with capsys.disabled():
            for words, count in counts.most_common(40):
                print(f"\n{count:6} {words}", end="")
