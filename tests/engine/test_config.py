"""`_quarto.yml`: known options are read, and unknown ones are refused with their line."""

import pytest

from pneumo.base import paths
from report.engine import known
from report.engine.config import Author, read_book
from report.engine.errors import RenderError

MINIMAL = """\
project:
  type: book
book:
  title: T
  chapters:
    - index.qmd
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Writes a project's file, with additions, and a front page."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "index.qmd").write_text("# Front\n", encoding="utf-8")

    def write(more="", text=MINIMAL):
        (tmp_path / "_quarto.yml").write_text(text + more, encoding="utf-8")
        return tmp_path

    return write


def refused(folder):
    with pytest.raises(RenderError) as raised:
        read_book(folder)
    return str(raised.value)


def test_what_a_project_leaves_out_has_quartos_defaults(project):
    book = read_book(project())
    assert (book.title, book.lang, book.pdf, book.date) == ("T", "en", None, "")
    assert book.output.name == "_book"


@pytest.mark.parametrize(
    ("more", "field", "value"),
    [
        ("  doi: 10.5555/12345678\r\n", "doi", "10.5555/12345678"),
        ("  doi: https://doi.org/10.5555/12345678\n", "doi", "10.5555/12345678"),
        ("  date: 2020-01-31\n", "date", "2020-01-31"),
        ("  page-footer: {center: Foot}\n", "footer", "Foot"),
        ("toc: false\nformat: {html: {toc: true}}\n", "html", {"toc": True}),
        ("toc: false\nformat: {typst: default}\n", "typst", {"toc": False}),
        ("format: {typst: default}\n", "pdf", "book.pdf"),
        ("  author: Ann de Boer\n", "authors", (Author("Ann de Boer", is_one_text=True),)),
        ("  author: {name: {literal: Group 5, family: 5}}\n", "authors", (Author("Group 5"),)),
        ("  author: [{name: {family: Boer}}]\n", "authors", (Author("Boer", family="Boer"),)),
        ("  author: {name: {given: A, family: B}, orcid: 'https://orcid.org/0000-0002-1694-233X'}\n",
         "authors", (Author("A B", orcid="0000-0002-1694-233X", given="A", family="B"),)),
        ("  author: {name: {literal: B}, affiliations: [U, {name: V}], email: b@e.org, url: 'https://e.org'}\n",
         "authors", (Author("B", ("U", "V"), url="https://e.org", email="b@e.org"),)),
    ],
)  # fmt: skip
def test_what_is_known_is_read(project, more, field, value):
    assert getattr(read_book(project(more)), field) == value


@pytest.fixture
def profiles(project, tmp_path):
    """A project whose own profile is one; two says other things."""
    project("  subtitle: Below\nprofile: {default: one}\nbibliography: [a.bib]\n")
    (tmp_path / "_quarto-one.yml").write_text("book: {subtitle: One}\nbibliography: [b.bib]\n")
    (tmp_path / "_quarto-two.yml").write_text("book: {subtitle: Two, page-footer: {center: F}}\n")
    for name in ("a.bib", "b.bib"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("chosen", "subtitle", "footer", "bibliography"),
    [
        ("", "One", "", ["a.bib", "b.bib"]),
        ("two", "Two", "F", ["a.bib"]),
        ("one,two", "One", "F", ["a.bib", "b.bib"]),
        ("nobodys", "Below", "", ["a.bib"]),
    ],
)
def test_profiles_are_merged_over_the_projects_file_as_quarto_does(
    chosen, subtitle, footer, bibliography, profiles, monkeypatch
):
    monkeypatch.setenv("QUARTO_PROFILE", chosen)
    book = read_book(profiles)
    assert (book.subtitle, book.footer) == (subtitle, footer)
    assert [path.name for path in book.bibliography] == bibliography


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("lang: en\nlanguage: de\n", 2, "unknown option 'language'"),
        ("\nformat: {html: {css: none.css}}\n", 2, "there is no file none.css"),
    ],
)
def test_a_fault_in_a_profile_is_told_by_its_own_line(text, line, words, profiles, monkeypatch):
    monkeypatch.setenv("QUARTO_PROFILE", "two")
    (profiles / "_quarto-two.yml").write_text(text)
    with pytest.raises(RenderError, match=rf"_quarto-two\.yml:{line}: {words}"):
        read_book(profiles)


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("more", "line", "words"),
    [
        ("formt: {}\n", 7, "unknown option 'formt'; known: bibliography, book"),
        ("format:\n  html:\n    tok: true\n", 9, "unknown option 'tok'"),
        ("format:\n  docx: default\n", 8, "unknown option 'docx'; known: html, typst"),
        ("format:\n  html: yes please\n", 8, "option 'html' takes options of its own"),
        ("format:\n  html:\n    fig-width: 7\n", 9, "unknown option 'fig-width'"),
        ("format:\n  html:\n    toc: maybe\n", 9, "'toc' takes true or false; found maybe"),
        ("format:\n  html:\n    toc-depth: true\n", 9, "'toc-depth' takes a number; found true"),
        ("format:\n  html:\n    toc-depth: .inf\n", 9, "'toc-depth' takes a number; found inf"),
        ("format:\n  html:\n    css: none.css\n", 9, "there is no file none.css"),
        ("execute:\n  echo: fenced\n", 8, "'echo' takes true or false; found fenced"),
        ("bibliography: none.bib\n", 7, "there is no file none.bib"),
        ("bibliography:\n  - index.qmd\n", 8, "BibTeX, in a .bib file; found index.qmd"),
        ("csl: none.csl\n", 7, "unknown option 'csl'"),
        ("  appendices:\n    - none.qmd\n", 8, "there is no file none.qmd"),
        ("  appendices:\n    - part: P\n", 8, "'appendices' takes a .qmd file beside this one"),
        ("  appendices:\n    - ../a.qmd\n", 8, "'appendices' takes a .qmd file beside this one"),
        ("  appendices:\n    - index.qmd\n", 8, "index.qmd occurs twice"),
        ("  output-file: a b\n", 7, "'output-file' takes letters, digits, . - and _; found a b"),
        ("  doi: 11.5\n", 7, "'doi' takes a DOI like"),
        ("  date: 2026-02-31\n", 7, "not YAML: day is out of range"),
        ("  date: spring\n", 7, "'date' takes a date like 2026-01-31; found spring"),
        ("  author:\n    - {name: A, shoe: 43}\n", 8, "unknown option 'shoe'; known: affil"),
        ("  author:\n    - {email: a}\n", 8, "this author has no name"),
        ("  author:\n    - name: {given: A}\n", 8, "this author has no name"),
        ("  author:\n    - name: {first: A}\n", 8, "unknown option 'first'"),
        ("  author:\n    - {name: A, orcid: 0000-0002-1694}\n", 8, "takes an ORCID"),
        ("format:\n  html: {include-in-header: {file: gone.html}}\n", 8, "there is no file gone.html"),
        ("format:\n  html: {include-in-header: {url: x}}\n", 8, "unknown option 'url'"),
        ("lang: [en\n", 8, "not YAML"),
        ("lang: &a [*a]\n", 7, "aliases are not supported"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_by_its_line(project, more, line, words):
    message = refused(project(more))
    assert message.startswith(f"_quarto.yml:{line}: ")
    assert words in message


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# nothing\n", "_quarto.yml:1: this engine renders only books"),
        ("project: {type: website}\n", "_quarto.yml:1: option 'type' takes book; found website"),
        ("book: {title: T, chapters: [index.qmd]}\n", "this engine renders only books"),
        (MINIMAL.replace("index.qmd", "other.qmd"), "_quarto.yml:5: the first chapter of a book must"),
        ("project: {type: book}\n", "the first chapter of a book must be index.qmd"),
        (MINIMAL.replace("book\n", "book\n  output-dir: ..\n", 1), "the site would replace the project"),
        (MINIMAL.replace("book\n", "book\n  resources:\n    - ./a*\n    - .\n", 1),
         "_quarto.yml:5: '.' is the project's folder; name files"),
        ("- a\n- b\n", "_quarto.yml:1: options are `name: value`"),
    ],
)  # fmt: skip
def test_what_is_no_book_is_refused(project, text, words):
    assert words in refused(project(text=text))


def test_the_documentation_lists_what_the_engine_knows():
    """`python -m report.engine.known` writes it."""
    assert known.table() in (paths.root() / "docs" / "rendering.md").read_text(encoding="utf-8")
