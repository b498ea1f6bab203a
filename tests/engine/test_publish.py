"""Publishing: one commit on the remote's branch, nothing forced, nothing touched, and much refused."""

import json
import subprocess

import pytest

from report.engine import publish
from report.engine.publish import PublishError

RESULTS = {
    "schema": 1,
    "profile": "standard",
    "engine": "portable",
    "data": {"source": "file", "fingerprint": "b735afb1651573a5"},
    "models": {},
    "claims": [{"id": "round", "text": "It is round.", "verdict": "supported", "evidence": "seen"}],
    "provenance": {"runs": [{"run": "simple-cnn-s0-0123", "git_commit": "a" * 40}]},
}


@pytest.fixture
def git(monkeypatch, tmp_path):
    """Runs git, with an author and without its user's settings; gives what it prints."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A. Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")

    def run(folder, *arguments):
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    return run


@pytest.fixture
def origin(git, tmp_path):
    """A bare repository."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin")
    return tmp_path / "origin"


@pytest.fixture
def project(git, origin, tmp_path):
    """A checkout with one commit, which `origin` has too, and a site beside its sources."""
    folder = tmp_path / "project"
    git(tmp_path, "clone", "--quiet", str(origin), str(folder))
    git(folder, "switch", "--quiet", "--create", "main")
    (folder / "report").mkdir()
    (folder / "report" / "_quarto.yml").write_text(
        "project:\n  type: book\n  output-dir: ../_site\nbook:\n  chapters: [index.qmd]\n"
    )
    (folder / "report" / "index.qmd").write_text("# Front\n")
    (folder / ".gitignore").write_text("_site/\n*.log\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "Begin")
    git(folder, "push", "--quiet", "origin", "main")
    site = folder / "_site"
    (site / "predictions").mkdir(parents=True)
    (site / "index.html").write_text(page("One\r\n<a href='kept.log'>a log</a>"))
    (site / "kept.log").write_bytes(b"one\r\ntwo\n")
    (site / "predictions" / "simple-cnn-s0.csv").write_text("0,0.5\n")
    (site / ".nojekyll").touch()
    write_results(site)
    return folder


def page(body):
    return f"<html lang='en'><main>{body}</main></html>"


def write_results(site, **changes):
    (site / "results.json").write_text(json.dumps(RESULTS | changes))


def run(project, *options):
    return publish.main(["--project", str(project), *options])


def state(git, project):
    """All of a checkout that publishing must leave alone."""
    files = {
        path: path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(project).parts
    }
    names = ("HEAD", "symbolic-ref HEAD", "status --porcelain", "worktree list", "branch --list")
    return files, [git(project, *name.split()) for name in names[1:]]


def test_the_first_publication_begins_the_branch_with_the_site_alone(project, origin, git, capsys):
    before = state(git, project)
    assert run(project) == 0
    assert "onto gh-pages, as its first commit: 5 files changed" in capsys.readouterr().out
    assert git(origin, "rev-list", "--count", "gh-pages") == "1"
    assert set(git(origin, "ls-tree", "-r", "--name-only", "gh-pages").split()) == {
        ".nojekyll",
        "index.html",
        "kept.log",
        "predictions/simple-cnn-s0.csv",
        "results.json",
    }
    assert state(git, project) == before


def test_the_branch_has_the_sites_bytes(project, origin, git):
    (project / "../gitconfig").write_text("[core]\n\tautocrlf = input\n")
    assert run(project) == 0
    command = ["git", "-C", str(origin), "cat-file", "blob", "gh-pages:kept.log"]
    kept = subprocess.run(command, capture_output=True, check=True).stdout
    assert kept == (project / "_site" / "kept.log").read_bytes()


def test_the_commit_says_what_it_was_made_from(project, origin, git):
    assert run(project) == 0
    head = git(project, "rev-parse", "HEAD")
    message = git(origin, "log", "-1", "--format=%B", "gh-pages")
    assert message.startswith(f"Publish the report of {head[:12]}\n")
    assert "Profile standard, data b735afb16515, portable engine." in message


def test_a_second_publication_is_one_commit_on_top_of_the_first(project, origin, git, capsys):
    assert run(project) == 0
    first = git(origin, "rev-parse", "gh-pages")
    (project / "_site" / "kept.log").unlink()
    (project / "_site" / "index.html").write_text(page("Two"))
    before = state(git, project)
    assert run(project) == 0
    assert git(origin, "rev-parse", "gh-pages^") == first
    assert "kept.log" not in git(origin, "ls-tree", "-r", "--name-only", "gh-pages")
    assert "2 files changed" in capsys.readouterr().out
    assert state(git, project) == before


def test_the_same_site_is_not_published_twice(project, origin, git, capsys):
    assert run(project) == 0
    first = git(origin, "rev-parse", "gh-pages")
    assert run(project) == 0
    assert "gh-pages has this site already" in capsys.readouterr().out
    assert git(origin, "rev-parse", "gh-pages") == first


def test_what_others_have_put_on_the_branch_stays_in_its_history(project, origin, git, tmp_path):
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(origin), str(other))
    git(other, "switch", "--quiet", "--orphan", "gh-pages")
    (other / "CNAME").write_text("pneumo.example.org\n")
    (other / "old.html").write_text("old")
    git(other, "add", "--all")
    git(other, "commit", "--quiet", "-m", "By hand")
    git(other, "push", "--quiet", "origin", "gh-pages")
    assert run(project) == 0
    assert git(origin, "log", "--format=%s", "gh-pages").splitlines()[1:] == ["By hand"]
    assert git(origin, "show", "gh-pages:CNAME") == "pneumo.example.org"
    assert "old.html" not in git(origin, "ls-tree", "-r", "--name-only", "gh-pages")


