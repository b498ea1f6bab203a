"""Cells: what a page's kernel runs, what comes of it, and how one that fails is reported."""

import os
import re
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader

sys.path.insert(0, str(Path(__file__).parent))
from conftest import TEMPLATES, read

from report.engine import execute as module
from report.engine import html, kernels, pdf, site


def shown(folder, page="one"):
    document, book = read(folder)
    chapter = next(chapter for chapter in document.chapters if chapter.slug == page)
    return html.write_body(chapter, document, book)


def cell(code, *options):
    return "\n".join(["```{python}", *(f"#| {option}" for option in options), code, "```", ""])


def test_a_cell_runs_in_this_python_in_the_projects_folder_without_matplotlib(write, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    code = "import os, sys; print(sys.executable, os.getcwd(), 'matplotlib' in sys.modules)"
    folder = write(one=f"# One\n\n{cell(code)}")
    assert f"{sys.executable} {folder} False" in shown(folder)


def test_cells_of_one_page_share_a_kernel_and_pages_do_not(write):
    folder = write(
        one=f"# One\n\n{cell('x = 1')}\n{cell('x + 1')}",
        two=f"# Two\n\n{cell('''print('x' in dir())''')}",
    )
    assert "<code>2</code>" in shown(folder)
    assert "<code>False</code>" in shown(folder, "two")


def test_a_drawing_is_svg_where_the_project_wants_it(write):
    code = "from matplotlib.figure import Figure\nf = Figure(figsize=(2, 1)); f.subplots(); f"
    folder = write("  # fig\n", one=f"# One\n\n{cell(code, 'fig-alt: A')}")
    path = folder / "_quarto.yml"
    text = path.read_text(encoding="utf-8").replace("html: default", "html: {fig-format: svg}")
    path.write_text(text, encoding="utf-8")
    assert 'src="one_files/figure-html/cell-output-1.svg"' in shown(folder)
    assert "<code>&lt;Figure" not in shown(folder)


def test_outputs_of_an_as_is_cell_stand_in_the_order_in_which_they_were_made(write):
    code = (
        "from IPython.display import Latex, Markdown, display\n"
        "import matplotlib.pyplot as plt\n"
        "print('**bold**\\n')\n"
        "plt.plot([1]); plt.show()\n"
        "display(Markdown('*leaning*'), Latex('$x$'))\n"
        "print('at last')\n"
        "7"
    )
    text = shown(
        write(one=f"# One\n\n{cell(code, 'echo: false', 'output: asis', 'fig-alt: A dot.')}")
    )
    places = [
        text.index(one) for one in ("<strong>bold", "<img", "<em>leaning", "<math", "at last")
    ]
    assert places == sorted(places)
    assert 'alt="A dot."' in text
    assert "<p>7</p>" in text


def test_what_a_plotting_call_returns_is_not_shown_beside_its_picture(write):
    code = "import matplotlib.pyplot as plt\nplt.plot([1])"
    text = shown(write(one=f"# One\n\n{cell(code, 'echo: false')}\n{cell('[object()]')}"))
    assert "matplotlib" not in text
    assert "[&lt;object at" in text


def test_a_string_in_a_sentence_is_text_whatever_stands_in_it(write):
    texts = ["http://127.0.0.1:9/x", "one.qmd", "--locked", "R&amp;D", "*a* _b_ `c` $d$ @e", "a 'b' \"c\"",
             "1. x..."]  # fmt: skip
    sentences = "\n".join(f"So `{{python}} texts[{n}]` it is.\n" for n in range(len(texts)))
    folder = write(one=f"# One\n\n{cell(f'texts = {texts!r}', 'echo: false')}\n{sentences}")
    page = BeautifulSoup(shown(folder), "lxml")
    assert [found.get_text() for found in page("p")] == [f"So {text} it is." for text in texts]


def test_markdown_in_a_sentence_is_markdown(write):
    code = "__import__('IPython.display').display.Markdown('*so*')"
    assert "<em>so</em>" in shown(write(one=f"# One\n\nIt is `{{python}} {code}`.\n"))


def test_a_caption_without_a_label_has_no_number_and_texts_may_take_several_lines(write):
    code = "import matplotlib.pyplot as plt\nplt.plot([1]); plt.show()"
    alt = ["fig-alt: >", '  A "quoted" \\alpha', "  in two lines."]
    text = shown(write(one=f"# One\n\n{cell(code, 'fig-cap: A *cap*', *alt)}"))
    assert "<figcaption>A <em>cap</em></figcaption>" in text
    assert 'alt="A &quot;quoted&quot; \\alpha in two lines."' in text


@pytest.mark.parametrize("start", ["(a)", "1.", "-", "+", "iv.", "#", "R&amp;D"])
def test_a_caption_keeps_its_words_whatever_it_begins_with(write, start):
    code = "import matplotlib.pyplot as plt\nplt.plot([1]); plt.show()"
    options = ["label: fig-a", f"fig-cap: '{start} *cap*'"]
    page = BeautifulSoup(shown(write(one=f"# One\n\n{cell(code, *options)}")), "lxml")
    wanted = f"Figure 1.1: {start.replace('&amp;', '&')} cap"
    assert page.figcaption.get_text().replace("\xa0", " ") == wanted


def test_a_build_says_nothing_of_its_kernels(write, capfd):
    shown(write(one=f"# One\n\n{cell('print(1)')}"))
    assert capfd.readouterr() == ("", "")


def test_nothing_runs_where_execution_is_off(write):
    folder = write("execute:\n  enabled: false\n", one=f"# One\n\n{cell('nowhere()')}")
    assert "nowhere" in shown(folder)


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("page", "line", "words"),
    [
        (cell("x = 1\ny = x / 0"), 5, "the cell raises ZeroDivisionError: division by zero"),
        (cell("x = 1\nif x\n    pass", "echo: true"), 6, "the cell raises SyntaxError"),
        (cell("raise ValueError"), 4, "the cell raises ValueError: without a word"),
        ("Words `{python} nothing` here\n", 3, "the cell raises NameError: name 'nothing'"),
        (cell("import sys\nx = 1\nsys.exit('gone')"), 6, "the cell raises SystemExit: gone"),
        (cell("def f():\n    raise ExceptionGroup('two', [ValueError(), KeyError()])\n\nf()"), 7,
         "the cell raises ExceptionGroup: two"),
        (cell("try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('x') from error"), 7,
         "the cell raises ValueError: x"),
        (cell("import os; os._exit(3)"), 4, "the cell's Python process died"),
        (cell("1", "label: fig-x"), 5, "labelled fig-x, but it shows no figure"),
        (cell("print(1)", "label: tbl-x"), 5, "labelled tbl-x, but it shows no table"),
        (cell("print('See @fig-none.')", "output: asis"), 5, "cross-reference to @fig-none"),
    ],
)  # fmt: skip
def test_a_cell_that_fails_is_reported_by_its_line(refusal, page, line, words):
    message = refusal(one=f"# One\n\n{page}")
    assert message.startswith(f"one.qmd:{line}: ")
    assert words in message
    assert "\x1b" not in message


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["fig-subcap: [A]", "label: fig-x"], "1 texts in fig-subcap for 2 figures"),
        (["fig-alt: [A, B, C]"], "3 texts in fig-alt for 2 figures"),
        (["fig-cap: A"], "one fig-cap and 2 figures: the cell needs a label fig-…"),
    ],
)
def test_texts_that_do_not_fit_the_figures_are_refused(refusal, options, words):
    code = "import matplotlib.pyplot as plt\nfor _ in range(2):\n    plt.plot([1]); plt.show()"
    assert words in refusal(one=f"# One\n\n{cell(code, *options)}")


