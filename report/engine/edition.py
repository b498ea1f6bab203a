"""The book for another data set or size: a copy of the project in which what no cell says is adapted.

That is the book's title, some headings, and alternative texts. What cells say adapts by itself.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import yaml

from pneumo.base import paths, storage
from pneumo.data import descriptions
from pneumo.data.descriptions import Description
from report.engine.config import read_book
from report.engine.plain import read_text

# What no page reads: this engine, and numbers that are found from the package.
_LEFT = shutil.ignore_patterns(
    "engine", "reference", "reference-*", "guidelines", "__pycache__", ".*"
)
_WRITE_UP = ("Beside the write-up that this began with", "Beside other write-ups")


@contextmanager
def of(project: Path, no_study: bool = False) -> Iterator[Path]:
    """The project's folder for the set and size that are asked for; a copy where they are not the default's.

    Args:
        project: the folder of `_quarto.yml`.
        no_study: whether the book reports no study, and so needs no other words.

    Raises:
        DataError: there is no such set or size.
    """
    about, size = descriptions.choose()
    if no_study or not descriptions.label(about, size):
        yield project
        return
    read_book(project)  # what is wrong with it is said before it is copied
    with storage.scratch("book") as folder:
        copy = folder / project.resolve().name
        shutil.copytree(project, copy, ignore=_LEFT)
        for page in copy.glob("*.qmd"):
            text = read_text(project / page.name)
            page.write_text(adapt(text, about, size), encoding="utf-8")
        # The files that lay the PDF out are named from the project's folder.
        shutil.copytree(paths.root() / "templates" / "site", copy.parent / "templates" / "site")
        path = copy / "_quarto.yml"
        path.write_text(retitle(path.read_text(encoding="utf-8"), about, size), encoding="utf-8")
        yield copy


def adapt(text: str, about: Description, size: int) -> str:
    """A page's words for another set: its phrases replaced, and the size of its images."""
    for before, after in (_WRITE_UP, *about.phrases, ("28×28", f"{size}×{size}")):
        text = text.replace(before, after)
    return text


def retitle(text: str, about: Description, size: int) -> str:
    """The project's file with title, subtitle, description and footer of another set.

    How the report is cited is not in its pages' heads: an edition has no citation of its own.
    """
    content = yaml.safe_load(re.sub("28×28", f"{size}×{size}", text))
    headers = content["format"]["html"]["include-in-header"]
    headers[:] = [one for one in headers if not one["file"].startswith("citation/")]
    if about.book:
        words = {name: text.format(size=size) for name, text in asdict(about.book).items()}
        content["book"] |= words | {"page-footer": {"center": words.pop("footer")}}
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