def test_a_branch_that_has_moved_in_the_meantime_is_not_overwritten(project, origin, git):
    assert run(project) == 0
    (project / "_site" / "index.html").write_text(page("Two"))
    with publish.prepare(project / "_site", project) as publication:
        tree = git(origin, "rev-parse", "gh-pages^{tree}")
        moved = git(origin, "commit-tree", tree, "-p", "gh-pages", "-m", "Meanwhile")
        git(origin, "update-ref", "refs/heads/gh-pages", moved)
        with pytest.raises(PublishError, match=r"git push in .*rejected"):
            publish.push(publication, project)
    assert git(origin, "rev-parse", "gh-pages") == moved


@pytest.mark.parametrize("option", ["--dry-run", "--check"])
def test_what_only_looks_pushes_nothing(option, project, origin, git, capsys):
    before = state(git, project)
    assert run(project, option) == 0
    said = capsys.readouterr().out
    assert ("would push" in said) == (option == "--dry-run")
    assert git(origin, "branch", "--list") == "* main"
    assert state(git, project) == before


def phantom(site):
    write_results(site, data=RESULTS["data"] | {"source": "phantom"})


def trained_at(commit):
    def change(site):
        write_results(
            site, provenance={"runs": [{"run": "simple-cnn-s0-0123", "git_commit": commit}]}
        )

    return change


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda site: (site / "results.json").unlink(), "no results.json at"),
        (lambda site: write_results(site, schema=99), "a newer version of pneumo"),
        (lambda site: write_results(site, data=[]), "results.json is damaged"),
        (lambda site: site.rename(site.parent.parent / "moved"), "there is no site in"),
        (phantom, "the site is of the synthetic phantom, not medical data"),
        (lambda site: write_results(site, claims=[]), "the results hold no claims"),
        (lambda site: write_results(site, provenance={"runs": []}), "the results name no runs"),
        (trained_at("b" * 40 + "-dirty"), "run simple-cnn-s0-0123 was trained from changes"),
        (trained_at(None), "run simple-cnn-s0-0123 was trained outside a checkout"),
        (lambda site: (site / ".nojekyll").unlink(), ".nojekyll is missing"),
        (lambda site: (site / "index.html").unlink(), "index.html is missing"),
        (lambda site: (site / "kept.log").unlink(), "index.html links to kept.log, which is not"),
        (
            lambda site: (site / "a.html").write_text(page("<img src=b.png alt=B>")),
            "asks for b.png",
        ),
        (lambda site: (site / "a.html").write_text(page("{{ auc }}")), "a.html shows '{{'"),
        (lambda site: (site.parent / "new.txt").touch(), "has changes that no commit has"),
    ],
)
def test_what_must_not_be_published_is_refused(spoil, said, project, origin, git, capsys):
    spoil(project / "_site")
    assert run(project) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 2
    assert said in lines[0]
    assert lines[1].endswith("is not published, for the reasons above")
    assert git(origin, "branch", "--list") == "* main"


def test_a_remote_that_is_not_there_is_one_line(project, capsys):
    assert run(project, "--remote", "nowhere") == 1
    error = capsys.readouterr().err
    assert error.startswith("publish: git ls-remote in ")
    assert error.count("\n") == 1


def test_a_folder_that_is_no_checkout_is_one_line(tmp_path, project, git, capsys):
    assert run(project, "--project", str(tmp_path), "--site", str(project / "_site")) == 1
    error = capsys.readouterr().err
    assert "not a git repository" in error
    assert error.count("\n") == 1
