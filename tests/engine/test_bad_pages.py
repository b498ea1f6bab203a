"""Bad pages: each is refused with file and line, nothing hangs, and the old site stays unchanged."""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import TEMPLATES, cell, printed_page, read, shown
from PIL import Image

from report.engine import execute, pdf, site, tree
from report.engine.errors import RenderError

found = pytest.mark.promise("pages", "found")
survived = pytest.mark.promise("pages", "survived")


@found
@pytest.mark.parametrize("kind", ["missing", "folder", "link to itself"])
def test_a_page_that_can_not_be_read_is_named(write, monkeypatch, kind):
    project = write(one="# One\n")
    monkeypatch.chdir(project)
    (project / "one.qmd").unlink()
    if kind == "folder":
        (project / "one.qmd").mkdir()
    if kind == "link to itself":
        (project / "one.qmd").symlink_to("one.qmd")
    with pytest.raises(RenderError, match=r"^_quarto.yml:\d: one.qmd is not there$"):
        site.render(project, TEMPLATES)


FOREIGN = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    '<foreignObject width="9" height="9"><div>Words</div></foreignObject></svg>'
)


@found
@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("![a](gone.png)", 3, "the picture gone.png is not there"),
        ("![a](../outside.png)", 3, "the picture ../outside.png is not there"),
        (
            "![a](https://example.org/a.png)",
            3,
            "https://example.org/a.png is not a file of the project",
        ),
        ("[a](../outside.png)", 3, "link to ../outside.png, which is not there"),
        ("[a](/etc/passwd)", 3, "link to /etc/passwd, which is not there"),
        ("[a](index.qmd#gone)", 3, "link to index.qmd#gone, which has no section 'gone'"),
        ("![a](broken.png)", 3, "Typst: failed to decode image"),
        ("![](foreign.svg){fig-alt=x}", 3, "Typst: image contains foreign object"),
        ("```{=typst}\n#panic(1)\n```", 4, "Typst: panicked with: 1"),
        ("```{=typst}\n#while true { [x] }\n```", 4, "Typst: condition is always true"),
        (
            "A $\\textcolor{red}{y}$.",
            3,
            "the formula \\textcolor{red}{y} can't be read: unexpected control",
        ),
        ("See [@known] and\n[@unknown].", 4, "citation @unknown is not in the bibliography"),
    ],
)
def test_what_a_page_can_not_show_is_refused_by_its_line(text, line, words, write, monkeypatch):
    project = write("  typst: default\nbibliography: b.bib\n", one=f"# One\n\n{text}\n")
    (project / "b.bib").write_text("@book{known, title = {T}}\n", encoding="utf-8")
    Image.new("L", (2, 2)).save(project.parent / "outside.png")
    (project / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (project / "foreign.svg").write_text(FOREIGN)
    monkeypatch.chdir(project)
    before = sorted(project.parent.rglob("*"))
    with pytest.raises(RenderError) as raised:
        site.render(project, TEMPLATES, project.parent / "site")
    assert str(raised.value).startswith(f"one.qmd:{line}: {words}")
    assert sorted(project.parent.rglob("*")) == before


@found
def test_pandoc_and_typst_are_stopped_and_the_page_is_named(write, monkeypatch, tmp_path):
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "home"))  # nothing is kept there
    project = write("  typst: default\n", one="# One\n\nWords.\n")
    monkeypatch.chdir(project)
    monkeypatch.setattr(pdf, "TIME_LIMIT", 0.001)
    with pytest.raises(RenderError, match=r"^Typst: did not end within"):
        site.render(project, TEMPLATES)
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "other"))
    monkeypatch.setattr(tree, "TIME_LIMIT", 0.0001)
    with pytest.raises(RenderError, match=r"^index.qmd: pandoc: did not end within"):
        site.render(project, TEMPLATES)
    assert not (project / "_book").exists()


@found
@pytest.mark.parametrize("place", [".", "..", "full", "file"])
def test_what_is_no_site_is_not_replaced_by_one(place, write, tmp_path):
    project = write(one="# One\n")
    (project / "full").mkdir()
    (project / "full" / "thesis.txt").write_text("all of it")
    (project / "file").write_text("x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(
        RenderError, match=r"would take the place of the project|is not a site|is not a folder"
    ):
        site.render(project, TEMPLATES, project / place)
    assert sorted(tmp_path.rglob("*")) == before


