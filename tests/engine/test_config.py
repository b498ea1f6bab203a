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


@pytest.mark.promise("pages", "survived")
def test_windows_line_ends_change_nothing(project):
    path = project() / "_quarto.yml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_book(path.parent).title == "T"


@pytest.mark.parametrize(
    ("more", "field", "value"),
    [
        ("  doi: 10.5555/12345678\n", "doi", "10.5555/12345678"),
        ("  doi: https://doi.org/10.5555/12345678\n", "doi", "10.5555/12345678"),
        ("  date: 2020-01-31\n", "date", "2020-01-31"),
        ("  page-footer: {center: Foot}\n", "footer", "Foot"),
        ("toc: false\nformat: {html: {toc: true}}\n", "html", {"toc": True}),
        ("toc: false\nformat: {typst: default}\n", "typst", {"toc": False}),
        ("format: {typst: default}\n", "pdf", "book.pdf"),
    ],
)
def test_what_is_known_is_read(project, more, field, value):
    assert getattr(read_book(project(more)), field) == value


def test_today_is_the_date_of_the_build(project):
    assert len(read_book(project("  date: today\n")).date) == len("2020-01-01")


@pytest.mark.parametrize(
    ("said", "author"),
    [
        ('"Ann de Boer"', Author("Ann de Boer", given="Ann", family="de Boer")),
        ('"Curie, Marie"', Author("Marie Curie", given="Marie", family="Curie")),
        ('"van der Berg, Jan"', Author("Jan van der Berg", given="Jan", family="van der Berg")),
        ('"Luther King, Jr."', Author("Luther King, Jr.", given="Luther", family="King, Jr.")),
        ('"King, Jr., Luther"', Author("Luther King, Jr.", given="Luther", family="King, Jr.")),
        ("Plato", Author("Plato", family="Plato")),
        ("{name: {literal: The Tide Group}}", Author("The Tide Group")),
        ("{name: {literal: Group 5, family: 5}}", Author("Group 5")),
        ("{name: {family: Boer}}", Author("Boer", family="Boer")),
        ("{name: {given: Ann, family: de Boer}, orcid: 'https://orcid.org/0000-0002-1694-233X'}",
         Author("Ann de Boer", orcid="0000-0002-1694-233X", given="Ann", family="de Boer")),
        ("{name: B, affiliations: [U, {name: V}], email: b@example.org, url: 'https://example.org'}",
         Author("B", ("U", "V"), url="https://example.org", email="b@example.org", family="B")),
    ],
)  # fmt: skip
def test_names_are_read_as_bibtex_reads_them_or_in_parts_and_an_organisations_is_literal(
    said, author, project
):
    assert read_book(project(f"  author: {said}\n")).authors == (author,)
    assert read_book(project(f"  author:\n    - A\n    - {said}\n")).authors[1] == author


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
        ("\nformat: {html: {css: none.css}}\n", 2, "none.css is not there"),
    ],
)
def test_what_is_wrong_in_a_profile_is_told_by_its_own_line(
    text, line, words, profiles, monkeypatch
):
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
        ("format:\n  html:\n    css: none.css\n", 9, "none.css is not there"),
        ("execute:\n  echo: fenced\n", 8, "'echo' takes true or false; found fenced"),
        ("bibliography: none.bib\n", 7, "none.bib is not there"),
        ("bibliography:\n  - index.qmd\n", 8, "BibTeX, in a .bib file; found index.qmd"),
        ("csl: none.csl\n", 7, "unknown option 'csl'"),
        ("  appendices:\n    - none.qmd\n", 8, "none.qmd is not there"),
        ("  appendices:\n    - part: P\n", 8, "'appendices' takes a .qmd file beside this one"),
        ("  appendices:\n    - ../a.qmd\n", 8, "'appendices' takes a .qmd file beside this one"),
        ("  appendices:\n    - index.qmd\n", 8, "index.qmd occurs twice"),
        ("  output-file: a b\n", 7, "'output-file' takes letters, digits, . - and _; found a b"),
        ("  doi: 11.5\n", 7, "'doi' takes a DOI like"),
        ("  date: spring\n", 7, "'date' takes a date, today or now"),
        ("  author:\n    - {name: A, shoe: 43}\n", 8, "unknown option 'shoe'; known: affil"),
        ("  author:\n    - {email: a}\n", 8, "an author has a name"),
        ("  author:\n    - name: {given: A}\n", 8, "an author has a name"),
        ("  author:\n    - name: {first: A}\n", 8, "unknown option 'first'"),
        ("  author:\n    - {name: A, orcid: 0000-0002-1694-2338}\n", 8, "takes an ORCID"),
        ("format:\n  html: {include-in-header: {file: gone.html}}\n", 8, "gone.html is not there"),
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
        ("# nothing\n", "_quarto.yml:1: this engine renders projects of type book"),
        ("project: {type: website}\n", "_quarto.yml:1: option 'type' takes book; found website"),
        ("book: {title: T, chapters: [index.qmd]}\n", "this engine renders projects of type book"),
        (
            MINIMAL.replace("index.qmd", "other.qmd"),
            "_quarto.yml:5: the first chapter of a book is",
        ),
        ("project: {type: book}\n", "the first chapter of a book is index.qmd"),
        (MINIMAL.replace("book\n", "book\n  output-dir: ..\n", 1), "would take the place of the"),
        ("- a\n- b\n", "_quarto.yml:1: options are `name: value`"),
    ],
)
def test_what_is_no_book_is_refused(project, text, words):
    assert words in refused(project(text=text))


@pytest.mark.promise("pages", "found")
def test_a_folder_without_a_project_is_named(tmp_path):
    assert "_quarto.yml is missing" in refused(tmp_path)


def test_the_documentation_lists_what_the_engine_knows():
    """`python -m report.engine.known` writes it."""
    assert known.table() in (paths.root() / "docs" / "rendering.md").read_text(encoding="utf-8")
