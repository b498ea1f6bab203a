"""The pages of `book/` equal those of real Quarto, except for the differences listed here."""

import json
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

sys.path.insert(0, str(Path(__file__).parent))
import facts

# What Quarto 1.9.38 made of book/, read with facts.py. Three deliberate differences, which the reader
# removes: maths is MathML here and TeX for a script there, Quarto wraps pictures in paragraphs, and it
# moves asides out of their sentence.
QUARTO = json.loads((Path(__file__).parent / "quarto.json").read_text(encoding="utf-8"))
KINDS = sorted(next(iter(QUARTO.values())))


@pytest.fixture(scope="module")
def pages(built):
    return facts.read_site(built)


def soup(built, page):
    return BeautifulSoup((built / f"{page}.html").read_text(encoding="utf-8"), "lxml")


def test_the_pages_are_those_of_quarto(pages):
    assert set(pages) == set(QUARTO)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", sorted(QUARTO))
def test_a_page_holds_what_quarto_puts_there(pages, page, kind):
    assert pages[page][kind] == QUARTO[page][kind]


def test_the_facts_of_quarto_are_worth_comparing_with():
    held = {kind: [page for page in QUARTO if QUARTO[page][kind]] for kind in KINDS}
    assert all(held.values())
    assert len(QUARTO["figures"]["references"]) > 10


def test_pictures_lie_where_quarto_puts_them_and_have_their_size_in_css_pixels(built):
    image = soup(built, "figures").find(id="fig-curve").find("img")
    assert image["src"].startswith("figures_files/figure-html/fig-curve-output-")
    assert (built / image["src"]).read_bytes().startswith(b"\x89PNG")
    width = int.from_bytes((built / image["src"]).read_bytes()[16:20], "big")
    assert int(image["width"]) == width // 2  # drawn for a dense screen


def test_errors_are_shown_where_a_cell_asks_for_it(built):
    shown = soup(built, "cells").find(class_="cell-output-error")
    assert "ValueError: shown on purpose" in shown.get_text()
    assert "\x1b" not in shown.get_text()


def test_stderr_is_shown_where_a_cell_asks_for_warnings(built):
    shown = soup(built, "cells").find_all(class_="cell-output-stderr")
    assert [tag.get_text().strip() for tag in shown] == ["a word on stderr"]


def test_html_that_a_cell_displays_is_not_doubled_by_its_plain_text(built):
    assert "IPython.core.display" not in soup(built, "cells").get_text()
    assert not soup(built, "tables").find("main").find("pre")


def test_printed_whitespace_stays(built):
    outputs = soup(built, "cells").find_all(class_="cell-output-stdout")
    assert any("   indented *stars*" in output.get_text() for output in outputs)


def test_tabs_name_their_panes_and_the_first_is_open(built):
    tabset = soup(built, "blocks").find(class_="panel-tabset")
    tabs, panes = tabset.find_all(role="tab"), tabset.find_all(role="tabpanel")
    assert [tab["aria-controls"] for tab in tabs] == [pane["id"] for pane in panes]
    assert [tab["aria-selected"] for tab in tabs] == ["true", "false"]
    assert [tab["id"] for tab in tabs] == [pane["aria-labelledby"] for pane in panes]


def test_a_callout_that_folds_says_so_to_a_screen_reader(built):
    callout = soup(built, "blocks").find(class_="callout-tip")
    header = callout.find(class_="callout-header")
    assert header["aria-expanded"] == "false"
    assert callout.find(id=header["aria-controls"])


def test_raw_html_and_foreign_classes_stay(built):
    page = soup(built, "blocks")
    assert page.find(id="raw")["data-x"] == "1"
    assert page.find(class_="boat")["data-colour"] == "red"
    assert page.find(class_="column-margin").get_text().strip() == "In the margin, set small."


def test_citations_lead_to_the_list_of_references(built):
    href = soup(built, "prose").find(class_="citation").find("a")["href"]
    page, anchor = href.split("#")
    assert soup(built, Path(page or "prose.html").stem).find(id=anchor)


def test_maths_needs_no_script(built):
    page = soup(built, "prose")
    assert page.find(id="eq-height").find("math")["display"] == "block"
    assert "mathjax" not in str(page).lower()
