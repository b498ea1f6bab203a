"""A look at a site's pages: what leads nowhere or was left behind is told, and nothing else."""

import pytest

from report.engine import check

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>t</title><link rel="stylesheet" href="site_libs/site.css"></head>
<body><nav><a href="./index.html">Front</a></nav><main>{body}</main></body></html>
"""
# All of it leads somewhere.
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
    """A site without a flaw; what is given to the function goes onto its front page."""
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


def test_a_site_that_is_whole_has_no_problems(site):
    assert list(check.problems(site())) == []


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize(
    ("flaw", "said"),
    [
        ('<a href="gone.html">x</a>', "links to gone.html, which is not there"),
        ('<a href="#gone">x</a>', "links to #gone, which has no such anchor"),
        ('<a href="other.html#gone">x</a>', "links to other.html#gone, which has no such anchor"),
        ('<a href="figures/">x</a>', "links to figures/, which is not there"),
        ('<a href="../secret.txt">x</a>', "links to ../secret.txt, which is not there"),
        ('<a href="/other.html">x</a>', "right only for a site at the top of its host"),
        ('<img src="figures/two.png" alt="Two">', "asks for figures/two.png, which is not there"),
        ('<script src="site_libs/gone.js"></script>', "asks for site_libs/gone.js"),
        ('<p id="here">x</p>', "has 2 elements of the id here"),
        ("<h4>Deep</h4>", "'Deep' is h4 below h2"),
        (
            '<img src="figures/one.png" alt="One" loading="lazy" width="3">',
            "image figures/one.png is fetched late and has no size",
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
def test_a_site_without_a_front_page_is_none(tmp_path):
    assert list(check.problems(tmp_path)) == ["index.html is missing"]


def test_the_command_prints_a_line_each_and_exits_with_one(site, capsys):
    assert check.main([str(site())]) == 0
    assert check.main([str(site('<a href="gone.html">x</a><p>{{</p>'))]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 2
    assert "links to gone.html" in captured.err


def test_every_address_in_the_book_that_the_engine_builds_leads_somewhere(built):
    found = list(check.problems(built))
    assert [one for one in found if "links to" in one or "asks for" in one] == []


@pytest.mark.promise("pages", "found")
def test_a_page_names_its_language(site):
    folder = site()
    path = folder / "other.html"
    path.write_text(path.read_text().replace(' lang="en"', ""))
    assert list(check.problems(folder)) == ["other.html does not name its language"]


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
