"""Pages and record agree: each anchor is drawn, each drawing has its numbers, the phantom is marked."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from records import changed, without

from pneumo.base import paths
from pneumo.pages import figure, fragments, open_record, say, table
from pneumo.pages.showing import PageError
from pneumo.pages.style import PHANTOM
from pneumo.pages.topics import FIGURES, TABLES
from pneumo.record import RecordError

PAGES = sorted((paths.templates().parent / "report").glob("*.qmd"))
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
    "robustness|corruptions|ablations|cascade|road|attention|lungs|saliency|framing|external|size|kinds"
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


def test_a_figure_is_printed_with_both_drawings_caption_and_mark(
    record, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    figure(record, "fig-class-balance")
    printed = capsys.readouterr().out
    light, dark = re.findall(r"!\[\]\((figures/[\w.-]+\.svg)\)", printed)
    assert Path(light).is_file()
    assert Path(dark).is_file()
    assert "{#fig-class-balance}" in printed
    assert f"**{PHANTOM.capitalize()}.**" in printed


def test_data_that_are_not_the_phantoms_are_not_marked(record, capsys, tmp_path):
    table(record, "tbl-data")
    assert PHANTOM.capitalize() in capsys.readouterr().out
    table(changed(record, tmp_path / "real", source="file"), "tbl-data")
    assert PHANTOM.capitalize() not in capsys.readouterr().out


def test_what_does_not_exist_is_named_with_what_does(record):
    with pytest.raises(PageError, match=r"fig-typo.*fig-examples"):
        figure(record, "fig-typo")
    with pytest.raises(PageError, match=r"tbl-typo.*tbl-data"):
        table(record, "tbl-typo")
    with pytest.raises(fragments.FragmentError, match=r"no fragment typo\.md\.j2"):
        say(record, "typo")


def test_every_fragment_is_used():
    names = {path.name.removesuffix(".md.j2") for path in TEMPLATES}
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("pneumo/pages", "report/engine")
        for path in paths.templates().parent.glob(f"{folder}/**/*.py")
    )
    unused = {
        name
        for name in names
        if not re.search(rf"""["'/]{re.escape(name)}(\.md\.j2)?["']""", EVERYTHING + code)
    }
    assert not unused


def test_without_a_record_a_page_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_RECORD", str(tmp_path))
    with pytest.raises(RecordError, match=r"results\.json|no record"):
        open_record()


def test_pages_say_which_part_a_record_lacks_and_how_to_make_it(
    record, tmp_path, monkeypatch, capsys
):
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


def test_drawing_imports_nothing_that_computes():
    heavy = ("torch", "torchvision", "medmnist", "sklearn", "scipy", "statsmodels", "captum")
    code = (
        f"import sys, pneumo.pages.topics\nprint([name for name in {heavy} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
