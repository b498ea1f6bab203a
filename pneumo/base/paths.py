"""Where things lie: the project's root, the run store, the templates, each decided in one place."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

DATASET, SIZE = "pneumoniamnist", 28  # of a study that names neither


def checkout() -> Path | None:
    """The checkout that this package stands in; None where it was installed without one."""
    folder = Path(__file__).resolve().parents[2]
    return folder if (folder / "report" / "_quarto.yml").is_file() else None


def git_commit() -> str | None:
    """The checkout's commit, with ``-dirty`` behind it where files differ; None outside one."""
    folder = checkout()
    if folder is None:  # the working folder's repository, if there is one, is another project's
        return None
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        result = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def root() -> Path:
    """The project's folder: the checkout that this package stands in, else the working folder."""
    return checkout() or Path.cwd()


def home() -> Path:
    """The run store's folder: ``PNEUMO_HOME``, or ``.pneumo`` in the project's root."""
    given = os.environ.get("PNEUMO_HOME")
    return Path(given).expanduser().resolve() if given else root() / ".pneumo"


def without_folders(text: str) -> str:
    """A text for readers elsewhere: of every path in it only the file's name, of an address no password."""
    text = re.sub(r"(?<=://)[^/@\s]+@", "", text)
    for folder in (home(), root(), Path.home(), Path(sys.prefix), Path(tempfile.gettempdir())):
        text = text.replace(f"{folder}{os.sep}", f"{os.sep}")  # which may have a space in its name
    # What is behind a letter, a point or a slash goes on, as in an address or a date.
    return re.sub(r"(?<![\w.:/~])(?:~|[A-Za-z]:)?[/\\](?:[^/\\\s'\"]+[/\\])*(?=[\w.])", "", text)


def label(dataset: str | None, size: int | str | None) -> str:
    """A data set and a size in one word: empty for PneumoniaMNIST at 28 pixels, else as ``breastmnist-64``.

    Args:
        dataset: as MedMNIST calls it; None for PneumoniaMNIST.
        size: side of the images, in pixels; None for 28.
    """
    name, side = dataset or DATASET, str(size or SIZE)
    return "" if (name, side) == (DATASET, str(SIZE)) else f"{name}-{side}"


def record(profile: str, label: str = "") -> Path:
    """Where `pneumo study` writes the record of a study of this profile, which need not be there."""
    return home() / "records" / "-".join(filter(None, (profile, label)))


def templates() -> Path:
    """The folder of the Jinja templates."""
    return root() / "templates"


def reference(label: str = "") -> Path:
    """The folder of the reference study's numbers, which need not be there.

    Args:
        label: of a data set and size, as :func:`pneumo.data.descriptions.label` gives it; the name of
            PneumoniaMNIST is left out.
    """
    return (
        root() / "report" / "-".join(filter(None, ("reference", label.removeprefix(f"{DATASET}-"))))
    )


def guidelines() -> Path:
    """The folder of the reporting guidelines' items and where the report answers them."""
    return root() / "report" / "guidelines"


def citation() -> Path:
    """The folder of the forms in which the report's pages tell how it is cited."""
    return root() / "report" / "citation"


def published() -> Path:
    """The file of the results that others published, and of the project's goals."""
    return root() / "report" / "published.toml"
