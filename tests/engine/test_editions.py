"""Published editions keep their addresses; their metadata names every file, model and metric."""

import json
import re
from dataclasses import replace

import pytest
import yaml

from pneumo.base import checksums, paths
from pneumo.record import crate, read
from report.engine import check, citation, citation_forms, editions, metadata

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>t</title>{head}</head>
<body class="x"><main><h1>{words}</h1><p class="forms">This page</p></main></body></html>
"""
CANONICAL = '<link rel="canonical" href="https://example.org/index.html">'


@pytest.fixture
def site(tmp_path):
    """Makes a site of a version: its pages, results and one figure."""

    def make(version, verdict="supported", more=(), head=CANONICAL, figure="00000000"):
        folder = tmp_path / f"site-{version}"
        (folder / "figures").mkdir(parents=True)
        (folder / "figures" / f"fig-kinds-{figure}-light.svg").write_text("<svg/>")
        for name in ("index.html", *more):
            (folder / name).write_text(PAGE.format(words=f"{name} of {version}", head=head))
        results = json.loads(json.dumps(read(paths.reference()).results))
        results["provenance"]["pneumo"] = version
        results["claims"][0]["verdict"] = verdict
        (folder / "results.json").write_text(json.dumps(results))
        return folder

    return make


def test_old_editions_stay_with_a_banner_and_the_newest_is_at_the_top(site, tmp_path):
    published = tmp_path / "published"
    (published / ".git").mkdir(parents=True)
    editions.publish(site("0.9.0", more=("gone.html",)), published)
    editions.publish(site("0.10.0", "refuted", figure="11111111"), published)
    found = editions.publish(site("0.11.0", "refuted", figure="11111111"), published)
    assert found == ["0.11.0", "0.10.0", "0.9.0"]
    assert (published / ".git").is_dir()
    assert not (published / "gone.html").exists()
    for version, name in (("0.9.0", "index"), ("0.9.0", "gone"), ("0.10.0", "index")):
        old = (published / "v" / version / f"{name}.html").read_text()
        assert f"{name}.html of {version}" in old
        assert old.count(f"This is edition {version}") == old.count("Read the newest, 0.11.0") == 1
        assert '<a href="../../index.html"' in old
    for newest in (published, published / "v" / "0.11.0"):
        page = (newest / "index.html").read_text()
        assert "index.html of 0.11.0" in page
        assert "This is edition" not in page
    listed = (published / "editions.html").read_text()
    assert re.findall(r'href="(v/[^"]*)"', listed) == [
        "v/0.11.0/index.html", "v/0.10.0-to-0.11.0.html",
        "v/0.10.0/index.html", "v/0.9.0-to-0.10.0.html", "v/0.9.0/index.html",
    ]  # fmt: skip
    assert list(check.problems(published)) == []
    changed = (published / "v" / "0.9.0-to-0.10.0.html").read_text()
    assert "<td>supported</td><td>refuted</td>" in changed
    for path in re.findall(r'<img src="([^"]*)"', changed):
        assert (published / "v" / path).is_file()
    assert changed.count("<img") == 2
    unchanged = (published / "v" / "0.10.0-to-0.11.0.html").read_text()
    assert "No verdict, model or metric changed" in unchanged


def test_an_edition_has_one_lasting_address_at_the_top(site, tmp_path):
    editions.publish(site("1.0.0", head=""), tmp_path / "published")
    editions.publish(site("1.1.0"), tmp_path / "published")
    first, second = sorted((tmp_path / "published" / "v").glob("*/index.html"))
    assert first.read_text().count('<link rel="canonical" href="../../index.html">') == 1
    assert second.read_text().count(CANONICAL) == 1


def test_a_report_published_before_there_were_editions_becomes_the_first(site, tmp_path):
    before = site("1.0.0")
    assert editions.publish(site("1.1.0"), before) == ["1.1.0", "1.0.0"]
    assert "index.html of 1.0.0" in (before / "v" / "1.0.0" / "index.html").read_text()


def test_a_folder_of_something_else_is_left_alone(site, tmp_path, capsys):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years")
    assert editions.main([str(mine), "--site", str(site("1.0.0"))]) == 1
    assert "has files that are not a published report" in capsys.readouterr().err
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]


ROOT = paths.root()


@pytest.fixture(scope="module")
def kept():
    return read(paths.reference())


@pytest.fixture(scope="module")
def cited():
    return citation.read(ROOT)


@pytest.mark.parametrize(
    ("expression", "cff", "zenodo"),
    [
        ("MIT", "MIT", "MIT"),
        ("MIT OR Apache-2.0", ["MIT", "Apache-2.0"], None),
        ("MIT AND BSD-3-Clause", None, None),
        ("GPL-3.0-only WITH Classpath-exception-2.0", None, None),
    ],
)
def test_a_licence_is_named_only_where_the_format_can_say_the_same(cited, expression, cff, zenodo):
    changed = replace(cited, license=expression)
    assert yaml.safe_load(citation_forms.cff(changed)).get("license") == cff
    assert json.loads(citation_forms.zenodo(changed)).get("license") == zenodo
    said = json.loads(metadata.codemeta(changed))["license"]
    assert said == expression or [*([said] if isinstance(said, str) else said)] == [
        f"https://spdx.org/licenses/{name}" for name in expression.split(" OR ")
    ]


def test_croissant_names_the_files_by_their_checksums_and_speaks_in_whole_sentences(cited, kept):
    said = json.loads(metadata.croissant(cited, kept))
    images, cases = said["distribution"]
    assert cases["sha256"] == checksums.digest(kept.read("labels.csv"))
    assert re.fullmatch("[0-9a-f]{32}", images["md5"])
    told = {name: text for name, text in said.items() if name.startswith("rai:")}
    assert len(told) == 9
    for text in (
        one for value in told.values() for one in ([value] if isinstance(value, str) else value)
    ):
        assert text
        assert not re.search(r"@|\*\*|`|\{", text), text


def test_a_model_card_has_every_model_and_metric(cited, kept):
    head = yaml.safe_load(metadata.model_card(cited, kept).split("---\n")[1])
    found = {one["name"]: one["results"][0]["metrics"] for one in head["model-index"]}
    ran = {model.title: model.test_at_half for model in kept.models.values() if model.ran}
    assert found.keys() == ran.keys()
    for name, told in ran.items():
        values = [value.value for value in told.values()]
        assert [one["value"] for one in found[name]] == pytest.approx(values, abs=1e-4)


def test_the_crate_names_every_file_once_and_the_code_by_its_swhid(kept):
    contents = {name: kept.read(name) for name in kept.sums if name != crate.FILE}
    graph = json.loads(crate.describe(kept.results, contents))["@graph"]
    assert sorted(one["@id"] for one in graph if one["@type"] == "File") == sorted(contents)
    (software,) = (one for one in graph if one["@type"] == "SoftwareApplication")
    commits = {run.git_commit for run in kept.provenance.runs}
    assert {one.removeprefix("swh:1:rev:") for one in software["identifier"]} == commits
