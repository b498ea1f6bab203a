"""Bad pages: each is refused by file and line, nothing hangs, and the site that stands stays as it was."""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

import pytest
from conftest import TEMPLATES, read
from PIL import Image

from report.engine import execute, pdf, site, tree
from report.engine.config import read_book
from report.engine.errors import RenderError
from report.engine.source import MOST_INCLUSIONS, read_page

found = pytest.mark.promise("pages", "found")
survived = pytest.mark.promise("pages", "survived")
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{later}: &{later} [{', '.join([f'*{sooner}'] * 9)}]\n"
    for sooner, later in zip("abcdefgh", "bcdefghi", strict=True)
)


@found
@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"# One\n\nna\xefve\n", 3, "not UTF-8: found the byte 0xef; save the file as UTF-8"),
        ("# One\n\nx\n".encode("utf-16"), 1, "not UTF-8: found the byte 0xff"),
        (b"# One\n\n\0\n", 3, "holds a NUL"),
    ],
)
@pytest.mark.parametrize("name", ["one.qmd", "_more.qmd", "_quarto.yml", "b.bib", "head.html"])
def test_a_file_that_is_no_text_is_named_with_its_line(
    write, monkeypatch, name, content, line, words
):
    project = write(
        "    include-in-header: head.html\nbibliography: b.bib\n",
        one="# One\n\n{{< include _more.qmd >}}\n", _more="More.\n",
    )  # fmt: skip
    path = project / "_quarto.yml"
    text = path.read_text().replace("  html: default\n    include", "  html:\n    include")
    path.write_text(text)
    for other in ("b.bib", "head.html"):
        (project / other).touch()
    (project / name).write_bytes(content)
    monkeypatch.chdir(project)
    with pytest.raises(RenderError) as raised:
        site.render(project, TEMPLATES)
    assert str(raised.value).startswith(f"{name}:{line}: {words}")


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
    with pytest.raises(RenderError, match=r"^_quarto.yml:\d: chapter one.qmd is not there$"):
        site.render(project, TEMPLATES)


@found
@pytest.mark.parametrize(
    ("options", "line", "words"),
    [
        (BOMB, 3, "no aliases are read here; write out what *a stands for"),
        ("a: &a [*a]\n", 2, "no aliases are read here"),
        ("title: T\nsubtitle: S\ntitle: U\n", 4, "'title' stands twice"),
        ("title: 2020-13-45\n", 2, "not YAML: month must be in 1..12"),
        ("toc: true\ntoc-depth: !!float x\n", 3, "not YAML: could not convert string to float"),
        ("toc: true\n? [a]\n: b\n", 3, "not YAML: found unhashable key"),
        ("toc-depth: .inf\n", 2, "'toc-depth' takes a number; found inf"),
        ("title: !!python/object/apply:os.system [ls]\n", 2, "could not determine a constructor"),
        ("title: a\x01b\n", 2, "not YAML: unacceptable character"),
        ("title: " + "[" * 3000 + "]" * 3000 + "\n", None, "nested too deeply"),
    ],
)  # fmt: skip
def test_yaml_that_is_broken_or_a_bomb_is_refused_at_once(options, line, words, write, monkeypatch):
    project = write(one=f"---\n{options}---\n\n# One\n")
    monkeypatch.chdir(project)
    with pytest.raises(RenderError) as raised:
        read_page(project / "one.qmd", {})
    assert str(raised.value).startswith(f"one.qmd:{line}: " if line else "one.qmd: ")
    assert words in str(raised.value)


@found
def test_a_bomb_is_refused_wherever_there_is_yaml(write, monkeypatch):
    options = "\n".join(f"#| {line}" for line in BOMB.rstrip("\n").split("\n"))
    project = write(BOMB, one=f"# One\n\n```{{python}}\n{options}\n```\n")
    monkeypatch.chdir(project)
    with pytest.raises(RenderError, match=r"^one.qmd:5: no aliases"):
        read_page(project / "one.qmd", {})
    with pytest.raises(RenderError, match=r"^_quarto.yml:9: no aliases"):
        read_book(project)


