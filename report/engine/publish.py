"""Pushes a built site to the branch that GitHub Pages serves, if it is fit to be published.

`python -m report.engine.publish` puts one commit on top of the remote's branch, or begins the branch. Nothing
is forced, and the checkout is not touched: the commit is made in a worktree of its own.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pneumo.analysis import results
from pneumo.base import paths, storage, streams
from pneumo.base.errors import PneumoError, printable
from report.engine import check
from report.engine.config import read_book

# A custom domain's file is GitHub's, not the site's: it stays where it is.
_DOMAIN = "CNAME"
# Within a hook these name another folder's repository.
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


class PublishError(PneumoError):
    """A site that can't be published, or a remote that does not take it."""


@dataclass(frozen=True)
class Publication:
    """A commit with the site, made and not yet pushed."""

    branch: str
    parent: str | None  # the remote branch's commit; None where the branch begins with this one
    commit: str
    changes: str  # as `git diff --shortstat` tells them; empty where the branch has all of it

    @property
    def words(self) -> str:
        """What pushing it does."""
        if self.parent and not self.changes:
            return f"{self.branch} has this site already"
        where = f"on top of {self.parent[:12]}" if self.parent else "as its first commit"
        return f"{self.commit[:12]} onto {self.branch}, {where}: {self.changes}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish a site; the exit status is 0, 1 for an error the user can mend, 2 for wrong usage."""
    streams.forgive()
    chosen = _parser().parse_args(arguments)
    try:
        with storage.told():
            site = chosen.site or read_book(chosen.project / "report").output
            _publish(site, chosen)
    except PneumoError as error:
        print(f"publish: {error}", file=sys.stderr)
        return 1
    return 0


def _publish(site: Path, chosen: argparse.Namespace) -> None:
    refusals = list(problems(site, chosen.project))
    for refusal in refusals:
        print(printable(f"publish: {refusal}"), file=sys.stderr)
    if refusals:
        raise PublishError(f"{site} is not published, for the reasons above")
    if chosen.check:
        print(printable(f"{site} can be published"))
        return
    with prepare(site, chosen.project, chosen.remote, chosen.branch) as publication:
        if not chosen.dry_run:
            push(publication, chosen.project, chosen.remote)
        print(f"{'would push ' if chosen.dry_run else ''}{printable(publication.words)}")


def problems(site: Path, project: Path) -> Iterator[str]:
    """Why a site can't be published, a line each.

    Args:
        site: the built site's folder.
        project: the checkout that it was built from.
    """
    if _git(project, "status", "--porcelain"):
        yield f"the checkout {project} has changes that no commit has"
    if not site.is_dir():
        yield f"there is no site in {site}; build it with `nox -s report`"
        return
    try:
        yield from _results_problems(results.read(site))
    except results.ResultsError as error:
        yield str(error)
    except (KeyError, TypeError, AttributeError) as error:
        yield f"{site / results.FILE} is damaged ({type(error).__name__}: {error})"
    if not (site / ".nojekyll").is_file():
        yield ".nojekyll is missing, without which GitHub drops what begins with an underscore"
    yield from check.problems(site)


@contextmanager
def prepare(
    site: Path, project: Path, remote: str = "origin", branch: str = "gh-pages"
) -> Iterator[Publication]:
    """Make the commit in a worktree that is gone afterwards.

    Raises:
        PublishError: git is not there, the remote does not answer, or git knows no author.
    """
    parent = _remote_commit(project, remote, branch)
    if parent:
        _git(project, "fetch", "--quiet", "--no-tags", remote, f"refs/heads/{branch}")
    with tempfile.TemporaryDirectory(prefix="pneumo-publish-") as scratch:
        tree = Path(scratch) / "site"
        start = parent or "HEAD"
        _git(project, "worktree", "add", "--quiet", "--detach", "--no-checkout", str(tree), start)
        try:
            yield _commit(site, tree, project, branch, parent)
        finally:
            _git(project, "worktree", "remove", "--force", str(tree))


