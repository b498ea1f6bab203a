"""The real pages on the phantom, as for a user without data and Quarto."""

import base64
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zlib
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import matplotlib
import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup, Tag
from filelock import FileLock
from PIL import Image
from pypdf import PdfReader
from trainings import PROFILE, link_store

from pneumo import __version__
from pneumo.analysis import writing
from pneumo.base import paths
from pneumo.pages import behind, drawing, showing, style
from pneumo.record import read
from pneumo.study import study
from pneumo.study.study import Model
from pneumo.training import recipes
from report.engine.__main__ import main
from report.engine.config import read_book
from report.engine.pdf import standards

_SPEC = spec_from_file_location("report_check", paths.root() / ".ci" / "check.py")
report_check = module_from_spec(_SPEC)
_SPEC.loader.exec_module(report_check)
PHANTOM = report_check.PHANTOM
# What a dark page may show as a light one does: it lies over a picture.
UPON_PICTURES = {style.OVER_BRIGHT, style.OVER_DARK, style.OVER_PICTURE}
PICTURE = re.compile(r'data:image/png;base64,([^"]+)')

pytestmark = pytest.mark.slow


# Private facts of a machine, which must not be published.
SECRETS = {
    "USER": "quokka-user",
    "LOGNAME": "quokka-user",
    "API_TOKEN": "quokka-token",
    "GIT_AUTHOR_NAME": "quokka-author",
    "GIT_AUTHOR_EMAIL": "quokka@example.org",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "user.name",
    "GIT_CONFIG_VALUE_0": "quokka-name",
    "GIT_CONFIG_KEY_1": "remote.origin.url",
    "GIT_CONFIG_VALUE_1": "https://quokka-user:quokka-password@example.org/quokka.git",
}


# The profile smoke on the images of the tests' own study, which has most of its runs.
SMOKE = replace(
    recipes.PROFILES["smoke"],
    train_images=PROFILE.train_images,
    probed_images=PROFILE.probed_images,
)


@pytest.fixture(scope="session")
def report(shared: Path, home: Path) -> Path:
    """The site, built once for all workers."""
    return _built(shared / "report", home)


@pytest.fixture(scope="session")
def other(shared: Path, home: Path) -> Path:
    """The site of another set, built once for all workers, where some models could not be trained."""
    return _built(shared / "breast", home, "breastmnist", ["simple-cnn", "resnet18-tiny-imagenet"])


def _built(
    folder: Path, home: Path, dataset: str = "pneumoniamnist", only: Sequence[str] = ()
) -> Path:
    """The site of a study that includes SimpleCNN, built in an environment full of secrets."""
    store = folder.with_name(f"{folder.name}-quokka-store")
    with FileLock(f"{folder}.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipes.PROFILES, "smoke", SMOKE)
        if not folder.exists():
            study.run("smoke", "phantom", home=home, dataset=dataset, only=only)
            link_store(home, store, "simple-cnn-s*", names=("runs", "outputs"))
            for name, value in SECRETS.items():
                patch.setenv(name, value)
            done = study.run("smoke", "phantom", home=store, dataset=dataset, only=only)
            missing = [name for name in SMOKE.recipes if only and name not in only]
            models = {name: Model(SMOKE.recipe(name), (), "not here") for name in missing}
            models |= {model.name: model for model in done.models}
            done = replace(done, models=tuple(models[name] for name in SMOKE.recipes))
            record = writing.write(done, _record(folder))
            patch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())  # its font cache exists
            patch.setenv("HOME", str(store / "home"))
            patch.setenv("PYTHONWARNINGS", "unknown")  # causes a warning in every Python process
            for name in ("PNEUMO_RECORD", "QUARTO_PROFILE"):
                patch.setenv(name, "")  # main sets them; the patch restores them
            options = ["--engine", "portable", "--record", str(record.path)]
            assert main([*options, "--output", str(folder)]) == 0
    return folder


def _record(site: Path) -> Path:
    """The folder of a site's record."""
    return site.with_name("records") / site.name


