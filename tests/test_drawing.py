"""Pages and record agree: figures and tables are made from a record alone, in colours any reader sees."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from records import without

from pneumo.base import paths
from pneumo.pages import figure, fragments, say, style, table
from pneumo.pages.showing import PageError
from pneumo.pages.style import PHANTOM
from pneumo.pages.topics import FIGURES, TABLES
from pneumo.record.images import digest

# What is of other images, a larger study, other framing or the reference is drawn where those are tested.
ELSEWHERE = re.compile("external|size|framing-mend|reference")
DRAWN = [one for one in FIGURES if not ELSEWHERE.search(one)]


@pytest.fixture(scope="module")
def figures(record):
    """Every figure of the record, by its anchor."""
    return {anchor: FIGURES[anchor](record) for anchor in DRAWN}


@pytest.mark.parametrize("anchor", DRAWN)
def test_a_figure_needs_no_images_and_states_numbers(anchor, figures, record, unseen):
    shown, without = figures[anchor], FIGURES[anchor](unseen)
    if any(axes.images for axes in shown.canvas.axes):  # else both are the same drawing
        without.canvas.draw_without_rendering()
    assert shown.caption == without.caption
    assert not {"nan", "None", "|"} & set(f"{shown.caption} {shown.alt}".split())
    assert set(shown.runs or ()) <= {run.run for run in record.provenance.runs}


@pytest.mark.parametrize("anchor", [one for one in TABLES if not ELSEWHERE.search(one)])
def test_a_table_is_made_from_a_record_alone(anchor, unseen):
    made = TABLES[anchor](unseen)
    cells = [cell for row in made.rows for cell in row]
    assert cells
    assert not [cell for cell in cells if cell in ("nan", "None") or "|" in cell or "\n" in cell]
    assert set(made.runs or ()) <= {run.run for run in unseen.provenance.runs}


def test_the_examples_are_training_images_of_their_class(figures, record, phantom):
    rows = list(record.figure("fig-examples").rows())
    shown = [axes.images[0] for axes in figures["fig-examples"].canvas.axes if axes.images]
    for row, picture in zip(rows, shown, strict=True):
        image = phantom.train.images[int(row["index"])]
        assert phantom.train.labels[int(row["index"])] == row["label"]
        assert digest(image) == row["sha256"]
        np.testing.assert_array_equal(picture.get_array()[..., 0], image)


# Machado, Oliveira & Fernandes (2009), full severity, for linear RGB.
EYES = {
    "all cones": np.eye(3),
    "protanopia": [(0.15228, 1.05258, -0.20486), (0.11450, 0.78628, 0.09921), (-0.00388, -0.04811, 1.05199)],
    "deuteranopia": [(0.36732, 0.86064, -0.22796), (0.28008, 0.67250, 0.04741), (-0.01182, 0.04294, 0.96888)],
    "tritanopia": [(1.25552, -0.07674, -0.17877), (-0.07841, 0.93080, 0.14760), (0.00473, 0.69136, 0.3039)],
}  # fmt: skip
# Ottosson's OKLab: linear RGB to cones, and the cones' cube roots to lightness and two opponents.
CONES = [(0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
         (0.0883024619, 0.2817188376, 0.6299787005)]  # fmt: skip
OPPONENTS = [(0.2104542553, 0.793617785, -0.0040720468), (1.9779984951, -2.428592205, 0.4505937099),
             (0.0259040371, 0.7827717662, -0.808675766)]  # fmt: skip
CLASS_COLOURS = (style.BLUE, style.VERMILION)
# About five just noticeable differences, of which OKLab counts some 0.02 each.
APART = 0.09
# Background colours of the portable engine's pages and of Quarto's dark theme.
GROUNDS = {"light": ("#ffffff",), "dark": ("#12181b", "#222222")}


def linear(colour):
    parts = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def distance(one, other, eye):
    seen = (np.clip(np.array(EYES[eye]) @ linear(colour), 0, 1) for colour in (one, other))
    first, second = (np.array(OPPONENTS) @ np.cbrt(np.array(CONES) @ parts) for parts in seen)
    return np.linalg.norm(first - second)


def contrast(one, other):
    """WCAG's ratio."""
    lower, higher = sorted(linear(colour) @ (0.2126, 0.7152, 0.0722) for colour in (one, other))
    return (higher + 0.05) / (lower + 0.05)


def on(page, colour):
    return style.DARK[colour] if page == "dark" else colour


@pytest.mark.parametrize("page", GROUNDS)
@pytest.mark.parametrize("eye", EYES)
def test_models_classes_and_maps_differ_in_colour_to_any_eye(eye, page):
    pairs = [CLASS_COLOURS, (style.VERMILION, style.GREY)]
    for one, other in (*itertools.combinations(style.MODELS, 2), *pairs):
        assert distance(on(page, one), on(page, other), eye) > APART, (one, other)


