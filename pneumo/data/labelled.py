"""Read labelled image files from elsewhere: a folder with a sub-folder per class, or a CSV of file names.

Unusable rows are listed with their line or file; all others are read.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pneumo.base.errors import PneumoError
from pneumo.data import radiographs
from pneumo.data.checks import RadiographError, require
from pneumo.data.descriptions import Description

FILE, LABEL, PATIENT, AGE = "file", "label", "patient", "age"
KNOWN = (PATIENT, AGE, "sex", "view")  # optional columns of a CSV
IMAGES = "images"  # a folder beside a CSV that may hold its files
OLDEST = 120  # years
FEWEST = 2  # images of a class: one gives no variance


@dataclass(frozen=True)
class Labelled:
    """The N readable images, with their labels and known properties."""

    images: NDArray[np.uint8]  # (N, S, S), prepared as the set's own were
    labels: NDArray[np.uint8]  # (N,), 1 for the positive class
    files: tuple[str, ...]  # (N,), as given
    # (N,) each, of KNOWN those that are there; empty: not known
    known: Mapping[str, tuple[str, ...]]
    faults: tuple[str, ...]  # why rows were left out, one line each: where, what, what to do
    warnings: tuple[str, ...]  # differences from images of the set, one line each


@dataclass(frozen=True)
class _Row:
    place: str  # a line of a CSV, or a file
    paths: tuple[Path, ...]  # possible locations of the image, the likeliest first
    cells: Mapping[str, str]


def read(path: Path, size: int, about: Description) -> Labelled:
    """Read the labelled images of a folder or a CSV.

    Args:
        path: a folder with a sub-folder for each class, named as the class in upper or lower case; or a CSV
            in UTF-8 with the columns ``file`` and ``label``, and optionally ``patient``, ``age`` in years,
            ``sex`` and ``view``. Files are looked for beside the CSV, and in ``images/`` there.
        size: side of the images in pixels.
        about: the set whose classes and preparation are used.

    Raises:
        PneumoError: there is no such folder or CSV, a column is missing, or fewer than :data:`FEWEST`
            images of a class can be read; the message names the first fault.
    """
    found, images, faults, warnings = [], [], [], []
    first: dict[Path, str] = {}  # first row of each file
    for row in _in_folder(path) if path.is_dir() else _in_csv(path):
        file = _find(row.paths)
        try:
            label = _label(row.cells, about)
            made = radiographs.read(file, size, about)
            met = first.setdefault(file.resolve(), row.place)
            if met != row.place:
                raise RadiographError(f"the same file as {met}", "remove one of them")
        except RadiographError as error:
            faults.append(
                str(error) if str(error).startswith(row.place) else f"{row.place}: {error}"
            )
        else:
            found.append((label, row.cells))
            images.append(made.image)
            warnings += [f"{file}: {words}" for words in made.warnings]
    counts = np.bincount([label for label, _ in found], minlength=2)
    if min(counts) < FEWEST:
        words = (
            f"{path}: expected {FEWEST} readable images of each class or more, found {counts[0]} of "
            f"{about.negative} and {counts[1]} of {about.positive}"
        )
        raise PneumoError("; the first fault: ".join([words, *faults[:1]]))
    return Labelled(
        np.stack(images),
        np.array([label for label, _ in found], np.uint8),
        tuple(cells[FILE] for _, cells in found),
        {name: tuple(cells[name] for _, cells in found) for name in KNOWN if name in found[0][1]},
        tuple(faults),
        tuple(warnings),
    )


def _in_folder(folder: Path) -> Iterator[_Row]:
    """List every file below the sub-folders, whose names are the labels. Hidden files are skipped."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if (
            path.is_file()
            and len(name.parts) > 1
            and not any(p.startswith(".") for p in name.parts)
        ):
            yield _Row(str(path), (path,), {FILE: name.as_posix(), LABEL: name.parts[0]})


def _in_csv(path: Path) -> Iterator[_Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.DictReader(file, restval="")
            lines.fieldnames = header = [name.strip().lower() for name in lines.fieldnames or ()]
            for name in (FILE, LABEL):
                if header.count(name) != 1:
                    raise PneumoError(
                        f"{path}: expected a CSV with one column `{name}` in its first line, found "
                        f"{', '.join(header) or 'nothing'}; separate columns by commas"
                    )
            known = [name for name in (FILE, LABEL, *KNOWN) if name in header]
            folders = path.parent, path.parent / IMAGES
            for line in lines:
                cells = {name: line[name].strip() for name in known}
                paths = tuple(folder / cells[FILE] for folder in folders)
                yield _Row(f"{path}, line {lines.line_num}", paths, cells)
    except OSError as error:
        raise PneumoError(
            f"{path}: expected a folder or a CSV, found none that can be read ({error.strerror})"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise PneumoError(f"{path}: expected a CSV in UTF-8 ({error}); save it as one") from None


def _find(paths: tuple[Path, ...]) -> Path:
    try:
        return next((path for path in paths if path.is_file()), paths[0])
    except OSError:  # an impossible file name; reading it reports that
        return paths[0]


def _label(cells: Mapping[str, str], about: Description) -> int:
    """Check the cells of a row, and return its label."""
    for name in (FILE, LABEL, PATIENT):
        if cells.get(name) == "":
            raise RadiographError(f"no {name}", "fill in the cell")
    age = cells.get(AGE) or "0"
    try:
        require(0 <= float(age) <= OLDEST, f"an age of 0 to {OLDEST} years", age)
    except ValueError:
        unknown = "leave unknown ones empty"
        raise RadiographError(f"expected an age in years, found {age!r}", unknown) from None
    given, names = cells[LABEL], [name.casefold() for name in about.classes]
    known = f"the label {' or '.join(about.classes)}"
    require(given.casefold() in names, known, repr(given))
    return names.index(given.casefold())
