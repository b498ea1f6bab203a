"""Reporting guidelines: every item once, every answer with a valid link, every gap with a reason."""

import re

import pytest

from pneumo.base import paths
from pneumo.pages import guidelines
from pneumo.pages.guidelines import JUDGEMENTS, NAMES, REPORTING, GuidelineError

# As published: Collins et al. 2024, Sounderajah et al. 2025, Tejani et al. 2024, Moons et al. 2025.
DOMAINS = {"1": "123", "2": "1234", "3": "1234"}
PUBLISHED = {
    "tripod-ai-abstracts": {str(number): "" for number in range(1, 14)},
    "stard-ai": {str(number): "" for number in range(1, 41)}
    | {"15": "abcd", "16": "abc", "17": "ab", "26": "ab", "40": "ab"},
    "probast-ai": {
        f"{part}{domain}": tuple(f".{number}" for number in numbers)
        for part, analysis in (("D", "12345"), ("E", "1234567"))
        for domain, numbers in (DOMAINS | {"4": analysis}).items()
    },
    "tripod-ai": {
        "1": "", "2": "", "3": "abc", "4": "", "5": "ab", "6": "abc", "7": "", "8": "abc", "9": "abc",
        "10": "", "11": "", "12": "abcdefg", "13": "", "14": "", "15": "", "16": "", "17": "",
        "18": "abcdef", "19": "", "20": "abc", "21": "", "22": "", "23": "ab", "24": "", "25": "",
        "26": "", "27": "abc",
    },
    "claim-2024": {str(number): "" for number in range(1, 45)},
}  # fmt: skip
REFERENCE = re.compile(r"@((?:sec|fig|tbl)-[\w-]+)")


@pytest.fixture(params=NAMES)
def found(request):
    return guidelines.load(request.param)


def anchors():
    """All anchors of pages, figures and tables."""
    pages = {
        path.name: path.read_text(encoding="utf-8") for path in paths.root().glob("report/*.qmd")
    }
    named = re.findall(r"""(?:\{#|")((?:sec|fig|tbl)-[\w-]+)""", "\n".join(pages.values()))
    fragments = (paths.root() / "templates" / "fragments").rglob("*.j2")
    for path in fragments:
        named += re.findall(r"""(?:\{#|")((?:sec|fig|tbl)-[\w-]+)""", path.read_text("utf-8"))
    return set(named), set(pages)


@pytest.mark.parametrize("name", NAMES)
def test_every_published_item_is_there_once_and_in_order(name):
    found = guidelines.load(name)
    expected = [
        number + letter
        for number, letters in PUBLISHED[name].items()
        for letter in (letters or [""])
    ]
    assert [item.number for item in found.items] == expected
    judged = {*JUDGEMENTS.values(), "not applicable"}
    statuses = judged if name == "probast-ai" else set(REPORTING.values())
    assert {item.status for item in found.items} <= statuses


def test_every_answer_points_somewhere_that_is_there(found):
    named, pages = anchors()
    for item in found.items:
        assert set(REFERENCE.findall(item.words)) <= named, item.number
        assert set(re.findall(r"\]\(([\w.-]+)\)", item.words)) <= pages, item.number


def test_every_gap_has_a_reason_and_no_answer_holds_a_number_of_the_study(found):
    # Numbers come from the study; the items' own are in another column.
    for item in found.items:
        gap = item.status in ("not reported", "not applicable")
        assert not gap or len(item.words.split()) > 3, item.number
        assert not re.search(r"\d", REFERENCE.sub("", item.words)), item.number


ITEM = '[[item]]\nnumber = "1"\ntopic = "t"\nasks = "a."\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "M"\nitems = "1 2"\n' + ITEM + 'answer = "x"\n', r"names: \['2'\]"),
        ('name = "M"\nitems = "1"\n' + 2 * (ITEM + 'answer = "x"\n'), "their order or number"),
        ('name = "M"\nitems = "1"\n' + ITEM, "item 1 needs exactly one of .* it has none"),
        ('name = "M"\nitems = "1"\n' + ITEM + 'answer = " "\n', "it has none"),
        (
            'name = "M"\nitems = "1"\n' + ITEM + 'answer = "x"\nmissing = "y"\n',
            "it has answer, missing",
        ),
        ("name =", "is damaged"),
        (None, r"made\.toml"),
        ('name = "M"\n', "is damaged"),
    ],
)
def test_a_guideline_that_is_not_whole_is_refused(text, said, tmp_path):
    if text is not None:
        (tmp_path / "made.toml").write_text(text, encoding="utf-8")
    with pytest.raises(GuidelineError, match=said):
        guidelines.load("made", tmp_path)