def _page(report: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((report / f"{name}.html").read_text(encoding="utf-8"), "lxml")


def _floats(report: Path) -> Iterator[tuple[str, Tag]]:
    """Every figure and table, with the name of its page."""
    for name in report_check.ANCHORS:
        for place in _page(report, name).find("main").select("div.quarto-float[id]"):
            yield name, place


def test_the_site_passes_its_checks(report):
    chosen = {"record": _record(report), "source": "phantom", "profile": "smoke"}
    chosen = Namespace(site=report, **chosen, fingerprint=None)
    assert list(report_check.problems(chosen)) == []
    entries = json.loads((report / "search.json").read_text(encoding="utf-8"))
    found = {entry["href"].partition("#")[0] for entry in entries}
    assert found >= {f"{name}.html" for name in report_check.ANCHORS}


# Figures and tables of the data, the code or the guidelines have no runs.
WITHOUT_RUNS = {
    "fig-examples", "fig-class-balance", "fig-corruptions", "fig-near-duplicates", "fig-shift-images",
    "fig-front", "fig-recipe", "tbl-audit", "tbl-augmentation", "tbl-claim", "tbl-data", "tbl-framing-apart",
    "tbl-framing-ratios", "tbl-goals", "tbl-near-duplicates", "tbl-origins",
    "tbl-planted-copies", "tbl-promises", "tbl-recipes", "tbl-runs", "tbl-shift", "tbl-speed",
    "tbl-speed-tried", "tbl-tripod", "tbl-tripod-abstract", "tbl-stard", "tbl-probast",
}  # fmt: skip


def test_what_is_of_runs_names_them_and_each_is_one_click_from_its_row(report):
    rows = {
        element["id"]: element.get_text(strip=True)
        for element in _page(report, "runs").select("#tbl-runs tbody [id^=run-]")
    }
    assert rows
    for _, place in _floats(report):
        if "-reference" in place["id"]:
            continue  # a section of that page says where all of it comes from
        sources = place.select("figcaption .behind .runs")
        assert bool(sources) == (place["id"] not in WITHOUT_RUNS), place["id"]
        for link in place.select("figcaption .behind .runs a"):
            path, _, anchor = link["href"].partition("#")
            assert path == "runs.html"
            assert rows[anchor] == link.code.string


def test_what_is_behind_every_figure_and_table_is_one_click_away(report):
    seen = 0
    for name, place in _floats(report):
        links = {a.get_text(): a["href"] for a in place.select(".behind > a")}
        behind = _page(report, links["Code"].partition(".html#")[0])
        assert behind.pre.get_text().startswith("def ")
        assert behind.find("a", href=f"{name}.html#{place['id']}")
        for words, link in links.items():
            path, _, anchor = link.partition("#")
            assert (report / path).is_file(), f"{place['id']}: {words}"
            assert not anchor or behind.find(id=anchor)
        if "CSV" in links:
            rows = (report / links["CSV"]).read_text(encoding="utf-8").count("\n") - 1
            assert len(behind.select("tbody tr")) == min(rows, 200)
        if place["id"].startswith("fig-"):
            with Image.open(report / links["PNG"]) as picture:
                assert picture.width > 300
            seen += 1
    assert seen > 20


def test_a_problem_is_reported_with_anchor_and_version_filled_in(report, record, tmp_path):
    for path in report.glob("*.html"):
        shutil.copy(path, tmp_path)
    behind.write(record, tmp_path, "https://example.org/them/theirs", "0" * 40)
    (link,) = _page(tmp_path, "transfer").select("#tbl-comparison a[href*=issues]")
    asked = parse_qs(urlsplit(link["href"]).query)
    assert asked["anchor"] == ["tbl-comparison"]
    assert asked["version"] == [f"{__version__} {'0' * 40}"]
    form = yaml.safe_load(
        (paths.root() / ".github/ISSUE_TEMPLATE" / asked["template"][0]).read_text()
    )
    assert {"anchor", "version"} <= {field["id"] for field in form["body"]}
    page = _page(tmp_path, "behind/tbl-comparison")
    source = page.find("a", href=re.compile("/blob/"))["href"]
    path, first, last = re.fullmatch(r".*/blob/0+/(.*)#L(\d+)-L(\d+)", source).groups()
    lines = (paths.root() / path).read_text(encoding="utf-8").split("\n")
    assert page.pre.get_text() == "\n".join(lines[int(first) - 1 : int(last)])


def test_every_page_has_a_notebook_and_a_twin_in_markdown_with_all_its_numbers(report):
    listed = (report / "llms.txt").read_text(encoding="utf-8")
    for path in report.glob("*.html"):
        page = _page(report, path.stem)
        notebook = page.select_one("main .forms a[download]")
        if path.stem in report_check.ANCHORS:
            assert notebook["href"] == f"notebooks/{path.stem}.ipynb"
            assert (report / notebook["href"]).is_file()
        twin = page.find("link", type="text/markdown")["href"]
        assert f"({twin})" in listed
        for unread in page.main.select(".behind, .explorer, script, noscript, annotation"):
            unread.decompose()
        text = (report / twin).read_text(encoding="utf-8")
        shown, kept = (
            Counter(re.findall(r"\d+\.\d+", words)) for words in (page.main.get_text(" "), text)
        )
        lost = shown - kept
        assert not lost, f"{twin} lacks {lost}"


RUN_AGAIN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
end = "import sys, pneumo; print(pneumo.__file__, {'torch', 'scipy', 'sklearn'} & {*sys.modules})"
notebook.cells.append(nbformat.v4.new_code_cell(end))
NotebookClient(notebook, timeout=120).execute()
nbformat.write(notebook, sys.argv[1])
"""


def _outputs(cells, kind):
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


def test_a_chapters_notebook_runs_on_the_record_alone_and_gives_the_same(report, tmp_path):
    shutil.copytree(report / "record", tmp_path / "record")
    shutil.copytree(report / "notebooks", tmp_path / "notebooks")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=paths.root(), check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path / "installed", "zip")
    path = tmp_path / "notebooks" / "evaluation.ipynb"
    before = nbformat.read(path, 4)
    nbformat.validate(before)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed"), "QUARTO_PROFILE": ""}
    again = [sys.executable, "-c", RUN_AGAIN, path.name]
    subprocess.run(again, cwd=path.parent, env=environment, check=True)
    *cells, end = nbformat.read(path, 4).cells
    assert end.outputs[0].text.split() == [
        str(tmp_path / "installed" / "pneumo" / "__init__.py"), "set()"
    ]  # fmt: skip
    words, drawings = (_outputs(cells, kind) for kind in ("text/markdown", "image/svg+xml"))
    assert " ".join(words).split() == " ".join(_outputs(before.cells, "text/markdown")).split()
    plots = {svg for svg in _outputs(before.cells, "image/svg+xml") if "<image" not in svg}
    assert len(plots) > 1
    assert plots <= {*drawings}  # the record has no X-rays


def test_the_pdf_holds_the_same_captions(report):
    text = _letters("\n".join(report_check.read_pdf(report / "report.pdf")))
    captions = 0
    for name in report_check.ANCHORS:
        for caption in _page(report, name).find("main").find_all("figcaption"):
            for control in caption.select(".behind"):
                control.decompose()  # the PDF does not have the control
            start = _letters(caption.get_text())[:40]
            assert start in text, f"{name}: {caption.get_text()[:60]}"
            captions += 1
    assert captions > 20
    assert _letters(PHANTOM) in text.lower()
    assert "CCBY40" in text


def test_the_pdf_can_be_read_aloud_and_archived(report):
    pdf = PdfReader(report / "report.pdf")
    root, stated = pdf.trailer["/Root"], pdf.xmp_metadata
    about = stated.rdf_root.toxml()
    assert "<pdfuaid:part>1</pdfuaid:part>" in about
    archived = "a-2a" in standards()
    assert ("<pdfaid:part>2</pdfaid:part><pdfaid:conformance>A<" in about) == archived
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert str(stated.xmp_create_date.date()) == read_book(paths.root() / "report").date
    headings = [str(one.title) for one in pdf.outline if not isinstance(one, list)]
    assert {"Summary", "1 The data", "References"} <= set(headings)


def test_every_figure_is_drawn_to_the_same_bytes_elsewhere_for_light_and_dark_pages(report):
    kept = read(_record(report))
    for name, figure in _floats(report):
        if figure["id"].startswith("tbl-"):
            continue
        drawn = PHANTOM in figure.find("figcaption").get_text(" ").lower()
        assert drawn == (name != "reference")
        pictures = [figure.select(f".{scheme}-content img") for scheme in ("light", "dark")]
        assert [len(found) for found in pictures] == [1, 1]
        assert all(one["loading"] == "lazy" and len(one["alt"]) > 40 for (one,) in pictures)
        light, dark = ((report / one["src"]).read_text(encoding="utf-8") for (one,) in pictures)
        assert drawing.colours(light) <= style.DARK.keys() | UPON_PICTURES, figure["id"]
        assert drawing.colours(dark) <= set(style.DARK.values()) | UPON_PICTURES, figure["id"]
        assert PICTURE.findall(dark) == PICTURE.findall(light), figure["id"]
        assert 1000 < len(light) < 300_000, figure["id"]
        if name != "reference":  # of another record
            assert drawing.draw(showing.drawn(kept, figure["id"]).canvas) == light, figure["id"]


def _letters(text: str) -> str:
    """Only letters and digits, since line breaks, hyphens and points depend on the format."""
    return "".join(sign for sign in text if sign.isalnum())


@pytest.mark.promise("hostile", "survived")
def test_nothing_that_is_published_knows_whose_machine_it_was_made_on(report, shared):
    folders = [str(shared), str(paths.root()), sys.prefix, f"{Path.home()}{os.sep}"]
    secrets = {text.encode() for text in ("quokka", *folders)}
    if len(socket.gethostname()) > 6:  # a shorter name occurs in pictures by chance
        secrets.add(socket.gethostname().encode())
    for path in sorted(report.rglob("*")):
        for content in _readable(path) if path.is_file() else ():
            for secret in secrets:
                assert secret not in content, f"{path.relative_to(report)} holds {secret}"


def _readable(path: Path) -> list[bytes]:
    """A file's bytes, with what is packed in it unpacked."""
    content = path.read_bytes()
    found = [path.name.encode(), content]
    if content.startswith(b"\x1f\x8b"):
        found.append(gzip.decompress(content))
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        try:
            found.append(zlib.decompress(stream))
        except zlib.error:
            continue
    if content.startswith(b"\x89PNG"):
        for packed in re.findall(rb"(?:zTXt|iTXt)(.{1,2000})", content, re.DOTALL):
            found.append(packed)
    found += [
        base64.b64decode(text + b"=" * (-len(text) % 4))
        for text in re.findall(rb"base64,([A-Za-z0-9+/]+)", content)
    ]
    return found


@pytest.mark.promise("pages", "found")
def test_a_study_that_is_not_finished_stops_with_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path))
    options = ["--engine", "portable", "--profile", "smoke", "--data", "phantom"]
    assert main([*options, "--output", str(tmp_path / "site")]) == 1
    assert "run `pneumo study --profile smoke" in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


