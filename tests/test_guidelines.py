"""Reporting guidelines: every item once, every answer with a valid link, every gap with a reason."""

import re

import pytest

from pneumo.base import paths
from pneumo.pages import guidelines
from pneumo.pages.guidelines import JUDGEMENTS, NAMES, REPORTING, GuidelineError

# Items as published, with their parts.
PUBLISHED = {
    "tripod-ai-abstracts": 13, "stard-ai": 48, "probast-ai": 34, "tripod-ai": 52, "claim-2024": 44
}  # fmt: skip
REFERENCE = re.compile(r"@((?:sec|fig|tbl)-[\w-]+)")


def anchors():
    """All anchors of pages, figures and tables, and all pages."""
    pages = [*paths.root().glob("report/*.qmd")]
    files = [*pages, *(paths.root() / "templates" / "fragments").rglob("*.j2")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return set(re.findall(r"""(?:\{#|")((?:sec|fig|tbl)-[\w-]+)""", text)), {p.name for p in pages}


@pytest.mark.parametrize("name", NAMES)
def test_every_item_has_an_answer_that_points_somewhere_or_a_reason_and_no_number_of_the_study(
    name,
):
    found, (named, pages) = guidelines.load(name), anchors()
    assert len(found.items) == PUBLISHED[name]
    judged = {*JUDGEMENTS.values(), "not applicable"}
    statuses = judged if name == "probast-ai" else set(REPORTING.values())
    assert {item.status for item in found.items} <= statuses
    for item in found.items:
        assert set(REFERENCE.findall(item.words)) <= named, item.number
        assert set(re.findall(r"\]\(([\w.-]+)\)", item.words)) <= pages, item.number
        gap = item.status in ("not reported", "not applicable")
        assert not gap or len(item.words.split()) > 3, item.number
        assert not re.search(r"\d", REFERENCE.sub("", item.words)), item.number


ITEM = '[[item]]\nnumber = "1"\ntopic = "t"\nasks = "a."\n'
ONE = 'name = "M"\nitems = "1"\n' + ITEM


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "M"\nitems = "1 2"\n' + ITEM + 'answer = "x"\n', r"names: \['2'\]"),
        (ONE + 'answer = "x"\n' + ITEM + 'answer = "x"\n', "their order or number"),
        (ONE + 'answer = " "\n', "item 1 needs exactly one of .* it has none"),
        (ONE + 'answer = "x"\nmissing = "y"\n', "it has answer, missing"),
        ("name =", "is damaged"),
        (None, r"made\.toml"),
    ],
)
def test_a_guideline_that_is_not_whole_is_refused(text, said, tmp_path):
    if text is not None:
        (tmp_path / "made.toml").write_text(text, encoding="utf-8")
    with pytest.raises(GuidelineError, match=said):
        guidelines.load("made", tmp_path)
