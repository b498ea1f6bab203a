"""Adds to the pages of either engine: the record, and files made from record and pages."""

import json
import os
import re
import shutil
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import cast

import typst

from pneumo.base import paths
from pneumo.pages import behind
from pneumo.record import check, read
from report.engine import notebooks, twins
from report.engine.cache import DRAWINGS, Cache, key_of
from report.engine.config import BUILD, Book, read_book
from report.engine.plain import read_text

PNG = 200  # dots per inch
# The tags of a preview image: its address, and what else is said of it.
_PREVIEW = re.compile(r'<meta (?:property|name)="(og|twitter):image[^"]*" content="[^>]*>\n?')


def add(record: Path, project: Path, site: Path, cache: Cache) -> None:
    """Add the record, PNGs, pages behind figures, Markdown twins and notebooks to a site.

    Raises:
        RecordError: as :func:`copy_record`.
        RenderError: as :func:`report.engine.notebooks.write`.
    """
    copy_record(record, site)
    draw_pngs(site, cache)
    book = read_book(project)
    behind.write(read(site / "record"), site, repository(book), paths.git_commit(project) or "")
    twins.write(book, site)
    notebooks.write(book, site, cache)
    for chapter in book.chapters:
        _link(site, chapter.stem)


def _link(site: Path, name: str) -> None:
    """Link to a page's Markdown and notebook at its end, and in its head for programs."""
    twin, notebook = f"{name}{twins.ENDING}", f"{notebooks.FOLDER}/{name}.ipynb"
    forms = f'<a href="{twin}">as Markdown</a>'
    if (site / notebook).is_file():
        forms = f'<a href="{notebook}" download>as a notebook</a>, {forms}'
    page = without_relative_previews(read_text(site / f"{name}.html"))
    head = f'<link rel="alternate" type="text/markdown" href="{twin}">\n</head>'
    page = page.replace("</head>", head, 1)
    page = page.replace("</main>", f'<p class="forms">This page {forms}</p>\n</main>', 1)
    (site / f"{name}.html").write_text(page, encoding="utf-8")


def without_relative_previews(page: str) -> str:
    """Remove Quarto's preview images with relative addresses, which readers of such tags do not follow."""
    followed = set(re.findall(r'="(og|twitter):image" content="https?:', page))
    return _PREVIEW.sub(lambda tag: tag[0] if tag[1] in followed else "", page)


def repository(book: Book) -> str:
    """The address of the repository: the book's `repo-url`, else the GitHub repository of this build."""
    variables = [os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY")]
    return book.repo_url.rstrip("/") or "/".join(variables if all(variables) else [])


def draw_pngs(site: Path, cache: Cache) -> None:
    """Put a PNG on a white background beside the SVG of every figure."""
    ground = "#set page(width: auto, height: auto, margin: 6pt, fill: white)\n"
    # Letters are paths, so no fonts are needed.
    compiler = typst.Compiler(root=site, ignore_system_fonts=True)
    for path in site.glob("figures/*-light.svg"):
        key = key_of(version("typst"), PNG, path.read_bytes())
        picture = cache.get("png", key)
        if picture is None:
            source = f'{ground}#image("/{path.relative_to(site).as_posix()}")'
            made = compiler.compile(source.encode(), format="png", ppi=PNG)
            picture = cast(bytes, made)  # bytes, since there is one page
            cache.put("png", key, picture)
        path.with_suffix(".png").write_bytes(picture)


def copy_record(record: Path, site: Path) -> None:
    """Copy a record into a site: all of it to ``record/``, results and predictions also to the top.

    Raises:
        RecordError: a file of it is damaged; cached pages would not notice.
    """
    check(record)
    shutil.copytree(record, site / "record", dirs_exist_ok=True)
    shutil.copyfile(record / "results.json", site / "results.json")
    if (record / "predictions").is_dir():
        shutil.copytree(record / "predictions", site / "predictions", dirs_exist_ok=True)
    (
        site / ".nojekyll"
    ).touch()  # otherwise GitHub Pages drops folders that begin with an underscore


def label(site: Path, built_at: str, engine: str) -> None:
    """Record a site's commit in a file and in the head of each page."""
    text = json.dumps({"commit": built_at or None, "engine": engine}, indent=1)
    (site / BUILD).write_text(f"{text}\n", encoding="utf-8")
    tag = f'<meta name="source-commit" content="{escape(built_at)}">\n</head>'
    for path in site.glob("*.html") if built_at else ():
        page = read_text(path).replace("</head>", tag, 1)
        path.write_text(page, encoding="utf-8")


def remove_stale(project: Path, site: Path) -> None:
    """Remove drawings that no page of a complete site shows any more."""
    for path in project.glob("*/*.svg"):
        name = path.relative_to(project).as_posix()
        if DRAWINGS.fullmatch(name) and not (site / name).is_file():
            path.unlink(missing_ok=True)