@pytest.mark.promise("pages", "found")
def test_a_cell_that_never_ends_is_stopped(refusal, monkeypatch):
    monkeypatch.setattr(module, "TIME_LIMIT", 1)
    message = refusal(one=f"# One\n\n{cell('import time; time.sleep(60)')}")
    assert message == "one.qmd:4: the cell did not end within 1 seconds"


@pytest.mark.promise("pages", "found")
def test_a_fork_server_that_ends_is_reported(refusal, monkeypatch, tmp_path_factory):
    ending = tmp_path_factory.mktemp("forkserver") / "forkserver.py"
    ending.write_text("import sys; sys.exit(7)")
    monkeypatch.setattr(kernels, "FORKSERVER", ending)
    message = refusal(one=f"# One\n\n{cell('1')}")
    assert message == "the process that runs pages ended with status 7"


@pytest.mark.promise("pages", "found")
def test_a_kernel_that_does_not_begin_is_reported_by_its_page(refusal, monkeypatch):
    monkeypatch.setattr(kernels, "FORKS", False)
    monkeypatch.setattr(module, "ARGUMENTS", ["--no-such-option"])
    message = refusal(one=f"# One\n\n{cell('1')}")
    assert message.startswith("one.qmd: the page's Python process did not begin (")


@pytest.mark.promise("pages", "found")
def test_an_output_that_no_page_can_hold_is_refused(refusal):
    code = "from IPython.display import display\ndisplay({'application/x-none': '1'}, raw=True)"
    assert "shows application/x-none, which no page can hold" in refusal(
        one=f"# One\n\n{cell(code)}"
    )


