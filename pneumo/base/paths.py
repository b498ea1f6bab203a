"""Where things lie: the project's root, the run store, the templates, each decided in one place."""

import os
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

DATASET, SIZE, PROFILE = "pneumoniamnist", 28, "standard"  # of a study that names none


def checkout() -> Path | None:
    """The checkout that this package stands in; None where it was installed without one."""
    folder = Path(__file__).resolve().parents[2]
    return folder if (folder / "report" / "_quarto.yml").is_file() else None


def git_commit(folder: Path | None = None) -> str | None:
    """A checkout's commit, with ``-dirty`` behind it if files differ or are new; None outside one.

    Args:
        folder: by default this package's checkout.
    """
    folder = folder or checkout()
    if folder is None:  # the working folder's repository, if there is one, is another project's
        return None
    git = partial(
        subprocess.run, cwd=folder, capture_output=True, text=True, check=True, timeout=10
    )
    try:
        head = git(["git", "rev-parse", "HEAD"]).stdout.strip()
        changes = git(["git", "status", "--porcelain"]).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}-dirty" if changes else head


def root() -> Path:
    """Folder of the project: the checkout of this package, or the working folder."""
    return checkout() or Path.cwd()


def home() -> Path:
    """Folder of the run store: ``PNEUMO_HOME``, or ``.pneumo`` in the project's root."""
    given = os.environ.get("PNEUMO_HOME")
    return Path(given).expanduser().resolve() if given else root() / ".pneumo"


def without_folders(text: str) -> str:
    """Shorten paths in a text to file names, and remove passwords from addresses, for publication."""
    text = re.sub(r"(?<=://)[^/@\s]+@", "", text)
    for folder in (home(), root(), Path.home(), Path(sys.prefix), Path(tempfile.gettempdir())):
        # A folder may have a space in its name, so the pattern below would keep a part of it.
        text = text.replace(f"{folder}{os.sep}", os.sep)
    # A slash after a letter, a point or a slash belongs to an address or a date.
    return re.sub(r"(?<![\w.:/~])(?:~|[A-Za-z]:)?[/\\](?:[^/\\\s'\"]+[/\\])*(?=[\w.])", "", text)


def label(dataset: str | None, size: int | str | None) -> str:
    """A data set and a size in one word: empty for PneumoniaMNIST at 28 pixels, else as ``breastmnist-64``.

    Args:
        dataset: as MedMNIST calls it; None for PneumoniaMNIST.
        size: side of the images, in pixels; None for 28.
    """
    name, side = dataset or DATASET, str(size or SIZE)
    return "" if (name, side) == (DATASET, str(SIZE)) else f"{name}-{side}"


def options(dataset: str, size: int) -> str:
    """Options that choose a data set and a size, each after a blank; empty for the default."""
    chosen = [f" --dataset {dataset}"] if dataset != DATASET else []
    return "".join(chosen + ([f" --size {size}"] if size != SIZE else []))


def record(profile: str, label: str = "") -> Path:
    """Folder where `pneumo study` writes the record of this profile; it may not exist."""
    return home() / "records" / "-".join(filter(None, (profile, label)))


def files() -> Path:
    """Folder of what pages read beside a record: the checkout, or what the wheel holds of it."""
    return checkout() or Path(__file__).resolve().parents[1] / "share"


def templates() -> Path:
    """Folder of the Jinja templates."""
    return files() / "templates"


def reference(label: str = "") -> Path:
    """Folder of the reference record; it may not exist.

    Args:
        label: of a data set and size, as :func:`label` gives it; the name of
            PneumoniaMNIST is left out.
    """
    return (
        root() / "report" / "-".join(filter(None, ("reference", label.removeprefix(f"{DATASET}-"))))
    )


def guidelines() -> Path:
    """Folder of the items of reporting guidelines, and where the report answers them."""
    return files() / "report" / "guidelines"


def citation() -> Path:
    """Folder of the forms of the citation that pages include."""
    return files() / "report" / "citation"


def published() -> Path:
    """File of results that others published, and of the project's goals."""
    return files() / "report" / "published.toml"
