"""Pages that the engine refuses: each with its file and line, and without any trace of a site."""

import re

import pytest
from conftest import cell, printed_page
from PIL import Image

from report.engine import execute, pdf, site, tree
from report.engine.errors import RenderError

pytestmark = pytest.mark.promise("pages", "found")

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{later}: &{later} [{', '.join([f'*{sooner}'] * 9)}]\n"
    for sooner, later in zip("abcdefgh", "bcdefghi", strict=True)
)
TWICE = {f"_{n}": f"{{{{< include _{n + 1}.qmd >}}}}\n" * 2 for n in range(25)}
PICTURE = "![C](p.png){#fig-a}\n"
FOREIGN = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    '<foreignObject width="9" height="9"><div>Words</div></foreignObject></svg>'
)
# How a page is written: the text, the line of the fault, and words of the message.
WRITTEN = [
    ("\n```{python}\nx\n", 2, "never closed"),
    ("```{r}\nx\n```\n", 1, "only {python} cells are supported; found {r}"),
    ("```{python echo=false}\nx\n```\n", 1, "only {python} cells are supported"),
    ("```{python}\n#| echo: true\n#| fig-captoin: X\nx\n```\n", 3,
     "unknown cell option 'fig-captoin'; known: code-fold"),
    ("```{python}\n#| echo: sometimes\n```\n", 2,
     "'echo' takes true or false; found sometimes"),
    ("```{python}\n#| output: verbatim\n```\n", 2,
     "takes true or false or asis; found verbatim"),
    ("```{python}\n#| just words\n```\n", 2, "cell options are `name: value`"),
    ("```{python}\n#| label: [a\n```\n", 2, "not YAML"),
    ("x `{{< meta book.title >}}`\n", 1, "Quarto replaces shortcodes in code"),
    ('x `{python} f("{{< meta book.title >}}")`\n', 1, "Quarto replaces shortcodes in code"),
    ("```python\n\n{{< none >}}\n```\n", 3, "Quarto replaces shortcodes in code"),
    ("```{python}\n{{< include a.py >}}\n```\n", 2, "Quarto replaces shortcodes in code"),
    ("1. x\n\n   ```{python}\n   1\n   ```\n", 3, "a cell must begin at the left margin"),
    ("- ```{python}\n  1\n  ```\n", 1, "a cell must begin at the left margin"),
    ("a\n: ```{python}\n", 2, "a cell must begin at the left margin"),
    ("```{ojs echo=false}\n```\n", 1, "only {python} cells are supported"),
    ("```{{python}}\n```\n", 1, "only {python} cells are supported"),
    ("x `` `{python} 1` ``\n", 1, "write `{{python}} …`"),
    ("x\n`{r} 1`\n", 2, "only `{python} …` is supported"),
    ("x <!-- a\n", 1, "this comment is never closed with -->"),
    ("<!--\n```{python}\n1\n```\n-->\n", 2, "Quarto runs cells in comments"),
    ("<table>\n<tr><td>`{python} 1`</td></tr>\n</table>\n", 2, "expressions and shortcodes don't work in"),
    ("<table>\n<tr>\n", 1, "this table is never closed with </table>"),
    ("```{python}\n#| label: tbl-a\n#| tbl-cap: >\n#|   A.\n1\n```\n", 3, "tbl-cap: >-"),
    ("::: {.x}\n:::: {.y}\n::::\n", 1, "never closed"),
    ("words\n:::\n", 2, "closes a div that was never opened"),
    ("{{< video a.mp4 >}}\n", 1, "unknown shortcode 'video'; known: include, meta, pagebreak"),
    ("{{< meta book.colour >}}\n", 1, "no 'book.colour'"),
    ("{{< include _none.qmd >}}\n", 1, "there is no file _none.qmd to include"),
    ("{{< include one.qmd >}}\n", 1, "includes itself"),
    ("---\ntitle: T\n", 1, "never closed with ---"),
    ("---\ntitle: T\ncolour: red\n---\n", 3, "unknown option 'colour'"),
    ("---\nexecute:\n  ecko: false\n---\n", 3, "unknown option 'ecko'"),
    ("---\nformat:\n  html: default\n---\n", 2, "unknown option 'format'"),
    ("It is `{python} 1 + 1\n", 1, "this expression is never closed with `"),
    ("It is ``x`` and `{python} 1\n+ 1`\n", 1, "this expression is never closed with `"),
    ("x {{< meta book.title\n>}}\n", 1, "this shortcode is never closed with >}}"),
    ("x\n\n---\ntitle: T\n---\n", 3, "front matter must be at the top of a page"),
    ("> x\n> ```{python}\n> 1\n> ```\n", 2, "outside lists, quotations and definitions"),
    ("```{python}\n#| label: fig-a b\n```\n", 2, "'label' takes letters, digits, - and _"),
    ("```{python}\n#| fig-width: 3\n```\n", 2, "unknown cell option 'fig-width'"),
    ("---\nabstract: A\n---\n", 2, "unknown option 'abstract'; known: description"),
    ("---\ntitle: T\nlang: en\ntitle: U\n---\n", 4, "'title' occurs twice"),
    ("---\ntoc: true\ntitle: 2020-13-45\n---\n", 3, "not YAML: month must be in 1..12"),
    ("---\ntoc: true\ntoc-depth: !!float x\n---\n", 3, "not YAML: could not convert string to float"),
    ("---\n? [a]\n: b\n---\n", 2, "not YAML: found unhashable key"),
    ("---\ntitle: !!python/object/apply:os.system [ls]\n---\n", 2, "could not determine a"),
    ("---\ntitle: a\x01b\n---\n", 2, "not YAML: unacceptable character"),
    (f"---\ntitle: {'[' * 3000}{']' * 3000}\n---\n", None, "nested too deeply"),
    (f"---\n{BOMB}---\n", 3, "aliases are not supported; write out what *a stands for"),
    ("```{python}\n" + "".join(f"#| {line}\n" for line in BOMB.splitlines()) + "```\n", 3,
     "aliases are not supported"),
]  # fmt: skip
# What would be lost or is not known, once pandoc has read the page.
READ = [
    ("# One\n\nSee @fig-none.\n", 3, "cross-reference to @fig-none, but nothing has this label"),
    ("# One\n\n::: {.my-3}\nx\n:::\n", 3, "unknown class 'my-3'; known: callout-note"),
    ("# One\n\n[x]{.d-none}\n", 3, "unknown class 'd-none'; known: aside"),
    ("# One\n\n::: {.list-table}\n- - x\n:::\n", 3, "unknown class 'list-table'"),
    ("# One\n\n[x]{style='color: red'}\n", 3, "unknown attribute 'style'"),
    ("# One\n\n```{.python filename=a.py}\nx\n```\n", 3, "unknown attribute 'filename'"),
    ("# One\n\n```python\nx = 1 # <1>\n```\n", 4, "annotations of code are not supported"),
    ("# One\n\n## A {.content-visible when-format=html}\n", 3, "unknown class 'content-visible'"),
    ("# One\n\n![C](p.png){width=wide}\n", 3, "width must be like 300, 50%, 3in or 8cm; found 'wide'"),
    ("# One\n\n\\begin{align}x\\end{align}\n", 3, "LaTeX works only in formulas"),
    ("# One\n\nA $a\\!b$.\n", 3, "looks different on paper and on the web"),
    ("# One\n\nWords\n::: {.a}\nx\n:::\n", 4, "this ::: would be shown as text"),
    ("# One\n\nA[^b].\n", 3, "this note has no text; define it"),
    ("# One\n\n[a][nowhere]\n", 3, "this link has no address; define it"),
    ("# One\n\n::: {.panel-tabset}\nx\n\n## A\n:::\n", 3, "a tabset must begin with the heading"),
    ("# One\n\n## A {.unnumbered #sec-a}\n\n@sec-a\n", 5, "sec-a has no number"),
    (f"# One\n\n{PICTURE}\n[@fig-a, left]\n", 5, "Quarto drops text after a label"),
    ("# One\n\n[@fig-a; @someone]\n\n" + PICTURE, 3, "can't share one bracket"),
    (f"# One\n\n{PICTURE}\n{PICTURE}", 3, "label 'fig-a' occurs twice; first on page one"),
    ("# One\n\n::: {.callout-danger}\nx\n:::\n", 3, "class 'callout-danger'; known: callout-note"),
    ("# One\n\n::: {layout-nrow=2}\nx\n:::\n", 3, "unknown attribute 'layout-nrow'; known: layout-ncol"),
    ("# One\n\n::: {#fig-x layout-ncol=two}\nx\n:::\n", 3, "layout-ncol='two'; known: 1, 2, 3, 4"),
    ("# One\n\n" + "> " * 400 + "x\n", None, "nested too deeply"),
    ("\n".join(f"![a](p.png){{#fig-x-{n}}}\n" for n in range(27)).join(
        ("# One\n\n::: {#fig-x}\n", "\nC\n:::\n")), 56, "at most 26 panels"),
    ("# One\n\n<div id='fig-\"x'>\n\nx\n\n</div>\n", 3, "a label can have only letters, digits"),
    ('# One\n\n::: {.content-visible when-format="docx"}\nx\n:::\n', 3, "when-format='docx'; known"),
    ('# One\n\n::: {.content-visible when-profile="a"}\nx\n:::\n', 3, "unknown attribute 'when-profile'"),
    ("# One\n\n::: {#thm-x}\nx\n:::\n", 3, "unknown kind of label 'thm-x'; known: fig, tbl, sec, eq"),
    ("# One\n\nWords ![C](p.png){#fig-in} here.\n", 3, "fig-in can't be numbered here"),
    ("# One\n\nWords {#eq-none}\n", 3, "eq-none can't be numbered here"),
    ("# One\n\nSee @Fig-a.\n", 3, "unknown kind of label 'Fig-a'; known: fig, tbl, sec, eq"),
    ("# One\n\n[x]{.content-hidden when-format=html}\n", 3, "unknown class 'content-hidden'"),
    ("# One\n\n::: {#tip-x .callout-tip}\nx\n:::\n", 3, "unknown kind of label 'tip-x'"),
    ("# One\n\nA.\n\n[^a]: Words.\n", 5, "Note with key 'a' defined but not used"),
    ("# One\n\nA[^a].\n\n[^a]: One.\n\n[^a]: Two.\n", 7, "Duplicate note reference 'a'"),
    ("# One\n\n## A {#a}\n\n## B {#a}\n", 5, "Duplicate identifier 'a'"),
    ("# One\n\n# Two\n", 3, "only one # heading; make 'Two' a ## heading"),
    ("Words.\n", None, "this page has no title; begin it with a # heading"),
]  # fmt: skip
# What a page shows or links to.
SHOWN = [
    ("# One\n\n![a](gone.png)", 3, "there is no picture gone.png in the project"),
    ("# One\n\n![a](../outside.png)", 3, "there is no picture ../outside.png in the project"),
    ("# One\n\n![a](https://example.org/a.png)", 3, "the PDF can't load https://example.org/a.png"),
    ("# One\n\n[a](../outside.png)", 3, "link to ../outside.png, but the site has no such file"),
    ("# One\n\n[a](/etc/passwd)", 3, "link to /etc/passwd, but the site has no such file"),
    ("# One\n\n[a](index.qmd#gone)", 3, "link to index.qmd#gone, but that page has no section 'gone'"),
    ("# One\n\n![a](broken.png)", 3, "Typst: failed to decode image"),
    ("# One\n\n![](foreign.svg){fig-alt=x}", 3, "Typst: image contains foreign object"),
    ("# One\n\n```{=typst}\n#panic(1)\n```", 4, "Typst: panicked with: 1"),
    ("# One\n\n```{=typst}\n#while true { [x] }\n```", 4, "Typst: condition is always true"),
    ("# One\n\nA $\\textcolor{red}{y}$.", 3, "the formula \\textcolor{red}{y} can't be read: unexpected"),
    ("# One\n\nSee [@known] and\n[@unknown].", 4, "citation @unknown is not in the bibliography"),
    ("# On @unknown\n\nWords.", 1, "citation @unknown is not in the bibliography"),
]  # fmt: skip
# What a cell does; the cell begins in line 3.
RUN = [
    (cell("x = 1\ny = x / 0"), 5, "the cell raises ZeroDivisionError: division by zero"),
    (cell("x = 1\nif x\n    pass", "echo: true"), 6, "the cell raises SyntaxError"),
    (cell("raise ValueError"), 4, "the cell raises ValueError"),
    (cell("from nowhere_at_all import x"), 4, "the cell raises ModuleNotFoundError: No module na"),
    (cell("input('who?')"), 4, "the cell raises StdinNotImplementedError"),
    ("Words `{python} nothing` here\n", 3, "the cell raises NameError: name 'nothing'"),
    (cell("import sys\nx = 1\nsys.exit('gone')"), 6, "the cell raises SystemExit: gone"),
    (cell("def f():\n    raise ExceptionGroup('two', [ValueError(), KeyError()])\n\nf()"), 7,
     "the cell raises ExceptionGroup: two"),
    (cell("try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('x') from error"), 7,
     "the cell raises ValueError: x"),
    (cell("import os; os._exit(3)"), 4, "the cell's Python process died"),
    ("A `{python} 5`.\n\nB `{python} __import__('time').sleep(60)`.\n", 5,
     "the cell did not end within 2 seconds"),
    ("A `{python} 5`.\n\nB `{python} __import__('IPython').display.clear_output()`.\n", 5,
     "an expression in a sentence must give text; this one or one above it shows nothing"),
    (cell("import time; time.sleep(60)"), 4, "the cell did not end within 2 seconds"),
    (cell("while True:\n    print('x' * 1000)"), 4, "the cell outputs more than 200,000 bytes; print"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "words"), WRITTEN + READ + SHOWN)
