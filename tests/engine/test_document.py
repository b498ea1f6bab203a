"""Numbers, labels and references, and what is refused because it would be lost."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from conftest import read

from report.engine import html, tree
from report.engine.errors import RenderError

PICTURE = "![C](p.png){#fig-a}\n"


def texts(folder, *names):
    """How references to labels read on the last page of a book."""
    document, _ = read(folder)
    last = document.chapters[-1]
    found = {node["id"]: node for node in tree.every(last.blocks, "Reference")}
    return [document.targets[name].text(found[name]["name"], None) for name in names]


def numbers(folder, page):
    document, _ = read(folder)
    chapter = next(chapter for chapter in document.chapters if chapter.slug == page)
    return [entry["number"] for entry in chapter.toc]


def body(folder, page):
    document, book = read(folder)
    chapter = next(chapter for chapter in document.chapters if chapter.slug == page)
    return html.write_body(chapter, document, book)


def test_figures_count_by_chapter_and_front_ones_for_themselves(write):
    front = "# F {.unnumbered}\n\n![C](p.png){#fig-f}\n"
    folder = write(
        index=front,
        one=f"# One\n\n{PICTURE}",
        two="# Two\n\n![C](p.png){#fig-b}\n\n@fig-a, @fig-b, @fig-f\n",
    )
    assert texts(folder, "fig-a", "fig-b", "fig-f") == [
        "Figure\xa01.1",
        "Figure\xa02.1",
        "Figure\xa01",
    ]


def test_a_reference_in_brackets_can_have_another_name_or_none(write):
    folder = write(one=f"# One\n\n{PICTURE}\n[Panel @fig-a]\n")
    assert texts(folder, "fig-a") == ["Panel\xa01.1"]
    folder = write(one=f"# One\n\n{PICTURE}\n[-@fig-a]\n")
    assert texts(folder, "fig-a") == ["1.1"]


def test_a_chapter_without_numbers_still_counts(write):
    page = "---\ntitle: One\nnumber-sections: false\n---\n\n## A\n\n![C](p.png){#fig-a}\n"
    folder = write(one=page, two="# Two\n\n## B\n\n@fig-a\n")
    assert (numbers(folder, "one"), numbers(folder, "two")) == ([None], ["2.1"])
    assert texts(folder, "fig-a") == ["Figure\xa01.1"]


def test_an_unnumbered_chapter_does_not_count(write):
    folder = write(one="# One {.unnumbered}\n", two="# Two\n\n## B\n")
    assert numbers(folder, "two") == ["1.1"]


def test_appendices_go_by_letters(write):
    more = ""
    folder = write(
        more,
        one="# One\n",
        two="# Two\n",
        last=f"# Last {{#sec-l}}\n\n## A\n\n{PICTURE}\n@fig-a @sec-l\n",
    )
    path = folder / "_quarto.yml"
    text = path.read_text(encoding="utf-8").replace(", last.qmd]", "]\n  appendices: [last.qmd]")
    path.write_text(text, encoding="utf-8")
    assert texts(folder, "fig-a", "sec-l") == ["Figure\xa0A.1", "Appendix\xa0A"]
    assert numbers(folder, "last") == ["A.1"]


def test_two_equations_of_one_paragraph_are_numbered_and_its_words_stay(write):
    page = "# One\n\nFirst $$a$$ {#eq-a}, then $$b$$ {#eq-b}.\n\n@eq-b\n"
    shown = body(write(one=page), "one")
    assert shown.index("First") < shown.index("(1.1)") < shown.index("then") < shown.index("(1.2)")
    assert 'id="eq-b"' in shown


def test_panels_of_a_figure_have_letters(write):
    panels = "![L](p.png){#fig-x-1}\n\n![R](p.png){#fig-x-2}\n\nBoth.\n"
    folder = write(one=f"# One\n\n::: {{#fig-x layout-ncol=2}}\n{panels}:::\n\n@fig-x @fig-x-2\n")
    assert texts(folder, "fig-x", "fig-x-2") == ["Figure\xa01.1", "Figure\xa01.1 (b)"]
    assert "--columns: 2" in body(folder, "one")


def test_pictures_alone_are_no_caption(write):
    shown = body(
        write(one="# One\n\n::: {#fig-x}\n![](p.png)\n\n![](p.png)\n:::\n\n@fig-x\n"), "one"
    )
    assert shown.count("<img") == 2
    assert 'quarto-float-fig">Figure\xa01.1</figcaption>' in shown


def test_the_caption_of_a_div_can_be_an_attribute(write):
    page = '# One\n\n::: {#fig-x fig-cap="A *cap*"}\n![](p.png)\n:::\n'
    assert "Figure\xa01.1: A <em>cap</em></figcaption>" in body(write(one=page), "one")


def test_only_the_headings_that_open_tabs_and_callouts_are_titles(write):
    callout = "::: {.callout-note}\n## Title\n\nWords\n:::\n\n"
    tabs = "::: {.panel-tabset}\n### A\n\n#### Inner\n\n### B\n\nb\n:::\n\n"
    page = f"# One\n\n{callout}{tabs}## After\n"
    document, _ = read(write(one=page))
    assert [tree.text_of(entry["title"]).strip() for entry in document.chapters[1].toc] == [
        "Inner",
        "After",
    ]


def test_a_table_in_html_is_read_as_a_table(write):
    table = "<table><tr><th>a</th></tr><tr><td>1</td></tr></table>"
    page = f"# One\n\n::: {{#tbl-x}}\n```{{=html}}\n<div><style>x</style>{table}</div>\n```\n\nCap.\n:::\n"
    document, _ = read(write(one=page))
    assert len(list(tree.every(document.chapters[1].blocks, "Table"))) == 1


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("page", "line", "words"),
    [
        ("# One\n\nSee @fig-none.\n", 3, "cross-reference to @fig-none, which is nowhere defined"),
        ("# One\n\n[x]{.d-none}\n", 3, "unknown class 'd-none'; known: aside"),
        ("# One\n\n::: {.list-table}\n- - x\n:::\n", 3, "unknown class 'list-table'"),
        ("# One\n\n[x]{style='color: red'}\n", 3, "unknown attribute 'style'"),
        ("# One\n\n```{.python filename=a.py}\nx\n```\n", 3, "unknown attribute 'filename'"),
        ("# One\n\n```python\nx = 1 # <1>\n```\n", 4, "unknown annotation of code"),
        ("# One\n\n## A {.content-visible when-format=html}\n", 3, "unknown class 'content-visible'"),
        ("# One\n\n![C](p.png){width=wide}\n", 3, "width is like 300, 50%, 3in or 8cm; found 'wide'"),
        ("# One\n\n\\begin{align}x\\end{align}\n", 3, "LaTeX is in none of the formats"),
        ("# One\n\nA $a\\!b$.\n", 3, "not the same on paper and on the web"),
        ("# One\n\nWords\n::: {.a}\nx\n:::\n", 4, "this ::: is shown as text"),
        ("# One\n\nA[^b].\n", 3, "this note is nowhere written"),
        ("# One\n\n[a][nowhere]\n", 3, "this link is nowhere defined"),
        ("# One\n\n::: {.panel-tabset}\nx\n\n## A\n:::\n", 3, "a tabset begins with the heading"),
        ("# One\n\n## A {.unnumbered #sec-a}\n\n@sec-a\n", 5, "sec-a has no number"),
        (f"# One\n\n{PICTURE}\n[@fig-a, left]\n", 5, "Quarto drops what is behind a label"),
        ("# One\n\n[@fig-a; @someone]\n\n" + PICTURE, 3, "can't share one bracket"),
        (f"# One\n\n{PICTURE}\n{PICTURE}", 3, "label 'fig-a' stands twice; first on page one"),
        ("# One\n\n::: {.callout-danger}\nx\n:::\n", 3, "class 'callout-danger'; known: callout-note"),
        ("# One\n\n::: {layout-nrow=2}\nx\n:::\n", 3, "unknown attribute 'layout-nrow'; known: layout-ncol"),
        ("# One\n\n::: {#fig-x layout-ncol=two}\nx\n:::\n", 3, "layout-ncol='two'; known: 1, 2, 3, 4"),
        ("# One\n\n::: {layout-ncol=2}\nx\n:::\n", 3, "layout-ncol is for the panels of a figure"),
        ("# One\n\n" + "> " * 400 + "x\n", None, "nested too deeply"),
        ("\n".join(f"![a](p.png){{#fig-x-{n}}}\n" for n in range(27)).join(
            ("# One\n\n::: {#fig-x}\n", "\nC\n:::\n")), 56, "no more than 26 panels"),
        ("# One\n\n<div id='fig-\"x'>\n\nx\n\n</div>\n", 3, "a label has letters, digits"),
        ('# One\n\n::: {.content-visible when-format="docx"}\nx\n:::\n', 3, "when-format='docx'; known"),
        ('# One\n\n::: {.content-visible when-profile="a"}\nx\n:::\n', 3, "unknown attribute 'when-profile'"),
        ("# One\n\n::: {#thm-x}\nx\n:::\n", 3, "unknown kind of label 'thm-x'; known: fig, tbl, sec, eq"),
        ("# One\n\nWords ![C](p.png){#fig-in} here.\n", 3, "fig-in labels what can't be numbered"),
        ("# One\n\nWords {#eq-none}\n", 3, "eq-none labels what can't be numbered"),
        ("# One\n\nSee @Fig-a.\n", 3, "unknown kind of label 'Fig-a'; known: fig, tbl, sec, eq"),
        ("# One\n\n[x]{.content-hidden when-format=html}\n", 3, "unknown class 'content-hidden'"),
        ("# One\n\n::: {#tip-x .callout-tip}\nx\n:::\n", 3, "unknown kind of label 'tip-x'"),
        ("# One\n\nA.\n\n[^a]: Words.\n", 5, "Note with key 'a' defined but not used"),
        ("# One\n\nA[^a].\n\n[^a]: One.\n\n[^a]: Two.\n", 7, "Duplicate note reference 'a'"),
        ("# One\n\n## A {#a}\n\n## B {#a}\n", 5, "Duplicate identifier 'a'"),
        ("# One\n\n# Two\n", 3, "one heading of the first level; 'Two' is another"),
        ("Words.\n", None, "a chapter begins with a heading of the first level, or has a title"),
    ],
)  # fmt: skip
def test_what_would_be_lost_is_refused_by_its_line(write, monkeypatch, page, line, words):
    monkeypatch.chdir(write(one=page))
    with pytest.raises(RenderError) as raised:
        read(Path.cwd())
    assert str(raised.value).startswith(f"one.qmd:{line}: " if line else "one.qmd: ")
    assert words in str(raised.value)


@pytest.mark.promise("pages", "found")
def test_a_mistake_is_named_with_the_file_that_holds_it_and_a_label_with_both_pages(
    write, monkeypatch
):
    for words, pages in (
        (r"^_more.qmd:2: ", {"one": "# One\n\n{{< include _more.qmd >}}\n", "_more": "\n@fig-none\n"}),
        (r"^two.qmd:3: label 'sec-a' stands twice; first on page one$",
         {"one": "# One\n\n## A {#sec-a}\n", "two": "# Two\n\n## A {#sec-a}\n"}),
    ):  # fmt: skip
        monkeypatch.chdir(write(**pages))
        with pytest.raises(RenderError, match=words):
            read(Path.cwd())


@pytest.mark.promise("pages", "found")
def test_pandocs_own_words_are_passed_on():
    with pytest.raises(RenderError, match="pandoc: "):
        tree.pandoc(["-f", "nothing-of-the-kind"], "")
