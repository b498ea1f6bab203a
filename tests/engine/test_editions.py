"""Published editions keep their addresses, and old ones link to the newest."""

import json
import re

import pytest

from pneumo.base import paths
from pneumo.record import read
from report.engine import check, editions

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
    for version, name in (
        ("0.9.0", "index.html"),
        ("0.9.0", "gone.html"),
        ("0.10.0", "index.html"),
    ):
        old = (published / "v" / version / name).read_text()
        assert f"{name} of {version}" in old
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
    assert (
        "No verdict, model or metric changed"
        in (published / "v" / "0.10.0-to-0.11.0.html").read_text()
    )


def test_an_edition_has_one_lasting_address_at_the_top(site, tmp_path):
    editions.publish(site("1.0.0", head=""), tmp_path / "published")
    editions.publish(site("1.1.0"), tmp_path / "published")
    first, second = (
        tmp_path / "published" / "v" / one / "index.html" for one in ("1.0.0", "1.1.0")
    )
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