def test_a_page_is_refused_by_the_line_of_its_fault(text, line, words, refusal, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "b.bib").write_text("@book{known, title = {T}}\n", encoding="utf-8")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (folder / "foreign.svg").write_text(FOREIGN)
    Image.new("L", (2, 2)).save(tmp_path / "outside.png")
    message = refusal("  typst: default\nbibliography: b.bib\n", one=text)
    assert message.startswith(f"one.qmd:{line}: " if line else "one.qmd: ")
    assert words in message


@pytest.mark.parametrize(("text", "line", "words"), RUN)
def test_a_cell_that_fails_is_refused_by_its_line(text, line, words, refusal, monkeypatch):
    monkeypatch.setattr(execute, "TIME_LIMIT", 2)
    monkeypatch.setattr(execute, "OUTPUT_LIMIT", 200_000)
    message = refusal(one=f"# One\n\n{text}")
    assert message.startswith(f"one.qmd:{line}: {words}")
    assert "\x1b" not in message


@pytest.mark.parametrize(
    ("words", "pages"),
    [
        ("_more.qmd:3: this div", {"_more": "fine\n\n::: {.x}\n"}),
        ("_more.qmd:1: one.qmd includes itself", {"_more": "{{< include one.qmd >}}\n"}),
        ("a page can include at most 1,000 files",
         {"_more": "{{< include _0.qmd >}}\n", **TWICE, "_25": "x\n"}),
        ("_more.qmd:2: cross-reference to @fig-none", {"_more": "\n@fig-none\n"}),
        ("two.qmd:3: label 'sec-a' occurs twice; first on page one",
         {"_more": "## A {#sec-a}\n", "two": "# Two\n\n## A {#sec-a}\n"}),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_the_file_that_has_it(words, pages, refusal):
    assert words in refusal(one="# One\n\n{{< include _more.qmd >}}\n", **pages)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# One\n\nna\xefve\n", "one.qmd:3: not UTF-8: found the byte 0xef; save the file as UT"),
        ("# One\n\nx\n".encode("utf-16"), "one.qmd:1: not UTF-8: found the byte 0xff"),
        (b"# One\n\n\0\n", "one.qmd:3: contains a NUL character"),
    ],
)
def test_a_file_that_is_no_text_is_named_with_its_line(content, message, refusal):
    assert refusal(files={"one.qmd": content}, one="").startswith(message)