@found
@pytest.mark.parametrize(
    ("page", "line", "words"),
    [
        ("It is `{python} 1 + 1\n", 1, "this expression is never closed with `"),
        ("It is ``x`` and `{python} 1\n+ 1`\n", 1, "this expression is never closed with `"),
        ("x {{< meta book.title\n>}}\n", 1, "this shortcode is never closed with >}}"),
        ("x\n\n---\ntitle: T\n---\n", 3, "front matter stands at the top of a page"),
        ("> x\n> ```{python}\n> 1\n> ```\n", 2, "and stands in no list, quotation or definition"),
        ("```{python}\n#| label: fig-a b\n```\n", 2, "'label' takes letters, digits, - and _"),
        ("```{python}\n#| fig-width: .nan\n```\n", 2, "'fig-width' takes a number; found nan"),
    ],
)  # fmt: skip
def test_what_is_never_closed_or_would_be_lost_is_refused(page, line, words, write, monkeypatch):
    project = write(one=page)
    monkeypatch.chdir(project)
    with pytest.raises(RenderError) as raised:
        read_page(project / "one.qmd", {"book": {"title": "T"}})
    assert str(raised.value).startswith(f"one.qmd:{line}: ")
    assert words in str(raised.value)


@found
def test_files_that_include_each_other_are_refused_and_so_are_too_many(write, monkeypatch):
    more = {f"_{n}": f"{{{{< include _{n + 1}.qmd >}}}}\n" * 2 for n in range(30)}
    project = write(one="{{< include _0.qmd >}}\n", _30="x\n", **more)
    monkeypatch.chdir(project)
    with pytest.raises(RenderError, match=f"includes no more than {MOST_INCLUSIONS:,} files"):
        read_page(project / "one.qmd", {})
    (project / "_1.qmd").write_text("{{< include one.qmd >}}\n")
    with pytest.raises(RenderError, match=r"^_1.qmd:1: one.qmd includes itself"):
        read_page(project / "one.qmd", {})