CHEST = re.compile(
    r"pneumonia|\bchest|radiograph|\blungs?\b|\bchild|x-ray|thora(x|cic)|the heart|antibiotic",
    re.IGNORECASE,
)


# The other set has no reference, no known origins and no published results.
OF_CHESTS = re.compile(
    ".*reference.*|tbl-(origins|kinds|published|goals)|fig-(recipe|kinds)|sec-framing-crop"
)


def test_another_sets_site_is_its_own_has_the_same_anchors_and_nothing_of_chests(other):
    for name, anchors in report_check.ANCHORS.items():
        soup = _page(other, name)
        expected = {one for one in anchors if not OF_CHESTS.fullmatch(one)}
        assert expected <= {element["id"] for element in soup.find_all(id=True)}
        for entry in soup.select(".csl-entry, .citation-box"):
            entry.decompose()  # cited titles may mention chests
        if name == "how":
            continue  # the software's own documentation is the same for every set
        found = CHEST.search(str(soup))
        assert not found, str(soup)[found.start() - 80 : found.end() + 80]
    results = json.loads((other / "results.json").read_text(encoding="utf-8"))
    assert results["data"]["dataset"] == "breastmnist"
    assert set(results["data"]["counts"]["test"]) == {"normal or benign", "malignant"}
    assert "BreastMNIST" in _page(other, "index").find("body").get_text(" ")
    commands = " ".join(_page(other, "reproducibility").get_text().split())
    assert "nox -s report -- --dataset breastmnist" in commands
    assert not _page(other, "index").find(id="tbl-source")
    assert not _page(other, "reference").find(id="tbl-reference")
    assert "attends-to-lungs" not in {claim["id"] for claim in results["claims"]}
    first = PdfReader(other / "report.pdf").pages[0].extract_text()
    assert "Malignancy on thumbnails" in " ".join(first.split())
