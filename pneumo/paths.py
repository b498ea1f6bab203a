"""Where things lie: the project's root, the run store, the templates, each decided in one place."""

import os
from pathlib import Path


def checkout() -> Path | None:
    """The checkout that this package stands in; None where it was installed without one."""
    folder = Path(__file__).resolve().parent.parent
    return folder if (folder / "report" / "_quarto.yml").is_file() else None


def root() -> Path:
    """The project's folder: the checkout that this package stands in, else the working folder."""
    return checkout() or Path.cwd()


def home() -> Path:
    """The run store's folder: ``PNEUMO_HOME``, or ``.pneumo`` in the project's root."""
    given = os.environ.get("PNEUMO_HOME")
    return Path(given).expanduser().resolve() if given else root() / ".pneumo"


def templates() -> Path:
    """The folder of the Jinja templates."""
    return root() / "templates"


def reference(label: str = "") -> Path:
    """The folder of the reference study's numbers, which need not be there.

    Args:
        label: of a data set and size, as :func:`pneumo.datasets.label` gives it.
    """
    return root() / "report" / "-".join(filter(None, ("reference", label)))


def guidelines() -> Path:
    """The folder of the reporting guidelines' items and where the report answers them."""
    return root() / "report" / "guidelines"


def citation() -> Path:
    """The folder of the forms in which the report's pages tell how it is cited."""
    return root() / "report" / "citation"
