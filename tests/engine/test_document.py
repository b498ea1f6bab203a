"""Numbers and labels that `test_pages.py` has no facts of, and what is refused because it would be lost."""

from pathlib import Path

import pytest
from conftest import read, shown

from report.engine import tree
from report.engine.errors import RenderError

PICTURE = "![C](p.png){#fig-a}\n"
BARE = f"---\ntitle: Bare\nnumber-sections: false\n---\n\n## A\n\n{PICTURE}"
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
    document, book = read(write(bare=BARE, aside="# Aside {.unnumbered}\n", one=ONE))
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


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("page", "line", "words"),
    [
        ("# One\n\nSee @fig-none.\n", 3, "cross-reference to @fig-none, which is not defined"),
        ("# One\n\n::: {.my-3}\nx\n:::\n", 3, "unknown class 'my-3'; known: callout-note"),
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
        ("# One\n\nA[^b].\n", 3, "this note has no text; define it"),
        ("# One\n\n[a][nowhere]\n", 3, "this link has no address; define it"),
        ("# One\n\n::: {.panel-tabset}\nx\n\n## A\n:::\n", 3, "a tabset begins with the heading"),
        ("# One\n\n## A {.unnumbered #sec-a}\n\n@sec-a\n", 5, "sec-a has no number"),
        (f"# One\n\n{PICTURE}\n[@fig-a, left]\n", 5, "Quarto drops what is behind a label"),
        ("# One\n\n[@fig-a; @someone]\n\n" + PICTURE, 3, "can't share one bracket"),
        (f"# One\n\n{PICTURE}\n{PICTURE}", 3, "label 'fig-a' occurs twice; first on page one"),
        ("# One\n\n::: {.callout-danger}\nx\n:::\n", 3, "class 'callout-danger'; known: callout-note"),
        ("# One\n\n::: {layout-nrow=2}\nx\n:::\n", 3, "unknown attribute 'layout-nrow'; known: layout-ncol"),
        ("# One\n\n::: {#fig-x layout-ncol=two}\nx\n:::\n", 3, "layout-ncol='two'; known: 1, 2, 3, 4"),
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
        (r"^two.qmd:3: label 'sec-a' occurs twice; first on page one$",
         {"one": "# One\n\n## A {#sec-a}\n", "two": "# Two\n\n## A {#sec-a}\n"}),
    ):  # fmt: skip
        monkeypatch.chdir(write(**pages))
        with pytest.raises(RenderError, match=words):
            read(Path.cwd())


@pytest.mark.promise("pages", "found")
def test_pandocs_own_words_are_passed_on():
    with pytest.raises(RenderError, match="pandoc: "):
        tree.pandoc(["-f", "nothing-of-the-kind"], "")