@found
@pytest.mark.parametrize(
    ("page", "line", "words"),
    [
        ("![a](gone.png)\n", 3, "the picture gone.png is not there"),
        ("![a](../outside.png)\n", 3, "the picture ../outside.png is not there"),
        ("![a](https://example.org/a.png)\n", 3, "so paper can't show it"),
        ("[a](../outside.png)\n", 3, "link to ../outside.png, which is not there"),
        ("[a](/etc/passwd)\n", 3, "link to /etc/passwd, which is not there"),
        ("![a](broken.png)\n", 3, "Typst: failed to decode image"),
        ("```{=typst}\n#panic(1)\n```\n", 4, "Typst: panicked with: 1"),
        ("```{=typst}\n#while true { [x] }\n```\n", 4, "Typst: condition is always true"),
        ("> " * 400 + "x\n", None, "nested too deeply"),
        ("\n".join(f"![a](p.png){{#fig-x-{n}}}\n" for n in range(27)).join(("::: {#fig-x}\n", "\nC\n:::\n")),
         None, "no more than 26 panels"),
        ("<div id='fig-\"x'>\n\nx\n\n</div>\n", None, "a label has letters, digits"),
        ("::: {#fig-x layout-ncol=²}\n![a](p.png)\n:::\n", 3, "layout-ncol is a number from 1 to 99"),
    ],
)  # fmt: skip
def test_what_a_page_can_not_show_is_refused_by_its_line(page, line, words, write, monkeypatch):
    project = write("  typst: default\n", one=f"# One\n\n{page}")
    for path in (project / "p.png", project.parent / "outside.png"):
        Image.new("L", (2, 2)).save(path)
    (project / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    monkeypatch.chdir(project)
    before = sorted(project.parent.rglob("*"))
    with pytest.raises(RenderError) as raised:
        site.render(project, TEMPLATES, project.parent / "site")
    message = str(raised.value)
    assert words in message
    assert message.startswith(f"one.qmd:{line}: " if line else "one.qmd")
    assert sorted(project.parent.rglob("*")) == before


@found
def test_a_label_that_two_pages_have_is_refused_with_both(refusal):
    message = refusal(one="# One\n\n## A {#sec-a}\n", two="# Two\n\n## A {#sec-a}\n")
    assert message == "two.qmd:3: label 'sec-a' stands twice; first on page one"


@found
def test_pandoc_and_typst_are_stopped_and_the_page_is_named(write, monkeypatch):
    project = write("  typst: default\n", one="# One\n\nWords.\n")
    monkeypatch.chdir(project)
    monkeypatch.setattr(pdf, "TIME_LIMIT", 0.001)
    with pytest.raises(RenderError, match=r"^Typst: did not end within"):
        site.render(project, TEMPLATES)
    monkeypatch.setattr(tree, "TIME_LIMIT", 0.0001)
    with pytest.raises(RenderError, match=r"^index.qmd: pandoc: did not end within"):
        site.render(project, TEMPLATES)
    assert [path.name for path in project.parent.iterdir()] == ["project"]


@found
@pytest.mark.parametrize("place", [".", "..", "full", "file"])
def test_what_is_no_site_is_not_replaced_by_one(place, write, tmp_path):
    project = write(one="# One\n")
    (project / "full").mkdir()
    (project / "full" / "thesis.txt").write_text("all of it")
    (project / "file").write_text("x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(
        RenderError, match=r"would take the place of the project|is no site|is no folder"
    ):
        site.render(project, TEMPLATES, project / place)
    assert sorted(tmp_path.rglob("*")) == before


def cell(code, *options):
    return "\n".join(
        ["# One\n\n```{python}", *(f"#| {option}" for option in options), code, "```", ""]
    )


@found
def test_a_cell_that_prints_without_end_is_stopped(refusal, monkeypatch):
    monkeypatch.setattr(execute, "OUTPUT_LIMIT", 200_000)
    message = refusal(one=cell("while True:\n    print('x' * 1000)"))
    assert message == "one.qmd:4: the cell gives more than 200,000 bytes; print and show less"


@found
def test_a_cell_that_asks_a_question_is_told_that_nobody_is_there(refusal):
    assert "one.qmd:4: the cell raises StdinNotImplementedError" in refusal(
        one=cell("input('who?')")
    )


@survived
def test_a_cell_finds_no_input_and_what_it_leaves_running_ends_with_its_page(write):
    code = (
        "import subprocess, sys\n"
        "print(repr(sys.stdin.read()) if sys.stdin else '')\n"
        "print('left', subprocess.Popen(['sleep', '300']).pid, 'behind')"
    )
    document, _ = read(write(one=cell(code)))
    printed = next(text for text, _ in document.chapters[1].executed.printed)
    number = int(re.search(r"left (\d+) behind", printed)[1])
    for _ in range(50):
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    # One that has ended and that nobody has asked after yet is over, too.
    assert Path(f"/proc/{number}/stat").read_text().split()[2] == "Z"


@found
@pytest.mark.parametrize("data", ["{'image/png': 'no'}", "{'image/png': 7}"])
def test_a_picture_that_is_none_is_refused(data, refusal):
    code = f"from IPython.display import display\ndisplay({data}, raw=True)"
    message = refusal(one=cell(code))
    assert re.match(
        "one.qmd:4: the cell shows (a picture that is none|what no page can hold)", message
    )


@pytest.mark.promise("hostile", "survived")
def test_what_a_cell_raises_and_warns_of_names_no_folder(write):
    code = "import json, warnings\nwarnings.warn('careful')\njson.loads('{')"
    document, _ = read(write(one=cell(code, "error: true", "warning: true")))
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


@survived
def test_what_a_cell_prints_is_text_whatever_it_is(write):
    code = (
        "print('`' * 30 + ' {=html}\\n<script>x</script>')\nprint('\\x1b[31mred\\x1b[0m \\x00 <b>')"
    )
    from report.engine import html

    document, book = read(write(one=cell(code)))
    text = html.write_body(document.chapters[1], document, book)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "red \N{REPLACEMENT CHARACTER} " in text
    assert "\x1b" not in text
