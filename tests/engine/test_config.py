"""`_quarto.yml`: what is known is read, and what is not is refused where it stands."""

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
    """Writes a project's file beside a front page."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "index.qmd").write_text("# Front\n", encoding="utf-8")

    def write(text):
        (tmp_path / "_quarto.yml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def refused(folder):
    with pytest.raises(RenderError) as raised:
        read_book(folder)
    return str(raised.value)


def test_what_a_project_leaves_out_has_quartos_defaults(project):
    book = read_book(project(MINIMAL))
    assert (book.title, book.lang, book.pdf, book.date) == ("T", "en", None, "")
    assert book.output.name == "_book"
    assert book.execute["echo"] is True


def test_authors_are_a_name_or_a_list_of_what_one_knows_of_them(project):
    text = """\
  author:
    - A
    - name: B
      orcid: 0000-0000-0000-0001
      affiliations: [U, {name: V}]
      email: b@example.org
    - {name: C, affiliation: W, url: "https://example.org"}
"""
    book = read_book(project(MINIMAL + text))
    assert [author.name for author in book.authors] == ["A", "B", "C"]
    assert book.authors[1].affiliations == ("U", "V")
    assert book.authors[2] == Author("C", ("W",), url="https://example.org", family="C")
    assert book.authors[1].orcid == "0000-0000-0000-0001"


@pytest.mark.parametrize(
    ("name", "given", "family"),
    [
        ("Ann de Boer", "Ann", "de Boer"),
        ("Curie, Marie", "Marie", "Curie"),
        ("van der Berg, Jan", "Jan", "van der Berg"),
        ("Martin Luther King, Jr.", "Martin Luther", "King, Jr."),
        ("King, Jr., Martin Luther", "Martin Luther", "King, Jr."),
        ("Plato", None, "Plato"),
    ],
)
def test_a_name_is_read_as_bibtex_reads_it(name, given, family, project):
    (author,) = read_book(project(MINIMAL + f'  author: "{name}"\n')).authors
    assert (author.given, author.family) == (given, family)


@pytest.mark.parametrize(
    ("name", "author"),
    [
        ("{literal: The Tide Group}", Author("The Tide Group")),
        ("{given: Ann, family: de Boer}", Author("Ann de Boer", given="Ann", family="de Boer")),
        ("{family: Boer}", Author("Boer", family="Boer")),
    ],
)
def test_a_name_may_come_in_parts_and_an_organisations_is_literal(name, author, project):
    text = f"  author:\n    - name: {name}\n"
    assert read_book(project(MINIMAL + text)).authors == (author,)


def test_an_orcid_may_be_an_address(project):
    text = "  author:\n    - {name: A, orcid: 'https://orcid.org/0000-0002-1694-233X'}\n"
    assert read_book(project(MINIMAL + text)).authors[0].orcid == "0000-0002-1694-233X"


def test_a_doi_may_be_an_address(project):
    for doi in ("10.5555/12345678", "https://doi.org/10.5555/12345678"):
        assert read_book(project(MINIMAL + f"  doi: {doi}\n")).doi == "10.5555/12345678"


def test_a_header_is_of_files_and_texts_in_their_order(project, tmp_path):
    (tmp_path / "one.html").write_text('<meta name="one">\n', encoding="utf-8")
    included = "format:\n  html:\n    include-in-header: "
    for value, header in (
        ("one.html", '<meta name="one">'),
        ("{text: '<b>'}", "<b>"),
        ("[{text: '<b>'}, {file: one.html}]", '<b>\n<meta name="one">'),
    ):
        assert read_book(project(MINIMAL + included + value + "\n")).header == header


def test_today_is_the_date_of_the_build(project):
    assert len(read_book(project(MINIMAL + "  date: today\n")).date) == len("2020-01-01")
    assert read_book(project(MINIMAL + "  date: 2020-01-31\n")).date == "2020-01-31"


def test_a_footer_is_a_text_or_its_parts(project):
    assert read_book(project(MINIMAL + "  page-footer: All\n")).footer == "All"
    parts = "  page-footer: {left: L, right: R}\n"
    assert read_book(project(MINIMAL + parts)).footer == "L R"


def test_options_for_all_formats_are_below_those_of_one(project):
    more = "toc: false\nformat:\n  html: {toc: true}\n  typst: default\n"
    book = read_book(project(MINIMAL + more))
    assert (book.html["toc"], book.typst["toc"]) == (True, False)
    assert book.pdf == "book.pdf"


@pytest.fixture
def profiles(project, tmp_path):
    """A project whose own profile is one; two says other things, and a picture that is missing."""
    project(f"{MINIMAL}  subtitle: Below\nprofile: {{default: one}}\nbibliography: [a.bib]\n")
    (tmp_path / "_quarto-one.yml").write_text("book: {subtitle: One}\nbibliography: [b.bib]\n")
    (tmp_path / "_quarto-two.yml").write_text("book:\n  subtitle: Two\n  page-footer: Foot\n")
    for name in ("a.bib", "b.bib"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("chosen", "subtitle", "footer", "bibliography"),
    [
        ("", "One", "", ["a.bib", "b.bib"]),
        ("two", "Two", "Foot", ["a.bib"]),
        ("one,two", "One", "Foot", ["a.bib", "b.bib"]),
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
        ("\ncsl: c.csl\n", 2, "c.csl is not there"),
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
def test_a_folder_without_a_project_is_named(tmp_path):
    assert "_quarto.yml is missing" in refused(tmp_path)


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("more", "line", "words"),
    [
        ("formt: {}\n", 7, "unknown option 'formt'; known: bibliography, book"),
        ("format:\n  html:\n    tok: true\n", 9, "unknown option 'tok'"),
        ("format:\n  docx: default\n", 8, "unknown option 'docx'; known: html, typst"),
        ("format:\n  html: yes please\n", 8, "option 'html' takes options of its own"),
        ("format:\n  html:\n    fig-format: gif\n", 9, "takes retina or png or svg; found gif"),
        ("format:\n  html:\n    toc: maybe\n", 9, "'toc' takes true or false; found maybe"),
        ("format:\n  html:\n    fig-width: true\n", 9, "'fig-width' takes a number; found true"),
        ("format:\n  html:\n    css: none.css\n", 9, "none.css is not there"),
        ("execute:\n  echo: fenced\n", 8, "'echo' takes true or false; found fenced"),
        ("bibliography: none.bib\n", 7, "none.bib is not there"),
        ("bibliography:\n  - index.qmd\n", 7, "BibTeX, in a .bib file; found index.qmd"),
        ("csl: none.csl\n", 7, "none.csl is not there"),
        ("  appendices:\n    - none.qmd\n", 8, "chapter none.qmd is not there"),
        ("  appendices:\n    - part: P\n", 8, "without parts; found {'part': 'P'}"),
        ("  author:\n    - {name: A, shoe: 43}\n", 8, "unknown 'shoe' of an author; known: name"),
        ("  author:\n    - {orcid: 1}\n", 8, "an author without a name"),
        ("  author:\n    - 7\n", 8, "an author is a name or what is known of one; found 7"),
        (
            "  author:\n    - {name: A, orcid: 0000-0002-1694-2338}\n",
            8,
            "no ORCID is '0000-0002-1694-2338'",
        ),
        ("  author:\n    - {name: A, orcid: none}\n", 8, "no ORCID is 'none'"),
        ("  author:\n    - name: {given: A}\n", 8, "a name without a family name"),
        ("  author:\n    - name: {first: A}\n", 8, "unknown 'first' of a name"),
        ("format:\n  html: {include-in-header: gone.html}\n", 8, "gone.html is not there"),
        ("format:\n  html: {include-in-header: {url: x}}\n", 8, "is a `file` or a `text`"),
        ("lang: [en\n", 8, "not YAML"),
    ],
)
def test_what_is_not_known_is_refused_by_its_line(project, more, line, words):
    message = refused(project(MINIMAL + more))
    assert message.startswith(f"_quarto.yml:{line}: ")
    assert words in message


@pytest.mark.promise("pages", "found")
def test_another_type_of_project_is_refused(project):
    assert refused(project("project:\n  type: website\n")).startswith("_quarto.yml:2: ")
    assert "type book" in refused(project("book:\n  title: T\n"))


def test_a_book_begins_with_its_front_page(project):
    text = MINIMAL.replace("index.qmd", "other.qmd")
    assert refused(project(text)) == "_quarto.yml:6: chapter other.qmd is not there"
    assert "is index.qmd" in refused(project("project:\n  type: book\nbook:\n  title: T\n"))


@pytest.mark.promise("pages", "found")
def test_a_file_that_is_no_mapping_is_refused(project):
    assert "options are `name: value`" in refused(project("- a\n- b\n"))


@pytest.mark.promise("pages", "survived")
def test_windows_line_ends_change_nothing(project):
    folder = project(MINIMAL)
    path = folder / "_quarto.yml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_book(folder).title == "T"


def test_the_documentation_lists_what_the_engine_knows():
    """`python -m report.engine.known` writes it."""
    assert known.table() in (paths.root() / "docs" / "rendering.md").read_text(encoding="utf-8")