def push(publication: Publication, project: Path, remote: str = "origin") -> None:
    """Push the commit, unless the branch has all of it; never by force.

    Raises:
        PublishError: the remote refuses, as it does where someone else has pushed in the meantime.
    """
    if publication.parent and not publication.changes:
        return
    target = f"{publication.commit}:refs/heads/{publication.branch}"
    _git(project, "push", "--quiet", remote, target)


def _results_problems(content: Mapping[str, Any]) -> Iterator[str]:
    if content["data"]["source"] == "phantom":
        yield "the site is of the synthetic phantom, not medical data"
    if not content["claims"]:
        yield "the results hold no claims"
    found = content["provenance"]["runs"]
    if not found:
        yield "the results name no runs"
    for run in found:
        commit = run["git_commit"]
        if commit is None:
            yield f"run {run['run']} was trained outside a checkout: no commit names its code"
        elif commit.endswith("-dirty"):
            yield f"run {run['run']} was trained from changes that no commit has, on {commit[:12]}"


def _commit(site: Path, tree: Path, project: Path, branch: str, parent: str | None) -> Publication:
    """Commit the site, and nothing else, in an empty worktree."""
    shutil.copytree(site, tree, dirs_exist_ok=True)
    _git(tree, "read-tree", "--empty")
    # The bytes of the site, whatever this user's git makes of line ends or leaves out elsewhere.
    _git(tree, "-c", "core.autocrlf=false", "add", "--all", "--force", ".")
    if parent and not (site / _DOMAIN).exists() and _git(tree, "ls-tree", parent, _DOMAIN):
        blob = _git(tree, "rev-parse", f"{parent}:{_DOMAIN}")
        _git(tree, "update-index", "--add", "--cacheinfo", f"100644,{blob},{_DOMAIN}")
    new = _git(tree, "write-tree")
    head = _git(project, "rev-parse", "HEAD")
    content = results.read(site)
    message = (
        f"Publish the report of {head[:12]}\n\n"
        f"Profile {content['profile']}, data {content['data']['fingerprint'][:12]}, "
        f"{content['engine']} engine."
    )
    above = ["-p", parent] if parent else []
    commit = _git(tree, "commit-tree", new, *above, "-m", message)
    old = parent or _git(tree, "hash-object", "-t", "tree", "-w", "--stdin")
    return Publication(
        branch, parent, commit, _git(tree, "diff", "--shortstat", "--no-renames", old, commit)
    )


def _remote_commit(project: Path, remote: str, branch: str) -> str | None:
    """What the remote's branch is at; None where it has no such branch."""
    line = _git(project, "ls-remote", remote, f"refs/heads/{branch}")
    return line.split()[0] if line else None


def _git(folder: Path, *arguments: str) -> str:
    """What git prints in a folder, without the last line's end."""
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            env=environment | {"GIT_TERMINAL_PROMPT": "0"},
        )
    except OSError as error:
        raise PublishError(f"git is not to be had ({error.strerror})") from None
    except subprocess.CalledProcessError as error:
        said = [line for line in error.stderr.splitlines() if line.strip()]
        said = [line for line in said if line.startswith(("fatal", "error", " !"))] or said
        reason = said[0].strip() if said else f"status {error.returncode}"
        raise PublishError(f"git {arguments[0]} in {folder}: {reason}") from None
    return result.stdout.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m report.engine.publish", description=__doc__)
    parser.add_argument(
        "--site", type=Path, help="the site's folder; without it: where the report is built"
    )
    parser.add_argument("--remote", default="origin")
    parser.add_argument("--branch", default="gh-pages")
    parser.add_argument("--project", type=Path, default=paths.root(), help="the checkout")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="say what would be pushed")
    how.add_argument("--check", action="store_true", help="only say whether it can be published")
    return parser


if __name__ == "__main__":
    sys.exit(main())
