"""The book for another set or size: its own title and words, the same pages, the project untouched."""

import re
from pathlib import Path

import pytest

from pneumo.base import paths
from pneumo.data import DataError
from pneumo.data.descriptions import BREAST, DESCRIPTIONS, PNEUMONIA
from report.engine import edition
from report.engine.config import read_book

PROJECT = paths.root() / "report"
CHEST = re.compile(r"pneumonia|chest|radiograph|lung|\bchild|x-ray|thorax|\bheart", re.IGNORECASE)


def choose(monkeypatch, about, size):
    monkeypatch.setenv("PNEUMO_DATASET", about.name)
    monkeypatch.setenv("PNEUMO_SIZE", str(size))


def test_the_default_is_the_project_itself(monkeypatch):
    choose(monkeypatch, PNEUMONIA, 28)
    with edition.of(PROJECT) as project:
        assert project is PROJECT


def test_a_book_that_reports_no_study_is_the_project_itself(monkeypatch):
    choose(monkeypatch, BREAST, 28)
    with edition.of(PROJECT, no_study=True) as project:
        assert project is PROJECT


@pytest.mark.parametrize(
    ("about", "size"), [(BREAST, 28), (BREAST, 224), (PNEUMONIA, 64)], ids=lambda one: str(one)[:20]
)
def test_another_book_has_the_same_pages_and_says_its_own_size(about, size, monkeypatch):
    choose(monkeypatch, about, size)
    before = {path: path.read_bytes() for path in PROJECT.glob("*.*")}
    with edition.of(PROJECT) as project:
        ours, theirs = read_book(PROJECT), read_book(project)
        assert [p.name for p in theirs.chapters] == [p.name for p in ours.chapters]
        assert f"{size}×{size}" in theirs.description
        assert theirs.authors == ours.authors
        assert (theirs.typst, theirs.date) == (ours.typst, ours.date)
        assert theirs.html.keys() == ours.html.keys()
        assert "citation_title" in ours.header
        assert "citation_title" not in theirs.header
        assert theirs.header in ours.header
        for name in (*ours.typst["template-partials"], *ours.typst["filters"]):
            assert (project / name).read_bytes() == (PROJECT / name).read_bytes()
        assert about.title in theirs.subtitle + theirs.footer
    assert not project.exists()
    assert {path: path.read_bytes() for path in PROJECT.glob("*.*")} == before


def test_a_book_about_breasts_says_nothing_of_chests(monkeypatch):
    choose(monkeypatch, BREAST, 28)
    with edition.of(PROJECT) as project:
        for path in (*project.glob("*.qmd"), project / "_quarto.yml"):
            assert not CHEST.search(path.read_text(encoding="utf-8")), path.name


def test_every_phrase_that_is_replaced_stands_in_a_page():
    pages = "".join(path.read_text(encoding="utf-8") for path in PROJECT.glob("*.qmd"))
    for about in DESCRIPTIONS.values():
        text = pages
        for before, after in about.phrases:
            assert before in text, before
            text = text.replace(before, after)


def test_a_set_that_does_not_exist_is_refused(monkeypatch):
    monkeypatch.setenv("PNEUMO_DATASET", "chestmnist")
    with pytest.raises(DataError, match="no data set is called"), edition.of(Path("report")):
        pass