def test_pages_begin_with_their_libraries_and_share_nothing_else(write):
    first = "import colorsys, os\ncolorsys.mark = 1\nprint(os.getpid(), os.getppid())"
    second = "import colorsys, os\nprint(hasattr(colorsys, 'mark'), os.getpid(), os.getppid())"
    folder = write(one=f"# One\n\n{cell(first)}", two=f"# Two\n\n{cell(second)}")
    document, book = read(folder)
    one, two = (
        re.search(
            r"<code>([^<]*)</code></pre>\s*</div>\s*</div>", html.write_body(c, document, book)
        )[1]
        for c in document.chapters
        if c.slug in ("one", "two")
    )
    (number, parent), (marked, other, other_parent) = one.split(), two.split()
    assert (marked, number != other) == ("False", True)
    assert (parent == other_parent) == kernels.FORKS


def test_without_a_fork_server_a_page_runs_all_the_same(write, monkeypatch):
    monkeypatch.setattr(kernels, "FORKS", False)
    assert "<code>7</code>" in shown(write(one=f"# One\n\n{cell('3 + 4')}"))


@pytest.mark.skipif(not kernels.FORKS, reason="kernels are not forked here")
def test_no_process_is_left_behind(write):
    folder = write(one=f"# One\n\n{cell('import os; print(os.getpid(), os.getppid())')}")
    found = re.search(r"<code>(\d+) (\d+)</code>", shown(folder))
    for number in map(int, found.groups()):
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


@pytest.mark.promise("pages", "found")
def test_what_can_not_be_imported_is_the_pages_own_error(refusal):
    message = refusal(one=f"# One\n\n{cell('from nowhere_at_all import thing')}")
    assert (
        "one.qmd:4: the cell raises ModuleNotFoundError: No module named 'nowhere_at_all'"
        in message
    )


def test_words_on_paper_are_no_fields_and_apostrophes_no_primes(write):
    page = "# One\n\nThe file *seed*.csv, **results**.json, [docs](https://e.org).html, note[^1].then.\n\n"
    folder = write("  typst: default\n", one=f"{page}ResNet18's.\n\n[^1]: Here.\n")
    site.render(folder, TEMPLATES, folder / "_book")
    text = "".join(page.extract_text() for page in PdfReader(folder / "_book" / "book.pdf").pages)
    for words in ("seed.csv", "results.json", "docs.html", ".then", "ResNet18’s"):
        assert words in text


def test_a_picture_is_as_wide_and_high_as_it_says_on_the_web_and_on_paper(write):
    picture = "![](a.svg){fig-alt=x width=3in height=40px}"
    folder = write(one=f"# One\n\n{picture}\n\nA ![](a.svg){{fig-alt=x height=1.5em}} b.\n")
    (folder / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    page = BeautifulSoup(shown(folder), "lxml")
    styles = [one["style"] for one in page.find_all("img")]
    assert styles == ["width: 3in; height: 40px", "height: 1.5em"]
    text = pdf.write_typst(*read(folder), TEMPLATES, {}, folder)
    assert 'alt: "x", width: 3in, height: 30.0pt, fit: "stretch")' in text
    assert 'alt: "x", height: 1.5em)' in text


def test_signs_in_formulas_that_typst_has_renamed_are_on_paper(write):
    signs = {"cap": "∩", "sqcap": "⊓", "Cap": "⋒", "otimes": "⊗", "bigotimes": "⨂", "odot": "⊙",
             "ominus": "⊖", "circleddash": "⊝", "dot": "̇", "pm": "±", "mp": "∓"}  # fmt: skip
    formulas = [f"$a \\{name}{{b}}$" for name in signs]
    folder = write("  typst: default\n", one="# One\n\n" + "\n\n".join(formulas))
    site.render(folder, TEMPLATES, folder / "_book")
    text = "".join(page.extract_text() for page in PdfReader(folder / "_book" / "book.pdf").pages)
    assert [sign for sign in signs.values() if sign not in text] == []