def test_in_print_without_colour_models_differ_by_their_dashes_or_in_lightness():
    looks = style.looks([f"model {number}" for number in range(len(style.LINE_STYLES))])
    assert len({str(look["linestyle"]) for look in looks.values()}) == len(looks)
    assert len(style.MARKERS) <= len(style.LINE_STYLES)
    for one, other in zip(style.MODELS, style.MODELS[len(looks) :], strict=False):
        lightness = [np.cbrt(linear(colour) @ (0.2126, 0.7152, 0.0722)) for colour in (one, other)]
        assert abs(np.subtract(*lightness)) > 0.2


@pytest.mark.parametrize(
    ("least", "colours"),
    [(3, style.MODELS), (4.5, (style.INK, style.GREY, style.BLUE, style.VERMILION))],
    ids=["lines", "words"],
)
def test_lines_stand_out_from_the_page_and_words_can_be_read(least, colours):
    for page, grounds in GROUNDS.items():
        for ground, colour in itertools.product(grounds, colours):
            assert contrast(on(page, colour), ground) >= least, colour


def test_words_upon_bars_and_pictures_can_be_read():
    for colour in CLASS_COLOURS:
        assert contrast(style.PAGE, colour) >= 4.5
        assert contrast(style.DARK[style.PAGE], style.DARK[colour]) >= 4.5
    assert contrast(style.OVER_DARK, style.OVER_BRIGHT) > 12


PAGES = sorted((paths.templates().parent / "report").glob("[!_]*.qmd"))  # _…: included
TEXT = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
TEMPLATES = {
    path: path.read_text(encoding="utf-8")
    for path in (paths.templates() / "fragments").rglob("*.md.j2")
}
SHOWN = re.compile(r"""(?:figure|table)\(\w+, "((?:fig|tbl)-[\w-]+)"\)""")
CELL = re.compile(r"^```\{python\}\n(.*?)^```$|`\{python\} (.*?)`", re.DOTALL | re.MULTILINE)
# Parts that a record lacks if networks were not kept, or origins, films or other studies were not at hand.
OPTIONAL = (
    "robustness", "ablations", "held_out", "sanity_checks", "evidence", "framing", "external", "sizes",
    "kinds", "patients", "origins", "hindsight", "write_up",
)  # fmt: skip
OPTIONAL_NUMBERS = re.compile(
    "robustness|corruptions|ablations|cascade|road|evidence|regions|lungs|saliency|framing|external|size|kinds"
    "|clustering|shared-patients|origins|hindsight|source|planted.csv"
)
EVERYTHING = "\n".join((*TEXT.values(), *TEMPLATES.values()))


def test_pages_show_every_figure_and_table_once_and_refer_to_nothing_else():
    known = FIGURES.keys() | TABLES.keys()
    shown = [anchor for text in TEXT.values() for anchor in SHOWN.findall(text)]
    in_fragments = set(re.findall(r"(?:fig|tbl)-[\w-]+", "\n".join(TEMPLATES.values())))
    assert len(shown) == len(set(shown))
    assert set(shown) <= known
    assert known - set(shown) <= in_fragments
    assert set(re.findall(r"@((?:fig|tbl)-[a-z0-9-]*[a-z0-9])", EVERYTHING)) <= known


def test_a_figure_is_printed_with_drawings_caption_and_mark(record, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    figure(record, "fig-class-balance")
    printed = capsys.readouterr().out
    light, dark = re.findall(r"!\[\]\((figures/[\w.-]+\.svg)\)", printed)
    assert Path(light).is_file()
    assert Path(dark).is_file()
    assert "{#fig-class-balance}" in printed
    assert f"**{PHANTOM.capitalize()}.**" in printed


def test_what_does_not_exist_is_named_with_what_does(record):
    with pytest.raises(PageError, match=r"fig-typo.*fig-examples"):
        figure(record, "fig-typo")
    with pytest.raises(PageError, match=r"tbl-typo.*tbl-data"):
        table(record, "tbl-typo")
    with pytest.raises(fragments.FragmentError, match=r"no fragment typo\.md\.j2"):
        say(record, "typo")


def test_pages_say_what_a_record_lacks_and_how_to_make_it(record, tmp_path, monkeypatch, capsys):
    lacking = without(record, tmp_path / "record", OPTIONAL, OPTIONAL_NUMBERS)
    monkeypatch.setenv("PNEUMO_RECORD", str(lacking.path))
    monkeypatch.chdir(tmp_path)
    for page in TEXT.values():
        names = {}
        for cell, expression in CELL.findall(page):
            exec(cell, names)
            eval(expression or "None", names)
    printed = capsys.readouterr().out
    for part in ("robustness", "sanity_checks", "evidence", "ablations"):
        assert f"This record does not have `{part}`; `{lacking.command}` makes it." in printed