def test_pandoc_and_typst_are_stopped_and_the_page_is_named(write, monkeypatch, tmp_path):
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "home"))  # nothing is kept there
    project = write("  typst: default\n", one="# One\n\nWords.\n")
    monkeypatch.chdir(project)
    monkeypatch.setattr(pdf, "TIME_LIMIT", 0.001)
    with pytest.raises(RenderError, match=r"^Typst: did not end within"):
        site.render(project)
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "other"))
    monkeypatch.setattr(tree, "TIME_LIMIT", 0.0001)
    with pytest.raises(RenderError, match=r"^index.qmd: pandoc: did not end within"):
        site.render(project)
    assert not (project / "_book").exists()


@pytest.mark.parametrize("place", [".", "..", "full", "file"])
def test_what_is_no_site_is_not_replaced_by_one(place, write, tmp_path):
    project = write(one="# One\n")
    (project / "full").mkdir()
    (project / "full" / "thesis.txt").write_text("all of it")
    (project / "file").write_text("x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(
        RenderError, match=r"would replace the project|is not a site|is not a folder"
    ):
        site.render(project, project / place)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("options", "outputs", "words"),
    [
        ("label: fig-x", ["text/plain"], "labelled fig-x, but it shows no figure"),
        ("label: tbl-x", ["image/png"], "labelled tbl-x, but it shows no table"),
        ("label: fig-x\nfig-subcap: [A]", ["image/png"] * 2, "1 texts in fig-subcap for 2 figures"),
        ("fig-alt: [A, B, C]", ["image/png"] * 2, "3 texts in fig-alt for 2 figures"),
        ("fig-cap: A", ["image/png"] * 2, "one fig-cap and 2 figures: the cell needs a label fig-…"),
        ("fig-cap: A", ["text/plain"], "the cell has fig-cap, but it shows no figure"),
        ("layout-ncol: 2", ["image/png"] * 2, "layout-ncol takes a label that begins with fig-"),
        ("tbl-cap: A", ["text/html"], "tbl-cap takes a label that begins with tbl-"),
        ("label: tbl-x\nfig-cap: A", ["text/html"], "use tbl-cap or fig-"),
        ("label: tbl-x\ntbl-cap: '- A'", ["text/html"], "Quarto loses a tbl-cap of several lines"),
        ("label: lst-x", ["text/plain"], "unknown kind of label 'lst-x'"),
        ("echo: true", ["x/y"], "the cell's output is x/y; show one of HTML"),
        ("echo: true", ["image/svg+xml"], "the cell's SVG output is not a valid SVG"),
        ("echo: true", ["image/gif"], "the cell's image output is not a valid image"),
    ],
)  # fmt: skip
def test_outputs_that_do_not_fit_a_cells_options_are_refused(write, options, outputs, words):
    text = cell("x", *options.split("\n"))
    with pytest.raises(RenderError, match=re.escape(words)):
        printed_page(write(one=f"# One\n\n{text}"), *outputs)
