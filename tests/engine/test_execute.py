"""Cells in a page's kernel, and their outputs."""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import cell, read, shown, write_book
from pypdf import PdfReader

from report.engine import execute as module
from report.engine import kernels, pdf, site, twins
from report.engine.config import read_book

STRINGS = ["http://127.0.0.1:9/x", "one.qmd", "--locked", "R&amp;D", "*a* _b_ `c` $d$ @e", "a 'b' \"c\"",
           "1. x..."]  # fmt: skip
SENTENCES = "\n".join(f"So `{{python}} texts[{n}]` it is.\n" for n in range(len(STRINGS)))
WHERE = """\
import colorsys, os, sys
colorsys.mark = 1
print(sys.executable, os.getcwd(), 'matplotlib' in sys.modules, os.getpid(), os.getppid())"""
AS_IS = """\
from IPython.display import Latex, Markdown, display
print('**bold**\\n')
plt.plot([1]); plt.show()
display(Markdown('*leaning*'), Latex('$x$'))
print('at last')
7"""
CAPTION = ("fig-cap: A *cap*", "fig-alt: >", '  A "quoted" \\alpha', "  in two lines.")
STARTS = ["(a)", "1.", "-", "+", "iv.", "#", "R&amp;D"]
ONE = [
    cell(WHERE),
    cell("x = 1"),
    cell("x + 1"),
    cell(f"texts = {STRINGS!r}", "echo: false"),
    SENTENCES,
    "It is `{python} __import__('IPython.display').display.Markdown('*so*')`.\n",
    cell("import matplotlib.pyplot as plt\nplt.plot([1])", "echo: false"),
    cell("[object()]"),
    cell(AS_IS, "echo: false", "output: asis", "fig-alt: A dot."),
    cell("plt.plot([1]); plt.show()", *CAPTION),
    *(
        cell("plt.plot([1]); plt.show()", f"label: fig-{n}", f"fig-cap: '{start} *cap*'")
        for n, start in enumerate(STARTS)
    ),
    cell("nowhere()", "eval: false"),
]
TWO = """\
import colorsys, os
print('x' in dir(), hasattr(colorsys, 'mark'), os.getpid(), os.getppid())"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Two pages whose cells ran once, and the folder in which they did."""
    folder = tmp_path_factory.mktemp("cells") / "project"
    pages = {"one": "\n".join(["# One\n", *ONE]), "two": f"# Two\n\n{cell(TWO)}"}
    write_book(folder, **pages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLBACKEND", "agg")
        patch.setenv("PNEUMO_HOME", str(folder.parent / "home"))
        document, book = read(folder)
        return folder, *(
            BeautifulSoup(shown(document, book, name), "lxml") for name in ("one", "two")
        )


def outputs(page):
    return [found.get_text().strip() for found in page.select(".cell-output")]


def test_cells_of_a_page_share_a_kernel_of_this_python_and_pages_share_their_libraries_alone(pages):
    folder, one, two = pages
    python, where, imported, number, parent = outputs(one)[0].split()
    assert (python, where, imported) == (sys.executable, str(folder), str(kernels.FORKS))
    assert outputs(one)[1] == "2"
    known, marked, other, other_parent = outputs(two)[0].split()
    assert (known, marked, number != other) == ("False", "False", True)
    assert (parent == other_parent) == kernels.FORKS
    for process in map(int, (number, other, *([parent] if kernels.FORKS else []))):
        with pytest.raises(ProcessLookupError):  # none is left behind
            os.kill(process, 0)


def test_a_string_in_a_sentence_is_text_whatever_stands_in_it_and_markdown_is_markdown(pages):
    said = [found.get_text() for found in pages[1]("p")]
    assert [text for text in said if text.startswith("So")] == [
        f"So {text} it is." for text in STRINGS
    ]
    assert "<em>so</em>" in str(pages[1])


def test_outputs_stand_in_the_order_in_which_they_were_made_and_captions_keep_their_words(pages):
    page = pages[1]
    assert not any("matplotlib" in text for text in outputs(page))  # what a plotting call returns
    assert any(text.startswith("[<object at") for text in outputs(page))
    signs = (
        "<strong>bold",
        'alt="A dot."',
        "<em>leaning",
        "<math",
        "at last",
        "<p>7</p>",
        "nowhere()",
    )
    places = [str(page).index(one) for one in signs]
    assert places == sorted(places)
    bare, *numbered = (found.get_text().replace("\xa0", " ") for found in page("figcaption"))
    assert bare == "A cap"  # it has no label, so no number
    assert numbered == [
        f"Figure 1.{n}: {start.replace('&amp;', '&')} cap" for n, start in enumerate(STARTS, 1)
    ]
    assert page.find("img", alt='A "quoted" \\alpha in two lines.')


def test_a_figure_made_without_pyplot_is_shown(write):
    drawing = "from matplotlib.figure import Figure\nx = Figure()\nx.subplots()\nx"
    page = shown(*read(write(one=f"# One\n\n{cell(drawing)}")))
    assert page.count("<img") == 1
    assert "Figure size" not in page


def test_a_build_says_nothing_of_its_kernels_and_needs_no_fork_server(write, monkeypatch, capfd):
    monkeypatch.setattr(kernels, "FORKS", False)
    text = "# One\n\n" + cell("import sys; print(3 + 4, sys.modules.get('matplotlib'))")
    assert "<code>7 None</code>" in shown(*read(write(one=text)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.promise("pages", "found")
def test_a_fork_server_that_ends_or_a_kernel_that_does_not_begin_is_reported(
    refusal, monkeypatch, tmp_path_factory
):
    ending = tmp_path_factory.mktemp("forkserver") / "forkserver.py"
    ending.write_text("import sys; sys.exit(7)")
    monkeypatch.setattr(kernels, "FORKSERVER", ending)
    text = f"# One\n\n{cell('1')}"
    assert refusal(one=text) == "the process that starts the pages' kernels ended with status 7"
    monkeypatch.setattr(kernels, "FORKS", False)
    monkeypatch.setattr(module, "ARGUMENTS", ["--no-such-option"])
    assert refusal(one=text).startswith("one.qmd: the page's Python process did not start (")


@pytest.mark.promise("pages", "survived")
@pytest.mark.promise("hostile", "survived")
def test_a_cell_has_no_input_names_no_folder_and_what_it_leaves_running_ends_with_its_page(write):
    code = (
        "import subprocess, sys, warnings\n"
        "print(repr(sys.stdin.read()) if sys.stdin else '')\n"
        "print('left', subprocess.Popen(['sleep', '300']).pid, 'behind')\n"
        "print('`' * 30 + ' {=html}\\n<script>x</script>')\n"
        "print('\\x1b[31mred\\x1b[0m \\x00 <b>')\n"
        "warnings.warn('careful')\n"
    )
    document, book = read(write(one=f"# One\n\n{cell(code, 'warning: true')}"))
    printed = next(text for text, _ in document.chapters[1].executed.printed)
    assert "UserWarning: careful" in printed
    places = (sys.prefix, sys.base_prefix, Path.home(), "~/", "/lib/", tempfile.gettempdir())
    assert [place for place in map(str, places) if place in printed] == []
    text = shown(document, book)
    assert "<script>" not in text
    assert "\x1b" not in text
    words = BeautifulSoup(text, "lxml").get_text()
    assert "<script>x</script>" in words
    assert "red \N{REPLACEMENT CHARACTER} <b>" in words
    number = int(re.search(r"left (\d+) behind", printed)[1])
    for _ in range(50):
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    # A zombie has ended, too.
    assert Path(f"/proc/{number}/stat").read_text().split()[2] == "Z"


PAPER = """\
# One

The file *seed*.csv, **results**.json, [docs](https://e.org).html, note[^1].then.

ResNet18's.

[^1]: Here.

![](a.svg){fig-alt=x width=3in height=40px}

A ![](a.svg){fig-alt=x height=1.5em} b.

"""
# Signs that Typst has renamed.
SIGNS = {"cap": "∩", "sqcap": "⊓", "Cap": "⋒", "otimes": "⊗", "bigotimes": "⨂", "odot": "⊙", "ominus": "⊖",
         "circleddash": "⊝", "dot": "̇", "pm": "±", "mp": "∓"}  # fmt: skip


def test_words_signs_and_sizes_are_on_paper_what_they_are_on_the_web(write):
    page = PAPER + "\n\n".join(f"$a \\{name}{{b}}$" for name in SIGNS)
    folder = write("  typst: default\n", one=page)
    (folder / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    site.render(folder, folder / "_book")
    text = "".join(page.extract_text() for page in PdfReader(folder / "_book" / "book.pdf").pages)
    words = ("seed.csv", "results.json", "docs.html", ".then", "ResNet18’s")
    assert [one for one in (*words, *SIGNS.values()) if one not in text] == []
    page = (folder / "_book" / "one.html").read_text(encoding="utf-8")
    styles = re.findall(r'<img [^>]*style="([^"]*)"', page)
    assert styles == ["width: 3in; height: 40px", "height: 1.5em"]
    document, book = read(folder)
    source = pdf.write_typst(pdf.write_chapters(document, book, {}, folder), book)
    assert 'alt: "x", width: 3in, height: 30.0pt, fit: "stretch")' in source
    assert 'alt: "x", height: 1.5em)' in source


def test_each_twin_in_markdown_has_the_notes_of_its_own_page(write):
    folder = write(one="# One\n\nA[^a].\n\n[^a]: Apple.\n", two="# Two\n\nB[^b].\n\n[^b]: Bread.\n")
    made = site.render(folder)
    twins.write(read_book(folder), made)
    texts = [(made / f"{name}.llms.md").read_text(encoding="utf-8") for name in ("one", "two")]
    notes = [re.findall(r"^\[\^\d+\]: (\w+)", text, re.MULTILINE) for text in texts]
    assert notes == [["Apple"], ["Bread"]]
