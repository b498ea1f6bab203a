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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", sorted(QUARTO))
def test_a_page_holds_what_quarto_puts_there(pages, page, kind):
    assert set(pages) == set(QUARTO)
    assert pages[page][kind] == QUARTO[page][kind]


def test_pictures_lie_where_quarto_puts_them_and_have_their_size_in_css_pixels(built):
    image = soup(built, "figures").find(id="fig-curve").find("img")
    assert image["src"].startswith("figures_files/figure-html/fig-curve-output-")
    assert (built / image["src"]).read_bytes().startswith(b"\x89PNG")
    width = int.from_bytes((built / image["src"]).read_bytes()[16:20], "big")
    assert int(image["width"]) == width // 2  # drawn for a dense screen


def test_outputs_are_shown_as_they_were_made_and_once(built):
    page = soup(built, "cells")
    warnings = page.find_all(class_="cell-output-stderr")
    assert [tag.get_text().strip() for tag in warnings] == ["a word on stderr"]
    printed = [tag.get_text() for tag in page.find_all(class_="cell-output-stdout")]
    assert any("   indented *stars*" in text for text in printed)
    assert "IPython.core.display" not in page.get_text()
    assert not soup(built, "tables").find("main").find("pre")


def test_tabs_and_a_folded_callout_are_named_for_a_screen_reader_and_raw_html_stays(built):
    page = soup(built, "blocks")
    tabset, callout = page.find(class_="panel-tabset"), page.find(class_="callout-tip")
    tabs, panes = tabset.find_all(role="tab"), tabset.find_all(role="tabpanel")
    assert [tab["aria-controls"] for tab in tabs] == [pane["id"] for pane in panes]
    assert [tab["aria-selected"] for tab in tabs] == ["true", "false"]
    assert [tab["id"] for tab in tabs] == [pane["aria-labelledby"] for pane in panes]
    header = callout.find(class_="callout-header")
    assert header["aria-expanded"] == "false"
    assert callout.find(id=header["aria-controls"])
    assert page.find(id="raw")["data-x"] == "1"
    assert page.find(class_="boat")["data-colour"] == "red"
    assert page.find(class_="column-margin").get_text().strip() == "In the margin, set small."


def test_citations_lead_to_the_list_of_references_and_maths_needs_no_script(built):
    page = soup(built, "prose")
    name, anchor = page.find(class_="citation").find("a")["href"].split("#")
    assert soup(built, Path(name or "prose.html").stem).find(id=anchor)
    assert page.find(id="eq-height").find("math")["display"] == "block"
    assert "mathjax" not in str(page).lower()