@found
@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (cell("x = 1\ny = x / 0"), 5, "the cell raises ZeroDivisionError: division by zero"),
        (cell("x = 1\nif x\n    pass", "echo: true"), 6, "the cell raises SyntaxError"),
        (cell("raise ValueError"), 4, "the cell raises ValueError: without a word"),
        (cell("from nowhere_at_all import x"), 4, "the cell raises ModuleNotFoundError: No module na"),
        (cell("input('who?')"), 4, "the cell raises StdinNotImplementedError"),
        ("Words `{python} nothing` here\n", 3, "the cell raises NameError: name 'nothing'"),
        (cell("import sys\nx = 1\nsys.exit('gone')"), 6, "the cell raises SystemExit: gone"),
        (cell("def f():\n    raise ExceptionGroup('two', [ValueError(), KeyError()])\n\nf()"), 7,
         "the cell raises ExceptionGroup: two"),
        (cell("try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise ValueError('x') from error"), 7,
         "the cell raises ValueError: x"),
        (cell("import os; os._exit(3)"), 4, "the cell's Python process died"),
        (cell("import time; time.sleep(60)"), 4, "the cell did not end within 3 seconds"),
        (cell("while True:\n    print('x' * 1000)"), 4, "the cell gives more than 200,000 bytes; print"),
    ],
)  # fmt: skip
def test_a_cell_that_fails_is_reported_by_its_line(refusal, monkeypatch, text, line, words):
    monkeypatch.setattr(execute, "TIME_LIMIT", 3)
    monkeypatch.setattr(execute, "OUTPUT_LIMIT", 200_000)
    message = refusal(one=f"# One\n\n{text}")
    assert message.startswith(f"one.qmd:{line}: {words}")
    assert "\x1b" not in message


@found
@pytest.mark.parametrize(
    ("options", "outputs", "words"),
    [
        ("label: fig-x", ["text/plain"], "labelled fig-x, but it shows no figure"),
        ("label: tbl-x", ["image/png"], "labelled tbl-x, but it shows no table"),
        ("label: fig-x\nfig-subcap: [A]", ["image/png"] * 2, "1 texts in fig-subcap for 2 figures"),
        ("fig-alt: [A, B, C]", ["image/png"] * 2, "3 texts in fig-alt for 2 figures"),
        ("fig-cap: A", ["image/png"] * 2, "one fig-cap and 2 figures: the cell needs a label fig-…"),
        ("fig-cap: A", ["text/plain"], "fig-cap is a figure's, and the cell shows none"),
        ("layout-ncol: 2", ["image/png"] * 2, "layout-ncol takes a label that begins with fig-"),
        ("tbl-cap: A", ["text/html"], "tbl-cap takes a label that begins with tbl-"),
        ("label: tbl-x\nfig-cap: A", ["text/html"], "one of them is wrong"),
        ("label: tbl-x\ntbl-cap: '- A'", ["text/html"], "Quarto loses a table's caption"),
        ("label: lst-x", ["text/plain"], "unknown kind of label 'lst-x'"),
        ("echo: true", ["x/y"], "the cell shows x/y, which no page can hold"),
        ("echo: true", ["image/svg+xml"], "the cell's SVG output is not a valid SVG"),
        ("echo: true", ["image/gif"], "the cell's image output is not a valid image"),
    ],
)  # fmt: skip
def test_outputs_that_do_not_fit_a_cells_options_are_refused(write, options, outputs, words):
    text = cell("x", *options.split("\n"))
    with pytest.raises(RenderError, match=re.escape(words)):
        printed_page(write(one=f"# One\n\n{text}"), *outputs)


@survived
@pytest.mark.promise("hostile", "survived")
def test_a_cell_has_no_input_names_no_folder_and_what_it_leaves_running_ends_with_its_page(write):
    code = (
        "import json, subprocess, sys, warnings\n"
        "print(repr(sys.stdin.read()) if sys.stdin else '')\n"
        "print('left', subprocess.Popen(['sleep', '300']).pid, 'behind')\n"
        "print('`' * 30 + ' {=html}\\n<script>x</script>')\n"
        "print('\\x1b[31mred\\x1b[0m \\x00 <b>')\n"
        "warnings.warn('careful')\n"
        "json.loads('{')"
    )
    document, book = read(write(one=f"# One\n\n{cell(code, 'error: true', 'warning: true')}"))
    printed = next(text for text, _ in document.chapters[1].executed.printed)
    assert "UserWarning: careful" in printed
    assert "decoder.py" in printed
    for folder in (
        sys.prefix,
        sys.base_prefix,
        str(Path.home()),
        "~/",
        "/lib/",
        tempfile.gettempdir(),
    ):
        assert folder not in printed, folder
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
