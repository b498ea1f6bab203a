"""The PDF's own affairs: where its pages break."""

import pytest
from conftest import TEMPLATES
from pypdf import PdfReader

from report.engine import site


def table(rows):
    """A captioned pipe table whose rows take two lines each."""
    words = " ".join(["word"] * 30)
    lines = [f"| row {number} | {words} |" for number in range(rows)]
    return "\n".join(
        ["| left | right |", "|:---|:-----------|", *lines, "", ": Caption. {#tbl-rows}"]
    )


@pytest.fixture
def pages(write, tmp_path):
    """The text of each page of a PDF with a table of so many rows below so many lines."""

    def read(rows, above=0):
        text = (
            "# Page {#sec-page}\n\n" + above * "A paragraph.\n\n" + table(rows) + "\n\n@tbl-rows\n"
        )
        folder = write("  typst: default", page=text)
        site.render(folder, TEMPLATES, tmp_path / "site")
        (path,) = (tmp_path / "site").glob("*.pdf")
        return [page.extract_text() for page in PdfReader(path).pages]

    return read


def holders(pages, words):
    return [number for number, text in enumerate(pages) if words in text]


def test_a_table_longer_than_a_page_goes_on_over_the_next_with_its_head(pages):
    found = pages(150)
    assert len(holders(found, "row ")) > 2
    assert holders(found, "row 149") == [len(found) - 1]
    assert holders(found, "left") == holders(found, "row ")
    for number in range(150):
        assert len(holders(found, f"row {number} ")) == 1


def test_a_short_table_is_kept_together(pages):
    found = pages(8, above=25)
    assert len(found) == 2
    assert holders(found, "row ") == holders(found, "Caption.") == [1]
